"""Proof of a change of consent: the words and ids, kept apart from history and never altered."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.prepared import PreparedInsert
from compliance.models import Evidence, Source

_INSERT = PreparedInsert(Evidence)
_as_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves a request: by which way it came, its words, its moment, and ids that lead back to it."""

    way: Source | str
    words: str
    occurred_at: datetime
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def details_as_json(self) -> str:
        return _as_json(self.details)


def digest_of(row: Evidence) -> str:
    """SHA-256 over everything that the evidence says, in a fixed order."""
    return seal(row.tenant_id, row.recipient_id, row.way, row.words, row.occurred_at, _as_json(row.details))


def seal(tenant_id: int, recipient_id: int, way: str, words: str, occurred_at: datetime, details: str) -> str:
    """The digest of one piece of evidence. Written out, since a list seals a million: it is JSON with sorted keys.

    details: as JSON, its keys sorted.
    """
    said = (
        f'{{"details": {details}, "occurred_at": {occurred_at.timestamp()!r}, "recipient": {recipient_id}, '
        f'"tenant": {tenant_id}, "way": {_quoted(str(way))}, "words": {_quoted(words)}}}'
    )
    return hashlib.sha256(said.encode()).hexdigest()


def build_evidence(tenant_id: int, recipient_id: int, proof: Proof, now: datetime) -> Evidence:
    """An Evidence row with its digest, not yet saved."""
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
