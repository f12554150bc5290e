"""A provider's own list beside ours: what is taken over, what is written, what only a person may undo."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from accounts.models import ProviderAccount
from compliance import opt_outs
from compliance.models import OptOut, Source
from messaging import learning, reconciling
from messaging.models import Difference, ListedNumber, OutboundMessage, Reconciliation
from messaging.providers import PROVIDERS
from messaging.providers.capabilities import CallFailed, ListItem, ListPage
from messaging.providers.events import ConsentChange
from tests.builders import (
    PERSON,
    Business,
    is_blocked,
    lift_by_staff,
    new_person,
    opt_out_by_staff,
    opt_out_of,
    staff,
    text_in,
)
from tests.listing_provider import Listing

LONG_AGO = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
Kind, State, Stage = Difference.Kind, Difference.State, Reconciliation.Stage


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Listing]]:
    monkeypatch.setitem(PROVIDERS, "standard", ("tests.listing_provider", "Listing"))
    Listing.forget()
    yield Listing
    Listing.forget()


@pytest.fixture
def account(acme: Business) -> ProviderAccount:
    return acme.standard


def entry(number: str, *, at: datetime | None = LONG_AGO, by: str = "", sender: str = "") -> ConsentChange:
    return ConsentChange(f"list:{number}:{at}", number, opted_out=True, sender=sender, by=by, changed_at=at)


def compare(account: ProviderAccount) -> Reconciliation:
    run = reconciling.start_comparison(account, "Ada", timezone.now())
    worked = reconciling.go_on(run.pk)
    assert worked is not None
    worked.refresh_from_db()
    return worked


def differences(kind: Difference.Kind) -> dict[str, str]:
    return dict(Difference.objects.filter(kind=kind).values_list("number", "state"))


def test_what_only_the_provider_knows_is_taken_over_and_nobody_is_texted(
    acme: Business, globex: Business, account: ProviderAccount
) -> None:
    people = [new_person() for _ in range(5)]
    Listing.entries.extend(entry(person, by="carrier" if n == 0 else "recipient") for n, person in enumerate(people))
    run = compare(account)

    assert (run.stage, run.entries_read, run.taken_over) == (Stage.DONE, 5, 5)
    assert Listing.pages_read == ["", "2", "4"]
    assert all(is_blocked(acme, person) for person in people)
    assert not any(is_blocked(globex, person) for person in people)
    assert opt_out_of(acme, people[0]).source == Source.CARRIER
    row = opt_out_of(acme, people[1])
    assert (row.source, row.opted_out_at, row.requested_by) == (Source.PROVIDER, LONG_AGO, "recipient")
    assert row.evidence.details["provider"] == "standard"
    assert not OutboundMessage.objects.exists()
    assert differences(Kind.UNKNOWN_TO_US) == dict.fromkeys(people, State.TAKEN_OVER)


def test_comparing_again_changes_nothing_twice(account: ProviderAccount, acme: Business) -> None:
    Listing.entries.append(entry(PERSON))
    compare(account)
    history = OptOut.history.count()
    assert compare(account).taken_over == 0
    assert OptOut.history.count() == history


def test_what_the_provider_lost_is_shown_and_written_only_by_choice(account: ProviderAccount, acme: Business) -> None:
    opt_out_by_staff(acme)
    assert compare(account).missing_there == 1
    assert differences(Kind.MISSING_THERE) == {PERSON: State.OPEN}
    assert Listing.added == []

    account.writes_opt_outs = True
    account.save()
    run = compare(account)
    assert (run.missing_there, run.written) == (1, 1)
    assert [item.recipient for item in Listing.added] == [PERSON]
    assert differences(Kind.MISSING_THERE) == {PERSON: State.WRITTEN}


def test_an_entry_that_the_provider_refuses_is_told(account: ProviderAccount, acme: Business) -> None:
    account.writes_opt_outs = True
    account.save()
    people = sorted(new_person() for _ in range(3))
    for person in people:
        opt_out_by_staff(acme, person)
    Listing.refuses.add(people[1])
    assert compare(account).written == 2
    refused = Difference.objects.get(state=State.REFUSED)
    assert (refused.number, refused.error) == (people[1], "Not possible.")


def test_who_came_back_here_stays_free_and_is_taken_off_there_by_a_person_alone(
    account: ProviderAccount, acme: Business
) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")
    Listing.entries.append(entry(PERSON))
    run = compare(account)
    assert not is_blocked(acme)
    assert run.only_there == 1
    assert Listing.removed == []

    difference = Difference.objects.get(kind=Kind.BACK_HERE)
    assert "opted back in here" in difference.cause
    reconciling.settle(difference, "Ada", timezone.now())
    assert [item.recipient for item in Listing.removed] == [PERSON]
    difference.refresh_from_db()
    assert (difference.state, difference.changed_by) == (State.RELEASED, "Ada")


def test_an_entry_without_a_date_is_taken_off_by_a_person_alone(account: ProviderAccount, acme: Business) -> None:
    """It may be of a STOP that never reached us, and is newer than the START that did."""
    account.writes_opt_outs = True
    account.save()
    text_in(acme, "STOP")
    text_in(acme, "START")
    Listing.entries.append(entry(PERSON, at=None))
    assert compare(account).stage == Stage.DONE
    assert Listing.removed == []
    reconciling.settle(Difference.objects.get(kind=Kind.BACK_HERE, state=State.OPEN), "Ada", timezone.now())
    assert [item.recipient for item in Listing.removed] == [PERSON]


def test_an_entry_that_is_newer_than_the_return_counts(account: ProviderAccount, acme: Business) -> None:
    row = opt_out_by_staff(acme).opt_out
    lift_by_staff(acme, row)
    Listing.entries.append(entry(PERSON, at=timezone.now()))
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False):
        compare(account)
    assert is_blocked(acme)


def test_nobody_is_taken_off_a_list_who_has_opted_out_again(account: ProviderAccount, acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")
    Listing.entries.append(entry(PERSON))
    compare(account)
    text_in(acme, "STOP")
    with pytest.raises(reconciling.CantBeSettled, match="come together"):
        reconciling.settle(Difference.objects.get(kind=Kind.BACK_HERE), "Ada", timezone.now())
    assert Listing.removed == []


def test_nothing_is_written_for_somebody_who_came_back_meanwhile(account: ProviderAccount, acme: Business) -> None:
    row = opt_out_by_staff(acme).opt_out
    compare(account)
    lift_by_staff(acme, row)
    with pytest.raises(reconciling.CantBeSettled, match="come together"):
        reconciling.settle(Difference.objects.get(kind=Kind.MISSING_THERE), "Ada", timezone.now())
    assert Listing.added == []


def test_it_goes_on_after_a_stop_from_the_page_it_had_reached(account: ProviderAccount, acme: Business) -> None:
    people = [new_person() for _ in range(5)]
    Listing.entries.extend(map(entry, people))
    run = reconciling.start_comparison(account, "Ada", timezone.now())
    reconciling.go_on(run.pk, at_most_seconds=0.0)
    Listing.fails.append(CallFailed("Busy.", retry_after_seconds=30))
    assert (paused := reconciling.go_on(run.pk)) is not None
    assert (paused.stage, paused.error, paused.failures) == (Stage.READING, "Busy.", 0)
    assert reconciling.go_on(run.pk) is None, "it must leave the provider alone"
    assert run.pk not in reconciling.find_due(timezone.now())

    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        assert reconciling.find_due(timezone.now()) == [run.pk]
        reconciling.go_on(run.pk)
    assert Listing.pages_read == ["", "2", "4"]
    assert all(is_blocked(acme, person) for person in people)


def test_a_provider_that_fails_for_ever_is_given_up_and_says_so(account: ProviderAccount) -> None:
    run = reconciling.start_comparison(account, "Ada", timezone.now())
    moment = timezone.now()
    for _ in range(10):
        Listing.fails.append(CallFailed("The provider answered 500."))
        with time_machine.travel(moment, tick=False):
            reconciling.go_on(run.pk)
        moment += timedelta(hours=7)
    run.refresh_from_db()
    assert (run.stage, run.error) == (Stage.FAILED, "The provider answered 500.")
    assert run.finished_at is not None


def test_one_worker_at_a_time_and_a_dead_one_is_replaced(account: ProviderAccount) -> None:
    run = reconciling.start_comparison(account, "Ada", timezone.now())
    Reconciliation.objects.filter(pk=run.pk).update(taken_until=timezone.now() + timedelta(minutes=5))
    assert reconciling.go_on(run.pk) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        assert reconciling.go_on(run.pk) is not None


def test_starting_twice_is_one_comparison(account: ProviderAccount) -> None:
    first = reconciling.start_comparison(account, "Ada", timezone.now())
    assert reconciling.start_comparison(account, "Grace", timezone.now()).pk == first.pk


def test_every_list_that_can_be_read_is_compared_daily(acme: Business, globex: Business) -> None:
    assert reconciling.start_daily(timezone.now()) == 2
    assert reconciling.start_daily(timezone.now()) == 0
    for run in Reconciliation.objects.all():
        reconciling.go_on(run.pk)
    assert reconciling.start_daily(timezone.now() + timedelta(hours=23)) == 0
    acme.standard.is_active = False
    acme.standard.save()
    assert reconciling.start_daily(timezone.now() + timedelta(hours=25)) == 1


def test_a_list_of_single_numbers_gets_an_entry_for_each(account: ProviderAccount, acme: Business) -> None:
    Listing.per_sender = True
    account.writes_opt_outs = True
    account.save()
    opt_out_by_staff(acme)
    opt_out_by_staff(acme, other := new_person(), sender=acme.long_code)  # of another connection
    compare(account)
    assert [(item.recipient, item.sender) for item in Listing.added] == [(PERSON, acme.gateway_number.number)]
    assert not any(item.recipient == other for item in Listing.added)


def test_an_opt_out_of_one_number_is_no_entry_for_a_whole_account(account: ProviderAccount, acme: Business) -> None:
    acme.long_code.account = account
    acme.long_code.save()
    opt_out_by_staff(acme, sender=acme.long_code)
    assert compare(account).missing_there == 0


def test_entries_that_were_written_are_remembered_where_a_list_cant_be_read(account: ProviderAccount) -> None:
    row = ListedNumber(tenant=account.tenant, account=account, number=PERSON)
    assert str(row) == "+1 212-555-0177"
    assert ListItem(PERSON).sender == ""


def test_a_connection_without_a_list_says_so(acme: Business) -> None:
    with pytest.raises(reconciling.NotComparable, match="keeps no opt-out list"):
        reconciling.start_comparison(acme.simulator, "Ada", timezone.now())


def test_a_new_comparison_replaces_what_the_last_one_left_standing(account: ProviderAccount, acme: Business) -> None:
    opt_out_by_staff(acme)
    compare(account)
    compare(account)
    assert Difference.objects.filter(kind=Kind.MISSING_THERE).count() == 1


# --- Entries that are our own writing --------------------------------------------------------------------------------


def write_ours(account: ProviderAccount) -> None:
    """Compare, write what is missing there, and let the provider show it from now on, dated by the writing."""
    account.writes_opt_outs = True
    account.save()
    compare(account)
    for item in Listing.added:
        Listing.entries.append(entry(item.recipient, at=timezone.now(), by="business", sender=item.sender))
    Listing.added.clear()


def test_who_was_opted_back_in_on_words_from_before_the_writing_stays_free(
    account: ProviderAccount, acme: Business
) -> None:
    opt_out_by_staff(acme, at=timezone.now() - timedelta(hours=2))
    write_ours(account)
    lift_by_staff(acme, opt_out_of(acme), at=timezone.now() - timedelta(hours=1))
    run = compare(account)
    assert not is_blocked(acme)
    assert run.only_there == 1
    assert [item.recipient for item in Listing.removed] == [PERSON]


def test_an_opt_out_that_was_undone_does_not_come_back_from_the_list_it_was_written_to(
    account: ProviderAccount, acme: Business
) -> None:
    text_in(acme, "Stop texting me")
    row = opt_out_of(acme)
    write_ours(account)
    with transaction.atomic():
        opt_outs.undo(row, "Misread.", "Grace", staff(acme), timezone.now())
    assert compare(account).taken_over == 0
    assert not is_blocked(acme)


def test_a_block_of_the_business_does_not_come_back_as_the_persons_own(
    account: ProviderAccount, acme: Business
) -> None:
    opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    write_ours(account)
    assert compare(account).taken_over == 0
    assert opt_out_of(acme).requested_by == "business"


def test_who_texts_stop_there_after_our_writing_is_opted_out(account: ProviderAccount, acme: Business) -> None:
    opt_out_by_staff(acme)
    write_ours(account)
    lift_by_staff(acme, opt_out_of(acme))
    Listing.entries[:] = [entry(PERSON, at=timezone.now(), by="recipient")]
    compare(account)
    assert is_blocked(acme)


def test_what_somebody_enters_there_after_we_took_ours_off_is_taken_over(
    account: ProviderAccount, acme: Business
) -> None:
    opt_out_by_staff(acme)
    write_ours(account)
    lift_by_staff(acme, opt_out_of(acme))
    compare(account)
    Listing.entries[:] = [entry(PERSON, at=timezone.now(), by="business")]
    compare(account)
    assert is_blocked(acme)


# --- At the same time ------------------------------------------------------------------------------------------------


def test_a_start_to_one_number_opens_no_entry_of_another(account: ProviderAccount, acme: Business) -> None:
    acme.tenant.opt_out_scope = "number"
    acme.tenant.save()
    text_in(acme, "START")
    account.writes_opt_outs = True
    account.save()
    Listing.entries.append(entry(PERSON, sender=acme.gateway_number.number))
    assert compare(account).taken_over == 1
    assert is_blocked(acme, sender=acme.gateway_number)
    assert not is_blocked(acme, sender=acme.long_code)
    assert Listing.removed == []


@pytest.mark.parametrize("at", [None, LONG_AGO], ids=["undated", "dated"])
def test_a_start_while_the_page_is_under_way_stands(
    account: ProviderAccount, acme: Business, at: datetime | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Listing.read_list

    def read_slowly(*asked: Any) -> ListPage:
        page = read(*asked)
        text_in(acme, "STOP")
        text_in(acme, "START")
        return page

    monkeypatch.setattr(Listing, "read_list", read_slowly)
    Listing.entries.append(entry(PERSON, at=at))
    assert compare(account).taken_over == 0
    assert not is_blocked(acme)


def test_what_was_taken_over_before_a_crash_is_in_the_report(
    account: ProviderAccount, acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies in the middle of a page leaves no opt-out without its difference."""
    people = [new_person(), new_person()]
    Listing.entries.extend(entry(person) for person in people)
    run = reconciling.start_comparison(account, "Ada", timezone.now())
    take_over = learning.take_over

    def die_at_the_second(*asked: Any) -> OptOut | None:
        if asked[2].recipient == people[1]:
            raise KeyboardInterrupt
        return take_over(*asked)

    monkeypatch.setattr(learning, "take_over", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        reconciling.go_on(run.pk)
    monkeypatch.setattr(learning, "take_over", take_over)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        worked = reconciling.go_on(run.pk)
    assert worked is not None
    worked.refresh_from_db()
    assert (worked.stage, worked.taken_over) == (Stage.DONE, 2)
    assert differences(Kind.UNKNOWN_TO_US) == dict.fromkeys(people, State.TAKEN_OVER)


def test_a_list_that_goes_on_where_it_was_does_not_go_on_for_ever(
    account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listing, "read_list", lambda *_: ListPage([], "again"))
    run = compare(account)
    assert run.failures == 1
    assert "just read" in run.error
