"""A provider's own opt-out list and ours: compared on a schedule or when asked, and brought together.

What only the provider knows is taken over, always. What only we know is written there where the business chose so. What
came back here is taken off there only for a person's act or the recipient's own START. A comparison is a row: it can
stop anywhere and goes on from what was saved.
"""

from messaging.reconciling.runs import (
    NotComparable,
    can_compare,
    can_read,
    can_write,
    find_due,
    find_under_way,
    go_on,
    start_comparison,
    start_daily,
)
from messaging.reconciling.writing import CantBeSettled, settle, what_settles

__all__ = [
    "CantBeSettled",
    "NotComparable",
    "can_compare",
    "can_read",
    "can_write",
    "find_due",
    "find_under_way",
    "go_on",
    "settle",
    "start_comparison",
    "start_daily",
    "what_settles",
]
