"""Promise 1. The 2xx to a STOP is sent after the commit; a send claimed after that commit never reaches a provider."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from compliance import gate
from compliance.classifier import Intent
from compliance.state import RecipientState
from messaging import delivery, receiving
from messaging.models import OutboundMessage
from tests import builders
from tests.builders import OTHER_PERSON, PERSON, Business, at_once, send, text_in
from tests.fake_gateway import Gateway

Status = OutboundMessage.Status
ON_POSTGRES = connection.vendor == "postgresql"
ROUNDS = 200 if ON_POSTGRES else 25
TEXTS_A_ROUND = 4
decide = gate.decide


def test_a_send_after_an_acknowledged_stop_is_refused(acme: Business) -> None:
    assert text_in(acme, "STOP").status_code == 200

    refused = send(acme)

    assert (refused.status, refused.reason) == (Status.BLOCKED, "opted_out")
    assert refused.decision["rule"].startswith("en.keyword.")
    assert refused.decision["opt_out_id"] == builders.opt_out_of(acme).pk
    assert refused.decision["words"] == "STOP"


def test_a_send_that_was_queued_before_the_stop_never_reaches_the_provider(acme: Business, gateway: Gateway) -> None:
    number = builders.use_gateway(acme, gateway.url)
    queued = send(acme, sender=number)

    text_in(acme, "STOP")
    builders.deliver_all()

    queued.refresh_from_db()
    assert (queued.status, queued.reason) == (Status.BLOCKED, "opted_out")
    assert gateway.taken == []


def test_a_stop_to_one_business_leaves_the_other_ones_texts_alone(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")

    assert send(acme).status == Status.BLOCKED
    assert send(globex).status == Status.QUEUED
    assert send(acme, OTHER_PERSON).status == Status.QUEUED


def test_a_stop_reaches_every_number_and_every_purpose_of_the_business(acme: Business) -> None:
    text_in(acme, "STOP")

    for number in acme.numbers:
        for purpose in ("marketing", "transactional", "conversational"):
            assert send(acme, sender=number, purpose=purpose).reason == "opted_out"
    assert send(acme, by_person=True, purpose="conversational").reason == "opted_out"


@pytest.mark.django_db(transaction=True)
def test_the_answer_to_a_stop_leaves_after_its_commit(acme: Business) -> None:
    """Another connection sees the opt-out as soon as the 2xx is there."""
    assert text_in(acme, "STOP").status_code == 200

    assert at_once(lambda: builders.is_blocked(acme)) == [True]


def _hold_up(function: Callable[..., Any], reached: threading.Event, go_on: threading.Event) -> Callable[..., Any]:
    """The function itself, which then waits: whoever called it stands in the middle of its transaction."""

    def slowly(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        reached.set()
        assert go_on.wait(10)
        return result

    return slowly


@pytest.mark.django_db(transaction=True)
def test_a_stop_is_not_acknowledged_while_a_claim_is_under_way(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim has its yes but has not committed: the STOP waits for it, so nothing is claimed after the 2xx."""
    message = send(acme)
    decided, go_on, acknowledged = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(gate, "decide", _hold_up(gate.decide, decided, go_on))

    def claim() -> bool:
        return delivery.claim_message(message.pk, timezone.now()) is not None

    def stop() -> bool:
        assert decided.wait(10)
        monkeypatch.setattr(gate, "decide", decide)
        text_in(acme, "STOP")
        acknowledged.set()
        return True

    def watch() -> bool:
        assert decided.wait(10)
        too_early = acknowledged.wait(0.5)
        go_on.set()
        return not too_early

    assert at_once(claim, stop, watch) == [True, True, True]
    assert acknowledged.is_set()
    assert delivery.claim_message(send(acme).pk, timezone.now()) is None


@pytest.mark.django_db(transaction=True)
def test_a_claim_waits_for_a_stop_that_has_not_committed_and_is_refused(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = send(acme)
    recorded, go_on = threading.Event(), threading.Event()
    opt_out = receiving.EFFECTS[Intent.OPT_OUT]
    monkeypatch.setitem(receiving.EFFECTS, Intent.OPT_OUT, _hold_up(opt_out, recorded, go_on))

    def stop() -> bool:
        return text_in(acme, "STOP").status_code == 200

    def claim() -> bool:
        assert recorded.wait(10)
        threading.Timer(0.5, go_on.set).start()
        return delivery.claim_message(message.pk, timezone.now()) is None

    assert at_once(stop, claim) == [True, True]
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.BLOCKED, "opted_out")


class Race:
    """One person, several queued texts, two workers that claim them in order, and one STOP in between."""

    def __init__(self, business: Business) -> None:
        self.business = business
        self.person = builders.new_person()
        self.messages = [send(business, self.person).pk for _ in range(TEXTS_A_ROUND)]
        self.acknowledged = threading.Event()
        self.too_late = 0

    def stop(self) -> int:
        assert text_in(self.business, "STOP", from_=self.person).status_code == 200
        self.acknowledged.set()
        return 0

    def work(self) -> int:
        """Claim like a worker. Counts the claims that began after the STOP was acknowledged."""
        claimed = 0
        for message_id in self.messages:
            late = self.acknowledged.is_set()
            claim = delivery.claim_message(message_id, timezone.now())
            claimed += claim is not None
            self.too_late += late and claim is not None
        return claimed


@pytest.mark.django_db(transaction=True)
def test_no_send_is_claimed_after_the_stop_was_acknowledged(acme: Business) -> None:
    """Hundreds of rounds on PostgreSQL. Among texts claimed in order, none is taken after one was refused."""
    claimed = refused = 0
    for _ in range(ROUNDS):
        race = Race(acme)
        at_once(race.work, race.stop, race.work)
        assert race.too_late == 0
        ends = [OutboundMessage.objects.get(pk=message_id) for message_id in race.messages]
        assert {end.status for end in ends} <= {Status.SENDING, Status.BLOCKED}
        statuses = [end.status for end in ends]
        assert statuses == sorted(statuses, reverse=True), "a text was claimed after an earlier one was refused"
        claimed += statuses.count(Status.SENDING)
        refused += statuses.count(Status.BLOCKED)
    assert claimed, "the STOP always won, so nothing raced"
    assert refused, "the worker always won, so nothing raced"


@pytest.mark.django_db(transaction=True)
def test_a_repeated_text_waiting_for_its_pause_passes_the_gate_again(acme: Business, gateway: Gateway) -> None:
    """The provider fails, then STOP, then the provider works: nothing goes out."""
    number = builders.use_gateway(acme, gateway.url)
    gateway.always(503)
    message = send(acme, sender=number)
    builders.deliver_all()
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    tried = len(gateway.taken)

    text_in(acme, "STOP", from_=PERSON)
    gateway.always(200)
    OutboundMessage.objects.filter(pk=message.pk).update(not_before=timezone.now())
    builders.deliver_all()

    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.BLOCKED, "opted_out")
    assert len(gateway.taken) == tried


def test_the_gate_reads_the_state_under_the_recipients_lock(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim decides from what it read after the lock, never from an earlier answer."""
    message = send(acme)
    seen: list[RecipientState] = []

    def look(question: gate.Question, state: RecipientState, now: datetime) -> gate.Decision:
        seen.append(state)
        assert connection.in_atomic_block
        return decide(question, state, now)

    text_in(acme, "STOP")
    monkeypatch.setattr(gate, "decide", look)
    delivery.deliver(message.pk)

    assert [len(state.active) for state in seen] == [1]
