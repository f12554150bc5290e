"""The worker half: claims, what a provider's answer means, pauses, and a provider's later words."""

import socket
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from messaging import delivery, sweeping
from messaging.models import OutboundMessage
from messaging.providers.base import DeliveryState, NotTaken, StatusUpdate
from messaging.providers.simulator import Simulator
from tests import builders
from tests.builders import Business, deliver_all, post_webhook, send, text_in
from tests.fake_gateway import Answer, Gateway, Misbehaviour

Status = OutboundMessage.Status


def sent_through(business: Business, gateway: Gateway) -> OutboundMessage:
    """One text, delivered through a gateway, as it ended."""
    message = send(business, sender=builders.use_gateway(business, gateway.url))
    delivery.deliver(message.pk)
    message.refresh_from_db()
    return message


def test_a_text_that_is_taken_is_sent_and_keeps_the_providers_id(acme: Business, gateway: Gateway) -> None:
    message = sent_through(acme, gateway)

    assert (message.status, message.provider_message_id) == (Status.SENT, f"gw-{message.pk}")
    assert message.claimed_at is not None
    assert message.sent_at is not None
    assert message.attempts == 1


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_refusal_by_the_provider_fails_for_good(acme: Business, gateway: Gateway, status: int) -> None:
    gateway.always(status)
    message = sent_through(acme, gateway)

    assert (message.status, message.reason) == (Status.FAILED, "refused_by_provider")
    assert str(status) in message.error
    deliver_all()
    assert len(gateway.taken) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_broken_provider_leaves_the_outcome_unknown_and_is_not_asked_again(
    acme: Business, gateway: Gateway, status: int
) -> None:
    gateway.always(status)
    message = sent_through(acme, gateway)

    assert (message.status, message.reason) == (Status.UNKNOWN, "outcome_unknown")
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        deliver_all()
    assert len(gateway.taken) == 1


@pytest.mark.parametrize("how", [Misbehaviour.HANG, Misbehaviour.CLOSE])
def test_a_connection_that_breaks_or_hangs_leaves_the_outcome_unknown(
    acme: Business, gateway: Gateway, how: Misbehaviour, short_timeouts: None
) -> None:
    gateway.always(how)
    message = sent_through(acme, gateway)

    assert message.status == Status.UNKNOWN
    gateway.always(200)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        deliver_all()
    assert len(gateway.taken) == 1


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"id": null}', b"\xff"])
def test_an_odd_answer_to_a_taken_text_is_still_taken(acme: Business, gateway: Gateway, body: bytes) -> None:
    gateway.always(Answer(200, {}, body))
    message = sent_through(acme, gateway)

    assert (message.status, message.provider_message_id) == (Status.SENT, "")


@pytest.mark.parametrize("answer", [Answer(429, {"retry-after": "90"}), Answer(503, {"retry-after": "90"})])
def test_too_many_requests_is_tried_again_after_the_pause_that_was_asked_for(
    acme: Business, gateway: Gateway, answer: Answer
) -> None:
    gateway.then(answer)
    start = timezone.now()
    message = sent_through(acme, gateway)

    assert (message.status, message.claimed_at) == (Status.QUEUED, None)
    assert timedelta(seconds=89) < message.not_before - start < timedelta(seconds=95)
    with time_machine.travel(start + timedelta(seconds=80)):
        assert deliver_all() == []
    with time_machine.travel(start + timedelta(seconds=100)):
        assert [end.status for end in deliver_all()] == [Status.SENT]


def test_a_refused_connection_is_tried_again_with_growing_pauses_and_given_up_after_hours(acme: Business) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        number = builders.use_gateway(acme, f"http://127.0.0.1:{unused.getsockname()[1]}/")
        message = send(acme, sender=number)
        pauses = []
        for _ in range(40):
            with time_machine.travel(message.not_before + timedelta(seconds=1), tick=False):
                delivery.deliver(message.pk)
                message.refresh_from_db()
                if message.status != Status.QUEUED:
                    break
                pauses.append(round((message.not_before - timezone.now()).total_seconds()))

    assert pauses[:6] == [5, 15, 60, 300, 900, 1800]
    assert pauses == sorted(pauses)
    assert (message.status, message.reason) == (Status.FAILED, "provider_unreachable")


def test_a_retry_carries_the_same_id_so_that_the_provider_sees_a_repeat(acme: Business, gateway: Gateway) -> None:
    gateway.then(429)
    message = sent_through(acme, gateway)
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        deliver_all()

    assert [taken.headers["webhook-id"] for taken in gateway.taken] == [str(message.pk)] * 2


