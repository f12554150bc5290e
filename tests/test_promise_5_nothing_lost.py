"""Promise 5. What must be done later is a row; a dead broker delays nothing; a killed worker is shown, not repeated."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.models import Evidence, OptOut, Recipient
from messaging import delivery, receiving, sweeping, tasks
from messaging.models import Conversation, InboundMessage, OutboundMessage, WebhookDelivery
from tests import builders, processes
from tests.builders import PERSON, Business, confirmations, deliver_all, send, text_in
from tests.fake_gateway import Gateway, Misbehaviour

Status = OutboundMessage.Status

# --- A worker that is killed -----------------------------------------------------------------------------------------

CLAIM_AND_WAIT = """
import sys, time
from django.utils import timezone
from messaging import delivery
claim = delivery.claim_message({message!r}, timezone.now())
print("claimed" if claim else "nothing", flush=True)
time.sleep(60)
delivery.hand_over(claim)
"""
DELIVER = """
from messaging import delivery
print(delivery.deliver({message!r}), flush=True)
"""


def show_stuck() -> int:
    """What the sweeper does once a claim is older than three minutes."""
    return delivery.mark_stuck(timezone.now() + timedelta(minutes=4))


def assert_unknown_and_never_sent_again(message_id: UUID, gateway: Gateway, handed_over: int) -> None:
    message = OutboundMessage.objects.get(pk=message_id)
    assert message.status == Status.SENDING
    assert deliver_all() == [], "a claimed text is nobody else's"
    assert delivery.mark_stuck(timezone.now()) == 0, "a hand-over of a few seconds is no reason to worry"
    assert show_stuck() == 1
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.UNKNOWN, "outcome_unknown")
    assert message.error
    for _ in range(2):
        deliver_all()
        assert delivery.deliver(message_id) is None
    assert len(gateway.taken) == handed_over


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_claim_and_hand_over_is_shown_as_unknown(acme: Business, gateway: Gateway) -> None:
    message = send(acme, sender=builders.use_gateway(acme, gateway.url))

    with processes.running(CLAIM_AND_WAIT.format(message=str(message.pk))) as worker:
        assert processes.output(worker).readline().strip() == "claimed"
        processes.kill(worker)

    assert_unknown_and_never_sent_again(message.pk, gateway, 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_between_hand_over_and_save_is_shown_as_unknown(acme: Business, gateway: Gateway) -> None:
    gateway.always(Misbehaviour.HANG)
    message = send(acme, sender=builders.use_gateway(acme, gateway.url))

    with processes.running(DELIVER.format(message=str(message.pk))) as worker:
        assert gateway.got_one.wait(30)
        processes.kill(worker)

    assert gateway.bodies == [message.body]
    gateway.always(200)
    assert_unknown_and_never_sent_again(message.pk, gateway, 1)


@pytest.mark.django_db(transaction=True)
def test_a_confirmation_whose_worker_was_killed_is_never_sent_again(acme: Business, gateway: Gateway) -> None:
    gateway.always(Misbehaviour.HANG)
    number = builders.use_gateway(acme, gateway.url)
    text_in(acme, "STOP", to=number)
    (confirmation,) = confirmations(acme)

    with processes.running(DELIVER.format(message=str(confirmation.pk))) as worker:
        assert gateway.got_one.wait(30)
        processes.kill(worker)
    gateway.always(200)
    text_in(acme, "STOP", to=number)

    assert_unknown_and_never_sent_again(confirmation.pk, gateway, 1)
    assert len(confirmations(acme)) == 1


def test_a_late_word_of_the_provider_settles_what_was_unknown(acme: Business) -> None:
    message = send(acme)
    delivery.claim_message(message.pk, timezone.now())
    show_stuck()

    body = {"message_id": str(message.pk), "status": "delivered"}
    assert builders.post_webhook(acme.simulator, body, kind="status").status_code == 200
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


# --- A broker that is gone -------------------------------------------------------------------------------------------

KNOCK = """
import json, time
from django.test import Client
from django.utils import timezone
from accounts.models import SenderNumber
from messaging.models import OutboundMessage
from messaging.sending import Submission, accept_send
client, slowest = Client(), 0.0
sender = SenderNumber.objects.select_related("tenant", "account").get(number="+12025550100")
for number in range({count}):
    person = f"+1202555{{number:04d}}"
    clock = time.perf_counter()
    text = {{"id": person, "from": person, "to": "+12025550100", "text": "HELP"}}
    answer = client.post({address!r}, json.dumps(text), content_type="application/json")
    assert answer.status_code == 200, answer.content
    accept_send(Submission(sender.tenant, sender, person, "Hello.", "transactional"), timezone.now())
    if number:
        slowest = max(slowest, time.perf_counter() - clock)
