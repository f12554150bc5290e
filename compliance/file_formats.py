"""Rows of uploaded files, one after the other, however long the file is.

The formats are django-import-export's, with its names, endings and types. What reads them is ours: tablib, which it
reads with, holds the whole file in memory, several times its size.
"""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from pathlib import PurePath
from typing import IO, Any, ClassVar

from django.conf import settings
from import_export.formats import base_formats
from openpyxl import load_workbook

from accounts.phone import is_e164

Row = tuple[int, list[str]]
RawRow = tuple[int, Sequence[Any]]

MEGABYTE = 1024 * 1024
LINES_IN_A_RECORD = 100
LONGEST_LINE = MEGABYTE  # what is longer is cut, so that a file without line ends fills no memory
LOOKED_AT = 20  # rows that tell what the columns are
MOST_COLUMNS = 500
MOST_ROWS = 1_048_576  # of a sheet; a file that names a later one was made to keep us busy
DELIMITERS = ",;\t|"
GROWS_AT_MOST = 8  # times the largest upload, once unpacked
HELD_AT_MOST_MB = 512  # of a workbook, beside its rows: openpyxl holds that in memory
ZIP = b"PK\x03\x04"
NUL = "\x00"
# How PDFs, pictures and old Excel files begin: people rename them to .csv.
OTHER_FILES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\xd0\xcf\x11\xe0")
LONGEST_SIGN = max(map(len, (ZIP, *OTHER_FILES)))
END = "\n"  # one line more than there are: whoever reads it misses a closing quote


class UnreadableFile(ValueError):
    """A file that is no list; the message says what to mend."""


class BrokenRow(list[str]):
    """The cells of a row whose quotes don't match. Only its own line is lost."""

    why = "Its quotes don't match: one that opens a cell is never closed."


class CSV(base_formats.CSV):  # type: ignore[misc]
    """Text with separators: commas, semicolons, tabs or bars, in UTF-8, UTF-16 or Windows-1252."""

    endings: ClassVar = (".csv", ".tsv", ".txt", ".tab")

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Every row with the number of its line, its cells as text without the space around them."""
        for number, cells in self.read_raw(file):
            yield number, type(cells)(cell.strip() for cell in cells)

    def read_raw(self, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Every row with its cells as they are."""
        lines = io.TextIOWrapper(file, encoding_of(file), errors="replace", newline=None)
        try:
            pieces = iter(lambda: lines.readline(LONGEST_LINE), "")
            first = next(pieces, "")
            yield from _records(chain([first] if first else [], pieces), _delimiter_in(first))
        except (OSError, csv.Error) as error:
            raise UnreadableFile(f"The file can't be read: {error}") from None
        finally:
            if not file.closed:  # whoever stops reading may have closed it
                lines.detach()

    def count(self, file: IO[bytes]) -> int | None:
        """About how many rows there are, for the progress bar."""
        file.seek(0)
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(MEGABYTE), b""))

    def sheets(self, file: IO[bytes]) -> int:
        return 1


class XLSX(base_formats.XLSX):  # type: ignore[misc]
    """The sheets of a workbook that have rows, one after the other. All have the columns of the first."""

    endings: ClassVar = (".xlsx", ".xlsm")

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Every row, its cells as text. Rows are counted on from sheet to sheet."""
        for number, cells in self.read_raw(file):
            yield number, [cell_text(cell) for cell in cells]

    def read_raw(self, file: IO[bytes]) -> Iterator[RawRow]:
        """Every row with its cells as they are. The header of a further sheet is left out."""
        before = 0
        for sheet, header_again in _filled_sheets(file):
            number = 0
            for number, cells in _rows_of(sheet):
                if number != header_again:
                    yield before + number, cells
            before += number

    def count(self, file: IO[bytes]) -> int | None:
        """About how many rows there are, as far as the sheets say it."""
        said = [sheet.max_row for sheet, _ in _filled_sheets(file)]
        return None if None in said else sum(min(rows, MOST_ROWS) for rows in said)

    def sheets(self, file: IO[bytes]) -> int:
        """How many sheets are read."""
        return len(_filled_sheets(file))


FORMATS = (CSV, XLSX)


def format_of(name: str) -> CSV | XLSX:
    """The format of a file, by its name's ending. Raises UnreadableFile."""
    ending = PurePath(name).suffix.lower()
    for known in FORMATS:
        if ending in known.endings or (known is CSV and not ending):
            return known()
    raise UnreadableFile(f"“{ending}” is no list that can be read: save it as CSV or as XLSX.")


def first_rows(rows: Iterable[RawRow]) -> list[Any]:
    """The first filled rows, by which people and we tell the columns. Raises UnreadableFile."""
    first = list(islice((row for row in rows if is_filled(row[1])), LOOKED_AT))
    for _, cells in first:
        width = max(place for place, cell in enumerate(cells, start=1) if cell not in (None, ""))
        if width > MOST_COLUMNS:
            raise UnreadableFile(f"A row has {width:,} columns; at most {MOST_COLUMNS} can be read.")
    return first


def is_filled(cells: Sequence[Any]) -> bool:
    """Whether anything stands in a row."""
    return any(cell not in (None, "") for cell in cells)


def looks_like_number(cell: str) -> bool:
    return is_e164(cell) or (sum(c.isdigit() for c in cell) >= 7 and not any(c.isalpha() for c in cell))


