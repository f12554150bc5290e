"""Files of lists in the storage named “lists”: kept under random names, with checksum and size, until they expire."""

import hashlib
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import IO

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import Tenant
from compliance.models import StoredFile

log = structlog.get_logger(__name__)

CHUNK = 1024 * 1024
BOM = "\ufeff".encode()  # by which Excel knows UTF-8
DELETED_AT_ONCE = 200
LONGEST_NAME = 200
CSV, XLSX, JSON = (
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/json",
)


class FileGone(LookupError):
    """A stored file whose bytes are no longer there."""


def lists() -> Storage:
    """Where the files lie."""
    return storages["lists"]


def keep_file(
    tenant: Tenant, name: str, content: IO[bytes], content_type: str, now: datetime, kept_for: timedelta | None = None
) -> StoredFile:
    """Store a file from its first byte to its last, in pieces. `content` must be seekable."""
    content.seek(0)
    digest = _digest_of(content)
    size = content.tell()
    content.seek(0)
    row: StoredFile = StoredFile.objects.create(
        tenant=tenant,
        name=plain_name(name),
        path=f"{tenant.pk}/{secrets.token_hex(16)}",
        content_type=content_type,
        sha256=digest,
        size=size,
        created_at=now,
        expires_at=now + (kept_for or timedelta(days=settings.FILES_KEPT_DAYS)),
    )
    _write_bytes(row, content)
    return row


def _write_bytes(row: StoredFile, content: IO[bytes]) -> None:
    """After the row: bytes that no row names would be deleted by nobody, ever."""
    try:
        lists().save(row.path, File(content))
    except Exception:
        lists().delete(row.path)  # what a full disk has taken of it
        row.delete()
        raise


def _digest_of(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def scratch_file() -> Iterator[IO[bytes]]:
    """A file to write before it is kept; it goes by itself, even with a killed process."""
    with tempfile.TemporaryFile() as draft:
        yield draft


@contextmanager
def dropped_when(error: type[Exception], *made: StoredFile) -> Iterator[None]:
    """Files that were kept for what is done here go again where it ends in that error: nobody would know of them."""
    try:
        yield
    except error:
        for stored in made:
            delete_file(stored, timezone.now())
        raise


def open_file(stored: StoredFile) -> IO[bytes]:
    """The bytes of a stored file, seekable. Raises FileGone."""
    if stored.deleted_at is not None:
        until = date_format(timezone.localtime(stored.expires_at), "N j, Y")
        raise FileGone(f"The file {stored.name} was deleted: it was kept until {until}.")
    try:
        return lists().open(stored.path, "rb")
    except OSError as error:
        log.warning("stored_file_gone", file=stored.pk, error=str(error))
        raise FileGone(f"The file {stored.name} is no longer in the storage.") from None


def delete_file(stored: StoredFile, now: datetime) -> None:
    """Take the bytes away; the row stays."""
    lists().delete(stored.path)
    StoredFile.objects.filter(pk=stored.pk).update(deleted_at=now)


def forget(parts: Iterable[StoredFile], now: datetime) -> None:
    """Parts of a file that is being made are no files of anybody: nothing of them stays."""
    for part in parts:
        delete_file(part, now)
        part.delete()


def delete_expired(now: datetime) -> int:
    """Take away the bytes of files whose time is over. Returns how many."""
    due = list(StoredFile.objects.filter(deleted_at=None, expires_at__lte=now).order_by("expires_at")[:DELETED_AT_ONCE])
    for stored in due:
        try:
            delete_file(stored, now)
        except OSError:  # one that can't be deleted must not keep the others
            log.exception("stored_file_not_deleted", file=stored.pk)
    return len(due)


def plain_name(name: str) -> str:
    """A file's name without folders and control characters, cut to what a row holds, its ending kept."""
    bare = "".join(c for c in PurePath(name.replace("\\", "/")).name if c.isprintable()).strip() or "list"
    suffix = PurePath(bare).suffix[:10]
    return bare if len(bare) <= LONGEST_NAME else bare[: LONGEST_NAME - len(suffix)] + suffix
