"""Celery's doors. A task carries an id and makes one call; losing one loses nothing."""

import structlog
from celery import shared_task
from django.utils import timezone

from messaging import delivery, sweeping

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


@shared_task(name="messaging.tasks.sweep_stuck")
def sweep_stuck() -> None:
    """Show sends that never came back."""
    sweeping.mark_stuck_sends(timezone.now())
