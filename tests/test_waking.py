"""The nudge after a commit: off the request's path, lost without harm, never before the commit."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from messaging import waking
from messaging.models import OutboundMessage
from tests import builders
from tests.builders import Business, send, text_in


class Broker:
    """Stands for Celery's door: notes what was said, fails or hangs when told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.kept_up: list[str] = []
        self.fails = False
        self.hangs = threading.Event()
        self.hangs.set()

    def send_task(self, name: str, args: list[str], **options: Any) -> None:
        assert name in ("messaging.tasks.deliver", "messaging.tasks.keep_up_connection")
        assert options["retry"] is False
        assert options["expires"]
        assert self.hangs.wait(30)
        if self.fails:
            raise OperationalError("connection refused")
        (self.said if name == waking.DELIVER else self.kept_up).extend(args)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    standing_in = Broker()
    monkeypatch.setattr(waking, "current_app", standing_in)
    monkeypatch.setattr(waking, "_wakers", {})
    yield standing_in
    standing_in.hangs.set()


def flush() -> None:
    waking._waker().flush(5)


@pytest.mark.django_db(transaction=True)
def test_a_queued_text_wakes_a_worker_once_after_the_commit(acme: Business, broker: Broker) -> None:
    with transaction.atomic():
        message = send(acme)
        flush()
        assert broker.said == []
    flush()

    assert broker.said == [str(message.pk)]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_wakes_nobody(acme: Business, broker: Broker) -> None:
    with transaction.atomic():
        send(acme)
        transaction.set_rollback(True)
    flush()

    assert broker.said == []


@pytest.mark.django_db(transaction=True)
def test_texts_and_connections_wake_tasks_of_their_own(acme: Business, broker: Broker) -> None:
    with transaction.atomic():
        first, second = send(acme), send(acme)
        waking.wake_upkeep(acme.standard.pk)
        third = send(acme)
    flush()

    assert broker.said == [str(message.pk) for message in (first, second, third)]
    assert broker.kept_up == [str(acme.standard.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_refused_text_wakes_nobody(acme: Business, broker: Broker) -> None:
    builders.opt_out_by_staff(acme)
    send(acme)
    flush()

    assert broker.said == []


@pytest.mark.django_db(transaction=True)
def test_a_reply_wakes_a_worker(acme: Business, broker: Broker) -> None:
    text_in(acme, "STOP")
    flush()

    assert broker.said == [str(builders.confirmations(acme)[0].pk)]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_holds_no_request_up(acme: Business, broker: Broker) -> None:
    broker.hangs.clear()
    start = time.perf_counter()
    for _ in range(5):
        assert text_in(acme, "HELP", from_=builders.new_person()).status_code == 200
    taken = time.perf_counter() - start

    assert taken < 5.0
    assert OutboundMessage.objects.filter(status="queued").count() == 5
    assert broker.said == []


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_refuses_is_left_alone_for_a_while(acme: Business, broker: Broker) -> None:
    broker.fails = True
    send(acme)
    flush()
    broker.fails = False
    send(acme)
    flush()

    assert broker.said == []
    assert OutboundMessage.objects.filter(status="queued").count() == 2


@pytest.mark.django_db(transaction=True)
def test_after_the_rest_the_nudges_go_on(acme: Business, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "REST_AFTER_FAILURE_SECONDS", 0.0)
    broker.fails = True
    send(acme)
    flush()
    broker.fails = False
    message = send(acme)
    flush()

    assert broker.said == [str(message.pk)]


def test_a_full_queue_drops_the_nudge_and_blocks_nobody(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "WAITING_AT_MOST", 3)
    broker.hangs.clear()
    waker = waking._waker()
    start = time.perf_counter()
    for number in range(100):
        waker.post(waking.DELIVER, str(number))

    assert time.perf_counter() - start < 1.0
    broker.hangs.set()
    waker.flush(5)
    assert 3 <= len(broker.said) <= 6, "what one nudge carries, and the three that may wait"
