"""DESIGN 4, scope and order: how far a STOP reaches, and which of two texts counts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from accounts.models import OptOutScope, SenderNumber
from compliance.models import Consent, OptOut, ReviewItem
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import (
    PERSON,
    Business,
    confirmations,
    deliver_all,
    history_of,
    is_blocked,
    opt_out_of,
    send,
    text_in,
)

EASTERN = ZoneInfo("America/New_York")
BEFORE_REVOKE_ALL = datetime(2026, 11, 24, 15, tzinfo=UTC)
BRITISH = "+447700900123"
Status = OutboundMessage.Status
Outcome = InboundMessage.Outcome


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def set_scope(business: Business, scope: OptOutScope) -> None:
    business.tenant.opt_out_scope = scope
    business.tenant.save()
    for number in business.numbers:
        number.tenant.opt_out_scope = scope


@pytest.fixture
def by_number(acme: Business) -> Business:
    """A business whose STOP closes the one number that was texted."""
    set_scope(acme, OptOutScope.NUMBER)
    return acme


# --- Order -----------------------------------------------------------------------------------------------------------


def test_a_start_dated_tomorrow_does_not_outrank_a_stop_now(acme: Business) -> None:
    text_in(acme, "START", sent_at=timezone.now() + timedelta(days=1))
    text_in(acme, "STOP")

    assert is_blocked(acme)


def test_a_stop_dated_tomorrow_does_not_outrank_a_start_now(acme: Business) -> None:
    text_in(acme, "STOP", sent_at=timezone.now() + timedelta(days=1))
    text_in(acme, "START")

    assert not is_blocked(acme)


def test_a_start_older_than_the_stop_is_recorded_and_lifts_nothing(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "STOP", sent_at=now - seconds(60))
    text_in(acme, "START", sent_at=now - seconds(120))

    assert is_blocked(acme)
    assert builders.last_inbound(acme).outcome == Outcome.NOT_LIFTED
    assert Consent.objects.filter(recipient__number=PERSON).count() == 1
    assert not builders.replies(acme, PERSON, "opt_in_confirmation")


def test_a_late_stop_older_than_a_start_blocks_nothing_and_is_on_record(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "START", sent_at=now - seconds(60))
    text_in(acme, "STOP", sent_at=now - seconds(120))

    assert not is_blocked(acme)
    assert builders.last_inbound(acme).outcome == Outcome.SUPERSEDED
    assert [row.action for row in history_of(acme)] == [OptOut.Action.SUPERSEDED]
    assert confirmations(acme) == []


def test_a_late_stop_newer_than_the_start_blocks(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "START", sent_at=now - seconds(120))
    text_in(acme, "STOP", sent_at=now - seconds(60))

    assert is_blocked(acme)


def test_a_stop_that_arrives_between_two_starts_in_time_but_last_of_all_blocks_nothing(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "START", sent_at=now - seconds(30))
    text_in(acme, "STOP", sent_at=now - seconds(60))
    text_in(acme, "START", sent_at=now - seconds(90))

    assert not is_blocked(acme)


@pytest.mark.parametrize("order", [("STOP", "START"), ("START", "STOP")])
def test_ties_block(acme: Business, order: tuple[str, str]) -> None:
    at = timezone.now() - seconds(60)
    for text in order:
        text_in(acme, text, sent_at=at)

    assert is_blocked(acme)


def test_a_repeated_stop_moves_the_line_that_a_start_must_pass(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "STOP", sent_at=now - seconds(90))
    text_in(acme, "STOP", sent_at=now - seconds(30))
    text_in(acme, "START", sent_at=now - seconds(60))

    assert is_blocked(acme)


def test_an_old_repeat_does_not_move_the_line_back(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "STOP", sent_at=now - seconds(30))
    text_in(acme, "STOP", sent_at=now - seconds(90))
    text_in(acme, "START", sent_at=now - seconds(60))

    assert is_blocked(acme)


def test_a_late_staff_entry_of_the_persons_words_yields_to_a_newer_start(acme: Business) -> None:
    text_in(acme, "START")
    builders.opt_out_by_staff(acme, at=timezone.now() - timedelta(days=2))

    assert not is_blocked(acme)
    assert [row.action for row in history_of(acme)] == [OptOut.Action.SUPERSEDED]


def test_a_business_block_never_yields_to_an_older_or_newer_start(acme: Business) -> None:
    text_in(acme, "START")
    builders.opt_out_by_staff(acme, at=timezone.now() - timedelta(days=2), requested_by=OptOut.RequestedBy.BUSINESS)

    assert is_blocked(acme)


@pytest.mark.parametrize("sent_at", ["yesterday", "", "2026-13-45", -1, 10**20, [], {}, True])
def test_a_date_that_cannot_be_read_counts_as_now(acme: Business, sent_at: object) -> None:
    response = text_in(acme, "STOP", sent_at=sent_at)  # type: ignore[arg-type]

    assert response.status_code == 200
    assert is_blocked(acme)


# --- The scope of a STOP ---------------------------------------------------------------------------------------------


def test_a_stop_closes_the_whole_business_unless_it_chose_otherwise(acme: Business) -> None:
    text_in(acme, "STOP")

    assert all(is_blocked(acme, sender=number) for number in acme.numbers)


def test_under_number_scope_a_stop_closes_the_number_that_was_texted(by_number: Business) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL):
        text_in(by_number, "STOP")

        assert [is_blocked(by_number, sender=number) for number in by_number.numbers] == [True] + [False] * 4
        assert send(by_number, sender=by_number.second_long_code).status == Status.QUEUED


def test_under_number_scope_the_confirmation_offers_to_close_all(by_number: Business) -> None:
    text_in(by_number, "STOP")

    assert "STOPALL" in confirmations(by_number)[0].body


@pytest.mark.parametrize("text", ["STOPALL", "stop all", "Stop all!"])
def test_stopall_always_means_the_whole_business(by_number: Business, text: str) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL):
        text_in(by_number, text)

        assert all(is_blocked(by_number, sender=number) for number in by_number.numbers)
        assert opt_out_of(by_number).scope == OptOutScope.TENANT


def test_stopall_after_a_stop_to_one_number_closes_the_rest(by_number: Business) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL, tick=True):
        text_in(by_number, "STOP")
        text_in(by_number, "STOPALL")

        assert all(is_blocked(by_number, sender=number) for number in by_number.numbers)


def test_an_unknown_company_number_closes_the_whole_business(by_number: Business) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL):
        response = text_in(by_number, "STOP", to="+12025550999")

        assert response.status_code == 200
        assert all(is_blocked(by_number, sender=number) for number in by_number.numbers)
    assert builders.last_inbound(by_number).sender_number is None
    assert confirmations(by_number) == []


def test_under_number_scope_each_number_confirms_its_own_stop(by_number: Business) -> None:
    text_in(by_number, "STOP")
    text_in(by_number, "STOP", to=by_number.second_long_code)
    text_in(by_number, "STOP", to=by_number.second_long_code)

    assert len(confirmations(by_number)) == 2


# --- North America (US-23, US-15) ------------------------------------------------------------------------------------


def test_marketing_to_north_america_stops_for_all_numbers_whatever_the_scope(by_number: Business) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL):
        text_in(by_number, "STOP")
        refused = send(by_number, sender=by_number.second_long_code, purpose="marketing")

    assert (refused.status, refused.reason) == (Status.BLOCKED, "opted_out")
    assert refused.decision["scope"] == "US-23"


def test_marketing_that_was_queued_from_another_number_is_refused_at_the_claim(by_number: Business) -> None:
    """The second gate judges by the same facts as the first one."""
    with time_machine.travel(BEFORE_REVOKE_ALL):
        queued = send(by_number, sender=by_number.second_long_code, purpose="marketing")
        text_in(by_number, "STOP")
        deliver_all()

    queued.refresh_from_db()
    assert (queued.status, queued.reason) == (Status.BLOCKED, "opted_out")
    assert queued.decision["scope"] == "US-23"


def test_marketing_to_other_countries_stops_for_the_one_number(by_number: Business) -> None:
    text_in(by_number, "STOP", from_=BRITISH)

    assert is_blocked(by_number, BRITISH, purpose="marketing")
    assert not is_blocked(by_number, BRITISH, sender=by_number.second_long_code, purpose="marketing")


def test_revoke_all_begins_at_midnight_eastern_time(by_number: Business) -> None:
    """US-15: 2027-01-30 23:59 against 2027-01-31 00:00, at the first gate and at the claim."""
    other = by_number.second_long_code
    with time_machine.travel(datetime(2027, 1, 30, 23, 59, tzinfo=EASTERN), tick=False):
        text_in(by_number, "STOP")
        assert not is_blocked(by_number, sender=other)
        queued = send(by_number, sender=other)
        assert queued.status == Status.QUEUED
    with time_machine.travel(datetime(2027, 1, 31, 0, 0, tzinfo=EASTERN), tick=False):
        assert is_blocked(by_number, sender=other)
        assert send(by_number, sender=other).decision["scope"] == "US-15"
        deliver_all()

    queued.refresh_from_db()
    assert (queued.status, queued.decision["scope"]) == (Status.BLOCKED, "US-15")


def test_revoke_all_is_for_north_america_alone(by_number: Business) -> None:
    with time_machine.travel(datetime(2027, 3, 1, tzinfo=UTC)):
        text_in(by_number, "STOP", from_=BRITISH)

        assert not is_blocked(by_number, BRITISH, sender=by_number.second_long_code)


# --- A change of policy ----------------------------------------------------------------------------------------------


def test_a_change_from_business_to_number_scope_frees_nobody(acme: Business) -> None:
    text_in(acme, "STOP")
    set_scope(acme, OptOutScope.NUMBER)

    assert all(is_blocked(acme, sender=number) for number in acme.numbers)


def test_a_change_from_number_to_business_scope_frees_nobody(by_number: Business) -> None:
    text_in(by_number, "STOP")
    set_scope(by_number, OptOutScope.TENANT)

    assert is_blocked(by_number)
    text_in(by_number, "STOP", to=by_number.second_long_code)
    assert all(is_blocked(by_number, sender=number) for number in by_number.numbers)


def test_under_number_scope_start_opens_what_that_numbers_stop_closed(acme: Business) -> None:
    """The STOP closed the whole business; after the change START to the same number takes it back."""
    text_in(acme, "STOP")
    set_scope(acme, OptOutScope.NUMBER)

    text_in(acme, "START", to=acme.second_long_code)
    assert all(is_blocked(acme, sender=number) for number in acme.numbers)

    text_in(acme, "START")
    assert not any(is_blocked(acme, sender=number) for number in acme.numbers)


def test_under_number_scope_start_opens_that_number_alone(by_number: Business) -> None:
    with time_machine.travel(BEFORE_REVOKE_ALL, tick=True):
        for number in (by_number.long_code, by_number.second_long_code):
            text_in(by_number, "STOP", to=number)
        text_in(by_number, "START")

        assert not is_blocked(by_number)
        assert is_blocked(by_number, sender=by_number.second_long_code)


def test_under_business_scope_start_opens_every_number(by_number: Business) -> None:
    for number in (by_number.long_code, by_number.second_long_code):
        text_in(by_number, "STOP", to=number)
    set_scope(by_number, OptOutScope.TENANT)

    text_in(by_number, "START")

    assert not any(is_blocked(by_number, sender=number) for number in by_number.numbers)


def test_under_number_scope_start_does_not_open_what_staff_closed_for_the_whole_business(by_number: Business) -> None:
    """It goes to a person instead."""
    builders.opt_out_by_staff(by_number)

    text_in(by_number, "START")

    assert is_blocked(by_number)
    assert ReviewItem.objects.filter(kind=ReviewItem.Kind.WANTS_BACK, status="open").count() == 1


def test_a_staff_entry_for_the_whole_business_outlives_stop_and_start_to_one_number(by_number: Business) -> None:
    """That number's STOP closed nothing, so its START opens nothing: a person is asked."""
    builders.opt_out_by_staff(by_number)
    text_in(by_number, "STOP")

    text_in(by_number, "START")

    assert is_blocked(by_number, sender=by_number.second_long_code)


