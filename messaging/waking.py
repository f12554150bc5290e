"""Waking a worker after a commit, off the request's path.

The row in the database is the promise; this is only a nudge. A refused broker raises and a hanging one blocks, so
neither may stand in a request: one thread a process does the talking, and drops what it can't deliver. The sweeper
finds the rows all the same.
"""

import atexit
import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction

log = structlog.get_logger(__name__)

DELIVER = "messaging.tasks.deliver"
KEEP_UP = "messaging.tasks.keep_up_connection"
WORK_ON_LISTS = "messaging.tasks.work_on_lists"
WAITING_AT_MOST = 10_000
REST_AFTER_FAILURE_SECONDS = 5.0
EXPIRES_SECONDS = 60
TOGETHER = 10  # texts in one nudge: a slow provider keeps the last of them waiting for the others
FLUSH_AT_EXIT_SECONDS = 2.0


class Waker:
    """One thread with a queue of nudges: which task, and the id that it is about."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str]] = queue.Queue(WAITING_AT_MOST)
        self._resting_until = self._said_full_until = 0.0
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def post(self, task: str, about: str) -> None:
        """Note a nudge; never blocks. A full queue or a broken broker leaves it to the sweeper."""
        if time.monotonic() < self._resting_until:
            return
        try:
            self._waiting.put_nowait((task, about))
        except queue.Full:
            if time.monotonic() > self._said_full_until:
                self._said_full_until = time.monotonic() + REST_AFTER_FAILURE_SECONDS
                log.warning("waking_dropped", waiting=WAITING_AT_MOST)

    def flush(self, seconds: float) -> None:
        """Wait a moment for what is still to be said: short-lived commands end here."""
        deadline = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run(self) -> None:
        while True:
            nudges = self._take()
            try:
                for task in dict.fromkeys(task for task, _ in nudges):
                    self._send(task, [about for wanted, about in nudges if wanted == task])
            finally:
                for _ in nudges:
                    self._waiting.task_done()

    def _take(self) -> list[tuple[str, str]]:
        """Wait for one, and take along what else is there: under load a nudge costs more than its text."""
        nudges = [self._waiting.get()]
        with suppress(queue.Empty):
            while len(nudges) < TOGETHER:
                nudges.append(self._waiting.get_nowait())
        return nudges

    def _send(self, task: str, ids: list[str]) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            current_app.send_task(task, args=ids, expires=EXPIRES_SECONDS, retry=False, ignore_result=True)
        except Exception as error:  # noqa: BLE001 - any broker's any failure: the sweeper will do it
            self._resting_until = time.monotonic() + REST_AFTER_FAILURE_SECONDS
            log.warning("broker_unreachable", error=str(error))


_wakers: dict[int, Waker] = {}
_starting = threading.Lock()
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


@contextmanager
def without_waking() -> Iterator[None]:
    """Wake nobody for what is queued inside: the caller finishes it within its own transaction."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def wake_delivery(message_id: UUID) -> None:
    """Nudge a worker towards a message once the running transaction has committed."""
    if _quiet.get():
        return
    transaction.on_commit(lambda: _waker().post(DELIVER, str(message_id)), robust=True)


def wake_upkeep(account_id: int) -> None:
    """Nudge a worker towards a connection whose upkeep is due, once the running transaction has committed."""
    transaction.on_commit(lambda: _waker().post(KEEP_UP, str(account_id)), robust=True)


def wake_list_work(key: str) -> None:
    """Nudge a worker towards an import or export, once the running transaction has committed."""
    transaction.on_commit(lambda: _waker().post(WORK_ON_LISTS, key), robust=True)


def _waker() -> Waker:
    """This process's waker: a thread does not survive a fork."""
    pid = os.getpid()
    with _starting:
        if pid not in _wakers:
            _wakers[pid] = Waker()
        return _wakers[pid]


@atexit.register
def _flush_at_exit() -> None:
    if waker := _wakers.get(os.getpid()):
        waker.flush(FLUSH_AT_EXIT_SECONDS)
