"""A business's own keywords laid over the lists (DESIGN 4, US-01, NET-20)."""

import pytest

from compliance.classifier import Intent, classify
from compliance.keywords import PROTECTED, OwnKeyword, extend

OWN = extend(
    [
        OwnKeyword(id="7", intent="opt_out", words=("No more shoes", "weg")),
        OwnKeyword(id="8", intent="opt_in", words=("SHOES",)),
        OwnKeyword(id="9", intent="other", words=("hours",), language="es"),
        OwnKeyword(id="10", intent="unclear", words=("legal",)),
        OwnKeyword(id="11", intent="help", words=("manager",)),
    ],
    switched_off=["TD", "remove"],
)


@pytest.mark.parametrize(
    ("text", "intent", "rule"),
    [
        ("no MORE shoes!", Intent.OPT_OUT, "own.keyword.7"),
        ("weg, please", Intent.OPT_OUT, "own.keyword.7"),
        ("shoes", Intent.OPT_IN, "own.keyword.8"),
        ("Hours?", Intent.OTHER, "own.keyword.9"),
        ("legal", Intent.UNCLEAR, "own.keyword.10"),
        ("manager please", Intent.HELP, "own.keyword.11"),
        ("STOP", Intent.OPT_OUT, "en.keyword.stop"),
    ],
)
def test_own_words_answer_with_their_own_rule(text: str, intent: Intent, rule: str) -> None:
    found = classify(text, "en", OWN)
    assert (found.intent, found.rule) == (intent, rule)


def test_own_words_answer_in_their_language_and_change_nobody_else() -> None:
    assert classify("hours", "en", OWN).language == "es"
    assert classify("shoes", "fr", OWN).language == "fr"
    assert classify("hours").rule == "none"
    assert classify("shoes please", "en", OWN).intent is Intent.OTHER


def test_words_switched_off_say_nothing() -> None:
    assert classify("td", "en", OWN).intent is Intent.OTHER
    assert classify("td").intent is Intent.OPT_OUT


@pytest.mark.parametrize("word", [*sorted(PROTECTED), "S.T.O.P", "Opt-Out", "unsubscribe!"])
def test_us01_the_fixed_words_stay(word: str) -> None:
    with pytest.raises(ValueError, match="always means the same"):
        extend(switched_off=[word])
    with pytest.raises(ValueError, match="always means the same"):
        extend([OwnKeyword(id="1", intent="other", words=(word,))])


@pytest.mark.parametrize(
    ("keyword", "sentence"),
    [
        (OwnKeyword(id="1", intent="other", words=("🙏",)), "holds no letter or digit"),
        (OwnKeyword(id="1", intent="perhaps", words=("shoes",)), "is no intent"),
    ],
)
def test_what_cannot_be_a_keyword_is_said_in_a_sentence(keyword: OwnKeyword, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        extend([keyword])
