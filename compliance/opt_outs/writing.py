"""How an opt-out row is written: with who, how, why, its evidence and one history row."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from accounts.prepared import PreparedInsert
from compliance.actors import Actor
from compliance.models import Evidence, OptOut

History = OptOut.history.model
_INSERT = PreparedInsert(OptOut)
_INSERT_HISTORY = PreparedInsert(History)


@dataclass(frozen=True, slots=True)
class Preceding:
    """The outgoing text that came before an opt-out, with its sender and campaign as plain values."""

    id: str = ""
    at: datetime | None = None
    user_id: int | None = None
    user: str = ""
    campaign_id: int | None = None
    campaign: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat() if self.at else None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        at = value.get("at")
        return cls(**{**value, "at": datetime.fromisoformat(at) if at else None}) if value else cls()


def write_change(
    row: OptOut, action: OptOut.Action, actor: Actor, evidence: Evidence, why: str, now: datetime
) -> OptOut:
    """Save a changed or new row, and the one history row of the change in simple-history's table."""
    describe_change(row, action, actor, evidence, now)
    is_new = row._state.adding
    if is_new:
        _INSERT.run(row)
    else:
        row.save_without_historical_record(force_update=True)  # type: ignore[attr-defined]
    _add_history(row, "+" if is_new else "~", why, now)
    return row


def _add_history(row: OptOut, kind: str, why: str, now: datetime) -> None:
    """Every tracked column as it now stands. Written here, as for lists, so that one statement does it."""
    columns = {field.attname: getattr(row, field.attname) for field in History.tracked_fields}
    _INSERT_HISTORY.run(History(history_type=kind, history_date=now, history_change_reason=why, **columns))


def describe_change(row: OptOut, action: OptOut.Action, actor: Actor, evidence: Evidence, now: datetime) -> None:
    """Put on the row what its history row will say: who did what, and on which evidence."""
    row.action = action
    row.actor_kind, row.actor_id, row.actor_name = actor.kind, actor.id, actor.name[:160]
    row.evidence, row.evidence_digest = evidence, evidence.digest
    row.changed_at = now


def set_preceding(row: OptOut, preceding: Preceding) -> None:
    """Keep the text that came before, as plain values: proof outlives message bodies."""
    row.preceding_id, row.preceding_at = preceding.id, preceding.at
    row.preceding_user_id, row.preceding_user = preceding.user_id, preceding.user
    row.preceding_campaign_id, row.preceding_campaign = preceding.campaign_id, preceding.campaign
