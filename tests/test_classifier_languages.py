"""Requests and ordinary talk in the languages beside English: US-06, CA-05, MX-01, BR-01, CT-02, CT-03, A.1 to A.4.

`tests/data/replies_<language>.csv` were written for this project, meaning first: many registers, with and without
accents, slang and slips.
"""

import csv
from functools import partial
from pathlib import Path

import pytest

from compliance import keywords
from compliance.classifier import Intent, classify
from tests.processor_time import runs_within

DATA = Path(__file__).parent / "data"
SPOKEN = ("es", "pt", "fr", "de", "it", "nl", "pl")
FEWEST = 60
ALLOWED = {
    "opt_out": {Intent.OPT_OUT},
    "opt_out_or_unclear": {Intent.OPT_OUT, Intent.UNCLEAR},
    "unclear": {Intent.UNCLEAR},
    "opt_in": {Intent.OPT_IN},
    "help": {Intent.HELP},
    "other": {Intent.OTHER},
    "other_or_unclear": {Intent.OTHER, Intent.UNCLEAR},
}
REQUESTS = ("opt_out", "opt_out_or_unclear")


def rows_in(language: str, *labels: str) -> list[tuple[str, str]]:
    with (DATA / f"replies_{language}.csv").open(newline="", encoding="utf-8") as stream:
        return [(row["text"], row["label"]) for row in csv.DictReader(stream) if not labels or row["label"] in labels]


def intent(text: str, language: str = "en") -> Intent:
    return classify(text, language).intent


every_language = pytest.mark.parametrize("language", [name for name in keywords.LANGUAGES if name != "en"])


@every_language
def test_us06_replies_are_understood_in_the_language_of_the_conversation(language: str) -> None:
    wrong = [
        (text, label, found)
        for text, label in rows_in(language)
        if (found := intent(text, language)) not in ALLOWED[label]
    ]
    assert wrong == []


@every_language
def test_us06_a_request_is_noticed_whatever_language_the_business_writes_in(language: str) -> None:
    ignored = [text for text, _ in rows_in(language, *REQUESTS) if intent(text, "en") is Intent.OTHER]
    assert {text.lower() for text in ignored} <= ORDINARY_ELSEWHERE


ORDINARY_ELSEWHERE = {"t", "n", "fin", "ende", "aus", "fine", "einde", "koniec"}


@every_language
def test_ct03_ordinary_talk_is_no_opt_out_in_any_conversation(language: str) -> None:
    ordinary = [text for text, _ in rows_in(language, "other")]
    assert [(text, hint) for text in ordinary for hint in keywords.LANGUAGES if asks(text, hint)] == []


def asks(text: str, hint: str) -> bool:
    return intent(text, hint) is Intent.OPT_OUT


@pytest.mark.parametrize("language", SPOKEN)
def test_the_lists_of_replies_are_long_enough_to_say_something(language: str) -> None:
    assert len(rows_in(language, *REQUESTS)) >= FEWEST
    assert len(rows_in(language, "other")) >= FEWEST


@pytest.mark.parametrize(
    ("word", "language"),
    [
        ("baja", "es"),
        ("alto", "es"),
        ("salir", "es"),
        ("pare", "es"),
        ("pare", "pt"),
        ("stoppen", "de"),
        ("stoppen", "nl"),
    ],
)
def test_a_word_that_is_ordinary_elsewhere_is_certain_in_its_own_language_alone(word: str, language: str) -> None:
    assert intent(word.upper(), language) is Intent.OPT_OUT
    assert intent(word.upper(), "en") is Intent.UNCLEAR


@pytest.mark.parametrize(
    "word", ["fine", "Fine!", "via", "fin", "ende", "aus", "para", "koniec", "einde", "uit", "fim", "alta"]
)
def test_foreign_words_of_english_and_ordinary_talk_are_no_request(word: str) -> None:
    assert intent(word, "en") is Intent.OTHER


@pytest.mark.parametrize(("word", "languages"), [("parar", ("es", "pt")), ("ayuda", ("es",)), ("ajuda", ("pt",))])
def test_ca06_the_answer_comes_in_the_language_of_the_word(word: str, languages: tuple[str, ...]) -> None:
    for language in languages:
        assert classify(word, language).language == language
    assert classify(word, "en").language == languages[0]


@pytest.mark.parametrize(
    ("word", "own"), [("alta", "es"), ("anmelden", "de"), ("aanmelden", "nl"), ("zapisz mnie", "pl")]
)
def test_net20_ordinary_words_opt_in_in_their_own_language_alone(word: str, own: str) -> None:
    assert [language for language in keywords.LANGUAGES if intent(word, language) is Intent.OPT_IN] == [own]


LONG = 20_000


@every_language
def test_time_is_linear_in_the_length_of_a_text_in_any_language(language: str) -> None:
    for label in ("other", "opt_out_or_unclear"):
        words = " ".join(text for text, _ in rows_in(language, label)).split()
        for piece in (words, words[:3], words[-3:]):
            text = ((" ".join(piece) + " ") * LONG)[:LONG]
            assert runs_within(0.5, partial(classify, text, language)), text[:40]
