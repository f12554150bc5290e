"""What the classifier is held to: no request passed over, nobody opted out by ordinary talk (US-02, CT-03)."""

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import keywords
from compliance.classifier import Intent, classify
from tests.processor_time import runs_within

DATA = Path(__file__).parent / "data"
BLOCKED = {Intent.OPT_OUT, Intent.UNCLEAR}
ORDINARY = [line for line in (DATA / "sms_ham.txt").read_text(encoding="utf-8").split("\n") if line]
with (DATA / "replies_written.csv").open(newline="", encoding="utf-8") as stream:
    WRITTEN = list(csv.DictReader(stream))


def test_us02_of_the_written_requests_at_least_99_in_100_are_acted_on_or_held() -> None:
    asked = [row["text"] for row in WRITTEN if row["label"] == "opt_out_or_unclear"]
    missed = [text for text in asked if classify(text).intent not in BLOCKED]
    assert len(missed) <= len(asked) / 100, missed


def test_ct03_of_the_written_ordinary_replies_none_opts_out_and_few_are_held() -> None:
    ordinary = [row["text"] for row in WRITTEN if row["label"] == "other_or_unclear"]
    found = {text: classify(text).intent for text in ordinary}
    assert [text for text in ordinary if found[text] is Intent.OPT_OUT] == []
    held = [text for text in ordinary if found[text] is Intent.UNCLEAR]
    assert len(held) <= len(ordinary) / 20, held


def test_ct03_of_personal_texts_none_opts_out_and_at_most_5_in_1000_are_held() -> None:
    found = {text: classify(text).intent for text in ORDINARY}
    assert [text for text in ORDINARY if found[text] is Intent.OPT_OUT] == []
    assert sum(found[text] is Intent.UNCLEAR for text in ORDINARY) <= len(ORDINARY) * 5 / 1000


@pytest.mark.parametrize(
    "text",
    [
        "Yes I support it but stop texting me",
        "please stop texting me",
        "Stop sending me these messages!!",
        "Hi, please take me off your texting list. Thanks",
        "I would like to opt out of all future texts",
        "pls unsubcribe me",
        "I hereby revoke my consent",
        "STOP\nSent from my iPhone",
        "Stop\n> Sale today! Reply STOP to end",
        "stop txting me!!!",
        "Who is this? Take me off your list.",
        "im driving stop texting me",
        "Do not text me",
        "I don't want any more of these messages",
        "I am opting out",
        "Thanks for the reminder but please take me off the text list",
    ],
)
def test_ct02_a_clear_request_in_a_sentence_is_acted_on(text: str) -> None:
    assert classify(text).intent is Intent.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "STOP ads",
        "stop the promos but keep reminders",
        "unsubscribe from marketing",
        "stop texting me after 9pm",
        "only stop texting me about sales",
        "how do I stop these?",
        "can you stop texting me?",
        "I will sue you",
        "you are blocked",
        "cease and desist",
        "stpo",
        "st0p",
        "$top",
        "stopppp",
        "stop texting me unless it is urgent",
        "No more texts please, order updates are fine",
        "did you say “stop texting me”?",
        'my note says "take me off your list"',
        "my friends stop texting me",
        "sorry I'll stop texting",
        "don't text me, I am at work. Call me later",
    ],
)
def test_us13_what_names_a_part_asks_or_threatens_is_held_with_a_reason(text: str) -> None:
    found = classify(text)
    assert found.intent is Intent.UNCLEAR
    assert found.reason.endswith(".")


@pytest.mark.parametrize(
    "text", ["SТОР", "ЅТОР", "STΟP", "sᴛᴏᴘ", "🅢🅣🅞🅟", "ⓢⓣⓞⓟ", "ＵＮＳＵＢＳＣＲＩＢＥ", "unsubscгibe", "САNCEL"]
)
def test_ct04_letters_that_look_alike_are_the_same(text: str) -> None:
    assert classify(text).intent is Intent.OPT_OUT


@pytest.mark.parametrize("word", ["unsubscibe", "unsbuscribe", "unsubscribr", "unsubscribbe", "nusubscribe"])
def test_one_slip_in_a_long_word_is_still_that_word(word: str) -> None:
    assert classify(word).intent is Intent.OPT_OUT
    assert classify(f"{word} please").intent is Intent.OPT_OUT


@pytest.mark.parametrize(
    "word", ["shop", "step", "top", "spot", "quiet", "suit", "move", "canal", "evoke", "number", "stow"]
)
def test_an_ordinary_word_is_no_typo(word: str) -> None:
    assert classify(word).intent is Intent.OTHER


PHRASES = [
    (phrase, example) for phrase in (*keywords.load().phrases, *keywords.load().unspaced) for example in phrase.examples
]


@pytest.mark.parametrize(("phrase", "example"), PHRASES, ids=lambda value: value if isinstance(value, str) else "")
def test_examples_of_a_phrase_are_answered_by_it(phrase: keywords.Phrase, example: str) -> None:
    assert classify(example, phrase.language).rule == phrase.rule


