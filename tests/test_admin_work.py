"""What people do in the admin: opt out, opt back in, answer reviews."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from compliance.models import OptOut, ReviewItem
from messaging.models import InboundMessage
from tests.admin_pages import UNCLEAR, log_in, page, visit
from tests.builders import (
    PERSON,
    World,
    history_of,
    is_blocked,
    lift_by_staff,
    open_hold,
    opt_out_by_staff,
    opt_out_of,
    text_in,
)

MOMENT = "%Y-%m-%dT%H:%M"


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def minute_ago(minutes: int = 5) -> str:
    """A moment as a form writes it, in the time of the business."""
    return (timezone.now() - timedelta(minutes=minutes)).astimezone(ZoneInfo("America/New_York")).strftime(MOMENT)


def opt_out_form(**fields: Any) -> dict[str, Any]:
    usual = {
        "number": PERSON,
        "requested_by": "recipient",
        "source": "voice",
        "scope": "tenant",
        "reason": "Called us.",
    }
    return {**usual, "at": minute_ago(60 * 24), **fields}


# --- Opt out a number -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["(212) 555-0177", "+1 212 555 0177", "212.555.0177", PERSON])
def test_a_number_is_opted_out_however_it_is_written(world: World, boss: Client, written: str) -> None:
    answer = boss.post(page("compliance.optout", "opt_out"), opt_out_form(number=written, words="Please stop."))
    row = opt_out_of(world.acme)
    assert answer.headers["Location"] == page("compliance.optout", "change", row.pk)
    assert "is opted out for all numbers" in said(answer)
    assert is_blocked(world.acme)
    change = history_of(world.acme)[-1]
    assert (change.actor_kind, change.actor_name) == ("user", world.acme.user("tenant_admin").display_name)
    assert row.evidence.words == "Please stop."
    assert InboundMessage.objects.count() == 0


def test_one_company_number_can_be_closed(world: World, boss: Client) -> None:
    form = opt_out_form(scope="number", sender=world.acme.long_code.pk, requested_by="business")
    boss.post(page("compliance.optout", "opt_out"), form)
    row = opt_out_of(world.acme)
    assert (row.scope, row.sender, row.requested_by) == ("number", world.acme.long_code.number, "business")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "12"),
        ("number", "+12025550100"),  # their own
        ("reason", " "),
        ("source", "keyword"),
        ("at", "2999-01-01T10:00"),
        ("at", "yesterday"),
        ("scope", "galaxy"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(world: World, boss: Client, field: str, value: str) -> None:
    answer = boss.post(page("compliance.optout", "opt_out"), opt_out_form(**{field: value}))
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert not OptOut.objects.exists()


def test_another_businesss_number_can_not_be_chosen(world: World, boss: Client) -> None:
    form = opt_out_form(scope="number", sender=world.globex.long_code.pk)
    assert "sender" in boss.post(page("compliance.optout", "opt_out"), form).context["form"].errors
    missing = boss.post(page("compliance.optout", "opt_out"), opt_out_form(scope="number"))
    assert "sender" in missing.context["form"].errors


def test_a_platform_operator_names_the_business(world: World) -> None:
    client = log_in(world.operator)
    visit(world, world.globex)
    assert "business" in client.post(page("compliance.optout", "opt_out"), opt_out_form()).context["form"].errors
    client.post(page("compliance.optout", "opt_out"), opt_out_form(business=world.globex.tenant.pk))
    assert is_blocked(world.globex)
    assert not is_blocked(world.acme)


# --- Opt back in ------------------------------------------------------------------------------------------------------


def lift_form(**fields: Any) -> dict[str, Any]:
    return {"way": "voice", "words": "Text me again.", "at": minute_ago(0), "reason": "Called us.", **fields}


def test_a_person_is_opted_back_in_on_proof(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form())
    assert answer.headers["Location"] == page("compliance.optout", "change", row.pk)
    assert not is_blocked(world.acme)
    change = history_of(world.acme)[-1]
    assert (change.action, change.actor_kind, change.history_change_reason) == ("lifted", "user", "Called us.")


@pytest.mark.parametrize(
    ("field", "value"), [("words", ""), ("reason", " "), ("at", "2020-01-01T10:00"), ("at", "2999-01-01T10:00")]
)
def test_without_proof_nobody_is_opted_back_in(world: World, boss: Client, field: str, value: str) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form(**{field: value}))
    assert field in answer.context["form"].errors
    assert is_blocked(world.acme)


def test_who_is_opted_in_already_can_not_be_opted_in_again(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    lift_by_staff(world.acme, row)
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form())
    assert "not opted out any more" in answer.content.decode()
    assert len(history_of(world.acme)) == 2


def test_a_lift_of_another_businesss_row_answers_404(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.globex, at=timezone.now() - timedelta(hours=2)).opt_out
    assert boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form()).status_code == 404
    assert is_blocked(world.globex)


# --- Reviews ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "blocked"), [("opted_out", "opted_out", True), ("not_opt_out", "not_opt_out", False)]
)
def test_a_review_is_answered(world: World, boss: Client, answer: str, status: str, blocked: bool) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": answer, "note": "Read it."})
    item.refresh_from_db()
    assert (item.status, item.answer_reason) == (status, "Read it.")
    assert item.answered_by == world.acme.user("tenant_admin").display_name
    assert is_blocked(world.acme) is blocked


def test_decide_later_leaves_the_date(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "later"})
    due = item.due_at
    item.refresh_from_db()
    assert (item.status, item.due_at) == ("open", due)
    assert item.put_off_at is not None


def test_the_second_answer_is_told_that_it_came_late(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    address = page("compliance.reviewitem", "answer", item.pk)
    boss.post(address, {"answer": "not_opt_out"})
    answer = boss.post(address, {"answer": "opted_out"})
    assert "answered this review already" in said(answer)
    assert not is_blocked(world.acme)


@pytest.mark.parametrize("answer", ["", "closed", "nonsense"])
def test_only_the_answers_of_the_page_count(world: World, boss: Client, answer: str) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": answer})
    item.refresh_from_db()
    assert item.status == "open"


def test_who_wants_back_leads_to_the_form(world: World, boss: Client) -> None:
    row = opt_out_by_staff(
        world.acme, requested_by=OptOut.RequestedBy.BUSINESS, at=timezone.now() - timedelta(hours=2)
    ).opt_out
    text_in(world.acme, "START")
    item = ReviewItem.objects.get(kind="wants_back")
    body = boss.get(page("compliance.reviewitem", "change", item.pk)).content.decode()
    assert page("compliance.optout", "opt_back_in", row.pk) in body
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "closed"})
    item.refresh_from_db()
    assert item.status == "closed"
    assert is_blocked(world.acme)


def test_the_queue_shows_what_is_open(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    address = page("compliance.reviewitem", "changelist")
    assert UNCLEAR in boss.get(address).content.decode()
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "not_opt_out"})
    assert "Nothing to review" in boss.get(address).content.decode()
    assert UNCLEAR in boss.get(address, {"state": "answered"}).content.decode()
