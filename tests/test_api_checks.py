"""`POST /api/v1/checks`: asking before sending elsewhere (DESIGN 5)."""

import time
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import SenderNumber
from compliance import gate
from compliance.models import Evidence, OptOut, Recipient
from messaging.models import OutboundMessage
from tests import builders
from tests.api import Caller, assert_problem, failing_statement
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON, Business

BLOCKED, HELD, BY_NUMBER, FREE = PERSON, OTHER_PERSON, THIRD_PERSON, "+447700900123"


@pytest.fixture
def caller(acme: Business) -> Caller:
    return Caller.of(acme, "check")


@pytest.fixture
def lists(acme: Business, globex: Business) -> None:
    """One who opted out, one who is held, and one who closed a single number."""
    builders.text_in(acme, "STOP", from_=BLOCKED)
    builders.text_in(acme, "who is this? stop", from_=HELD)
    builders.opt_out_by_staff(acme, BY_NUMBER, sender=acme.long_code)
    builders.opt_out_by_staff(globex, FREE)


def check(caller: Caller, *recipients: str, **further: Any) -> dict[str, tuple[bool, str | None]]:
    rows = caller.post("checks", {"recipients": recipients, **further}).json()["results"]
    return {row["recipient"]: (row["allowed"], row["reason"]) for row in rows}


@pytest.mark.usefixtures("lists")
def test_rows_come_in_the_order_asked_repeats_included(acme: Business, caller: Caller) -> None:
    asked = [FREE, "212-555-0177", "nonsense", BLOCKED, FREE, "nonsense", ""]
    answer = caller.post("checks", {"recipients": asked})
    assert answer.status_code == 200
    row = builders.opt_out_of(acme)
    since = row.opted_out_at.isoformat().replace("+00:00", "Z")
    free = {"recipient": FREE, "allowed": True, "reason": None, "since": None, "opt_out": None}
    blocked = {"recipient": BLOCKED, "allowed": False, "reason": "opted_out", "since": since, "opt_out": row.pk}
    invalid = {"allowed": False, "reason": "invalid_recipient", "since": None, "opt_out": None}
    assert answer.json() == {
        "results": [
            free,
            blocked,
            {"recipient": "nonsense", **invalid},
            blocked,
            free,
            {"recipient": "nonsense", **invalid},
            {"recipient": "", **invalid},
        ]
    }


@pytest.mark.usefixtures("lists")
def test_a_hold_is_told(caller: Caller) -> None:
    assert check(caller, HELD) == {HELD: (False, "held_for_review")}


@pytest.mark.usefixtures("lists")
def test_without_a_sender_blocked_for_any_number_is_blocked(acme: Business, caller: Caller) -> None:
    assert check(caller, BY_NUMBER, purpose="transactional") == {BY_NUMBER: (False, "opted_out")}
    sender = acme.second_long_code.number
    assert check(caller, BY_NUMBER, purpose="transactional", sender=sender) == {BY_NUMBER: (True, None)}
    assert check(caller, BY_NUMBER, purpose="transactional", sender=None)[BY_NUMBER][0] is False


@pytest.mark.usefixtures("lists")
def test_without_a_purpose_blocked_for_any_purpose_is_blocked(acme: Business, caller: Caller) -> None:
    """US-23: in North America marketing stops for all numbers."""
    sender = acme.second_long_code.number
    assert check(caller, BY_NUMBER, sender=sender) == {BY_NUMBER: (False, "opted_out")}
    assert check(caller, BY_NUMBER, sender=sender, purpose=None) == {BY_NUMBER: (False, "opted_out")}


@pytest.mark.usefixtures("lists")
def test_an_emergency_without_its_written_reason_is_like_any_text(caller: Caller) -> None:
    assert check(caller, BLOCKED, purpose="emergency") == {BLOCKED: (False, "opted_out")}


