"""The evidence pack of a recipient: all that is on record of a number, as one JSON and one PDF to hand to a lawyer.

Each part of the system contributes what it keeps as a `Part`. The PDF prints the SHA-256 of the JSON, and the making is
itself on record with it: whoever holds a pack can tell whether it is the one that was made.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from accounts.access import record_access
from accounts.models import AccessRecord, User
from compliance.evidence_pack.gathering import gather
from compliance.evidence_pack.parts import Part, register
from compliance.evidence_pack.printing import print_pack
from compliance.models import EvidencePack, Recipient
from compliance.snapshots import one_moment

__all__ = ["Pack", "Part", "make_pack", "register"]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as it is handed out. `digest` is the SHA-256 of the JSON, to the byte."""

    name: str
    record: bytes
    document: bytes
    digest: str

    @property
    def archive(self) -> bytes:
        """Both files in one."""
        held = io.BytesIO()
        with ZipFile(held, "w", ZIP_DEFLATED) as archive:
            archive.writestr(f"{self.name}.json", self.record)
            archive.writestr(f"{self.name}.pdf", self.document)
        return held.getvalue()


def make_pack(recipient: Recipient, person: User, why: str, now: datetime) -> Pack:
    """Make the pack of a recipient whom this person may read whole, and put the making on record."""
    tenant = recipient.tenant
    with timezone.override(ZoneInfo(tenant.time_zone)):
        with one_moment():
            said = gather(recipient, person, why, now)
        record = json.dumps(said, ensure_ascii=False, indent=1, default=_plain).encode()
        digest = hashlib.sha256(record).hexdigest()
        document = print_pack(json.loads(record), digest)
    with transaction.atomic():
        row = EvidencePack.objects.create(
            tenant=tenant,
            recipient=recipient,
            made_at=now,
            actor_id=str(person.pk),
            actor_name=person.display_name,
            why=why,
            sha256=digest,
        )
        record_access(person, tenant, AccessRecord.What.EVIDENCE_PACK, recipient, reason=why, now=now)
    digits = "".join(filter(str.isdigit, recipient.number))
    return Pack(f"evidence-{digits}-{now:%Y%m%d}-{row.pk}", record, document, digest)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
