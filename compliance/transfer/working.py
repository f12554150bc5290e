"""Going on with the work on lists: which sorts there are, what is due, and one stretch of it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone

from compliance.models import CleanedList, ListJob, OptOutExport, OptOutImport
from compliance.transfer.cleaning.running import work_on_cleaning
from compliance.transfer.exporting.running import work_on_export
from compliance.transfer.importing.running import work_on_import
from compliance.transfer.jobs import TAKEN_FOR, CantGoOn, Interrupted, Turn

log = structlog.get_logger(__name__)

AT_A_STRETCH_SECONDS = 10.0
AT_ONCE = 2  # jobs in work: the workers' other threads are for texts
State = ListJob.State


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of work: its rows, and what does a stretch of it, until the turn is over or the job has ended."""

    model: type[ListJob]
    work: Callable[[Turn], None]


SORTS = {
    sort.model.kind: sort
    for sort in (
        Sort(OptOutImport, work_on_import),
        Sort(OptOutExport, work_on_export),
        Sort(CleanedList, work_on_cleaning),
    )
}


def find_due(now: datetime) -> list[str]:
    """The keys of jobs that somebody should go on with, those that wait longest first."""
    free = max(AT_ONCE - _count_taken(now), 0)
    rows = [row for sort in SORTS.values() for row in _waiting(sort.model, now).order_by("not_before")[:free]]
    return [row.key for row in sorted(rows, key=lambda row: row.not_before)][:free]


def go_on(key: str, at_most_seconds: float = AT_A_STRETCH_SECONDS) -> ListJob | None:
    """Work on a job for a while. None where another worker has it, enough are in work, or it is not due."""
    kind, _, pk = key.partition(":")
    job = _take(SORTS[kind].model, int(pk), timezone.now())
    if job is None:
        return None
    turn = Turn(job, at_most_seconds)
    try:
        _work(SORTS[kind], turn)
    except Interrupted:
        log.info("list_work_interrupted", job=key)
    finally:
        turn.leave()
    return job


def _work(sort: Sort, turn: Turn) -> None:
    try:
        sort.work(turn)
    except Interrupted:
        raise
    except CantGoOn as error:
        turn.give_up(str(error))
    except Exception as error:
        log.exception("list_work_broke", job=turn.job.key)
        turn.put_off(f"Something broke: {error!r}")


def _waiting(model: type[ListJob], now: datetime) -> QuerySet[ListJob]:
    free = Q(taken_until=None) | Q(taken_until__lt=now)
    found: QuerySet[ListJob] = model.objects.filter(free, state__in=ListJob.UNDER_WAY, not_before__lte=now)
    return found


def _count_taken(now: datetime) -> int:
    return sum(sort.model.objects.filter(state=State.RUNNING, taken_until__gte=now).count() for sort in SORTS.values())


def _take(model: type[ListJob], pk: int, now: datetime) -> ListJob | None:
    if _count_taken(now) >= AT_ONCE:
        return None
    ours = uuid.uuid4().hex
    held = {"state": State.RUNNING, "taken_by": ours, "taken_until": now + TAKEN_FOR}
    if not _waiting(model, now).filter(pk=pk).update(**held):
        return None
    model.objects.filter(pk=pk, started_at=None).update(started_at=now)
    job: ListJob = model.objects.select_related("tenant").get(pk=pk)
    return job