print(json.dumps({{"slowest": slowest}}))
"""
COUNT = 12


def knock(business: Business, redis_url: str) -> float:
    """Texts and sends through a web process whose broker is at an address. Returns the slowest pair, in seconds."""
    code = KNOCK.format(count=COUNT, address=builders.webhook_address(business.simulator))
    slowest: float = processes.result_of(code, REDIS_URL=redis_url)["slowest"]
    return slowest


@contextmanager
def closed_port() -> Iterator[str]:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{unused.getsockname()[1]}/0"


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes every connection and never says a word, as a stopped Redis does."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        taken: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    taken.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        for connected in taken:
            connected.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broker", [closed_port, silent_server], ids=["refused", "hanging"])
def test_a_broker_that_is_gone_delays_no_request_and_loses_nothing(acme: Business, broker: Any) -> None:
    with broker() as address:
        assert knock(acme, address) < 1.0

    assert OutboundMessage.objects.filter(status=Status.QUEUED).count() == 2 * COUNT
    deliver_all()
    assert OutboundMessage.objects.filter(status=Status.DELIVERED).count() == 2 * COUNT


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_names_every_text_that_is_due_to_the_workers(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = {str(send(acme, builders.new_person()).pk) for _ in range(3)}
    later = send(acme)
    OutboundMessage.objects.filter(pk=later.pk).update(not_before=timezone.now() + timedelta(minutes=1))
    named: list[str] = []
    monkeypatch.setattr(tasks.deliver, "apply_async", lambda args, **_: named.extend(args))

    tasks.sweep_queued()

    assert set(named) == waiting


# --- Rows are the promise --------------------------------------------------------------------------------------------


def test_the_reply_is_a_row_of_the_same_transaction_as_its_cause(acme: Business) -> None:
    with transaction.atomic():
        text_in(acme, "STOP")
        assert len(confirmations(acme)) == 1
        transaction.set_rollback(True)

    for table in (InboundMessage, OptOut, Evidence, OutboundMessage, Recipient, Conversation):
        assert not table.objects.exists()


@pytest.mark.parametrize("step", ["wording_of", "queue_reply", "touch_conversation"])
def test_wherever_applying_breaks_nothing_half_done_remains(
    acme: Business, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def boom(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, step, boom)
        assert text_in(acme, "STOP", id="in-1").status_code == 503
    for table in (InboundMessage, OptOut, Evidence, OutboundMessage, Recipient, Conversation):
        assert not table.objects.exists()
    assert WebhookDelivery.objects.count() == 1

    assert sweeping.retry_deliveries(timezone.now() + timedelta(seconds=20)) == 1
    assert builders.opt_out_of(acme).is_active
    assert len(confirmations(acme)) == 1


def test_a_kept_webhook_is_dated_as_it_came(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """A STOP that could not be applied, then START, then the sweeper: the START is newer and stands."""

    def boom(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "wording_of", boom)
        text_in(acme, "STOP")
    text_in(acme, "START")
    sweeping.retry_deliveries(timezone.now() + timedelta(minutes=1))

    assert not builders.is_blocked(acme)


def test_a_webhook_that_keeps_failing_is_tried_with_growing_pauses_and_never_given_up(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    def boom(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(receiving, "wording_of", boom)
    text_in(acme, "STOP")
    pauses = []
    for _ in range(8):
        kept = WebhookDelivery.objects.get()
        assert kept.next_attempt_at is not None
        sweeping.retry_deliveries(kept.next_attempt_at)
        again = WebhookDelivery.objects.get()
        assert again.next_attempt_at is not None
        pauses.append(round((again.next_attempt_at - timezone.now()).total_seconds()))

    assert again.attempts == 9
    assert pauses == [60, 300] + [1800] * 6


def test_a_text_that_cannot_be_prepared_does_not_keep_the_others_waiting(acme: Business, globex: Business) -> None:
    """Secrets that no key opens, or a provider that was removed: the others go out."""
    acme.standard.encrypted_settings = "not a token"
    acme.standard.save()
    broken = send(acme, sender=acme.gateway_number)
    healthy = send(globex)

    for message in (broken, healthy):
        tasks.deliver(str(message.pk))

    healthy.refresh_from_db()
    broken.refresh_from_db()
    assert healthy.status == Status.DELIVERED
    assert broken.status == Status.QUEUED
    assert broken.error, "it says why it waits"


def test_a_person_can_try_a_kept_webhook_again(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    from messaging import webhooks

    def boom(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "wording_of", boom)
        text_in(acme, "STOP", from_=PERSON)
        kept = WebhookDelivery.objects.get()
        assert webhooks.retry_delivery(kept, timezone.now()) is False

    assert webhooks.retry_delivery(kept, timezone.now()) is True
    assert webhooks.retry_delivery(kept, timezone.now()) is True
    assert InboundMessage.objects.count() == 1
