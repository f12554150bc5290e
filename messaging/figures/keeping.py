"""Keeping figures up: today's every half minute, those of the last days every hour, older ones when a text changes.

What is counted of opt-outs never changes later, since history does not. Texts do: they are delivered, or fail, hours
after they were sent. A day that takes long to count waits longer for its next count, so that counting never takes more
than a twentieth of the time of one worker.
"""

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Tenant
from messaging.figures.counting import count_days
from messaging.figures.days import ONE, day_of, end_of
from messaging.models import CountedDay, DayFigures

log = structlog.get_logger(__name__)

TODAY_EVERY = timedelta(seconds=30)
PAST_EVERY = timedelta(hours=1)
SETTLED_AFTER = timedelta(days=3)
REST = 20  # times as long as counting took
TAKEN_FOR = timedelta(minutes=10)
KEPT_DAYS = 90
SWEEP_FOR_SECONDS = 20.0
AT_ONCE = 500


def sweep(now: datetime) -> int:
    """Open the days that have begun, and count what is due, the newest first. Returns how many days."""
    open_days(now)
    until, counted = time.monotonic() + SWEEP_FOR_SECONDS, 0
    due = CountedDay.objects.filter(due_at__lte=now).select_related("tenant").order_by("-day", "due_at")
    for row in due[:AT_ONCE]:
        if time.monotonic() > until:
            break
        try:
            counted += count_day(row, timezone.now())
        except Exception:  # one business's trouble must not hold back the figures of the others
            log.exception("day_not_counted", business=row.tenant_id, day=str(row.day))
    return counted


def open_days(now: datetime) -> None:
    """Note for every business the days that have begun; where its clocks were moved elsewhere, all of them anew."""
    tenants = list(Tenant.objects.all())  # what is switched off still takes texts in
    today = {tenant.pk: day_of(now, ZoneInfo(tenant.time_zone)) for tenant in tenants}
    recent = CountedDay.objects.filter(tenant__in=tenants, day__gte=min(today.values(), default=now.date()))
    known = {(row.tenant_id, row.day): row.time_zone for row in recent}
    for tenant in tenants:
        zone = known.get((tenant.pk, today[tenant.pk]))
        if zone != tenant.time_zone:
            _open(tenant, today[tenant.pk], now, anew=zone is not None)


def _open(tenant: Tenant, today: date, now: datetime, *, anew: bool) -> None:
    rows = CountedDay.objects.for_tenant(tenant)
    last = rows.order_by("-day").values_list("day", "time_zone").first()
    anew = anew or (last is not None and last[1] != tenant.time_zone)
    if anew:
        rows.filter(day__gt=today - KEPT_DAYS * ONE).update(time_zone=tenant.time_zone, due_at=now)
    oldest = max(today - (KEPT_DAYS - 1) * ONE, day_of(tenant.created_at, ZoneInfo(tenant.time_zone)))
    first = max(oldest, last[0] + ONE) if last else oldest
    days = [first + place * ONE for place in range((today - first).days + 1)]
    opened = [CountedDay(tenant=tenant, day=day, time_zone=tenant.time_zone, due_at=now) for day in days]
    CountedDay.objects.bulk_create(opened, ignore_conflicts=True)


def want_count(tenant_id: int, moment: datetime, now: datetime) -> None:
    """Let the day of a moment be counted again: something was applied that came then."""
    local = day_of(moment, ZoneInfo("UTC"))
    around = (local - ONE, local + ONE)  # whichever the business's own day is
    CountedDay.objects.for_tenant(tenant_id).filter(day__range=around).update(due_at=now)


def note_outcome(tenant_id: int, created_at: datetime, now: datetime) -> None:
    """Something became of a text. Where its day is no longer counted by itself, it is counted once more."""
    if now - created_at > SETTLED_AFTER:
        want_count(tenant_id, created_at, now)


def count_day(row: CountedDay, now: datetime) -> bool:
    """Count one day that is due. False where another worker is at it."""
    claimed = CountedDay.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + TAKEN_FOR)
    if not claimed:
        return False
    began = time.monotonic()
    figures = count_days(row.tenant, row.day, row.day)
    seconds = time.monotonic() - began
    _save(row.tenant, [row.day], figures, now, seconds)
    return True


def _save(tenant: Tenant, days: Iterable[date], figures: list[DayFigures], now: datetime, seconds: float) -> None:
    """Put the figures of days in the place of older ones. A count that began before the one that stands is dropped."""
    with transaction.atomic():
        older = Q(counted_at=None) | Q(counted_at__lte=now)
        rows = CountedDay.objects.for_tenant(tenant).select_for_update().filter(older, day__in=list(days))
        taken = {row.day: row for row in rows.order_by("day")}
        DayFigures.objects.for_tenant(tenant).filter(counted_on__in=taken).delete()
        DayFigures.objects.bulk_create([row for row in figures if row.counted_on in taken], batch_size=500)
        for row in taken.values():
            row.counted_at, row.seconds = now, seconds
            if row.due_at in (None, now, now + TAKEN_FOR):  # else somebody wanted it counted once more, meanwhile
                row.due_at = _next(row, now, seconds)
        CountedDay.objects.bulk_update(taken.values(), ["counted_at", "seconds", "due_at"], batch_size=200)


def _next(row: CountedDay, now: datetime, seconds: float) -> datetime | None:
    rest = timedelta(seconds=seconds * REST)
    ended = end_of(row.day, ZoneInfo(row.time_zone))
    if now < ended:
        return now + max(TODAY_EVERY, rest)
    if now < ended + SETTLED_AFTER:
        return now + max(PAST_EVERY, rest)
    return None


def count_all(tenant: Tenant, now: datetime) -> None:
    """Count every day of one business at once, as the demo wants it: a few queries however many days."""
    open_days(now)
    days = list(CountedDay.objects.for_tenant(tenant).order_by("day").values_list("day", flat=True))
    if days:
        _save(tenant, days, count_days(tenant, days[0], days[-1]), now, 0.0)
