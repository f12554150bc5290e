"""Rows into files, in pieces that can be put together later. The database reads and writes as one stream."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import psycopg
from django.db import connection
from django.db.models import QuerySet
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from compliance.transfer.exporting.columns import COLUMNS, escape, plain, read_columns, write_columns

READ_AT_ONCE = 2_000
LONGEST_CELL = 32_767
ROWS_A_SHEET = 1_048_575  # beside the header, as many as Excel opens
HEARTBEAT_ROWS = 10_000
# openpyxl refuses the first; the two others make a file that nothing opens.
NO_CELL_HOLDS = re.compile(f"{ILLEGAL_CHARACTERS_RE.pattern}|[\ufffe\uffff]")
HEADER = (",".join(COLUMNS) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Form:
    """How the rows of one format are written. Pieces follow each other; what comes before the first and after the last
    is the same whether there was a row or not.
    """

    content_type: str
    write: Callable[[QuerySet[Any], IO[bytes], bool], int]  # rows, where to, whether rows stand there already
    begin: bytes = b""
    end: bytes = b""
    rows_at_once: int = 100_000


def write_csv(rows: QuerySet[Any], to: IO[bytes], follows: bool) -> int:
    """Lines of CSV; returns how many rows."""
    if connection.vendor == "postgresql":
        return _copy_csv(rows, to)
    text = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    # As PostgreSQL ends its lines; a lone \r would then stay unquoted, and readers take it for the end of a line.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    count = 0
    for count, cells in enumerate(_iterate(rows), start=1):  # noqa: B007 - the count of an iterator
        writer.writerow([escape(name, plain(cell)) for name, cell in zip(COLUMNS, cells, strict=True)])
    text.detach()
    return count


def _copy_csv(rows: QuerySet[Any], to: IO[bytes]) -> int:
    """PostgreSQL writes the lines, one message each. COPY takes no parameters: psycopg puts them in, quoted."""
    statement, parameters = write_columns(rows).query.sql_with_params()
    with connection.cursor() as cursor:
        whole = psycopg.ClientCursor(connection.connection).mogrify(statement, parameters)
        with cursor.copy(f"COPY ({whole}) TO STDOUT (FORMAT csv)") as lines:
            count = 0
            while batch := [bytes(line) for line in islice(lines, READ_AT_ONCE)]:
                to.write(b"".join(batch))
                count += len(batch)
    return count


def write_json(rows: QuerySet[Any], to: IO[bytes], follows: bool) -> int:
    """Objects of a JSON array, a line each; returns how many rows."""
    count = 0
    for count, cells in enumerate(_iterate(rows), start=1):
        named = dict(zip(COLUMNS, map(plain, cells), strict=True))
        to.write((b",\n" if follows or count > 1 else b"\n") + json.dumps(named, ensure_ascii=False).encode())
    return count


def _iterate(rows: QuerySet[Any]) -> Iterator[tuple[Any, ...]]:
    return iter(read_columns(rows).iterator(chunk_size=READ_AT_ONCE))


def write_xlsx(lines: Iterable[str], to: IO[bytes], tell: Callable[[int], None] = lambda _: None) -> int:
    """An Excel file out of the lines of a CSV one, header included; as many sheets as it takes.

    tell: called now and then with the rows written so far.
    """
    cells = csv.reader(lines)
    header = next(cells)
    book = Workbook(write_only=True)
    sheet = _add_sheet(book, header)
    count = 0
    for row in cells:
        if count and count % ROWS_A_SHEET == 0:
            sheet = _add_sheet(book, header)
        sheet.append([for_excel(cell) for cell in row])
        count += 1
        if count % HEARTBEAT_ROWS == 0:
            tell(count)
    book.save(to)
    return count


def _add_sheet(book: Workbook, header: list[str]) -> Any:
    number = len(book.worksheets) + 1
    sheet = book.create_sheet(f"Opt-outs {number}" if number > 1 else "Opt-outs")
    sheet.append(header)
    return sheet


def for_excel(text: str) -> str | None:
    """A cell holds no control characters, and at most 32,767 others: whoever texts one must not stop the export."""
    return NO_CELL_HOLDS.sub("\ufffd", text)[:LONGEST_CELL] if text else None


CSV = Form("text/csv", write_csv, begin=HEADER, rows_at_once=500_000)
FORMS = {
    "csv": CSV,
    # Written as CSV first: a workbook can't be put together out of pieces.
    "xlsx": Form("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", write_csv, begin=HEADER),
    "json": Form("application/json", write_json, begin=b"[", end=b"\n]\n"),
}
