"""Proof of a change of consent: the words and ids, kept apart from history and never altered."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.prepared import PreparedInsert
from compliance.models import Evidence, Source

_INSERT = PreparedInsert(Evidence)


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves a request: by which way it came, its words, its moment, and ids that lead back to it."""

    way: Source | str
    words: str
    occurred_at: datetime
    details: dict[str, Any] = field(default_factory=dict)


def digest_of(row: Evidence) -> str:
    """SHA-256 over everything that the evidence says, in a fixed order."""
    said = {
        "tenant": row.tenant_id,
        "recipient": row.recipient_id,
        "way": str(row.way),
        "words": row.words,
        "occurred_at": row.occurred_at.timestamp(),
        "details": row.details,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def build_evidence(tenant_id: int, recipient_id: int, proof: Proof, now: datetime) -> Evidence:
    """An Evidence row with its digest, not yet saved: for lists, which are inserted at once."""
    row = Evidence(
        tenant_id=tenant_id,
        recipient_id=recipient_id,
        way=proof.way,
        words=proof.words,
        occurred_at=proof.occurred_at,
        details=proof.details,
        created_at=now,
    )
    row.digest = digest_of(row)
    return row


def keep_evidence(tenant_id: int, recipient_id: int, proof: Proof, now: datetime) -> Evidence:
    """Store one piece of evidence."""
    row = build_evidence(tenant_id, recipient_id, proof, now)
    _INSERT.run(row)
    return row