TRIGGERS = sorted(keywords.load().by_word)


@pytest.mark.parametrize("start", range(0, len(TRIGGERS), 50))
def test_time_stays_linear_whatever_words_are_repeated(start: int) -> None:
    words = TRIGGERS[start : start + 50]
    texts = [(f"{text} " * 5000)[:10_000] for text in (" ".join(words), *words[::10])]
    assert runs_within(0.1 * 6, lambda: list(map(classify, texts)))


@pytest.mark.parametrize("start", range(0, len(TRIGGERS), 50))
def test_time_stays_linear_with_one_endless_word(start: int) -> None:
    texts = [f"{word} {'x' * 10_000}" for word in TRIGGERS[start : start + 50]]
    assert runs_within(0.1 * len(texts), lambda: list(map(classify, texts)))


def test_no_pattern_parts_one_word_in_many_ways() -> None:
    """Repeated words need the space between them: with "(\\w+ ?){1,9}" one long word can be parted without end."""
    doubtful = re.compile(r"\(\\w[+*] \?\)[{*+]|\( \?\\w[+*]\)[{*+]")
    assert [phrase.rule for phrase in keywords.load().phrases if doubtful.search(phrase.pattern.pattern)] == []


AROUND = st.text(
    st.sampled_from(list(" \t\n.!?,;:\"'()[]{}*-_/\\|~^&%#@$+=<>…“”«»¡¿\u200b\u2060\ufeff\u00ad\ufe0f\u200d😡🙏😀❤")),
    max_size=6,
)
KEYWORDS = [
    "stop",
    "quit",
    "end",
    "revoke",
    "opt out",
    "cancel",
    "unsubscribe",
    "stopall",
    "unsub",
    "arrêt",
    "help",
    "start",
]


@given(st.sampled_from(KEYWORDS), AROUND, AROUND, st.integers(0))
def test_ct04_nothing_around_a_keyword_changes_the_answer(word: str, before: str, after: str, case: int) -> None:
    written = "".join(char.upper() if case >> place & 1 else char for place, char in enumerate(word))
    wanted = classify(word).intent
    # "START?" asks; it does not opt in (NET-20).
    asks = wanted is Intent.OPT_IN and "?" in before + after
    assert classify(before + written + after).intent is (Intent.OTHER if asks else wanted)


@pytest.mark.parametrize("language", [*keywords.LANGUAGES, "any"])
def test_every_pattern_compiles(language: str) -> None:
    lexicon = keywords.load()
    for phrase in (*lexicon.phrases, *lexicon.unspaced):
        if phrase.language == language:
            assert phrase.pattern.groups >= 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I am not Robert. This has been my number for 3 years.", "en"),
        ("I'm at a funeral, quit it", "en"),
        ("ya les dije que no, dejen de molestar", "es"),
        ("Das nervt, Schluss damit", "de"),
    ],
)
def test_us02_a_request_in_one_sentence_of_several_is_held(text: str, language: str) -> None:
    assert classify(text, language).intent is Intent.UNCLEAR


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("can you take my number", "en"),
        ("can you get my info from your system", "en"),
        ("Ok I need to stop texting now", "en"),
        ("please don't stop texting me", "en"),
        ("my son unsubscribed", "en"),
        ("no dejen de enviarme mensajes", "es"),
        ("não me tirem da lista", "pt"),
        ("je retire mon accord pour le devis", "fr"),
        ("meine Nummer bitte nicht löschen", "de"),
        ("stop met roken", "nl"),
        ("proszę usunąć zdjęcie", "pl"),
        ("удалите номер заказа", "ru"),
        ("不要停止发短信", "zh"),
        ("荷物は送らないでください", "ja"),
        ("문자 그만 보내지 마세요", "ko"),
    ],
)
def test_ct03_what_only_looks_like_a_plain_request_opts_nobody_out(text: str, language: str) -> None:
    assert classify(text, language).intent is not Intent.OPT_OUT


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("请不要再给我发短信了", "zh"),
        ("もう送らないでください", "ja"),
        ("더 이상 문자 보내지 마세요", "ko"),
        ("Больше не пишите мне", "ru"),
        ("Arrêtez de m’envoyer des SMS", "fr"),
        ("quiten mi número de su lista porfa", "es"),
        ("Bitte löschen Sie meine Nummer aus Ihrem Verteiler", "de"),
        ("remova meu número por favor", "pt"),
        ("smettetela di scrivermi", "it"),
        ("Stop met berichten sturen", "nl"),
        ("usuńcie mój numer z bazy", "pl"),
    ],
)
def test_us06_a_plain_request_is_acted_on_in_every_language(text: str, language: str) -> None:
    assert classify(text, language).intent is Intent.OPT_OUT
    assert classify(f"{text}?", language).intent is not Intent.OPT_OUT
