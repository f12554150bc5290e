"""Reading is put on record: who read what of a business, and when. The one writer of AccessRecord."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts.models import AccessRecord, ReaderKind, Tenant, User

What = AccessRecord.What
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, as the record keeps them."""

    kind: ReaderKind
    id: str
    name: str
    role: str = ""


def reader_of(person: User) -> Reader:
    """A person who has logged in."""
    kind = ReaderKind.OPERATOR if person.is_platform_operator else ReaderKind.USER
    return Reader(kind, str(person.pk), person.display_name, person.role)


def record_access(
    person: User | Reader,
    tenant: Tenant | int,
    what: AccessRecord.What,
    about: models.Model | str,
    *,
    label: str = "",
    reason: str = "",
    once_within: timedelta | None = None,
    now: datetime | None = None,
) -> None:
    """Put on record that somebody read something of a business.

    about: the row, or words where it is no row. label: how a row is called, "Conversation 12" by default; neither holds
    a recipient's number or words. once_within: the same reader and thing are kept once in each such stretch of time.
    """
    reader, now = reader_of(person) if isinstance(person, User) else person, now or timezone.now()
    named, about_type, about_id = _describe(about)
    row = AccessRecord(
        tenant_id=tenant.pk if isinstance(tenant, Tenant) else tenant,
        reader_kind=reader.kind,
        reader_id=reader.id,
        reader_name=reader.name[:160],
        reader_role=reader.role,
        what=what,
        about=(label or named)[:200],
        about_type=about_type,
        about_id=about_id,
        reason=reason,
        at=now,
    )
    if once_within is None:
        row.save(force_insert=True)
        return
    stretch = int(now.timestamp() // once_within.total_seconds())
    thing = f"{about_type}:{about_id or named}"
    row.once_key = f"{row.tenant_id}:{reader.kind}:{reader.id}:{what}:{stretch}:{thing}"[:200]
    _save_once(row)


def _describe(about: models.Model | str) -> tuple[str, str, str]:
    """What was read: its name without a word of what is in it, its sort and its key."""
    if isinstance(about, str):
        return about, "", ""
    opts = about._meta  # noqa: SLF001 - Django's own name for it
    return f"{str(opts.verbose_name).capitalize()} {about.pk}", opts.label_lower, str(about.pk)


def _save_once(row: AccessRecord) -> None:
    known = AccessRecord.objects.filter(once_key=row.once_key)
    if known.exists():
        return
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # the same person in another window, at the same moment
        if not known.exists():
            raise
