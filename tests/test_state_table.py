"""DESIGN 4, the state table, row by row, and any sequence of events against a tiny model of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from compliance import audit
from compliance.gate import CONFIRM_WITHIN
from compliance.models import Consent, Evidence, OptOut, ReviewItem
from messaging import delivery
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import (
    PERSON,
    Business,
    confirmations,
    deliver_all,
    history_of,
    is_blocked,
    last_inbound,
    opt_out_of,
    send,
    text_in,
)

Outcome = InboundMessage.Outcome
Status = OutboundMessage.Status

# --- Row by row ------------------------------------------------------------------------------------------------------


def test_opt_out_with_nothing_active_opts_out_and_confirms(acme: Business) -> None:
    text_in(acme, "STOP")

    row = opt_out_of(acme)
    assert (row.status, row.source, row.requested_by, row.episode) == ("active", "keyword", "recipient", 1)
    assert row.texted == acme.long_code.number
    assert last_inbound(acme).outcome == Outcome.OPTED_OUT
    assert last_inbound(acme).opt_out == row
    assert len(confirmations(acme)) == 1


def test_opt_out_while_blocked_records_the_repeat_silently(acme: Business) -> None:
    text_in(acme, "STOP")
    first = opt_out_of(acme)
    text_in(acme, "QUIT", to=acme.second_long_code)

    row = opt_out_of(acme)
    assert last_inbound(acme).outcome == Outcome.REPEATED
    assert (row.episode, row.opted_out_at, row.rule) == (1, first.opted_out_at, first.rule)
    assert row.asked_at > first.asked_at
    assert [change.action for change in history_of(acme)] == ["opted_out", "repeated"]
    assert Evidence.objects.count() == 2
    assert len(confirmations(acme)) == 1


def test_opt_in_with_nothing_active_records_consent_and_confirms(acme: Business) -> None:
    text_in(acme, "START")

    (consent,) = Consent.objects.all()
    assert (consent.way, consent.scope, consent.evidence.words) == ("keyword", "tenant", "START")
    assert last_inbound(acme).outcome == Outcome.OPTED_IN
    assert OptOut.history.count() == 0
    assert len(builders.replies(acme, PERSON, "opt_in_confirmation")) == 1


def test_opt_in_while_blocked_lifts_records_and_confirms(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")

    row = opt_out_of(acme)
    assert (row.status, row.action, row.lifted_at) == ("lifted", "lifted", last_inbound(acme).asked_at)
    assert Consent.objects.count() == 1
    assert send(acme).status == Status.QUEUED
    assert len(builders.replies(acme, PERSON, "opt_in_confirmation")) == 1


def test_opt_in_releases_older_holds(acme: Business) -> None:
    text_in(acme, "leave me alone")
    assert send(acme).reason == "held_for_review"
    text_in(acme, "START")

    assert send(acme).status == Status.QUEUED
    (item,) = ReviewItem.objects.all()
    assert (item.status, item.answered_by) == ("not_opt_out", "Recipient")


def test_an_opt_in_older_than_the_hold_does_not_release_it(acme: Business) -> None:
    now = timezone.now()
    text_in(acme, "leave me alone", sent_at=now - timedelta(seconds=30))
    text_in(acme, "START", sent_at=now - timedelta(seconds=60))

    assert send(acme).reason == "held_for_review"


@pytest.mark.parametrize("before", ["", "STOP", "leave me alone"])
def test_help_leaves_every_state_unchanged(acme: Business, before: str) -> None:
    if before:
        text_in(acme, before)
    rows = list(OptOut.objects.values()), list(ReviewItem.objects.values()), OptOut.history.count()
    text_in(acme, "HELP")

    assert (list(OptOut.objects.values()), list(ReviewItem.objects.values()), OptOut.history.count()) == rows
    assert last_inbound(acme).outcome == Outcome.HELP


def test_unclear_with_nothing_active_holds_and_asks_a_person(acme: Business) -> None:
    text_in(acme, "leave me alone")

    item = builders.open_hold(acme)
    assert item.due_at is not None
    assert item.evidence.words == "leave me alone"
    assert last_inbound(acme).outcome == Outcome.HELD
    assert builders.replies(acme) == []
    assert OptOut.objects.count() == 0


def test_unclear_while_blocked_is_recorded(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "leave me alone")

    assert last_inbound(acme).outcome == Outcome.RECORDED
    assert not ReviewItem.objects.exists()


@pytest.mark.parametrize("before", ["", "STOP"])
def test_other_is_stored_and_never_reopens(acme: Business, before: str) -> None:
    if before:
        text_in(acme, before)
    text_in(acme, "See you at nine.")

    assert last_inbound(acme).outcome == Outcome.NONE
    assert is_blocked(acme) == bool(before)
    assert OutboundMessage.objects.exclude(purpose="opt_out_confirmation").count() == 0


def test_an_opt_out_closes_open_holds(acme: Business) -> None:
    text_in(acme, "leave me alone")
    text_in(acme, "STOP")

    (item,) = ReviewItem.objects.all()
    assert item.status == "opted_out"


def test_a_new_episode_starts_afresh_and_history_keeps_the_old_one(acme: Business) -> None:
    for text in ("STOP", "START", "ARRET"):
        text_in(acme, text)

    row = opt_out_of(acme)
    assert (row.status, row.episode, row.language, row.lifted_at) == ("active", 2, "fr", None)
    assert [change.episode for change in history_of(acme)] == [1, 1, 2]


# --- Statements (DESIGN 6) -------------------------------------------------------------------------------------------

BEFORE: dict[str, list[str]] = {
    "a new recipient": [],
    "a known one": ["Hello"],
    "one that is blocked": ["STOP"],
    "one that opted back in": ["STOP", "START"],
    "one that is held": ["leave me alone"],
    "one that is held and blocked": ["leave me alone", "STOP"],
}
NOT_COUNTED = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")


@contextmanager
def counted() -> Iterator[list[str]]:
    statements: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        yield statements
    statements += [query["sql"] for query in queries if not query["sql"].upper().startswith(NOT_COUNTED)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
@pytest.mark.parametrize("provider", ["simulator", "standard"])
def test_an_inbound_stop_is_at_most_12_statements(acme: Business, before: list[str], provider: str) -> None:
    number = acme.gateway_number if provider == "standard" else acme.long_code
    user = acme.user("employee")
    send(acme, campaign="Autumn", user=user, sender=number)
    for text in before:
        text_in(acme, text, to=number)
    text_in(acme, "Hello", to=number, from_=builders.OTHER_PERSON)  # what is prepared once is prepared

    with counted() as statements:
        assert text_in(acme, "STOP", to=number).status_code == 200

    assert len(statements) <= 12, "\n".join(statements)


# --- Any sequence of events ------------------------------------------------------------------------------------------

TEXTS = {"opt_out": "STOP", "opt_in": "START", "help": "HELP", "unclear": "leave me alone", "other": "See you at nine."}
EVENTS = [*TEXTS, "staff", "business", "lift", "opt_out", "opt_in", "opt_out", "opt_in"]  # what matters most, oftener


@dataclass(frozen=True)
class Event:
    """Something that happens: `age` is how many seconds before its arrival it was written."""

    kind: str
    age: int


@dataclass
class Model:
    """DESIGN 4 in a few lines: one recipient, business scope.

    Blocked by the person iff their newest request to stop is at least as new as their newest yes that counts.
    """

    stops: list[datetime] = field(default_factory=list)
    yeses: list[datetime] = field(default_factory=list)
    asked_at: datetime | None = None  # the newest request of the running episode
    business: datetime | None = None
    confirmed: bool = False
    episodes: int = 0
    confirmations: int = 0

    def stop(self, at: datetime, now: datetime, by_text: bool) -> None:
        if self.asked_at is None and any(yes > at for yes in self.yeses):
            return
        if self.asked_at is None:
            self.episodes += 1
            self.confirmed = False
        self.asked_at = max(self.asked_at or at, at)
        if by_text and not self.confirmed:
            self.confirmed = now - at <= CONFIRM_WITHIN  # one that would come too late is refused, and leaves room
            self.confirmations += 1

    def start(self, at: datetime) -> None:
        self.yeses.append(at)
        if self.asked_at is not None and at > self.asked_at:
            self.asked_at = None

    @property
    def blocked(self) -> bool:
        return self.asked_at is not None or self.business is not None


events = st.lists(
    st.builds(Event, st.sampled_from(EVENTS), st.sampled_from([0, 1, 2, 3, 5, 3600])),
    min_size=1,
    max_size=10,
)


class Play:
    """Plays events against the system and the model, second by second, and compares after each."""

    def __init__(self, business: Business) -> None:
        self.business = business
        self.person = builders.new_person()
        self.model = Model()

    def run(self, story: list[Event]) -> None:
        clock = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
        for event in story:
            clock += timedelta(seconds=1)
            with time_machine.travel(clock, tick=False):
                self.play(event, clock)
                self.compare()
        self.compare_record()

    def play(self, event: Event, now: datetime) -> None:
        at = now - timedelta(seconds=event.age)
        waiting = send(self.business, self.person)
        if event.kind in TEXTS:
            assert text_in(self.business, TEXTS[event.kind], from_=self.person, sent_at=at).status_code == 200
        match event.kind:
            case "opt_out":
                self.model.stop(at, now, by_text=True)
            case "opt_in":
                self.model.start(at)
            case "staff":
                builders.opt_out_by_staff(self.business, self.person, at=at)
                self.model.stop(at, now, by_text=False)
            case "business":
                requested_by = OptOut.RequestedBy.BUSINESS
                builders.opt_out_by_staff(self.business, self.person, at=at, requested_by=requested_by)
                self.model.business = max(self.model.business or at, at)
            case "lift":
                self.lift(now)
        claim = delivery.claim_message(waiting.pk, now)
        assert claim is None or not self.model.blocked, "a text was claimed while blocked"
        deliver_all()

    def lift(self, now: datetime) -> None:
        """Staff lift every opt-out that is older than what they were told."""
        for row in OptOut.objects.filter(recipient__number=self.person, status="active"):
            if row.asked_at >= now:
                continue
            builders.lift_by_staff(self.business, row, at=now)
            if row.requested_by == "business":
                self.model.business = None
            else:
                self.model.start(now)

    def compare(self) -> None:
        blocked = OptOut.objects.filter(recipient__number=self.person, status="active").exists()
        assert blocked == self.model.blocked
        wanted = send(self.business, self.person, body="compare")
        assert (wanted.reason == "opted_out") == self.model.blocked
        OutboundMessage.objects.filter(pk=wanted.pk).delete()

    def compare_record(self) -> None:
        asked_for = confirmations(self.business, self.person)
        assert len(asked_for) == self.model.confirmations
        sent = [(row.opt_out_id, row.episode) for row in asked_for if row.status != "blocked"]
        assert len(set(sent)) == len(sent), "two for one episode"
        for row in OptOut.objects.filter(recipient__number=self.person):
            chain = [change for change in history_of(self.business, self.person) if change.id == row.pk]
            assert [change.status for change in chain][-1] == row.status
            assert chain[0].history_type == "+"
        assert list(audit.find_faults()) == []


@pytest.mark.django_db
@override_settings(SIMULATOR_LATENCY_MS=0)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=events)
@example(story=[Event("opt_out", 3600), Event("opt_out", 0), Event("opt_out", 0)])
@example(story=[Event("opt_out", 0), Event("opt_in", 5)])
@example(story=[Event("opt_in", 0), Event("opt_out", 5)])
@example(story=[Event("opt_out", 0), Event("opt_in", 1)])
@example(story=[Event("opt_in", 0), Event("opt_out", 1)])
@example(story=[Event("staff", 0), Event("opt_out", 0), Event("opt_out", 0), Event("opt_in", 0)])
@example(story=[Event("business", 0), Event("opt_out", 0), Event("opt_in", 0), Event("lift", 0)])
def test_any_sequence_of_events_ends_where_the_model_says(acme: Business, story: list[Event]) -> None:
    with transaction.atomic():
        Play(acme).run(story)
        transaction.set_rollback(True)
