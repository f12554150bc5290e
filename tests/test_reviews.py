"""What is unclear: held, asked, answered by a person or by its due date (US-02, US-07, CA-02, AU-02)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from compliance import opt_outs, reviews
from compliance.due_dates import add_business_days, due_at
from compliance.models import OptOut, ReviewItem, Source
from messaging import sweeping
from messaging.models import OutboundMessage
from tests import builders
from tests.builders import PERSON, Business, deliver_all, history_of, is_blocked, open_hold, opt_out_of, send, text_in

UNCLEAR = "leave me alone"
EASTERN = ZoneInfo("America/New_York")
Status = ReviewItem.Status


def answer(item: ReviewItem, status: Status, by: opt_outs.Actor) -> None:
    with transaction.atomic():
        reviews.answer(item, status, "Read it.", by, timezone.now())


# --- Due dates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "days", "country", "due"),
    [
        (date(2026, 12, 18), 10, "US", date(2027, 1, 5)),  # the example of US-07: 25 December and 1 January
        (date(2026, 11, 23), 10, "US", date(2026, 12, 8)),  # Thanksgiving
        (date(2026, 7, 1), 10, "US", date(2026, 7, 16)),  # 4 July on a Saturday is kept on Friday the 3rd
        (date(2026, 11, 23), 10, "CA", date(2026, 12, 7)),
        (date(2026, 11, 23), 5, "AU", date(2026, 11, 30)),
        (date(2026, 12, 24), 5, "AU", date(2027, 1, 4)),  # 28 December stands for Boxing Day
        (date(2026, 11, 28), 1, "US", date(2026, 11, 30)),  # received on a Saturday
        (date(2026, 11, 23), 10, "XX", date(2026, 12, 7)),  # weekends alone, which is the earlier date
    ],
)
def test_business_days_skip_weekends_and_public_holidays(received: date, days: int, country: str, due: date) -> None:
    assert add_business_days(received, days, country) == due


def test_the_deadline_of_a_text_received_on_friday_the_18th_of_december() -> None:
    received = datetime(2026, 12, 18, 15, 30, tzinfo=EASTERN)

    assert due_at(received, "US", "America/New_York") == datetime(2027, 1, 5, 15, 30, tzinfo=EASTERN)


def test_australia_has_five_business_days() -> None:
    sydney = ZoneInfo("Australia/Sydney")
    received = datetime(2026, 11, 23, 9, tzinfo=sydney)

    assert due_at(received, "AU", "Australia/Sydney") == datetime(2026, 11, 30, 9, tzinfo=sydney)


def test_the_day_is_the_one_where_the_business_is() -> None:
    """Monday 03:00 in London is still Sunday in Los Angeles."""
    received = datetime(2026, 11, 23, 3, tzinfo=UTC)

    assert due_at(received, "US", "America/Los_Angeles").astimezone(ZoneInfo("America/Los_Angeles")).date() == date(
        2026, 12, 7
    )


def test_an_unclear_text_is_due_in_ten_business_days_of_its_business(acme: Business) -> None:
    with time_machine.travel(datetime(2026, 12, 18, 15, 30, tzinfo=EASTERN), tick=False):
        text_in(acme, UNCLEAR)

    assert open_hold(acme).due_at == datetime(2027, 1, 5, 15, 30, tzinfo=EASTERN)


# --- Holding ---------------------------------------------------------------------------------------------------------


def test_a_hold_stops_automatic_texts_that_were_queued_before(acme: Business) -> None:
    waiting = send(acme, purpose="marketing")
    text_in(acme, UNCLEAR)
    deliver_all()

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("blocked", "held_for_review")


def test_a_hold_reaches_every_number_of_the_business_and_no_other_business(acme: Business, globex: Business) -> None:
    text_in(acme, UNCLEAR)

    assert {send(acme, sender=number).reason for number in acme.numbers} == {"held_for_review"}
    assert send(globex).status == "queued"


def test_a_person_may_still_type_in_the_thread(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    send(acme, by_person=True, purpose="conversational")

    assert [message.status for message in deliver_all()] == ["delivered"]


def test_an_unclear_text_is_answered_by_nobody_but_a_person(acme: Business) -> None:
    text_in(acme, UNCLEAR)

    assert not OutboundMessage.objects.exists()


def test_several_unclear_texts_are_held_until_each_is_answered(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    text_in(acme, "cease and desist please")
    items = list(ReviewItem.objects.filter(status=Status.OPEN))
    for item in items:
        assert send(acme).reason == "held_for_review"
        answer(item, Status.NOT_OPT_OUT, builders.staff(acme))

    assert send(acme).status == "queued"


def test_an_unclear_text_older_than_a_start_holds_nothing(acme: Business) -> None:
    text_in(acme, "START")
    text_in(acme, UNCLEAR, sent_at=timezone.now() - timedelta(minutes=5))

    assert not ReviewItem.objects.exists()
    assert send(acme).status == "queued"


def test_a_hold_delivered_again_is_one_hold(acme: Business) -> None:
    for _ in range(3):
        text_in(acme, UNCLEAR, id="in-1")

    assert ReviewItem.objects.count() == 1


# --- Answering -------------------------------------------------------------------------------------------------------


def test_opted_out_opts_out_silently_with_the_persons_words_and_moment(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    item = open_hold(acme)
    answer(item, Status.OPTED_OUT, builders.staff(acme))

    row = opt_out_of(acme)
    assert (row.status, row.source, row.requested_by) == ("active", Source.REVIEW, "recipient")
    assert (row.opted_out_at, row.evidence.words) == (item.asked_at, UNCLEAR)
    assert row.texted == acme.long_code.number
    assert (history_of(acme)[0].actor_kind, history_of(acme)[0].actor_name) == (
        "user",
        acme.user("compliance_officer").display_name,
    )
    assert not OutboundMessage.objects.exists()


def test_not_an_opt_out_ends_the_hold_and_stays_on_record(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    item = open_hold(acme)
    answer(item, Status.NOT_OPT_OUT, builders.staff(acme))

    item.refresh_from_db()
    assert (item.status, item.answer_reason) == (Status.NOT_OPT_OUT, "Read it.")
    assert item.answered_by == acme.user("compliance_officer").display_name
    assert item.answered_at is not None
    assert send(acme).status == "queued"
    assert not OptOut.objects.exists()


def test_the_second_answer_is_told_that_it_came_late(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    item = open_hold(acme)
    answer(item, Status.NOT_OPT_OUT, builders.staff(acme))

    with pytest.raises(reviews.AlreadyAnswered):
        answer(item, Status.OPTED_OUT, builders.staff(acme))
    assert not is_blocked(acme)


def test_an_opt_out_by_review_yields_to_a_start_that_came_after_the_text(acme: Business) -> None:
    """The person opted in while the item waited: START released the hold."""
    text_in(acme, UNCLEAR)
    item = open_hold(acme)
    text_in(acme, "START")

    with pytest.raises(reviews.AlreadyAnswered):
        answer(item, Status.OPTED_OUT, builders.staff(acme))
    assert not is_blocked(acme)


def test_the_first_stop_after_an_opt_out_by_review_is_confirmed_once(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    answer(open_hold(acme), Status.OPTED_OUT, builders.staff(acme))
    for _ in range(2):
        text_in(acme, "STOP")

    assert len(builders.confirmations(acme)) == 1


def test_the_text_before_the_unclear_one_is_kept(acme: Business) -> None:
    message = send(acme, campaign="Autumn", user=acme.user("employee"))
    deliver_all()
    text_in(acme, UNCLEAR)
    answer(open_hold(acme), Status.OPTED_OUT, builders.staff(acme))

    row = opt_out_of(acme)
    assert (row.preceding_id, row.preceding_campaign) == (str(message.pk), "Autumn")
    assert row.preceding_user == acme.user("employee").display_name


# --- Falling due -----------------------------------------------------------------------------------------------------


def test_what_nobody_answers_becomes_an_opt_out_when_due_and_not_before(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    due = open_hold(acme).due_at
    assert due is not None

    assert sweeping.close_due_reviews(due - timedelta(seconds=1)) == 0
    assert sweeping.close_due_reviews(due) == 1
    assert sweeping.close_due_reviews(due) == 0

    row = opt_out_of(acme)
    assert (row.status, row.source, row.actor_kind) == ("active", Source.REVIEW, "system")
    assert not OutboundMessage.objects.exists()


def test_putting_it_off_never_moves_the_date(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    item = open_hold(acme)
    due = item.due_at
    assert due is not None
    for days in (1, 2, 3):
        reviews.put_off(item, timezone.now() + timedelta(days=days))

    item.refresh_from_db()
    assert item.due_at == due
    assert item.put_off_at is not None
    assert item.is_hold
    assert sweeping.close_due_reviews(due) == 1


def test_an_answered_item_does_not_fall_due(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    answer(open_hold(acme), Status.NOT_OPT_OUT, builders.staff(acme))

    assert sweeping.close_due_reviews(timezone.now() + timedelta(days=60)) == 0
    assert not is_blocked(acme)


def test_one_item_that_cannot_be_closed_does_not_keep_the_others_open(
    acme: Business, globex: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_in(acme, UNCLEAR)
    text_in(globex, UNCLEAR)
    fall_due = reviews.fall_due
    broken = open_hold(acme).pk

    def sometimes(item: ReviewItem, now: datetime) -> object:
        if item.pk == broken:
            raise ZeroDivisionError("a bug of ours")
        return fall_due(item, now)

    monkeypatch.setattr(reviews, "fall_due", sometimes)
    sweeping.close_due_reviews(timezone.now() + timedelta(days=60))

    assert is_blocked(globex, PERSON)


def test_wanting_back_is_no_hold_and_has_no_due_date(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    text_in(acme, "START")

    (item,) = ReviewItem.objects.all()
    assert (item.kind, item.due_at, item.is_hold) == ("wants_back", None, False)
    assert sweeping.close_due_reviews(timezone.now() + timedelta(days=400)) == 0


def test_the_opt_in_that_releases_a_hold_is_confirmed(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    text_in(acme, "START")
    (confirmation,) = builders.replies(acme)
    assert (confirmation.purpose, confirmation.status) == ("opt_in_confirmation", "queued")


def test_somebody_whom_the_business_blocks_asks_once_however_often_they_text(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    for _ in range(3):
        text_in(acme, "START")
    assert ReviewItem.objects.filter(kind="wants_back").count() == 1


def use_number_scope(business: Business) -> None:
    business.tenant.opt_out_scope = "number"
    business.tenant.save()


def test_a_stop_to_one_number_leaves_what_is_unclear_on_another(acme: Business) -> None:
    use_number_scope(acme)
    text_in(acme, UNCLEAR, to=acme.second_long_code)
    text_in(acme, "STOP", to=acme.long_code)
    assert ReviewItem.objects.get().status == "open"


def test_a_start_to_one_number_leaves_what_is_unclear_on_another(acme: Business) -> None:
    use_number_scope(acme)
    text_in(acme, UNCLEAR, to=acme.second_long_code)
    text_in(acme, "START", to=acme.long_code)
    assert ReviewItem.objects.get().status == "open"


def test_a_block_of_the_business_answers_no_review(acme: Business) -> None:
    text_in(acme, UNCLEAR)
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    assert ReviewItem.objects.get().status == "open"


def test_an_unclear_text_to_an_unknown_number_becomes_an_opt_out_of_everything(acme: Business) -> None:
    use_number_scope(acme)
    text_in(acme, UNCLEAR, to="+19995550100")
    answer(open_hold(acme), Status.OPTED_OUT, builders.staff(acme))
    assert opt_out_of(acme).scope == "tenant"
