"""Finishing what was left: rows are the promise, and these look for the ones that nobody came for."""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from compliance import reviews
from compliance.models import ReviewItem
from messaging import delivery, webhooks
from messaging.models import WebhookDelivery

log = structlog.get_logger(__name__)

AT_ONCE = 200


def retry_deliveries(now: datetime) -> int:
    """Try every kept webhook again whose pause is over. Returns how many were applied."""
    due = WebhookDelivery.objects.waiting().select_related("account__tenant").filter(next_attempt_at__lte=now)
    return sum(webhooks.retry_delivery(kept, timezone.now()) for kept in due.order_by("next_attempt_at")[:AT_ONCE])


def close_due_reviews(now: datetime) -> int:
    """What nobody answered in time becomes an opt-out. Returns how many did."""
    due = ReviewItem.objects.select_related("tenant", "evidence").filter(
        status=ReviewItem.Status.OPEN, kind=ReviewItem.Kind.UNCLEAR, due_at__lte=now
    )
    return sum(_close(item, now) for item in due.order_by("due_at")[:AT_ONCE])


def _close(item: ReviewItem, now: datetime) -> bool:
    try:
        with transaction.atomic():
            reviews.fall_due(item, now)
    except reviews.AlreadyAnswered:
        return False
    except Exception:  # one that can't be closed must not hold back the others, whose due dates are the law's
        log.exception("review_not_closed", review=item.pk)
        return False
    return True


def mark_stuck_sends(now: datetime) -> int:
    """Show sends whose worker died as unknown. Returns how many."""
    count = delivery.mark_stuck(now)
    if count:
        log.warning("sends_unknown", count=count)
    return count
