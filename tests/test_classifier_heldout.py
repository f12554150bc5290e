"""Replies written before the rules were read, in all languages: no request is passed over (US-02, US-06, CT-03).

The rules were mended with the first four batches and the sixth afterwards, never with the fifth and the seventh
(tests/data/replies_README.md).
"""

import csv
from pathlib import Path

import pytest

from compliance.classifier import Intent, classify

DATA = Path(__file__).parent / "data"
BLOCKED = {Intent.OPT_OUT, Intent.UNCLEAR}
REQUESTS = {"opt_out", "opt_out_or_unclear", "not_global"}

MENDED_WITH = [1, 2, 3, 4, 6]

every_batch = pytest.mark.parametrize("batch", [*MENDED_WITH, 5, 7])


def intents(batch: int, labels: set[str]) -> list[tuple[str, Intent]]:
    with (DATA / f"replies_heldout_{batch}.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"] in labels]
    return [(row["text"], classify(row["text"], row["language"]).intent) for row in rows]


@pytest.mark.parametrize("batch", MENDED_WITH)
def test_us02_of_requests_in_all_languages_at_least_99_in_100_are_acted_on_or_held(batch: int) -> None:
    read = intents(batch, REQUESTS)
    missed = [text for text, intent in read if intent not in BLOCKED]
    assert len(missed) <= len(read) / 100, missed


@every_batch
def test_ct03_ordinary_talk_with_tempting_words_opts_nobody_out_and_is_seldom_held(batch: int) -> None:
    read = intents(batch, {"other_or_unclear"})
    assert [text for text, intent in read if intent is Intent.OPT_OUT] == []
    held = [text for text, intent in read if intent is Intent.UNCLEAR]
    assert len(held) <= len(read) / 12, held


def test_ct03_ordinary_talk_with_the_words_of_a_hint_passes() -> None:
    with (DATA / "replies_alike.csv").open(newline="", encoding="utf-8") as stream:
        read = [(row["text"], classify(row["text"], row["language"]).intent) for row in csv.DictReader(stream)]
    assert [text for text, intent in read if intent is Intent.OPT_OUT] == []
    held = [text for text, intent in read if intent is Intent.UNCLEAR]
    assert len(held) <= len(read) / 25, held


@every_batch
def test_us13_a_stop_of_one_kind_of_text_never_stops_all_without_a_person(batch: int) -> None:
    assert [text for text, intent in intents(batch, {"not_global"}) if intent is not Intent.UNCLEAR] == []


@pytest.mark.parametrize("batch", [4, 5])
def test_ct02_of_plain_requests_none_is_passed_over_and_four_in_five_are_acted_on_at_once(batch: int) -> None:
    read = intents(batch, {"opt_out"})
    assert [text for text, intent in read if intent not in BLOCKED] == []
    held = [text for text, intent in read if intent is not Intent.OPT_OUT]
    assert len(held) <= len(read) / 5, held


@pytest.mark.parametrize(("batch", "caught"), [(5, 76), (7, 17)])
def test_us02_of_requests_never_mended_with_the_first_reading_does_not_slip(batch: int, caught: int) -> None:
    assert sum(intent in BLOCKED for _, intent in intents(batch, REQUESTS)) >= caught


@pytest.mark.parametrize(
    ("text", "language"),
    [("leave me aloneeee", "en"), ("hört aufff", "de"), ("no me escribannn", "es"), ("not interesteddd", "en")],
)
def test_ct04_stretched_letters_hide_no_request(text: str, language: str) -> None:
    assert classify(text, language).intent is Intent.UNCLEAR
