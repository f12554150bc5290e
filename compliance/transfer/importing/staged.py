"""A list as read: one line of JSON for each of its own, kept between the check and the import.

So a file is parsed once, whatever its format, and an import goes on from a place in bytes.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import IO, NamedTuple

from compliance.list_files import ListedOptOut

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Entry(NamedTuple):
    """One line of a list: the opt-out that it asks for, or why it can't be taken."""

    line: int
    listed: ListedOptOut | None
    kind: str = ""  # an outcome's key
    problem: str = ""
    written: str = ""


def dump(entry: Entry) -> bytes:
    listed = entry.listed
    if listed is None:
        return _encode([entry.line, entry.kind, entry.problem, entry.written]).encode() + b"\n"
    said = listed._replace(at=listed.at.isoformat()) if listed.at else listed  # type: ignore[arg-type]
    return _encode([entry.line, *said]).encode() + b"\n"


def load(line: bytes) -> Entry:
    said = json.loads(line)
    if len(said) == 4:
        return Entry(said[0], None, *said[1:])
    number, sender, at, *rest = said[1:]
    return Entry(said[0], ListedOptOut(number, sender, datetime.fromisoformat(at) if at else None, *rest))


def read_entries(file: IO[bytes]) -> Iterator[Entry]:
    """All of them, from where the file stands."""
    return map(load, file)


def read_batch(file: IO[bytes], size: int) -> list[Entry]:
    return [load(line) for line in islice(iter(file.readline, b""), size)]
