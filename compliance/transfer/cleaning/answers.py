"""What the gate has answered already about a list whose cleaning was stopped, so that it goes on where it was.

Kept while the work lasts, and an hour at most: whoever opts out meanwhile must not be among those who may be texted.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, NamedTuple

from django.utils import timezone

from compliance.models import StoredFile
from compliance.transfer import files
from compliance.transfer.jobs import Interrupted, Turn

HOLD_FOR = timedelta(hours=1)
KEPT_EVERY = 100_000  # lines
PARTS_KEPT = timedelta(days=1)  # whoever goes on within the hour reads them for longer than that
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC).isoformat()


class ReadDifferently(Exception):
    """The lines are no longer read as when the gate was asked: by a newer release, or as of another country."""


class Refused(NamedTuple):
    """A line whose number the gate refused."""

    place: int
    outcome: str
    why: str


class Answers:
    """The refusals of one list, in the order of its lines: those of an earlier stretch are read, new ones are added."""

    def __init__(self, turn: Turn, draft: IO[bytes]) -> None:
        self._turn, self._draft = turn, draft
        self._known = iter(self._read_parts())
        self._next = next(self._known, None)
        self._until, self._digest = 0, hashlib.blake2b(digest_size=16)

    def note_read(self, numbers: Iterable[str], until: int) -> None:
        """Take in what a batch of lines was read as. Raises ReadDifferently: the next stretch begins anew."""
        self._digest.update("\n".join((*numbers, "")).encode())
        cursor, before, self._until = self._turn.job.cursor, self._until, until
        comes_past = before < cursor["line"] <= until
        if comes_past and (until, self._digest.hexdigest()) != (cursor["line"], cursor.get("read")):
            self._turn.note(cursor={**cursor, "began": LONG_AGO})
            raise ReadDifferently("The list is read in another way than before, so it is cleaned anew.")

    def _read_parts(self) -> Iterator[Refused]:
        for part in self._parts():
            with files.open_file(part) as lines:
                yield from (Refused(*json.loads(line)) for line in lines)

    def _parts(self) -> list[StoredFile]:
        return list(StoredFile.objects.filter(pk__in=self._turn.job.cursor["parts"]).order_by("pk"))

    def is_known(self, place: int) -> bool:
        """Whether the gate was asked about this line before."""
        return place <= int(self._turn.job.cursor["line"])

    def recall(self, place: int) -> Refused | None:
        """What it answered of a line that is known. Lines must come in their order."""
        while self._next is not None and self._next.place < place:
            self._next = next(self._known, None)
        return self._next if self._next is not None and self._next.place == place else None

    def note(self, refused: Iterable[Refused], until: int, done: int) -> None:
        """Add refusals, and keep them all now and then. Raises Interrupted."""
        self._draft.writelines(json.dumps(one).encode() + b"\n" for one in refused)
        if done - self._turn.job.cursor["done"] >= KEPT_EVERY:
            self._keep(until, done)

    def _keep(self, until: int, done: int) -> None:
        job, now = self._turn.job, timezone.now()
        part = files.keep_file(job.tenant, f"part of list {job.pk}", self._draft, files.JSON, now, PARTS_KEPT)
        cursor = {
            **job.cursor,
            "line": until,
            "done": done,
            "read": self._digest.hexdigest(),
            "parts": [*job.cursor["parts"], part.pk],
        }
        with files.dropped_when(Interrupted, part):
            self._turn.note(cursor=cursor)
        self._draft.seek(0)
        self._draft.truncate()


def begin_or_go_on(turn: Turn) -> list[StoredFile]:
    """Go on from the answers that still hold, or begin anew. Returns the parts that do not. Raises Interrupted."""
    now, cursor = timezone.now(), turn.job.cursor
    if cursor and now - datetime.fromisoformat(cursor["began"]) < HOLD_FOR:
        return []
    turn.note(cursor={"began": now.isoformat(), "line": 0, "done": 0, "parts": []}, rows_done=0)
    return list(StoredFile.objects.filter(pk__in=cursor.get("parts", ())))
