"""Links that hand out a stored file without a log-in, until they expire. Nothing but the signature opens them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from accounts.local_time import say_moment
from compliance.models import FileDownload, StoredFile

SALT = "compliance.stored-file"
LONGEST = 2_000


class NoSuchLink(LookupError):
    """A link that we never made, or that was changed."""


class LinkExpired(LookupError):
    """A link that was good once; the message says why it no longer is."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file behind a link, and whom the link was sent to."""

    stored: StoredFile
    sent_to: str


def expiry_of(stored: StoredFile, now: datetime) -> datetime:
    """How long a link made now works: LINKS_VALID_DAYS, and never longer than the file is kept."""
    return min(now + timedelta(days=settings.LINKS_VALID_DAYS), stored.expires_at)


def make_link(stored: StoredFile, sent_to: str, now: datetime) -> str:
    """The whole address of a file, for one person."""
    until = int(expiry_of(stored, now).timestamp())
    signed = signing.dumps({"file": stored.pk, "to": sent_to, "until": until}, salt=SALT)
    return f"{settings.PUBLIC_URL}{reverse('shared_file', args=[signed])}"


def open_link(signed: str, now: datetime) -> Opened:
    """What a link leads to. Raises NoSuchLink, LinkExpired."""
    try:
        said = signing.loads(signed[:LONGEST], salt=SALT)
    except signing.BadSignature:
        raise NoSuchLink from None
    stored = StoredFile.objects.select_related("tenant").filter(pk=said["file"]).first()
    if stored is None:
        raise NoSuchLink
    until = datetime.fromtimestamp(said["until"], UTC)
    if now >= until:
        raise LinkExpired(f"This link worked until {say_moment(until, stored.tenant.time_zone)}.")
    if not stored.tenant.is_active:
        raise LinkExpired("The business that shared this file is switched off.")
    if stored.deleted_at is not None:
        raise LinkExpired("This file was deleted.")
    return Opened(stored, said["to"])


def note_download(
    stored: StoredFile, name: str, now: datetime, *, actor_id: str = "", by_link: bool = False, network: str = ""
) -> None:
    """Keep that somebody took a file away."""
    files_of = {"tenant_id": stored.tenant_id, "file": stored, "at": now}
    FileDownload.objects.create(
        **files_of, actor_name=name[:320], actor_id=actor_id, by_link=by_link, network=network[:64]
    )
