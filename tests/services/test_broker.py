"""A real broker, a real worker and beat: stopped, killed and wiped while messages wait. The sweeper delivers."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from messaging.models import OutboundMessage
from optout_project.env import BASE_DIR
from tests import builders, processes
from tests.builders import Business
from tests.services.conftest import OwnRedis

pytestmark = pytest.mark.django_db(transaction=True)

Status = OutboundMessage.Status
# A web process: takes one line a request (number of texts), answers with the slowest request in seconds.
WEB = """
import json, sys, time
from django.test import Client
client = Client()
def knock(number):
    person = f"+1202555{{number:04d}}"
    clock = time.perf_counter()
    text = {{"id": person, "from": person, "to": "+12025550100", "text": "HELP"}}
    answer = client.post({address!r}, json.dumps(text), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return time.perf_counter() - clock
knock(0)
print("ready", flush=True)
number = 1
for line in sys.stdin:
    count = int(line)
    times = [knock(number + index) for index in range(count)]
    number += count
    print(json.dumps(max(times)), flush=True)
"""


class Web:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def take(self, count: int) -> float:
        """Let that many texts arrive. Returns the slowest answer, in seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        slowest: float = json.loads(processes.output(self.process).readline())
        return slowest


@contextmanager
def started(command: list[str], redis_url: str, **popen: object) -> Iterator["subprocess.Popen[str]"]:
    process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]
        command,
        env=processes.environment(REDIS_URL=redis_url, LOG_LEVEL="ERROR"),
        cwd=BASE_DIR,
        text=True,
        start_new_session=True,
        **popen,
    )
    try:
        yield process
    finally:
        processes.kill(process)


@pytest.fixture
def web(acme: Business, own_redis: OwnRedis) -> Iterator[Web]:
    code = processes.START + WEB.format(address=builders.webhook_address(acme.simulator))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with started([sys.executable, "-c", code], own_redis.url, **pipes) as process:
        assert processes.output(process).readline().strip() == "ready"
        yield Web(process)


@contextmanager
def workers(redis_url: str) -> Iterator[None]:
    """A worker and beat as they run in real use, with the schedule of the project."""
    celery = [sys.executable, "-m", "celery", "-A", "optout_project"]
    with (
        started([*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "ERROR"], redis_url),
        started([*celery, "beat", "--loglevel", "ERROR", "--pidfile="], redis_url),
    ):
        yield


def waiting() -> int:
    return OutboundMessage.objects.filter(status=Status.QUEUED).count()


def until(true: Callable[[], bool], seconds: float = 45) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.2)
    return False


def test_a_broker_that_was_wiped_while_messages_waited_loses_none(web: Web, own_redis: OwnRedis) -> None:
    assert web.take(20) < 1.0
    assert until(lambda: bool(own_redis.client.llen("celery"))), "nobody was woken"
    own_redis.client.flushall()
    assert waiting() == 21

    with workers(own_redis.url):
        assert until(lambda: waiting() == 0), f"{waiting()} still wait"
    assert set(OutboundMessage.objects.values_list("status", flat=True)) == {Status.DELIVERED}
    assert OutboundMessage.objects.filter(attempts__gt=1).count() == 0


def test_a_broker_that_stops_answering_delays_no_request(web: Web, own_redis: OwnRedis) -> None:
    own_redis.process.send_signal(signal.SIGSTOP)
    try:
        assert web.take(20) < 1.0
        assert waiting() >= 20
    finally:
        own_redis.process.send_signal(signal.SIGCONT)

    with workers(own_redis.url):
        assert until(lambda: waiting() == 0), f"{waiting()} still wait"


def test_a_broker_that_died_and_came_back_goes_on(web: Web, own_redis: OwnRedis) -> None:
    with workers(own_redis.url):
        assert web.take(3) < 1.0
        assert until(lambda: waiting() == 0)
        own_redis.kill()
        assert web.take(10) < 1.0
        own_redis.restart()
        assert until(lambda: waiting() == 0, 60), f"{waiting()} still wait"
