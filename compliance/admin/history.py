"""The history of an opt-out as a timeline: every change with who, how, why and its evidence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.models import Evidence, OptOut
from compliance.sentences import CHANGE_COLOURS, reach, text_before

AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, ready to be shown."""

    title: str
    colour: str
    at: datetime
    by: str
    by_kind: str
    how: str
    reach: str
    reason: str
    words: str
    said_at: datetime | None
    digest: str
    before: str


def timeline_of(row: OptOut) -> list[Entry]:
    """The newest changes first, in two queries whatever their number."""
    changes = list(row.history.order_by("-history_date", "-history_id")[:AT_MOST])
    proofs = Evidence.objects.filter(tenant_id=row.tenant_id).in_bulk({change.evidence_id for change in changes})
    return [_entry(change, proofs.get(change.evidence_id)) for change in changes]


def _entry(change: Any, proof: Evidence | None) -> Entry:
    return Entry(
        title=change.get_action_display(),
        colour=CHANGE_COLOURS.get(change.action, "grey"),
        at=change.history_date,
        by=change.actor_name or change.get_actor_kind_display(),
        by_kind=change.get_actor_kind_display(),
        how=str(proof.get_way_display()) if proof else str(change.get_source_display()),
        reach=reach(change.scope, change.sender),
        reason=change.history_change_reason or "",
        words=proof.words if proof else "",
        said_at=proof.occurred_at if proof else None,
        digest=change.evidence_digest,
        before=text_before(change),
    )