def test_a_sender_that_is_switched_off_refuses_all(acme: Business, caller: Caller) -> None:
    SenderNumber.objects.filter(pk=acme.long_code.pk).update(is_active=False)
    sender = acme.long_code.number
    assert check(caller, FREE, "12", sender=sender) == {
        FREE: (False, "sender_inactive"),
        "12": (False, "invalid_recipient"),
    }


@pytest.mark.usefixtures("lists")
def test_the_other_business_sees_its_own_list(globex: Business) -> None:
    assert check(Caller.of(globex, "check"), BLOCKED, FREE) == {BLOCKED: (True, None), FREE: (False, "opted_out")}


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize("purpose", ["marketing", "transactional", "conversational", "emergency"])
def test_a_check_answers_as_a_send_would(acme: Business, caller: Caller, purpose: str) -> None:
    for sender in (acme.long_code, acme.second_long_code):
        for number in (BLOCKED, HELD, BY_NUMBER, FREE):
            decision = gate.check(gate.Question(acme.tenant, number, purpose, sender), timezone.now())
            expected = (decision.allowed, decision.reason or None)
            assert check(caller, number, sender=sender.number, purpose=purpose) == {number: expected}


def test_a_check_stores_nothing(acme: Business, caller: Caller) -> None:
    check(caller, FREE, BLOCKED)
    for model in (Recipient, OptOut, Evidence, OutboundMessage):
        assert not model.objects.exists()


def test_another_business_s_sender_is_not_there(globex: Business, caller: Caller) -> None:
    answer = caller.post("checks", {"recipients": [FREE], "sender": globex.long_code.number})
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": None}, "recipients"),
        ({"recipients": FREE}, "recipients"),
        ({"recipients": {FREE: 1}}, "recipients"),
        ({"recipients": [FREE, 17]}, "recipients"),
        ({"recipients": [FREE, None]}, "recipients"),
        ({"recipients": [FREE] * 10_001}, "recipients"),
        ({"purpose": "newsletter"}, "purpose"),
        ({"purpose": "help_reply"}, "purpose"),
        ({"sender": "no number at all"}, "sender"),
        ({"recipient": FREE}, "recipient"),
    ],
)
def test_what_is_wrong_is_named(caller: Caller, changes: dict[str, Any], field: str) -> None:
    problem = assert_problem(caller.post("checks", {"recipients": [FREE], **changes}), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_what_can_t_be_written_as_utf_8_is_an_invalid_recipient(caller: Caller) -> None:
    assert check(caller, "\ud800", "\x00", "1" * 300) == {
        "?": (False, "invalid_recipient"),
        "\x00": (False, "invalid_recipient"),
        "1" * 300: (False, "invalid_recipient"),
    }


def test_without_the_database_nothing_is_allowed(caller: Caller) -> None:
    check(caller, FREE)
    for failing in range(100):
        with failing_statement(failing):
            answer = caller.post("checks", {"recipients": [FREE]})
        if answer.status_code == 200:
            break
        assert_problem(answer, 503, "state_unavailable")
    assert failing >= 2


@pytest.mark.parametrize(("count", "most"), [(1, 2), (1000, 3)])
def test_a_check_stays_within_its_queries(
    acme: Business, caller: Caller, django_assert_max_num_queries: Any, count: int, most: int
) -> None:
    """One for the key, one for the sender where it is named, and one or two for the answer."""
    recipients = [f"+1212555{n:04d}" for n in range(count)]
    check(caller, FREE)
    with django_assert_max_num_queries(most):
        check(caller, *recipients)
    with django_assert_max_num_queries(most + 1):
        check(caller, *recipients, sender=acme.long_code.number)


def test_ten_thousand_numbers_take_a_moment(acme: Business, caller: Caller) -> None:
    numbers = [f"+1212{2_000_000 + n}" for n in range(10_000)]
    started = time.perf_counter()
    answer = caller.post("checks", {"recipients": numbers})
    assert [row["recipient"] for row in answer.json()["results"]] == numbers
    assert time.perf_counter() - started < 2
