"""Comparisons as rows: started daily or by a person, taken by one worker at a time, going on after a stop."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import ProviderAccount
from messaging.models import Reconciliation
from messaging.providers import find_provider, providers_that
from messaging.providers.capabilities import CallFailed, ListsOptOuts, TakesOptOuts
from messaging.reconciling.comparing import compare_batch
from messaging.reconciling.reading import read_page
from messaging.reconciling.work import Work
from messaging.reconciling.writing import write_batch
from messaging.storable import clean

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=24)
TAKEN_FOR = timedelta(minutes=5)
AT_A_STRETCH_SECONDS = 45.0
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))
LONGEST_PAUSE = timedelta(hours=6)
SCHEDULE = "Schedule"
Stage = Reconciliation.Stage
STEPS: dict[str, Callable[[Work], None]] = {
    Stage.READING: read_page,
    Stage.COMPARING: compare_batch,
    Stage.WRITING: write_batch,
}


class NotComparable(ValueError):
    """A connection whose provider keeps no list that we could read or write; the message says so."""


def can_compare(provider_slug: str) -> bool:
    """Whether this provider keeps a list that can be read or written."""
    return isinstance(find_provider(provider_slug), ListsOptOuts | TakesOptOuts)


def can_read(provider_slug: str) -> bool:
    """Whether this provider's list can be read."""
    return isinstance(find_provider(provider_slug), ListsOptOuts)


def can_write(provider_slug: str) -> bool:
    """Whether this provider's list can be written."""
    return isinstance(find_provider(provider_slug), TakesOptOuts)


def _open_ones() -> QuerySet[Reconciliation]:
    return Reconciliation.objects.exclude(stage__in=(Stage.DONE, Stage.FAILED))


def _waiting(now: datetime) -> QuerySet[Reconciliation]:
    """Those that are due and that no worker has."""
    return _open_ones().filter(Q(taken_until=None) | Q(taken_until__lt=now), not_before__lte=now)


def find_under_way(account: ProviderAccount) -> Reconciliation | None:
    """The comparison of a connection that has not ended."""
    found: Reconciliation | None = _open_ones().filter(account=account).first()
    return found


def start_comparison(account: ProviderAccount, asked_by: str, now: datetime) -> Reconciliation:
    """Start comparing a provider's list with ours, or name the comparison that is under way. Raises NotComparable."""
    provider = find_provider(account.provider)
    if not can_compare(account.provider):
        raise NotComparable(f"{provider.facts.label} keeps no opt-out list that can be read or written from here.")
    values = {"asked_by": asked_by, "writes_ours": account.writes_opt_outs, "started_at": now, "not_before": now}
    try:
        with transaction.atomic():
            made: Reconciliation = Reconciliation.objects.create(tenant=account.tenant, account=account, **values)
            return made
    except IntegrityError:
        if under_way := find_under_way(account):
            return under_way
        raise


def start_daily(now: datetime) -> int:
    """Start the day's comparisons: of every list that can be read, and of those that we chose to write."""
    readable, writable = providers_that(ListsOptOuts), providers_that(TakesOptOuts)
    wanted = Q(provider__in=readable) | Q(provider__in=writable, writes_opt_outs=True)
    active = ProviderAccount.objects.filter(wanted, is_active=True, tenant__is_active=True)
    fresh = Reconciliation.objects.filter(started_at__gt=now - EVERY).values("account")
    due = active.exclude(pk__in=fresh).select_related("tenant")
    return len([start_comparison(account, SCHEDULE, now) for account in due])


def find_due(now: datetime) -> list[int]:
    """The comparisons that somebody should go on with."""
    return list(_waiting(now).order_by("not_before").values_list("pk", flat=True)[:50])


def go_on(run_id: int, at_most_seconds: float = AT_A_STRETCH_SECONDS) -> Reconciliation | None:
    """Work on a comparison for a while. None where another worker has it, or it is not due."""
    work = _take(run_id, timezone.now())
    if work is None:
        return None
    ends_at = time.monotonic() + at_most_seconds
    try:
        while work.run.is_open and time.monotonic() < ends_at:
            STEPS[work.run.stage](work)
            work.save(taken_until=timezone.now() + TAKEN_FOR)
    except CallFailed as error:
        _pause(work, str(error), error.retry_after_seconds)
    except Exception as error:
        log.exception("comparison_broke", run=run_id)
        _pause(work, f"Our own error: {error!r}", None)
    work.save(taken_until=None)
    return work.run


def _take(run_id: int, now: datetime) -> Work | None:
    if not _waiting(now).filter(pk=run_id).update(taken_until=now + TAKEN_FOR):
        return None
    run = Reconciliation.objects.select_related("account__tenant").get(pk=run_id)
    return Work(run, run.account)


def _pause(work: Work, said: str, retry_after_seconds: float | None) -> None:
    """Leave the provider alone for a while: as long as it asks, or longer each time. At last the run is given up."""
    said = clean(said)
    failures = work.run.failures + (retry_after_seconds is None)
    if failures > len(PAUSES):
        work.save(stage=Stage.FAILED, finished_at=timezone.now(), error=said, failures=failures)
        return
    usual = PAUSES[max(failures - 1, 0)]
    asked = timedelta(seconds=retry_after_seconds) if retry_after_seconds is not None else usual
    work.save(failures=failures, error=said, not_before=timezone.now() + min(asked, LONGEST_PAUSE))
