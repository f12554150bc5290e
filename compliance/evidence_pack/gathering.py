"""All that a pack says, as plain values. The number of queries is fixed, and each part has its most."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from accounts.models import User
from compliance.audit import faults_of
from compliance.evidence_pack.parts import read_part, registered
from compliance.models import Recipient
from compliance.standing import standings_of

FORMAT = "opt-out evidence pack, version 1"
HOW_TO_CHECK = (
    "The SHA-256 that the PDF prints is that of the JSON file, byte for byte. The digest of a piece of evidence is the "
    "SHA-256 of the JSON, with sorted keys, of its business (tenant), recipient, way, words, moment (occurred_at, in "
    "seconds since 1970) and details."
)


def gather(recipient: Recipient, person: User, why: str, now: datetime) -> dict[str, Any]:
    """The whole record of a recipient."""
    tenant = recipient.tenant
    parts = [_say_part(part, person, recipient) for part in registered()]
    return {
        "format": FORMAT,
        "made_at": now,
        "made_by": {"id": str(person.pk), "name": person.display_name, "role": person.get_role_display()},
        "why": why,
        "business": {
            "id": tenant.pk,
            "name": tenant.name,
            "name_in_texts": tenant.brand_name,
            "contact": tenant.help_contact,
            "country": tenant.country,
            "time_zone": tenant.time_zone,
        },
        "recipient": {"id": recipient.pk, "number": recipient.number, "first_seen_at": recipient.created_at},
        "state": [_say_state(asdict(standing)) for standing in standings_of(recipient, person)],
        "parts": parts,
        "checks": _check(parts),
        "how_to_check": HOW_TO_CHECK,
    }


def _say_part(part: Any, person: User, recipient: Recipient) -> dict[str, Any]:
    rows, cut = read_part(part, person, recipient)
    said = [part.say(row) for row in rows]
    return {"name": part.name, "title": part.title, "older_rows_left_out": cut, "rows": said}


def _say_state(standing: dict[str, Any]) -> dict[str, Any]:
    return {
        "company_number": standing["number"],
        "for": standing["name"],
        "state": standing["word"],
        "sentences": standing["sentences"],
        "consent": standing["consent"],
    }


def _check(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """What was verified while the pack was made."""
    rows = {part["name"]: part["rows"] for part in parts}
    evidence = rows["evidence"]
    faults = list(faults_of([row["id"] for row in rows["opt_outs"]]))
    return {
        "evidence_rows": len(evidence),
        "evidence_whose_digest_holds": sum(row["digest_holds"] for row in evidence),
        "faults": faults,
    }