def test_our_own_error_during_the_hand_over_leaves_the_outcome_unknown(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boom(*args: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(Simulator, "send", boom)
    message = send(acme)

    assert delivery.deliver(message.pk) == Status.UNKNOWN
    message.refresh_from_db()
    assert "a bug of ours" in message.error


def test_a_text_that_is_not_due_is_not_delivered(acme: Business) -> None:
    message = send(acme)
    OutboundMessage.objects.filter(pk=message.pk).update(not_before=timezone.now() + timedelta(minutes=1))

    assert delivery.deliver(message.pk) is None


@pytest.mark.parametrize("status", [status for status in Status if status != Status.QUEUED])
def test_only_a_queued_text_is_delivered(acme: Business, status: Status) -> None:
    message = send(acme)
    OutboundMessage.objects.filter(pk=message.pk).update(status=status)

    assert delivery.deliver(message.pk) is None
    message.refresh_from_db()
    assert message.status == status


@pytest.mark.django_db
def test_an_id_that_nobody_knows_delivers_nothing() -> None:
    assert delivery.deliver(uuid4()) is None


# --- Stuck -----------------------------------------------------------------------------------------------------------


def test_a_claim_older_than_three_minutes_is_shown_as_unknown(acme: Business) -> None:
    message = send(acme)
    now = timezone.now()
    delivery.claim_message(message.pk, now)

    assert delivery.mark_stuck(now + timedelta(minutes=2)) == 0
    assert delivery.mark_stuck(now + timedelta(minutes=4)) == 1
    assert delivery.mark_stuck(now + timedelta(minutes=5)) == 0


def test_a_slow_worker_may_still_save_what_was_shown_as_unknown(acme: Business) -> None:
    message = send(acme)
    claim = delivery.claim_message(message.pk, timezone.now())
    assert claim is not None
    delivery.mark_stuck(timezone.now() + timedelta(minutes=4))

    delivery.hand_over(claim)

    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_slow_worker_that_failed_does_not_put_an_unknown_text_back_into_the_queue(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_taken(*args: Any) -> Any:
        raise NotTaken("busy")

    message = send(acme)
    claim = delivery.claim_message(message.pk, timezone.now())
    assert claim is not None
    delivery.mark_stuck(timezone.now() + timedelta(minutes=4))
    monkeypatch.setattr(Simulator, "send", not_taken)

    delivery.hand_over(claim)

    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


# --- A provider's later words ----------------------------------------------------------------------------------------


def status_callback(business: Business, state: str, **ids: str) -> int:
    body = {"status": state, **ids}
    return post_webhook(business.standard, body, kind="status").status_code


def test_status_words_move_a_text_forward(acme: Business, gateway: Gateway) -> None:
    message = sent_through(acme, gateway)

    assert status_callback(acme, "delivered", provider_message_id=message.provider_message_id) == 200
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert message.delivered_at is not None


def test_a_failure_word_keeps_its_error(acme: Business, gateway: Gateway) -> None:
    message = sent_through(acme, gateway)

    status_callback(acme, "failed", message_id=str(message.pk), error="number is dead")
    message.refresh_from_db()
    assert (message.status, message.reason, message.error) == (Status.FAILED, "refused_by_provider", "number is dead")


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["delivered", "sent"], Status.DELIVERED),
        (["delivered", "delivered"], Status.DELIVERED),
        (["delivered", "failed"], Status.DELIVERED),
        (["failed", "sent"], Status.FAILED),
        (["failed", "failed"], Status.FAILED),
        (["sent", "sent"], Status.SENT),
    ],
)
def test_words_out_of_order_or_repeated_change_nothing_twice(
    acme: Business, gateway: Gateway, words: list[str], end: Status
) -> None:
    message = sent_through(acme, gateway)
    first = None
    for word in words:
        assert status_callback(acme, word, message_id=str(message.pk)) == 200
        message.refresh_from_db()
        first = first or message.delivered_at

    assert message.status == end
    assert message.delivered_at == first


@pytest.mark.parametrize("word", ["sent", "delivered", "failed"])
@pytest.mark.parametrize("status", [Status.QUEUED, Status.BLOCKED])
def test_words_about_a_text_that_was_never_handed_over_change_nothing(
    acme: Business, status: Status, word: str
) -> None:
    message = send(acme)
    OutboundMessage.objects.filter(pk=message.pk).update(status=status)

    assert status_callback(acme, word, message_id=str(message.pk)) == 200
    message.refresh_from_db()
    assert message.status == status


