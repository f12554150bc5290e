"""Trying texts through the API: as `classify`, with the business's own keywords."""

import pytest

from compliance.models import Keyword, OptOut
from messaging.models import InboundMessage
from tests.api import Caller, assert_problem
from tests.builders import Business


def tried(caller: Caller, *texts: str, **more: str) -> list[dict[str, str]]:
    answer = caller.post("classifications", {"texts": list(texts), **more})
    assert answer.status_code == 200, answer.content
    results: list[dict[str, str]] = answer.json()["results"]
    return results


def test_each_text_has_its_row_in_the_order_asked(acme: Business) -> None:
    rows = tried(Caller.of(acme), "STOP", "see you at 9", "", "who is this? stop", "HELP")

    assert [row["text"] for row in rows] == ["STOP", "see you at 9", "", "who is this? stop", "HELP"]
    assert [row["intent"] for row in rows] == ["opt_out", "other", "other", "unclear", "help"]
    assert rows[0]["rule"] == "en.keyword.stop"
    assert [bool(row["reason"]) for row in rows] == [False, False, False, True, False]
    assert not OptOut.objects.exists()
    assert not InboundMessage.objects.exists()


def test_with_the_own_keywords_of_the_business_and_nobody_elses(acme: Business, globex: Business) -> None:
    keyword = Keyword.objects.create(tenant=acme.tenant, word="PINATA", meaning="opt_out")

    [own], [theirs] = tried(Caller.of(acme), "Piñata"), tried(Caller.of(globex), "Piñata")

    assert (own["intent"], own["rule"]) == ("opt_out", f"own.keyword.{keyword.pk}")
    assert theirs["intent"] == "other"


def test_in_the_language_that_is_asked_for(acme: Business) -> None:
    [row] = tried(Caller.of(acme), "STOP", language="fr-CA")
    assert row["language"] == "fr"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": "STOP"}, "texts"),
        ({"texts": [1]}, "texts"),
        ({"texts": ["STOP"] * 1001}, "texts"),
        ({"texts": ["a" * 10_001]}, "texts"),
        ({"texts": ["STOP"], "language": "klingon"}, "language"),
        ({"texts": ["STOP"], "lang": "en"}, "lang"),
    ],
)
def test_a_wrong_field_is_named(acme: Business, body: dict[str, object], field: str) -> None:
    problem = assert_problem(Caller.of(acme).post("classifications", body), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_thousand_texts_are_tried_at_once(acme: Business) -> None:
    assert len(tried(Caller.of(acme), *["STOP"] * 1000)) == 1000


def test_it_needs_the_scope_check(acme: Business) -> None:
    assert_problem(Caller.of(acme, "read").post("classifications", {"texts": ["STOP"]}), 403, "missing_scope")
