"""Opting out a list: the same rules as for one, on sets, with a history row for every change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from accounts.models import OptOutScope, Tenant
from compliance.evidence import Proof, build_evidence
from compliance.models import Consent, Evidence, OptOut, Recipient
from compliance.opt_outs.opting_out import is_earlier
from compliance.opt_outs.writing import Actor, describe_change


class Listed(StrEnum):
    """What became of one line of a list."""

    NEW = "new"
    ALREADY = "already"
    NEWER_OPT_IN = "newer_opt_in"


@dataclass(frozen=True, slots=True)
class Line:
    """One opt-out of a list. `number` is E.164; `sender` is "" for all company numbers."""

    number: str
    proof: Proof
    reason: str = ""
    sender: str = ""
    language: str = ""
    requested_by: OptOut.RequestedBy | str = OptOut.RequestedBy.RECIPIENT

    @property
    def scope(self) -> OptOutScope:
        return OptOutScope.NUMBER if self.sender else OptOutScope.TENANT


Key = tuple[int, str, str]  # recipient, company number or "", who asked


_CHANGED_FIELDS = [field.name for field in OptOut._meta.concrete_fields if not field.primary_key]  # noqa: SLF001


@dataclass(slots=True)
class _Batch:
    tenant: Tenant
    actor: Actor
    now: datetime
    recipients: dict[str, Recipient]
    standing: dict[Key, OptOut]
    consents: dict[int, list[Consent]]

    def key(self, line: Line, sender: str) -> Key:
        return self.recipients[line.number].pk, sender, str(line.requested_by)


@transaction.atomic
def record_many(tenant: Tenant, lines: Sequence[Line], actor: Actor, now: datetime) -> list[Listed]:
    """Apply one batch of a list, in one transaction: keep it to a few thousand lines, so that locks stay short.

    Nobody is texted and nobody is opted back in. A line whose recipient is opted out already changes nothing, so
    that a list can be imported twice; one that is older than the person's own opt-in is reported and left.
    """
    recipients = _lock_all(tenant, sorted({line.number for line in lines}), now)
    ids = [recipient.pk for recipient in recipients.values()]
    batch = _Batch(tenant, actor, now, recipients, _find_standing(ids), _find_consents(ids))
    outcomes: list[Listed] = []
    fresh: dict[Key, Line] = {}
    for line in lines:
        outcome = _judge(batch, line, fresh)
        outcomes.append(outcome)
        if outcome == Listed.NEW:
            fresh[batch.key(line, line.sender)] = line
    _write(batch, list(fresh.values()))
    return outcomes


def _lock_all(tenant: Tenant, numbers: list[str], now: datetime) -> dict[str, Recipient]:
    """Make and lock every recipient, in the order of their numbers: two lists can't wait for each other."""
    rows = [Recipient(tenant=tenant, number=number, created_at=now, seen_at=now) for number in numbers]
    Recipient.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["tenant", "number"], update_fields=["seen_at"]
    )
    return {row.number: row for row in rows}


def _find_standing(recipient_ids: list[int]) -> dict[Key, OptOut]:
    rows = OptOut.objects.filter(recipient_id__in=recipient_ids)
    return {(row.recipient_id, row.sender, row.requested_by): row for row in rows}


def _find_consents(recipient_ids: list[int]) -> dict[int, list[Consent]]:
    found: dict[int, list[Consent]] = {}
    for consent in Consent.objects.filter(recipient_id__in=recipient_ids):
        found.setdefault(consent.recipient_id, []).append(consent)
    return found


def _judge(batch: _Batch, line: Line, fresh: dict[Key, Line]) -> Listed:
    for key in (batch.key(line, ""), batch.key(line, line.sender)):
        row = batch.standing.get(key)
        if key in fresh or (row is not None and row.is_active):
            return Listed.ALREADY
    if line.requested_by == OptOut.RequestedBy.RECIPIENT and _has_newer_opt_in(batch, line):
        return Listed.NEWER_OPT_IN
    return Listed.NEW


def _has_newer_opt_in(batch: _Batch, line: Line) -> bool:
    """Whether the person opted in later, for what this line would close."""
    return any(
        is_earlier(line.proof.occurred_at, consent.given_at)
        and (consent.scope == OptOutScope.TENANT or (consent.sender == line.sender != ""))
        for consent in batch.consents.get(batch.recipients[line.number].pk, [])
    )


def _write(batch: _Batch, lines: list[Line]) -> None:
    """Evidence, rows and history, each in one statement a kind."""
    evidence = [
        build_evidence(batch.tenant.pk, batch.recipients[line.number].pk, line.proof, batch.now) for line in lines
    ]
    Evidence.objects.bulk_create(evidence)
    rows = [_build_row(batch, line, proof) for line, proof in zip(lines, evidence, strict=True)]
    new = [row for row in rows if row._state.adding]
    reopened = [row for row in rows if not row._state.adding]
    OptOut.writes.bulk_create(new)
    if reopened:
        OptOut.writes.bulk_update(reopened, _CHANGED_FIELDS)
    OptOut.history.bulk_history_create(new, default_date=batch.now)
    OptOut.history.bulk_history_create(reopened, update=True, default_date=batch.now)


def _build_row(batch: _Batch, line: Line, evidence: Evidence) -> OptOut:
    recipient = batch.recipients[line.number]
    row = OptOut(
        tenant=batch.tenant,
        recipient=recipient,
        scope=line.scope,
        sender=line.sender,
        requested_by=line.requested_by,
        status=OptOut.Status.ACTIVE,
        source=line.proof.way,
        reason=line.reason,
        language=line.language,
        opted_out_at=line.proof.occurred_at,
        asked_at=line.proof.occurred_at,
    )
    if standing := batch.standing.get(batch.key(line, line.sender)):
        row.pk, row.episode = standing.pk, standing.episode + 1
        row._state.adding = False
    describe_change(row, OptOut.Action.OPTED_OUT, batch.actor, evidence, batch.now)
    row._change_reason = line.reason  # type: ignore[attr-defined]
    return row