def test_a_word_that_is_faster_than_our_own_saving_stands(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    message = send(acme)
    taken = Simulator.send

    def slow(self: Simulator, text: Any, settings: Any) -> Any:
        result = taken(self, text, settings)
        post_webhook(acme.simulator, {"message_id": text.id, "status": "failed", "error": "dead"}, kind="status")
        return result

    monkeypatch.setattr(Simulator, "send", slow)
    delivery.deliver(message.pk)

    message.refresh_from_db()
    assert message.status == Status.FAILED


def test_a_word_by_the_providers_id_that_is_faster_than_our_saving_is_kept_and_applied(acme: Business) -> None:
    message = send(acme)
    assert delivery.claim_message(message.pk, timezone.now())
    word = {"provider_message_id": "theirs", "status": "failed", "error": "dead"}
    assert post_webhook(acme.simulator, word, kind="status").status_code == 200
    assert builders.unapplied(acme) == 1

    OutboundMessage.objects.filter(pk=message.pk).update(status=Status.SENT, provider_message_id="theirs")
    sweeping.retry_deliveries(timezone.now() + timedelta(minutes=1))
    message.refresh_from_db()
    assert (message.status, builders.unapplied(acme)) == (Status.FAILED, 0)


def test_the_ids_of_two_gateways_that_count_from_one_do_not_meet(acme: Business, globex: Business) -> None:
    messages = [send(business) for business in (acme, acme, globex)]
    accounts = [acme.standard, acme.simulator, globex.standard]
    for message, account in zip(messages, accounts, strict=True):
        OutboundMessage.objects.filter(pk=message.pk).update(
            status=Status.SENT, account=account, provider_message_id="1"
        )
    assert status_callback(acme, "delivered", provider_message_id="1") == 200
    assert [OutboundMessage.objects.get(pk=message.pk).status for message in messages] == ["delivered", "sent", "sent"]


def test_a_word_that_comes_as_our_saving_ends_is_not_lost(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    message = send(acme)
    assert delivery.claim_message(message.pk, timezone.now())

    def save_meanwhile(*_: Any) -> bool:
        OutboundMessage.objects.filter(pk=message.pk).update(status=Status.SENT, provider_message_id="theirs")
        return False

    monkeypatch.setattr(delivery, "_is_saving_one", save_meanwhile)
    word = StatusUpdate(DeliveryState.DELIVERED, provider_message_id="theirs")
    assert delivery.apply_status(acme.simulator, word, timezone.now())
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def test_a_word_that_cannot_be_read_holds_up_no_other(acme: Business, gateway: Gateway) -> None:
    message = sent_through(acme, gateway)
    words = [{"status": "gone"}, {"status": "delivered", "provider_message_id": message.provider_message_id}]
    assert post_webhook(acme.standard, words, kind="status").status_code == 400
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert builders.unapplied(acme) == 1


@pytest.mark.parametrize("ids", [{"message_id": "no uuid"}, {"provider_message_id": "nobody"}])
def test_a_word_about_an_unknown_text_is_taken_and_changes_nothing(acme: Business, ids: dict[str, str]) -> None:
    assert status_callback(acme, "delivered", **ids) == 200


@pytest.mark.parametrize("body", [{"status": "gone", "message_id": "x"}, {"status": "sent"}, {"message_id": "x"}])
def test_a_word_that_cannot_be_read_answers_400_and_is_kept(acme: Business, body: dict[str, str]) -> None:
    assert post_webhook(acme.standard, body, kind="status").status_code == 400
    assert builders.unapplied(acme) == 1


def test_an_unsigned_word_is_refused(acme: Business) -> None:
    body = {"status": "delivered", "message_id": "x"}
    assert post_webhook(acme.standard, body, kind="status", headers={}).status_code == 403


def test_an_answer_to_a_blocked_persons_help_is_sent_and_only_that(acme: Business) -> None:
    waiting = send(acme)
    text_in(acme, "STOP")
    text_in(acme, "HELP")
    deliver_all()

    ends = {row.purpose: row.status for row in OutboundMessage.objects.all()}
    assert ends == {"transactional": "blocked", "opt_out_confirmation": "delivered", "help_reply": "delivered"}
    assert OutboundMessage.objects.get(pk=waiting.pk).claimed_at is None


def test_a_status_that_is_faster_than_our_save_costs_no_id(acme: Business) -> None:
    message = send(acme)
    claim = delivery.claim_message(message.pk, timezone.now())
    assert claim is not None
    delivery.apply_status(acme.simulator, StatusUpdate(DeliveryState.SENT, str(message.pk)), timezone.now())
    delivery.hand_over(claim)
    message.refresh_from_db()
    assert (message.status, message.provider_message_id, message.attempts) == ("sent", f"sim-{message.pk}", 1)
