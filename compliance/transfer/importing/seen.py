"""What a list has named already, while it is only looked at. On disk, so that memory stays flat."""

import hashlib
import sqlite3
import tempfile
from types import TracebackType
from typing import Self

from compliance.opt_outs.bulk import Key, Line

_PREPARE = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE seen (key INTEGER PRIMARY KEY);
"""


class Seen:
    """A set of opt-outs, by 64 bits of their digests, in a file that goes by itself."""

    def __enter__(self) -> Self:
        self._file = tempfile.NamedTemporaryFile(prefix="seen-")
        self._set = sqlite3.connect(self._file.name, isolation_level=None)
        self._set.executescript(_PREPARE)
        self._set.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._set.close()
        self._file.close()

    def add(self, line: Line) -> bool:
        """Whether this is the first line that asks for its opt-out."""
        keys = {_number_of(key) for key in line.covering}
        places = ", ".join("?" * len(keys))
        if self._set.execute(f"SELECT 1 FROM seen WHERE key IN ({places})", [*keys]).fetchone():  # noqa: S608 - places
            return False
        self._set.execute("INSERT INTO seen VALUES (?)", [_number_of(line.key)])
        return True


def _number_of(key: Key) -> int:
    return int.from_bytes(hashlib.blake2b("\n".join(key).encode(), digest_size=8).digest(), signed=True)
