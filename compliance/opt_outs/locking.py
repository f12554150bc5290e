"""The recipient's row is the lock: every change of consent and every claim takes it first."""

from datetime import datetime

from django.db import connection

from accounts.prepared import PreparedInsert
from compliance.models import Recipient
from compliance.state import RecipientState, read_state

_UPSERT = PreparedInsert(Recipient, unique=["tenant", "number"], update=["seen_at"])
_UPSERT_TEXTING = PreparedInsert(Recipient, unique=["tenant", "number"], update=["seen_at", "texted_at"])


def lock_recipient(tenant_id: int, number: str, now: datetime, *, has_texted: bool = False) -> RecipientState:
    """Lock a recipient, making the row where it is missing, then read its state in a statement of its own.

    has_texted: it is a text of theirs that has come, which the gate asks about where texts need consent.
    One upsert does both: its DO UPDATE locks a row that stands, and waits for whoever holds it.
    """
    assert connection.in_atomic_block, "a lock outside a transaction holds nothing"  # noqa: S101
    row = Recipient(tenant_id=tenant_id, number=number, created_at=now, seen_at=now)
    if has_texted:
        row.texted_at = now
    (_UPSERT_TEXTING if has_texted else _UPSERT).run(row)
    return read_state(tenant_id, number)


def relock_recipient(recipient_id: int) -> RecipientState:
    """Lock a recipient that is known to exist, then read its state in a statement of its own."""
    row = Recipient.objects.select_for_update(no_key=True).only("tenant_id", "number").get(pk=recipient_id)
    return read_state(row.tenant_id, row.number)
