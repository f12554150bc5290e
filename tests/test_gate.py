"""The gate by itself: whose request reaches what, and answers that explain themselves."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance import gate
from compliance.models import OptOut, Recipient
from compliance.purposes import ASKED_FOR
from messaging.models import OutboundMessage
from tests import builders
from tests.builders import PERSON, Business, opt_out_of, send, text_in


def ask(business: Business, number: str = PERSON, purpose: str = "transactional", **more: object) -> gate.Decision:
    question = gate.Question(business.tenant, number, purpose, business.long_code, **more)  # type: ignore[arg-type]
    return gate.check(question, timezone.now())


def test_a_number_that_was_never_seen_may_be_texted_and_leaves_no_row(acme: Business) -> None:
    decision = ask(acme)

    assert (decision.allowed, decision.reason) == (True, "")
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("purpose", ASKED_FOR)
def test_an_opt_out_reaches_every_purpose_that_can_be_asked_for(acme: Business, purpose: str) -> None:
    text_in(acme, "STOP")

    decision = ask(acme, purpose=purpose)
    assert (decision.allowed, decision.reason) == (False, "opted_out")


def test_a_refusal_names_rule_scope_opt_out_date_and_words(acme: Business) -> None:
    text_in(acme, "Unsubscribe!")
    row = opt_out_of(acme)

    decision = ask(acme)
    assert decision.rule == row.rule
    assert decision.scope == "scope.tenant"
    assert decision.opt_out_id == row.pk
    assert decision.since == row.opted_out_at
    assert decision.words == "Unsubscribe!"
    day = row.opted_out_at.astimezone(ZoneInfo(acme.tenant.time_zone))
    assert f" on {day:%b} {day.day}, {day.year} " in decision.sentence


def test_a_refusal_says_whether_the_person_or_the_business_asked(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    assert ask(acme).sentence.startswith("The business blocked this recipient")

    text_in(acme, "STOP", from_=builders.OTHER_PERSON)
    assert ask(acme, builders.OTHER_PERSON).sentence.startswith("The recipient opted out")


def test_a_hold_blocks_what_is_automatic_and_lets_a_person_type(acme: Business) -> None:
    text_in(acme, "leave me alone")

    held = ask(acme)
    assert (held.allowed, held.reason, held.words) == (False, "held_for_review", "leave me alone")
    assert ask(acme, by_person=True).allowed
    assert send(acme, by_person=True, purpose="conversational").status == "queued"


def test_a_hold_lets_no_person_past_an_opt_out(acme: Business) -> None:
    text_in(acme, "leave me alone")
    builders.opt_out_by_staff(acme)

    assert ask(acme, by_person=True).reason == "opted_out"


def test_an_opt_out_is_named_before_a_hold(acme: Business) -> None:
    builders.opt_out_by_staff(acme)
    text_in(acme, "leave me alone")

    assert ask(acme).reason == "opted_out"


def test_a_confirmation_without_its_opt_out_is_refused(acme: Business) -> None:
    assert ask(acme, purpose="opt_out_confirmation").reason == "confirmation_too_late"
    text_in(acme, "STOP")
    assert ask(acme, purpose="opt_out_confirmation").reason == "confirmation_too_late"


def test_another_episodes_confirmation_is_refused(acme: Business) -> None:
    for text in ("STOP", "START", "STOP"):
        text_in(acme, text)
    row = opt_out_of(acme)

    old = gate.Confirms(row.pk, row.episode - 1, row.asked_at)
    assert not ask(acme, purpose="opt_out_confirmation", confirms=old).allowed


@pytest.mark.parametrize(("seconds", "allowed"), [(0, True), (300, True), (301, False)])
def test_the_five_minutes_of_a_confirmation_are_exact(acme: Business, seconds: int, allowed: bool) -> None:
    text_in(acme, "STOP")
    row = opt_out_of(acme)

    confirms = gate.Confirms(row.pk, row.episode, row.asked_at)
    question = gate.Question(acme.tenant, PERSON, "opt_out_confirmation", acme.long_code, confirms=confirms)
    assert gate.check(question, row.asked_at + timedelta(seconds=seconds)).allowed == allowed


@pytest.mark.parametrize("story", [[], ["STOP"], ["leave me alone"], ["STOP", "START", "STOP"], ["leave me alone"] * 3])
def test_the_gate_is_one_query(acme: Business, story: list[str]) -> None:
    for text in story:
        text_in(acme, text)
    ask(acme)
    with CaptureQueriesContext(connection) as queries:
        ask(acme)

    assert len(queries) == 1


def test_many_numbers_are_two_queries_however_many(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "leave me alone", from_=builders.OTHER_PERSON)
    numbers = [PERSON, builders.OTHER_PERSON, *(builders.new_person() for _ in range(3000))]
    with CaptureQueriesContext(connection) as queries:
        refusals = gate.check_many(acme.tenant, numbers, acme.long_code, "marketing", timezone.now())

    assert len(queries) <= 2
    assert {number: refusal.reason for number, refusal in refusals.items()} == {
        PERSON: "opted_out",
        builders.OTHER_PERSON: "held_for_review",
    }


def test_checking_stores_nothing(acme: Business) -> None:
    before = {table: table.objects.count() for table in (Recipient, OutboundMessage)}
    ask(acme)
    gate.check_many(acme.tenant, [builders.new_person()], None, "marketing", timezone.now())

    assert {table: table.objects.count() for table in before} == before


def test_a_decision_is_stored_as_plain_json(acme: Business) -> None:
    text_in(acme, "STOP")
    said = ask(acme).as_json()

    assert datetime.fromisoformat(said["since"]) == opt_out_of(acme).opted_out_at


def test_the_words_of_a_repeat_are_not_those_of_the_first_day(acme: Business) -> None:
    text_in(acme, "QUIT")
    assert "with “QUIT”, for all numbers" in ask(acme).sentence
    text_in(acme, "S T O P")

    said = ask(acme)
    assert "QUIT" not in said.sentence
    assert said.sentence.endswith(", for all numbers of the business. They asked again with “S T O P”.")
    assert said.words == "S T O P"