def encoding_of(file: IO[bytes]) -> str:
    """How a text file is encoded, by all of it; it stands at its beginning afterwards. Raises UnreadableFile."""
    file.seek(0)
    start = file.read(LONGEST_SIGN)
    file.seek(0)
    if start.startswith(ZIP):
        raise UnreadableFile("This is an Excel file with another ending: name it .xlsx.")
    if start.startswith(OTHER_FILES):
        raise UnreadableFile("This is no text, whatever its name says: open it, and save it as CSV or as XLSX.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        for chunk in iter(lambda: file.read(MEGABYTE), b""):
            decode(chunk)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        file.seek(0)
    return "utf-8-sig"


def delimiter_of(file: IO[bytes]) -> str:
    """What separates the cells of a text file, by its first line. It stands at its beginning afterwards."""
    text = io.TextIOWrapper(file, encoding_of(file), errors="replace")
    first = text.readline(LONGEST_LINE)
    text.detach()
    file.seek(0)
    return _delimiter_in(first)


def _delimiter_in(line: str) -> str:
    return max(DELIMITERS, key=line.count)


def _records(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    """Records of a CSV file with the number of their first line. A quote that is never closed breaks one line alone."""
    number = 0
    ahead: list[str] = []
    while True:
        line = ahead.pop(0) if ahead else next(lines, None)
        if line is None:
            return
        number += 1
        if '"' not in line:
            yield number, _split(line, delimiter)
            continue
        cells, used = _read_record([line], delimiter)
        if not used:
            ahead += islice(lines, LINES_IN_A_RECORD - len(ahead))
            cells, used = _read_record([line, *ahead], delimiter, strict=True)
            if _swallows_others(cells, delimiter):
                used = 0
        yield number, cells if used else BrokenRow(_split(line, delimiter))
        further = max(used - 1, 0)
        del ahead[:further]
        number += further


def _split(line: str, delimiter: str) -> list[str]:
    return line.rstrip(END).replace(NUL, "").split(delimiter)


def _swallows_others(cells: list[str], delimiter: str) -> bool:
    """Whether a line within a cell is one of the list itself: a quote was opened before it, and another one behind."""
    within = (line.split(delimiter) for cell in cells for line in cell.split(END)[1:])
    return any(len(parts) >= len(cells) and any(map(looks_like_number, parts)) for parts in within)


def _read_record(lines: list[str], delimiter: str, *, strict: bool = False) -> tuple[list[str], int]:
    """The first record of these lines, and how many of them it takes: 0 where its quotes don't match.

    strict: a quote that is followed by something else than a delimiter closes nothing.
    """
    ended = (line.replace(NUL, "") for line in chain(lines, [END]))
    reader = csv.reader(ended, delimiter=delimiter, strict=strict)
    try:
        cells = next(reader, [])
    except csv.Error:  # a cell longer than any, or strictly read
        return [], 0
    return cells, reader.line_num if reader.line_num <= len(lines) else 0


def _filled_sheets(file: IO[bytes]) -> list[tuple[Any, int]]:
    """The sheets with rows, and in which row of each the first sheet's header stands again, 0 for none.

    Raises UnreadableFile where their columns differ.
    """
    found: list[tuple[Any, int]] = []
    header: list[str] = []
    for sheet in _open_book(file).worksheets:
        number, texts = next(((n, _texts(cells)) for n, cells in _rows_of(sheet) if is_filled(cells)), (0, []))
        if not number:
            continue
        if found and texts != header and not (_has_number(header) and _has_number(texts)):
            raise UnreadableFile(
                f"The sheet “{sheet.title[:40]}” has other columns than the first one: save each as a file of its own."
            )
        is_header = texts == header and not _has_number(texts)
        found.append((sheet, number if is_header else 0))
        header = header or texts
    return found


def _has_number(texts: list[str]) -> bool:
    """Whether a first row is one of the list itself, and no header."""
    return any(map(looks_like_number, texts))


def _rows_of(sheet: Any) -> Iterator[RawRow]:
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    try:
        yield from islice(rows, MOST_ROWS)
        further = next(rows, None)
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever zipfile and the XML parser raise
        raise UnreadableFile(f"The file can't be read further: {error}") from None
    if further is not None:
        raise UnreadableFile(f"A sheet has at most {MOST_ROWS:,} rows: save the file again, or as CSV.")


def _texts(cells: Sequence[Any]) -> list[str]:
    """The cells of a row as text, without the empty ones behind the last."""
    texts = [cell_text(cell) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _open_book(file: IO[bytes]) -> Any:
    file.seek(0)
    try:
        _refuse_bombs(file)
        book = load_workbook(file, read_only=True, data_only=True)
    except UnreadableFile:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise UnreadableFile(f"The file can't be read as Excel: {error}") from None
    if not book.worksheets:
        raise UnreadableFile("The workbook has no sheet with rows.")
    return book


def _refuse_bombs(file: IO[bytes]) -> None:
    """By what the archive says of its entries; an entry that is longer than that is not read further by zipfile."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    held = sum(entry.file_size for entry in entries if not entry.filename.startswith("xl/worksheets/"))
    if unpacked > GROWS_AT_MOST * settings.UPLOAD_LIMIT_MB * MEGABYTE or held > HELD_AT_MOST_MB * MEGABYTE:
        raise UnreadableFile("The workbook is far too large once unpacked: save it as CSV.")


def cell_text(value: Any) -> str:
    """A cell as people read it. Excel keeps a bare phone number as a number."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip().replace(NUL, "")
