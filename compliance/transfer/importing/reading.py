"""From the rows of a file to the opt-outs that they ask for: the same for the command line and for a worker."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import IO, Self

from accounts.models import SenderNumber, Tenant
from compliance.evidence import Proof
from compliance.file_formats import Row, UnreadableFile, first_rows, format_of
from compliance.list_files import BadLine, ListedOptOut, name_cells, read_line
from compliance.models import Source
from compliance.opt_outs.bulk import Line
from compliance.transfer.importing.guessing import find_doubts, guess
from compliance.transfer.importing.options import ALL_NUMBERS, AS_WRITTEN, Options
from compliance.transfer.importing.staged import Entry

LONGEST_SHOWN = 60


def look(file: IO[bytes], name: str) -> list[Row]:
    """The first filled rows of a list. Raises UnreadableFile."""
    return first_rows(format_of(name).read(file))


def guess_options(rows: Sequence[Row], tenant: Tenant) -> Options:
    """What the columns of a list seem to mean. Raises UnreadableFile."""
    if not rows:
        raise UnreadableFile("The file is empty.")
    return guess(rows, tenant)


class ListReader:
    """Reads the lines of one list of a business."""

    def __init__(self, tenant: Tenant, options: Options, file_name: str) -> None:
        self._options, self._file = options, file_name
        self._reading = options.reading(tenant)
        self._undated = options.undated_at(tenant)
        self._senders = set(SenderNumber.objects.for_tenant(tenant).values_list("number", flat=True))
        self.doubts: list[str] = []
        self._sender = "" if options.numbers in (ALL_NUMBERS, AS_WRITTEN) else options.numbers

    @classmethod
    def guessing(cls, tenant: Tenant, rows: Iterator[Row], file_name: str) -> tuple[Self, Iterator[Row]]:
        """A reader of rows that nobody has looked at, and all of the rows. Raises UnreadableFile."""
        first = first_rows(rows)
        options = guess_options(first, tenant)
        if "recipient" not in options.columns:
            raise UnreadableFile("No column names the recipient; give one the header “recipient”.")
        reader = cls(tenant, options, file_name)
        reader.doubts = find_doubts(first, options, tenant)
        return reader, chain(first, rows)

    def read(self, rows: Iterator[Row]) -> Iterator[Entry]:
        """An entry for every filled row below the header."""
        for number, cells in name_cells(rows, self._options.names, self._options.header):
            try:
                listed = read_line(cells, self._reading)
                self._check_numbers(listed)
            except BadLine as error:
                yield Entry(number, None, error.kind, str(error), cells.get("recipient", "")[:LONGEST_SHOWN])
            else:
                yield Entry(number, listed)

    def _check_numbers(self, listed: ListedOptOut) -> None:
        if listed.number in self._senders:
            raise BadLine("invalid", f"“{listed.number}” is one of your own company numbers.")
        if listed.sender and listed.sender not in self._senders:
            raise BadLine("invalid", f"“{listed.sender}” is not a company number of this business.")

    def line_of(self, entry: Entry, now: datetime) -> Line:
        """What is asked of the list by a readable entry. A date that lies ahead counts as now."""
        listed = entry.listed
        assert listed is not None  # noqa: S101 - the caller has looked
        at = min(listed.at or self._undated or now, now)
        proof = Proof(Source.IMPORT, listed.words, at, {"file": self._file, "line": entry.line})
        reason = listed.reason or f"Imported from {self._file}."
        sender = listed.sender or self._sender
        dated = listed.at is not None and listed.at <= now
        return Line(listed.number, proof, reason, sender, listed.language, listed.requested_by, asks_again=dated)