def test_a_late_stop_to_one_number_yields_to_a_newer_start_there_and_not_elsewhere(by_number: Business) -> None:
    now = timezone.now()
    text_in(by_number, "START", sent_at=now - seconds(60))
    text_in(by_number, "STOP", sent_at=now - seconds(120))
    text_in(by_number, "STOP", sent_at=now - seconds(120), to=by_number.second_long_code)

    with time_machine.travel(BEFORE_REVOKE_ALL):
        assert not is_blocked(by_number)
        assert is_blocked(by_number, sender=by_number.second_long_code)


def test_without_a_company_number_blocked_for_any_is_blocked(by_number: Business) -> None:
    from compliance import gate

    text_in(by_number, "STOP")

    question = gate.Question(by_number.tenant, PERSON, "transactional")
    assert not gate.check(question, BEFORE_REVOKE_ALL).allowed


def test_single_and_bulk_checks_agree(by_number: Business, globex: Business) -> None:
    """The same people asked one by one and in a list, for every number, purpose, and before and after US-15."""
    from compliance import gate

    people = _people_in_every_state(by_number)
    text_in(globex, "STOP", from_=people["untouched"])
    senders: list[SenderNumber | None] = [None, *by_number.numbers]
    for now in (BEFORE_REVOKE_ALL, datetime(2027, 3, 1, tzinfo=UTC)):
        for sender in senders:
            for purpose in ("marketing", "transactional"):
                many = gate.check_many(by_number.tenant, people.values(), sender, purpose, now)
                for name, number in people.items():
                    one = gate.check(gate.Question(by_number.tenant, number, purpose, sender), now)
                    assert one.allowed == (number not in many), (name, sender, purpose, now)
                    if not one.allowed:
                        assert (one.reason, one.scope, one.opt_out_id) == (
                            many[number].reason,
                            many[number].scope,
                            many[number].opt_out_id,
                        )


def _people_in_every_state(business: Business) -> dict[str, str]:
    stories: dict[str, list[str]] = {
        "untouched": [],
        "stopped": ["STOP"],
        "stopped all": ["STOPALL"],
        "back": ["STOP", "START"],
        "held": ["leave me alone"],
        "stopped and held": ["leave me alone", "STOP"],
        "helped": ["HELP"],
    }
    people = {name: builders.new_person() for name in stories} | {"british": BRITISH}
    for name, texts in (stories | {"british": ["STOP"]}).items():
        for text in texts:
            text_in(business, text, from_=people[name])
    return people


def test_a_stop_of_the_same_second_as_an_opt_in_blocks(acme: Business) -> None:
    """Many providers tell whole seconds alone: ties block."""
    text_in(acme, "STOP")
    text_in(acme, "START")
    text_in(acme, "STOP", sent_at=timezone.now().replace(microsecond=0))
    assert is_blocked(acme)


def test_a_time_before_there_were_such_systems_is_no_time(acme: Business) -> None:
    text_in(acme, "STOP", sent_at="0001-01-01T00:00:00Z")
    assert timezone.now() - opt_out_of(acme).asked_at < timedelta(minutes=1)
