"""Working through reviews: the text in its conversation, one key an answer, the next one, alerts, and undoing."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import LazySettings
from django.core import mail
from django.db import transaction
from django.utils import timezone

from accounts.local_time import say_day, say_moment
from accounts.models import User
from compliance import alerts, audit, opt_outs
from compliance.due_dates import alert_at
from compliance.models import OptOut, ReviewItem
from messaging import sweeping
from optout_project.env import Environment, WrongSetting
from tests import builders
from tests.admin_pages import log_in, page
from tests.builders import (
    PERSON,
    Business,
    history_of,
    is_blocked,
    last_inbound,
    new_person,
    open_hold,
    opt_out_of,
    send,
    sent_elsewhere,
    text_in,
)

UNCLEAR = "leave me alone"
SENTENCE = "please take me off your list"
EASTERN = ZoneInfo("America/New_York")


def held(business: Business, count: int) -> list[ReviewItem]:
    """Unclear texts, an hour apart, the oldest first."""
    now = timezone.now()
    for hours in range(count, 0, -1):
        with time_machine.travel(now - timedelta(hours=hours), tick=False):
            text_in(business, UNCLEAR, from_=new_person())
    return list(ReviewItem.objects.filter(tenant=business.tenant).order_by("due_at"))


def give(business: Business, item: ReviewItem, answer: str, role: str = "compliance_officer") -> Any:
    client = log_in(business.user(role))
    return client.post(page("compliance.reviewitem", "answer", item.pk), {"answer": answer})


# --- One after the other ---------------------------------------------------------------------------------------------


def test_an_answer_leads_to_the_next_oldest(acme: Business) -> None:
    first, second, third = held(acme, 3)

    assert give(acme, first, "opted_out").url == page("compliance.reviewitem", "change", second.pk)
    assert give(acme, third, "not_opt_out").url == page("compliance.reviewitem", "change", second.pk)
    assert give(acme, second, "not_opt_out").url == page("compliance.reviewitem", "changelist")


def test_putting_off_goes_on_and_does_not_go_round(acme: Business) -> None:
    first, second = held(acme, 2)

    assert give(acme, first, "later").url == page("compliance.reviewitem", "change", second.pk)
    assert give(acme, second, "later").url == page("compliance.reviewitem", "changelist")
    assert [row.due_at for row in ReviewItem.objects.order_by("due_at")] == [first.due_at, second.due_at]


def test_another_businesss_review_is_never_next(acme: Business, globex: Business) -> None:
    (item,) = held(acme, 1)
    held(globex, 2)

    assert give(acme, item, "opted_out").url == page("compliance.reviewitem", "changelist")


def test_every_answer_has_its_key_and_the_text_stands_in_its_conversation(acme: Business) -> None:
    start = timezone.now() - timedelta(days=2)
    for minutes in range(40):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            text_in(acme, UNCLEAR if minutes == 20 else f"Talk number {minutes}.")
    sent_elsewhere(acme, "By their own app.", start + timedelta(minutes=15, seconds=1))
    body = log_in(acme.user("tenant_admin")).get(page("compliance.reviewitem", "change", open_hold(acme).pk)).content
    said = body.decode()

    for key in "onl":
        assert f'data-key="{key}"' in said
    assert "review_keys.js" in said
    assert said.count("oo-marked") == 1
    shown = [minutes for minutes in range(40) if f"Talk number {minutes}." in said]
    assert shown == [*range(2, 20), *range(21, 31)]
    assert "By their own app." in said


# --- Dates in words --------------------------------------------------------------------------------------------------


def test_dates_are_told_in_words_and_in_the_time_of_the_business(acme: Business) -> None:
    with time_machine.travel(datetime(2026, 12, 18, 23, 30, tzinfo=EASTERN), tick=False):
        text_in(acme, UNCLEAR)
    assert "by Jan. 5, 2027." in last_inbound(acme).explanation
    with time_machine.travel(datetime(2027, 1, 6, 12, tzinfo=EASTERN), tick=False):
        sweeping.close_due_reviews(timezone.now())
    assert opt_out_of(acme).reason == "Nobody answered by Jan. 5, 2027, 11:30 p.m."

    text_in(acme, "STOP")
    with pytest.raises(opt_outs.LiftRefused, match="newer than the opt-out of ") as refused, transaction.atomic():
        builders.lift_by_staff(acme, opt_out_of(acme), at=timezone.now() - timedelta(days=30))
    assert say_moment(opt_out_of(acme).asked_at, "America/New_York") in str(refused.value)


def test_a_day_is_the_businesss_own() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=EASTERN)

    assert say_day(late, "America/New_York") == "Dec. 31, 2026"
    assert say_day(late, "Europe/Berlin") == "Jan. 1, 2027"


# --- Alerts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailing(settings: LazySettings) -> None:
    settings.EMAIL_ALERTS = True


@pytest.mark.parametrize(
    ("due", "alert"),
    [
        ((2027, 1, 5), (2026, 12, 31)),  # Tuesday; the 1st is a holiday, so Monday and Tuesday are left
        ((2026, 12, 8), (2026, 12, 6)),
        ((2026, 12, 11), (2026, 12, 9)),
    ],
)
def test_people_are_told_two_business_days_before(due: tuple[int, int, int], alert: tuple[int, int, int]) -> None:
    moment = alert_at(datetime(*due, 9, tzinfo=EASTERN), "US", "America/New_York")

    assert moment.hour == 9
    assert moment.date() >= datetime(*alert, tzinfo=EASTERN).date()
    assert moment <= datetime(*due, 9, tzinfo=EASTERN) - timedelta(days=2)


@pytest.mark.usefixtures("mailing")
def test_those_who_may_answer_are_told_once(acme: Business, globex: Business) -> None:
    items = held(acme, 2)
    held(globex, 1)
    assert alerts.send_alerts(timezone.now()) == 0
    due = max(item.alert_at for item in items if item.alert_at)
    ReviewItem.objects.filter(tenant=globex.tenant).update(alert_at=due + timedelta(days=1))
    for _ in range(2):
        alerts.send_alerts(due)

    (letter,) = mail.outbox
    assert sorted(letter.to) == ["compliance_officer@acme.example", "tenant_admin@acme.example"]
    assert letter.subject == "2 texts that may be opt-outs wait for an answer"
    assert page("compliance.reviewitem", "changelist") in letter.body
    assert UNCLEAR not in letter.body
    assert PERSON[-4:] not in letter.body


@pytest.mark.usefixtures("mailing")
def test_a_letter_that_was_not_taken_is_sent_later(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = held(acme, 1)
    assert item.due_at is not None
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", lambda self: 1 / 0)
        assert alerts.send_alerts(item.due_at) == 0
    assert alerts.send_alerts(item.due_at) == 1
    assert len(mail.outbox) == 1


@pytest.mark.usefixtures("mailing")
def test_a_business_without_addresses_holds_up_no_other(
    acme: Business, globex: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "AT_ONCE", 1)
    (first,), (second,) = held(acme, 1), held(globex, 1)
    assert first.due_at is not None
    assert second.due_at is not None
    User.objects.filter(tenant=acme.tenant).update(email="")

    assert alerts.send_alerts(max(first.due_at, second.due_at)) == 1
    assert all(address.endswith("@globex.example") for address in mail.outbox[0].to)


def test_without_an_address_to_send_by_nobody_is_told(acme: Business) -> None:
    (item,) = held(acme, 1)
    assert item.due_at is not None

    assert alerts.send_alerts(item.due_at) == 0
    assert mail.outbox == []


@pytest.mark.usefixtures("mailing")
def test_answered_reviews_alert_nobody(acme: Business) -> None:
    (item,) = held(acme, 1)
    give(acme, item, "not_opt_out")
    assert item.due_at is not None

    assert alerts.send_alerts(item.due_at) == 0


@pytest.mark.parametrize("value", ["nonsense", "smtp+tls://", "http://mail.example.com"])
def test_a_wrong_email_address_of_a_server_stops_the_start(value: str) -> None:
    with pytest.raises(WrongSetting, match="EMAIL_URL"):
        Environment({"EMAIL_URL": value}).email("EMAIL_URL")


def test_a_mail_server_is_read_from_its_address() -> None:
    found = Environment({"EMAIL_URL": "smtp+tls://me:secret@mail.example.com:587"}).email("EMAIL_URL")

    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("mail.example.com", 587, True)


def test_the_sidebar_counts_what_waits(acme: Business) -> None:
    (item,) = held(acme, 1)
    client = log_in(acme.user("tenant_admin"))
    assert _badge(client) == ("1", "warning")
    assert item.alert_at is not None
    ReviewItem.objects.update(alert_at=timezone.now())
    assert _badge(client) == ("1", "danger")
    give(acme, item, "not_opt_out")
    assert _badge(client) == (None, None)


def _badge(client: Any) -> tuple[str | None, str | None]:
    groups = client.get("/admin/").context["groups"]
    (link,) = [item for group in groups for item in group["items"] if item["title"] == "Reviews"]
    return link.get("badge"), link.get("badge_variant")


# --- Undoing ---------------------------------------------------------------------------------------------------------


def undo(business: Business, reason: str = "He spoke of his doctor.", approver: str = "Ann Boss") -> OptOut:
    with transaction.atomic():
        return opt_outs.undo(opt_out_of(business), reason, approver, builders.staff(business), timezone.now())


def test_an_opt_out_read_from_a_sentence_is_undone_with_reason_and_approver(acme: Business) -> None:
    text_in(acme, SENTENCE)
    assert opt_out_of(acme).source == "phrase"
    undo(acme)

    change = history_of(acme)[-1]
    assert (change.action, change.status, change.actor_kind) == ("undone", "lifted", "user")
    assert change.history_change_reason == "He spoke of his doctor. Approved by Ann Boss."
    assert opt_out_of(acme).evidence.details["approver"] == "Ann Boss"
    assert send(acme).status == "queued"
    assert list(audit.find_faults()) == []


def test_a_review_that_was_answered_wrongly_is_undone(acme: Business) -> None:
    (item,) = held(acme, 1)
    give(acme, item, "opted_out")
    row = OptOut.objects.get()
    with transaction.atomic():
        opt_outs.undo(row, "Misread.", "Ann Boss", builders.staff(acme), timezone.now())

    assert not is_blocked(acme, item.recipient.number)


def test_after_an_undoing_a_stop_counts_and_is_confirmed(acme: Business) -> None:
    text_in(acme, SENTENCE)
    undo(acme)
    text_in(acme, "STOP")

    assert is_blocked(acme)
    assert opt_out_of(acme).episode == 2
    assert len(builders.confirmations(acme)) == 2


@pytest.mark.parametrize("texts", [["STOP"], [SENTENCE, "STOP"], ["Unsubscribe"]])
def test_a_bare_word_can_not_be_undone(acme: Business, texts: list[str]) -> None:
    for text in texts:
        text_in(acme, text)
    assert not opt_outs.can_undo(opt_out_of(acme))
    with pytest.raises(opt_outs.LiftRefused):
        undo(acme)
    assert is_blocked(acme)


def test_what_staff_or_the_business_recorded_can_not_be_undone(acme: Business) -> None:
    builders.opt_out_by_staff(acme)

    assert not opt_outs.can_undo(opt_out_of(acme))


@pytest.mark.parametrize(
    ("reason", "approver", "field"),
    [
        ("", "Ann Boss", "reason"),
        ("Misread.", " ", "approver"),
        ("Misread.", "acme-compliance_officer", "approver"),
        ("Misread.", " ACME-Compliance_Officer ", "approver"),
        ("Misread.", "Officer,  acme\u200b compliance", "approver"),
        ("Misread.", "\u0430cme-complianc\u0435 officer", "approver"),
        ("Misread.", ".", "approver"),
    ],
)
def test_an_undoing_needs_a_reason_and_somebody_else(acme: Business, reason: str, approver: str, field: str) -> None:
    text_in(acme, SENTENCE)
    with pytest.raises(opt_outs.LiftRefused) as refused:
        undo(acme, reason, approver)

    assert refused.value.field == field
    assert is_blocked(acme)


def test_the_form_undoes_and_refuses_ones_own_name(acme: Business) -> None:
    text_in(acme, SENTENCE)
    row, client = opt_out_of(acme), log_in(acme.user("compliance_officer"))
    address = page("compliance.optout", "undo", row.pk)
    assert address in client.get(page("compliance.optout", "change", row.pk)).content.decode()
    for own in ("compliance_officer@acme.example", "acme-compliance_officer"):
        answer = client.post(address, {"reason": "Misread.", "approver": own})
        assert "approver" in answer.context["form"].errors
    answer = client.post(address, {"reason": "Misread.", "approver": "Ann Boss"}, follow=True)

    assert "was undone" in answer.content.decode()
    assert not is_blocked(acme)


def test_the_page_of_a_bare_word_offers_no_undoing(acme: Business) -> None:
    text_in(acme, "STOP")
    client = log_in(acme.user("tenant_admin"))
    address = page("compliance.optout", "undo", opt_out_of(acme).pk)

    assert address not in client.get(page("compliance.optout", "change", opt_out_of(acme).pk)).content.decode()
    client.post(address, {"reason": "Misread.", "approver": "Ann Boss"})
    assert is_blocked(acme)
