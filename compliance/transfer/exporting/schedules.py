"""Exports that start by themselves: when they are due, and the run that each makes."""

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim, CronSimError
from django.db import transaction

from accounts.models import User
from compliance.models import ActorKind, ExportSchedule, ListJob, OptOutExport, read_addresses
from compliance.transfer import jobs

log = structlog.get_logger(__name__)

AT_ONCE = 100
CLOSEST = timedelta(minutes=15)
LOOKED_AT = 50  # runs of a cron expression that are looked at for two that come too close


class WrongCron(ValueError):
    """A cron expression that can't be used; the message says why."""


def cron_of(schedule: ExportSchedule) -> str:
    """The schedule as a cron expression, whichever way it was entered."""
    if schedule.every == ExportSchedule.Every.CRON:
        return schedule.cron.strip()
    weekday = schedule.weekday if schedule.every == ExportSchedule.Every.WEEK else "*"
    return f"{schedule.at.minute} {schedule.at.hour} * * {weekday}"


def check_cron(expression: str, now: datetime) -> None:
    """Refuse what is no cron expression, never comes, or comes too often. Raises WrongCron."""
    try:
        runs = list(islice(CronSim(expression.strip(), now), LOOKED_AT))
    except CronSimError as error:
        raise WrongCron(f"This is no cron expression ({error}); write it like 30 6 * * 1-5.") from None
    if not runs:
        raise WrongCron("No day is ever like that; write it like 30 6 * * 1-5.")
    if any(after - before < CLOSEST for before, after in pairwise(runs)):
        raise WrongCron("Exports run at most every 15 minutes; name fewer minutes.")


def say_when(schedule: ExportSchedule) -> str:
    """When it runs, in words."""
    return str(CronSim(cron_of(schedule), datetime.now(ZoneInfo("UTC"))).explain())


def next_run(schedule: ExportSchedule, after: datetime) -> datetime:
    """The next moment after `after`, by the clocks of the business."""
    return next(CronSim(cron_of(schedule), after.astimezone(ZoneInfo(schedule.tenant.time_zone))))


def take_over(schedule: ExportSchedule, person: User, now: datetime) -> None:
    """It runs with this person's rights from now on, next at its next moment. Not saved yet."""
    schedule.actor_kind, schedule.actor_id = ActorKind.USER, str(person.pk)
    schedule.actor_name = person.display_name
    schedule.next_at = next_run(schedule, now)


def start_due(now: datetime) -> list[OptOutExport]:
    """Start what is due, each schedule once however late it is. One whose last run is still under way waits for it."""
    due = ExportSchedule.objects.filter(is_active=True, tenant__is_active=True, next_at__lte=now)
    keys = list(due.order_by("next_at").values_list("pk", flat=True)[:AT_ONCE])
    return [run for pk in keys if (run := _start_safely(pk, now))]


def _start_safely(pk: int, now: datetime) -> OptOutExport | None:
    try:
        return _start_one(pk, now)
    except Exception:  # one that can't be started must not keep the others
        log.exception("scheduled_export_not_started", schedule=pk)
        return None


@transaction.atomic
def _start_one(pk: int, now: datetime) -> OptOutExport | None:
    rows = ExportSchedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related("tenant")
    schedule = rows.filter(pk=pk, is_active=True, next_at__lte=now).first()
    if schedule is None or schedule.runs.filter(state__in=ListJob.UNDER_WAY).exists():
        return None
    ExportSchedule.objects.filter(pk=pk).update(next_at=next_run(schedule, now))
    return start_run(schedule, now)


def start_run(schedule: ExportSchedule, now: datetime) -> OptOutExport:
    """One run of a schedule, as it is set up now."""
    job: OptOutExport = OptOutExport.objects.create(
        tenant=schedule.tenant,
        schedule=schedule,
        file_format=schedule.file_format,
        filters=schedule.filters,
        filter_words=schedule.filter_words,
        reason=schedule.reason,
        changed_after=schedule.boundary if schedule.changes_only else None,
        mail_to=read_addresses(schedule.mail_to),
        to_storage=schedule.to_storage,
        actor_kind=schedule.actor_kind,
        actor_id=schedule.actor_id,
        actor_name=schedule.actor_name,
        created_at=now,
    )
    jobs.start(job, now)
    return job
