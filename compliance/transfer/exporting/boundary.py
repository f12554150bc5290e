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

# A snapshot names the transactions of all databases of a server; none of another one can change this history. Which
# they are tells a transaction's lock on itself: of a session's own number only its own role may read.
_UNDER_WAY = """
SELECT under_way::text FROM pg_snapshot_xip(pg_current_snapshot()) AS under_way WHERE NOT EXISTS (
    SELECT FROM pg_locks held JOIN pg_stat_activity session USING (pid)
    WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
    AND held.transactionid::text::bigint = under_way::text::bigint % 4294967296
    AND session.datname <> current_database()
)
"""

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
    """The transactions of others in this database that have written something and not committed it yet.

    A snapshot leaves out those that are younger than every one that has ended: so one of our own ends first.
    """
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        cursor.execute(_UNDER_WAY)
        return {row[0] for row in cursor.fetchall()}
