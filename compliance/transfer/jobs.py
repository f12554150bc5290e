"""Work on lists as rows: started, paused and cancelled by a person, done by one worker at a time, batch by batch.

A batch's changes and the job's cursor are one transaction (`Turn.note`): a killed worker has done whole batches alone,
and one that lost its job, to a person or to another worker, keeps nothing of the batch it was at.
"""

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from compliance.models import ListJob

TAKEN_FOR = timedelta(minutes=2)
PAUSES = (timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
State = ListJob.State

# Somebody should come and work: `key` says on what. Sent after the commit.
work_waits = Signal()


class Interrupted(Exception):
    """The job is no longer this worker's: paused, cancelled, or taken by another one."""


class CantGoOn(ValueError):
    """The job can never be done; the message says why, and what to do."""


class Turn:
    """One worker's stretch of work on a job."""

    def __init__(self, job: ListJob, seconds: float) -> None:
        self.job = job
        self._reached = job.rows_done
        self._ends_at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether it is time to leave the worker to others."""
        return not self.job.is_under_way or time.monotonic() >= self._ends_at

    def note(self, **values: Any) -> None:
        """Save how far the job is, in the transaction of the batch, and hold it a while longer. Raises Interrupted.

        One that comes further than before it broke has got over that: failures count anew.
        """
        if self.job.failures and values.get("rows_done", 0) > self._reached:
            values = {"failures": 0, "error": "", **values}
        self._save(taken_until=timezone.now() + TAKEN_FOR, **values)

    def finish(self, **values: Any) -> None:
        """The job is done, and this was the last of it. Raises Interrupted."""
        self._save(state=State.DONE, finished_at=timezone.now(), error="", taken_until=None, **values)

    def hand_back(self, **values: Any) -> None:
        """The job waits for a person's word before it goes on. Raises Interrupted."""
        self._save(state=State.DRAFT, error="", taken_until=None, **values)

    def give_up(self, why: str) -> None:
        """The job can't be done."""
        self._save(state=State.FAILED, finished_at=timezone.now(), error=why, taken_until=None)

    def put_off(self, why: str) -> None:
        """Something broke: try again after a pause, longer each time; at last give up."""
        failures = self.job.failures + 1
        if failures > len(PAUSES):
            self.give_up(why)
        else:
            self._save(failures=failures, error=why, not_before=timezone.now() + PAUSES[failures - 1])

    def leave(self) -> None:
        """Let others have it."""
        type(self.job).objects.filter(pk=self.job.pk, taken_by=self.job.taken_by).update(taken_until=None)

    def _save(self, **values: Any) -> None:
        ours = type(self.job).objects.filter(pk=self.job.pk, state=State.RUNNING, taken_by=self.job.taken_by)
        if not ours.update(**values):
            raise Interrupted
        for name, value in values.items():
            setattr(self.job, name, value)


def start(job: ListJob, now: datetime, **values: Any) -> bool:
    """Let a drafted or new job be worked on. False where somebody else was quicker."""
    return _move(job, (State.DRAFT, State.WAITING), State.WAITING, not_before=now, failures=0, error="", **values)


def pause(job: ListJob) -> bool:
    """Stop after the batch that is being done; what is done stays."""
    return _move(job, ListJob.UNDER_WAY, State.PAUSED)


def resume(job: ListJob, now: datetime) -> bool:
    """Go on with a paused or failed job, from where it stopped."""
    values = {"not_before": now, "failures": 0, "error": "", "finished_at": None}
    return _move(job, (State.PAUSED, State.FAILED), State.WAITING, **values)


def cancel(job: ListJob, now: datetime) -> bool:
    """End a job for good; what is done stays."""
    open_ones = (State.DRAFT, State.PAUSED, State.FAILED, *ListJob.UNDER_WAY)
    return _move(job, open_ones, State.CANCELLED, finished_at=now)


def _move(job: ListJob, from_: tuple[str, ...], to: str, **values: Any) -> bool:
    if not type(job).objects.filter(pk=job.pk, state__in=from_).update(state=to, **values):
        return False
    job.refresh_from_db()
    if job.is_under_way:
        wake(job)
    return True


def wake(job: ListJob) -> None:
    """Tell that a job waits, once the running transaction has committed. Losing it loses nothing: a sweeper looks."""
    key = job.key
    transaction.on_commit(lambda: work_waits.send(type(job), key=key), robust=True)
