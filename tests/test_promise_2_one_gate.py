"""Promise 2. Every outgoing text passes the gate when it is accepted and each claim. Without a state, nothing goes."""

from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from compliance import gate, opt_outs
from compliance.purposes import Purpose
from messaging import delivery, sending
from messaging.models import OutboundMessage
from messaging.providers.simulator import Simulator
from tests import builders
from tests.builders import Business, deliver_all, send, text_in
from tests.fake_gateway import Gateway

Status = OutboundMessage.Status


@pytest.mark.parametrize("purpose", [*Purpose])
def test_every_purpose_passes_the_gate_twice(acme: Business, monkeypatch: pytest.MonkeyPatch, purpose: Purpose) -> None:
    """Whatever kind of text, our own replies included: the gate is asked at the door and at the claim."""
    asked: list[str] = []
    decide = gate.decide

    def listen(question: gate.Question, state: Any, now: datetime) -> gate.Decision:
        asked.append(str(question.purpose))
        return decide(question, state, now)

    monkeypatch.setattr(gate, "decide", listen)
    match purpose:
        case Purpose.OPT_OUT_CONFIRMATION:
            text_in(acme, "STOP")
        case Purpose.OPT_IN_CONFIRMATION:
            text_in(acme, "START")
        case Purpose.HELP_REPLY:
            text_in(acme, "HELP")
        case _:
            send(acme, purpose=purpose, emergency_reason="The building is on fire.")
    (message,) = deliver_all()

    assert message.status == Status.DELIVERED
    assert asked == [purpose, purpose]


def test_nothing_reaches_a_provider_but_through_a_claim(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever calls a provider has a claim in hand, which only the gate gives."""
    handed: list[str] = []
    taken = Simulator.send

    def look(self: Simulator, text: Any, settings: Any) -> Any:
        row = OutboundMessage.objects.get(pk=text.id)
        handed.append(row.status)
        assert row.claimed_at is not None
        assert row.decision["allowed"] is True
        return taken(self, text, settings)

    monkeypatch.setattr(Simulator, "send", look)
    send(acme)
    text_in(acme, "HELP")
    deliver_all()

    assert handed == [Status.SENDING, Status.SENDING]


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_has_the_text(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    taken = Simulator.send

    def look(self: Simulator, text: Any, settings: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return taken(self, text, settings)

    monkeypatch.setattr(Simulator, "send", look)
    send(acme)
    deliver_all()

    assert seen == [False]


def test_without_a_state_nothing_is_accepted(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(gate, "read_state", gone)

    with pytest.raises(OperationalError):
        send(acme)
    assert not OutboundMessage.objects.exists()


def test_without_a_state_nothing_is_handed_over(
    acme: Business, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = builders.use_gateway(acme, gateway.url)
    message = send(acme, sender=number)

    def gone(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(opt_outs.locking, "read_state", gone)
        with pytest.raises(OperationalError):
            delivery.deliver(message.pk)

    message.refresh_from_db()
    assert (message.status, gateway.taken) == (Status.QUEUED, [])
    deliver_all()
    assert gateway.bodies == [message.body]


def test_a_refusal_is_stored_with_its_rule_scope_opt_out_and_words(acme: Business) -> None:
    text_in(acme, "stop please")
    refused = send(acme, campaign="Autumn", user=acme.user("employee"))

    said = OutboundMessage.objects.get(pk=refused.pk).decision
    row = builders.opt_out_of(acme)
    assert said["allowed"] is False
    assert said["reason"] == "opted_out"
    assert said["scope"] == "scope.tenant"
    assert said["rule"] == row.rule
    assert said["opt_out_id"] == row.pk
    assert said["words"] == "stop please"
    assert "stop please" in said["sentence"]


def test_a_refusal_at_the_claim_is_stored_too(acme: Business) -> None:
    message = send(acme)
    text_in(acme, "STOP")
    deliver_all()

    message.refresh_from_db()
    assert message.decision["opt_out_id"] == builders.opt_out_of(acme).pk
    assert message.claimed_at is None


@pytest.mark.parametrize("switched_off", ["account", "tenant", "number"])
def test_what_is_switched_off_sends_nothing(acme: Business, switched_off: str) -> None:
    queued = send(acme)
    row: Any = {"account": acme.simulator, "tenant": acme.tenant, "number": acme.long_code}[switched_off]
    row.is_active = False
    row.save()
    number = type(acme.long_code).objects.select_related("account", "tenant").get(pk=acme.long_code.pk)

    assert send(acme, sender=number).reason == "sender_inactive"
    deliver_all()
    queued.refresh_from_db()
    assert (queued.status, queued.reason) == (Status.BLOCKED, "sender_inactive")


@pytest.mark.parametrize("switched_off", ["account", "tenant", "number"])
def test_what_is_switched_off_answers_nothing(acme: Business, switched_off: str) -> None:
    row: Any = {"account": acme.simulator, "tenant": acme.tenant, "number": acme.long_code}[switched_off]
    row.is_active = False
    row.save()

    for text in ("HELP", "STOP", "START"):
        text_in(acme, text)

    assert {reply.reason for reply in builders.replies(acme)} == {"sender_inactive"}


def test_a_number_without_a_connection_sends_nothing(acme: Business) -> None:
    acme.long_code.account = None
    acme.long_code.save()

    assert send(acme).reason == "sender_inactive"


def test_emergency_passes_an_opt_out_only_with_a_reason(acme: Business) -> None:
    text_in(acme, "STOP")

    assert send(acme, purpose="emergency").reason == "opted_out"
    passed = send(acme, purpose="emergency", emergency_reason="Gas leak in the building.")
    assert passed.status == Status.QUEUED
    assert passed.decision["rule"] == "US-19"
    deliver_all()
    passed.refresh_from_db()
    assert passed.status == Status.DELIVERED


def test_the_sending_door_has_no_way_around_the_gate() -> None:
    """No field of a submission says “skip”: what is there is what the gate judges."""
    assert set(sending.Submission.__slots__) == {
        "tenant",
        "sender",
        "recipient",
        "body",
        "purpose",
        "campaign",
        "user",
        "by_person",
        "emergency_reason",
        "requested_by",
        "idempotency_key",
        "request_digest",
    }


def test_one_business_is_never_judged_by_another_ones_list(acme: Business, globex: Business) -> None:
    text_in(globex, "STOP")
    builders.opt_out_by_staff(globex)

    assert gate.check(gate.Question(acme.tenant, builders.PERSON, "marketing", acme.long_code), timezone.now()).allowed
    assert gate.check_many(acme.tenant, [builders.PERSON], acme.long_code, "marketing", timezone.now()) == {}
