"""A platform operator sees nothing of a business but during a visit: with a reason, for a while, on record."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.access import record_access
from accounts.models import AccessRecord, OperatorVisit, Tenant, User

LONGEST = timedelta(minutes=60)
LENGTHS = (15, 30, 60)  # minutes
SHORTEST_REASON = 10


def current_visits(person: User, now: datetime | None = None) -> list[OperatorVisit]:
    """The visits of an operator that go on, the first to end first."""
    now = now or timezone.now()
    rows = OperatorVisit.objects.filter(operator=person, ended_at=None, ends_at__gt=now).select_related("tenant")
    return list(rows.order_by("ends_at", "pk"))


def start_visit(person: User, tenant: Tenant, reason: str, length: timedelta, now: datetime) -> OperatorVisit:
    """Open a business's data to an operator. One that goes on there already ends, so that a reason covers its own time.

    Raises ValueError with a sentence: for a reason that says nothing, and for a visit that is too long.
    """
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise ValueError(f"Write why, in {SHORTEST_REASON} characters or more: the business reads it.")
    if not timedelta(0) < length <= LONGEST:
        raise ValueError(f"A visit lasts {LONGEST.seconds // 60} minutes at most.")
    if not person.is_platform_operator:
        raise ValueError("Only a platform operator visits a business.")
    with transaction.atomic():
        end_visit(person, tenant, now)
        visit = OperatorVisit.objects.create(
            tenant=tenant, operator=person, reason=reason, started_at=now, ends_at=now + length
        )
        said = f"For {length.seconds // 60} minutes"
        record_access(person, tenant, AccessRecord.What.VISIT, said, reason=reason, now=now)
    return visit


def end_visit(person: User, tenant: Tenant, now: datetime) -> bool:
    """End an operator's visit before its time. False where none goes on."""
    going_on = OperatorVisit.objects.filter(operator=person, tenant=tenant, ended_at=None, ends_at__gt=now)
    with transaction.atomic():
        ended = going_on.update(ended_at=now)
        if ended:
            record_access(person, tenant, AccessRecord.What.VISIT, "Ended early", now=now)
    return bool(ended)
