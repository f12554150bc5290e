"""How far the history of changes had gone at a moment, so that “changes since then” lose nothing.

`changed_at` can't tell: a webhook that is applied late is dated as it came, days ago. The ids of history rows are given
out as changes are written, so what comes later has a higher one. On PostgreSQL a change with a lower id may still be
under way while one with a higher id is visible already: those that are under way now are waited for. SQLite writes one
after the other.
"""

import time

from django.db import connection
from django.db.models import Max, QuerySet

from accounts.models import Tenant
from compliance.models import OptOut

WAIT_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.05

History = OptOut.history.model


def find_boundary(wait_seconds: float = WAIT_SECONDS) -> int | None:
    """The highest id of history below which nothing is under way any more. None where a change takes too long.

    Rows read after this call include every change up to the boundary.
    """
    highest = History.objects.aggregate(highest=Max("history_id"))["highest"] or 0
    under_way = _transactions_under_way()
    ends_at = time.monotonic() + wait_seconds
    while under_way and time.monotonic() < ends_at:
        time.sleep(LOOK_EVERY_SECONDS)
        under_way &= _transactions_under_way()
    return None if under_way else int(highest)


def changed_after(tenant: Tenant, boundary: int) -> QuerySet[OptOut]:
    """The opt-outs of a business with a change after a boundary."""
    changes = History.objects.filter(tenant=tenant, history_id__gt=boundary)
    rows: QuerySet[OptOut] = OptOut.objects.for_tenant(tenant).filter(pk__in=changes.values("id"))
    return rows


def _transactions_under_way() -> set[str]:
    """The transactions of others that have written something and not committed it yet.

    A snapshot leaves out those that are younger than every one that has ended: so one of our own ends first.
    """
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        cursor.execute("SELECT pg_snapshot_xip(pg_current_snapshot())::text")
        return {row[0] for row in cursor.fetchall()}
