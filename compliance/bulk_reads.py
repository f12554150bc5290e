"""Reading many recipients at once: one bound parameter however long the list is."""

import json
from collections.abc import Iterator

from django.db import connection
from django.db.models.expressions import RawSQL

from compliance.models import OptOut, Recipient, ReviewItem
from compliance.state import BLOCK_COLUMNS, Block, Hold, RecipientState


def among(numbers: list[str]) -> RawSQL:
    """A list as a subquery: `IN (…)` with ten thousand parameters is slow on PostgreSQL and refused by SQLite."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::text[])", [numbers])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(numbers)])


def read_active_blocks(tenant_id: int, numbers: list[str]) -> Iterator[tuple[str, Block]]:
    """The active opt-outs of those numbers, oldest first."""
    rows = (
        OptOut.objects.filter(
            tenant_id=tenant_id,
            status=OptOut.Status.ACTIVE,
            recipient__tenant_id=tenant_id,
            recipient__number__in=among(numbers),
        )
        .order_by("id")
        .values_list("recipient__number", *BLOCK_COLUMNS, "evidence__words")
    )
    for number, *columns in rows:
        yield number, Block(*columns)


def read_open_holds(tenant_id: int, numbers: list[str]) -> Iterator[tuple[str, Hold]]:
    """The unanswered unclear texts of those numbers."""
    rows = (
        ReviewItem.objects.filter(
            tenant_id=tenant_id,
            status=ReviewItem.Status.OPEN,
            kind=ReviewItem.Kind.UNCLEAR,
            recipient__tenant_id=tenant_id,
            recipient__number__in=among(numbers),
        )
        .order_by("-id")
        .values_list("recipient__number", "id", "asked_at", "due_at", "texted", "evidence__words")
    )
    for number, *columns in rows:
        yield number, Hold(*columns)


def read_consented(tenant_id: int, numbers: list[str]) -> Iterator[RecipientState]:
    """Those of the numbers that have texted us or agreed to something, without their opt-outs and holds."""
    rows = (
        Recipient.objects.filter(tenant_id=tenant_id, number__in=among(numbers))
        .exclude(opted_in_for=[], texted_at=None)
        .values_list("id", "number", "opted_in_for", "texted_at")
    )
    for pk, number, opted_in_for, texted_at in rows:
        yield RecipientState(tenant_id, number, pk, None, tuple(opted_in_for), texted_at)
