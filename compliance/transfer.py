"""Lists in and out: opt-outs from a file, and the central list as CSV, XLSX or JSON.

An import never opts anyone back in: a line that says so is refused and reported (REC-13).
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from accounts.models import SenderNumber, Tenant
from compliance.evidence import Proof
from compliance.list_files import ESCAPED, BadLine, ListedOptOut, read_line, read_rows
from compliance.models import OptOut, Source
from compliance.opt_outs.bulk import Line, Listed, record_many
from compliance.opt_outs.writing import Actor

BATCH = 2_000
PROBLEMS_KEPT = 1_000
LONGEST_CELL = 32_767

COLUMNS = (
    "recipient", "status", "scope", "sender", "requested_by", "source", "reason", "language",
    "opted_out_at", "lifted_at", "changed_at", "words", "campaign", "employee",
)  # fmt: skip
_FIELDS = (
    "recipient__number", "status", "scope", "sender", "requested_by", "source", "reason", "language",
    "opted_out_at", "lifted_at", "changed_at", "evidence__words", "preceding_campaign", "preceding_user",
)  # fmt: skip
FREE_TEXT = {"language", "reason", "words", "campaign", "employee"}
RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


@dataclass(slots=True)
class ImportReport:
    """How an import went: lines by outcome, and the first lines that were not taken, with the reason."""

    counts: Counter[str] = field(default_factory=Counter)
    would_be_new: set[tuple[str, str, str]] = field(default_factory=set)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def note(self, line: int, kind: str, sentence: str = "") -> None:
        self.counts[kind] += 1
        if sentence and len(self.problems) < PROBLEMS_KEPT:
            self.problems.append((line, sentence))

    def note_would_be(self, line: Line) -> Listed:
        """What a line would have been after those before it, of which a dry run keeps nothing."""
        keys = {(line.number, sender, str(line.requested_by)) for sender in ("", line.sender)}
        if keys & self.would_be_new:
            return Listed.ALREADY
        self.would_be_new.add((line.number, line.sender, str(line.requested_by)))
        return Listed.NEW


def import_opt_outs(path: Path, tenant: Tenant, actor: Actor, now: datetime, *, dry_run: bool = False) -> ImportReport:
    """Opt out everybody on a list, batch by batch; a broken line is reported and the rest goes on.

    dry_run: says what would change and changes nothing. Raises UnreadableFile.
    """
    report = ImportReport()
    senders = set(SenderNumber.objects.filter(tenant=tenant).values_list("number", flat=True))
    batch: list[tuple[int, Line]] = []
    for number, cells in read_rows(path):
        try:
            listed = read_line(cells, tenant)
            _check_numbers(listed, senders)
        except BadLine as error:
            report.note(number, error.kind, str(error))
            continue
        batch.append((number, _line(listed, path.name, number, now)))
        if len(batch) == BATCH:
            _apply(tenant, batch, actor, now, report, dry_run)
            batch = []
    _apply(tenant, batch, actor, now, report, dry_run)
    return report


def _check_numbers(listed: ListedOptOut, senders: set[str]) -> None:
    if listed.number in senders:
        raise BadLine("invalid", f"“{listed.number}” is one of your own company numbers.")
    if listed.sender and listed.sender not in senders:
        raise BadLine("invalid", f"“{listed.sender}” is not a company number of this business.")


def _line(listed: ListedOptOut, file: str, number: int, now: datetime) -> Line:
    at = min(listed.at or now, now)
    proof = Proof(Source.IMPORT, listed.words, at, {"file": file, "line": number})
    reason = listed.reason or f"Imported from {file}."
    return Line(listed.number, proof, reason, listed.sender, listed.language, listed.requested_by)


def _apply(
    tenant: Tenant, batch: list[tuple[int, Line]], actor: Actor, now: datetime, report: ImportReport, dry_run: bool
) -> None:
    if not batch:
        return
    with transaction.atomic():
        outcomes = record_many(tenant, [line for _, line in batch], actor, now)
        transaction.set_rollback(dry_run)
    for (number, line), outcome in zip(batch, outcomes, strict=True):
        late = "The person opted in after this date." if outcome == Listed.NEWER_OPT_IN else ""
        is_first = outcome == Listed.NEW and dry_run
        report.note(number, report.note_would_be(line) if is_first else outcome, late)


def read_list(tenant: Tenant) -> Iterator[dict[str, Any]]:
    """Every opt-out of a business, lifted ones included, oldest first, without holding them in memory."""
    rows = OptOut.objects.for_tenant(tenant).order_by("id").values_list(*_FIELDS)
    for row in rows.iterator(chunk_size=BATCH):
        yield {name: _plain(value) for name, value in zip(COLUMNS, row, strict=True)}


def export_opt_outs(tenant: Tenant, file_format: str, to: IO[bytes]) -> int:
    """Write the whole list of a business. Returns the number of rows."""
    return WRITERS[file_format](read_list(tenant), to)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def escape(name: str, value: Any) -> Any:
    """Free text that a spreadsheet would run gets an apostrophe; +1… numbers stay as they are."""
    runs = name in FREE_TEXT and isinstance(value, str) and value.startswith(RUNS_IN_A_SPREADSHEET)
    return f"{ESCAPED}{value}" if runs else value


def _write_csv(rows: Iterator[dict[str, Any]], to: IO[bytes]) -> int:
    writer = csv.writer(_Encoded(to))
    writer.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the count of an iterator
        writer.writerow([escape(name, row[name]) for name in COLUMNS])
    return count


def _write_xlsx(rows: Iterator[dict[str, Any]], to: IO[bytes]) -> int:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Opt-outs")
    sheet.append(list(COLUMNS))
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the count of an iterator
        sheet.append([_for_excel(escape(name, row[name])) for name in COLUMNS])
    book.save(to)
    return count


def _for_excel(value: Any) -> Any:
    """A cell holds no control characters, and at most 32,767 others: whoever texts one must not stop the export."""
    return ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:LONGEST_CELL] if isinstance(value, str) else value


def _write_json(rows: Iterator[dict[str, Any]], to: IO[bytes]) -> int:
    count = 0
    for count, row in enumerate(rows, start=1):
        to.write((b"[\n" if count == 1 else b",\n") + json.dumps(row, ensure_ascii=False).encode())
    to.write(b"\n]\n" if count else b"[]\n")
    return count


class _Encoded:
    """A text file over a binary one: csv writes text, a download is bytes."""

    def __init__(self, to: IO[bytes]) -> None:
        self._to = to

    def write(self, text: str) -> int:
        return self._to.write(text.encode())


WRITERS: dict[str, Callable[[Iterator[dict[str, Any]], IO[bytes]], int]] = {
    "csv": _write_csv,
    "xlsx": _write_xlsx,
    "json": _write_json,
}
