"""The question of a double opt-in among texts that come late, out of order, or to somebody who is opted out."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from accounts.models import OptOutScope
from compliance import audit, opt_outs, reviews, transfer
from compliance.models import Consent, ConsentQuestion, Keyword, OptOut, ReviewItem
from tests import builders
from tests.builders import PERSON, Business, deliver_all, is_blocked, opt_out_of, recipient, text_in
from tests.test_consents import agree, texts
from tests.test_double_opt_in import asking

__all__ = ["asking"]

START = datetime.fromisoformat("2026-03-02T10:00:00+00:00")


def at(minutes: float) -> time_machine.travel:
    return time_machine.travel(START + timedelta(minutes=minutes), tick=False)


def add_join(business: Business) -> None:
    Keyword.objects.create(
        tenant=business.tenant, word="JOIN", meaning="campaign", campaign="Spring", wording="Text JOIN for offers."
    )


def confirm_with_yes(business: Business) -> None:
    """A spoken consent at 0, its question at once, and the YES at 10."""
    with at(0):
        agree(business)
        deliver_all()
    with at(10):
        text_in(business, "YES")
    assert recipient(business).opted_in_for == ["*"]


@pytest.mark.parametrize("sent_at", [-5, 0, 5])
def test_a_late_stop_is_worth_more_than_the_yes(asking: Business, sent_at: int) -> None:
    """In order it would have kept the question from being asked, or answered it."""
    confirm_with_yes(asking)
    with at(11):
        text_in(asking, "STOP", sent_at=START + timedelta(minutes=sent_at))

        assert is_blocked(asking)
        assert list(audit.find_faults()) == []


@pytest.mark.parametrize(("sent_at", "blocks"), [(-5, False), (0, True), (5, True)])
def test_a_yes_to_an_advertised_keyword_is_worth_as_much_as_its_question(
    asking: Business, sent_at: int, blocks: bool
) -> None:
    add_join(asking)
    with at(0):
        text_in(asking, "JOIN")
        deliver_all()
    with at(10):
        text_in(asking, "YES")
    with at(11):
        text_in(asking, "STOP", sent_at=START + timedelta(minutes=sent_at))

        assert is_blocked(asking) == blocks


def test_an_imported_opt_out_from_between_question_and_yes_blocks(asking: Business, tmp_path: Path) -> None:
    add_join(asking)
    with at(0):
        text_in(asking, "JOIN")
        deliver_all()
    with at(10):
        text_in(asking, "YES")
    file = tmp_path / "list.csv"
    file.write_text(f"recipient,opted_out_at\n{PERSON},{(START + timedelta(minutes=5)).isoformat()}\n")
    with at(11):
        transfer.import_opt_outs(file, asking.tenant, opt_outs.SYSTEM, timezone.now())

        assert is_blocked(asking)


def test_a_yes_from_before_the_question_left_answers_something_else(asking: Business) -> None:
    with at(0):
        agree(asking)
    with at(10):
        deliver_all()
        text_in(asking, "YES", sent_at=START + timedelta(minutes=5))

    assert recipient(asking).opted_in_for == []


def test_a_yes_answers_the_question_that_went_out_not_a_newer_one_that_waits(asking: Business) -> None:
    with at(0):
        first = agree(asking).recorded.question
        deliver_all()
    with at(25 * 60):
        agree(asking)
        assert [text.status for text in texts(asking)] == ["delivered", "queued"]
        text_in(asking, "YES")

    assert first is not None
    assert ConsentQuestion.objects.get(answer__isnull=False).pk == first.pk


def test_what_is_recorded_of_somebody_opted_out_still_needs_a_yes(asking: Business) -> None:
    """Otherwise undoing the opt-out would leave a consent that nobody confirmed."""
    text_in(asking, "leave me alone")
    item = builders.open_hold(asking)
    with transaction.atomic():
        reviews.answer(item, ReviewItem.Status.OPTED_OUT, "", builders.staff(asking), timezone.now())
    agree(asking)
    with transaction.atomic():
        opt_outs.undo(opt_out_of(asking), "Misread.", "Somebody Else", builders.staff(asking), timezone.now())

    assert not is_blocked(asking)
    assert recipient(asking).opted_in_for == []


def test_an_advertised_keyword_is_asked_about_where_another_number_is_closed(asking: Business) -> None:
    add_join(asking)
    asking.tenant.opt_out_scope = OptOutScope.NUMBER
    asking.tenant.save(update_fields=["opt_out_scope"])
    text_in(asking, "STOP", to=asking.second_long_code)
    text_in(asking, "JOIN")

    assert Consent.objects.get().awaits_yes
    assert recipient(asking).opted_in_for == []
    assert is_blocked(asking, sender=asking.second_long_code)


def test_an_advertised_keyword_does_not_count_without_yes_where_the_business_blocks(asking: Business) -> None:
    add_join(asking)
    builders.opt_out_by_staff(asking, requested_by=OptOut.RequestedBy.BUSINESS)
    text_in(asking, "JOIN")

    assert is_blocked(asking)
    assert recipient(asking).opted_in_for == []
    assert texts(asking) == []
    assert [item.kind for item in ReviewItem.objects.all()] == ["wants_back"]


def test_an_advertised_keyword_opens_what_the_person_closed_without_a_second_yes(asking: Business) -> None:
    add_join(asking)
    text_in(asking, "STOP")
    text_in(asking, "JOIN")

    assert not is_blocked(asking)
    assert not ConsentQuestion.objects.exists()
