"""Celery's doors. A task carries an id and makes one call; losing one loses nothing."""

import structlog
from celery import shared_task
from django.utils import timezone

from accounts import log_ins
from compliance import alerts
from compliance.transfer import files, working
from compliance.transfer.exporting import delivering, schedules
from messaging import delivery, incidents, outside, reconciling, sweeping, upkeep, waking
from messaging.figures import keeping

log = structlog.get_logger(__name__)

WAKE_AT_ONCE = 500


@shared_task(name="messaging.tasks.deliver")
def deliver(*message_ids: str) -> None:
    """Deliver the texts that are still queued. One that breaks is left to the sweeper and holds up no other."""
    for message_id in message_ids:
        try:
            delivery.deliver(message_id)
        except Exception:
            log.exception("delivery_broke", message=message_id)


@shared_task(name="messaging.tasks.sweep_queued")
def sweep_queued() -> None:
    """Deliver what was queued and not fetched: a lost nudge, or a pause that is over."""
    for message_id in delivery.find_due(timezone.now(), WAKE_AT_ONCE):
        deliver.apply_async(args=(str(message_id),), expires=60)


@shared_task(name="messaging.tasks.sweep_deliveries")
def sweep_deliveries() -> None:
    """Try webhooks again that could not be applied."""
    sweeping.retry_deliveries(timezone.now())


@shared_task(name="messaging.tasks.sweep_holds")
def sweep_holds() -> None:
    """Turn reviews past their due date into opt-outs."""
    sweeping.close_due_reviews(timezone.now())


@shared_task(name="messaging.tasks.sweep_alerts")
def sweep_alerts() -> None:
    """Tell those who may answer of reviews that are due soon."""
    alerts.send_alerts(timezone.now())


@shared_task(name="messaging.tasks.sweep_stuck")
def sweep_stuck() -> None:
    """Show sends that never came back."""
    sweeping.mark_stuck_sends(timezone.now())


@shared_task(name="messaging.tasks.sweep_comparisons")
def sweep_comparisons() -> None:
    """Start the comparisons of the day, and go on with those that stopped."""
    now = timezone.now()
    reconciling.start_daily(now)
    for run_id in reconciling.find_due(now):
        compare_lists.apply_async(args=(run_id,), expires=60)


@shared_task(name="messaging.tasks.compare_lists")
def compare_lists(run_id: int) -> None:
    """Work on one comparison for a while."""
    reconciling.go_on(run_id)


@shared_task(name="messaging.tasks.sweep_outside_texts")
def sweep_outside_texts() -> None:
    """Read what was sent past us."""
    for account_id in outside.find_due(timezone.now()):
        read_outside_texts.apply_async(args=(account_id,), expires=60)


@shared_task(name="messaging.tasks.sweep_incidents")
def sweep_incidents() -> None:
    """Tell of texts that were sent past an opt-out."""
    incidents.send_alerts(timezone.now())


@shared_task(name="messaging.tasks.read_outside_texts")
def read_outside_texts(account_id: int) -> None:
    """Read the records of one connection."""
    outside.read_outside_texts(account_id)


@shared_task(name="messaging.tasks.keep_up_connections")
def keep_up_connections() -> None:
    """Look after the connections whose subscription, or whatever else runs out by itself, is due."""
    for account_id in upkeep.find_due(timezone.now()):
        keep_up_connection.apply_async(args=(account_id,), expires=60)


@shared_task(name="messaging.tasks.keep_up_connection")
def keep_up_connection(*account_ids: str | int) -> None:
    """Look after connections one by one."""
    for account_id in account_ids:
        upkeep.keep_up(int(account_id))


@shared_task(name="messaging.tasks.sweep_list_work")
def sweep_list_work() -> None:
    """Go on with imports and exports that nobody came for, or whose worker died."""
    for key in working.find_due(timezone.now()):
        work_on_lists.apply_async(args=(key,), expires=60)


@shared_task(name="messaging.tasks.work_on_lists")
def work_on_lists(*keys: str) -> None:
    """Work on imports and exports for a while each. One that is not done yet goes to the end of the queue."""
    for key in keys:
        job = working.go_on(key)
        if job is not None and job.is_due(timezone.now()):
            waking.wake_list_work(key)


@shared_task(name="messaging.tasks.sweep_export_schedules")
def sweep_export_schedules() -> None:
    """Start the exports that are due."""
    schedules.start_due(timezone.now())


@shared_task(name="messaging.tasks.sweep_export_deliveries")
def sweep_export_deliveries() -> None:
    """Mail links and copy files of exports, and tell of those that failed."""
    delivering.deliver_due(timezone.now())
    delivering.send_alerts(timezone.now())


@shared_task(name="messaging.tasks.sweep_stored_files")
def sweep_stored_files() -> None:
    """Delete files of lists whose time is over."""
    files.delete_expired(timezone.now())


@shared_task(name="messaging.tasks.sweep_log_ins")
def sweep_log_ins() -> None:
    """Delete log-ins and sessions whose time is over."""
    log_ins.delete_old(timezone.now())


@shared_task(name="messaging.tasks.sweep_figures")
def sweep_figures() -> None:
    """Count the days whose figures are due."""
    keeping.sweep(timezone.now())
