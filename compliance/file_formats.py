"""Rows of uploaded files, one after the other, however long the file is.

The formats are django-import-export's, with its names, endings and types. What reads them is ours: tablib, which it
reads with, holds the whole file in memory, several times its size.
"""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, islice
from pathlib import PurePath
from typing import IO, ClassVar

from django.conf import settings
from import_export.formats import base_formats
from openpyxl import load_workbook

Row = tuple[int, list[str]]

MEGABYTE = 1024 * 1024
LOOKED_AT = 64 * 1024
LINES_IN_A_RECORD = 100
LONGEST_LINE = MEGABYTE  # what is longer is cut, so that a file without line ends fills no memory
DELIMITERS = ",;\t|"
GROWS_AT_MOST = 8  # times the largest upload, once unpacked
NUL = "\x00"
# How workbooks, PDFs, pictures and old Excel files begin: people rename them to .csv.
OTHER_FILES = (b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\xd0\xcf\x11\xe0")
LONGEST_SIGN = max(map(len, OTHER_FILES))
END = "\n"  # one line more than there are: whoever reads it misses a closing quote


class UnreadableFile(ValueError):
    """A file that is no list; the message says what to mend."""


class BrokenRow(list[str]):
    """The cells of a row whose quotes don't match. Only its own line is lost."""


class CSV(base_formats.CSV):  # type: ignore[misc]
    """Text with separators: commas, semicolons, tabs or bars, in UTF-8, UTF-16 or Windows-1252."""

    endings: ClassVar = (".csv", ".tsv", ".txt", ".tab")

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        file.seek(0)
        if file.read(LONGEST_SIGN).startswith(OTHER_FILES):
            raise UnreadableFile("This is no text, whatever its name says: open it, and save it as CSV or as XLSX.")
        file.seek(0)
        lines = io.TextIOWrapper(file, _encoding_of(file), errors="replace", newline=None)
        try:
            pieces = iter(lambda: lines.readline(LONGEST_LINE), "")
            first = next(pieces, "")
            yield from _records(chain([first] if first else [], pieces), max(DELIMITERS, key=first.count))
        except (OSError, csv.Error) as error:
            raise UnreadableFile(f"The file can't be read: {error}") from None
        finally:
            lines.detach()

    def count(self, file: IO[bytes]) -> int | None:
        """About how many rows there are, for the progress bar."""
        file.seek(0)
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(MEGABYTE), b""))


class XLSX(base_formats.XLSX):  # type: ignore[misc]
    """The first sheet of a workbook."""

    endings: ClassVar = (".xlsx", ".xlsm")

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        sheet = _first_sheet(file)
        try:
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                yield number, [_cell_text(cell) for cell in cells]
        except Exception as error:  # noqa: BLE001 - as above
            raise UnreadableFile(f"The file can't be read further: {error}") from None

    def count(self, file: IO[bytes]) -> int | None:
        rows: int | None = _first_sheet(file).max_row
        return rows


FORMATS = (CSV, XLSX)


def format_of(name: str) -> CSV | XLSX:
    """The format of a file, by its name's ending. Raises UnreadableFile."""
    ending = PurePath(name).suffix.lower()
    for known in FORMATS:
        if ending in known.endings or (known is CSV and not ending):
            return known()
    raise UnreadableFile(f"“{ending}” is no list that can be read: save it as CSV or as XLSX.")


def _encoding_of(file: IO[bytes]) -> str:
    start = file.read(LOOKED_AT)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


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
            cells, used = _read_record([line, *ahead], delimiter)
        yield number, cells if used else BrokenRow(_split(line, delimiter))
        further = max(used - 1, 0)
        del ahead[:further]
        number += further


def _split(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in line.replace(NUL, "").split(delimiter)]


def _read_record(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    """The first record of these lines, and how many of them it takes: 0 where its quotes are never closed."""
    reader = csv.reader((line.replace(NUL, "") for line in chain(lines, [END])), delimiter=delimiter)
    try:
        cells = next(reader, [])
    except csv.Error:  # a cell longer than any
        return [], 0
    return [cell.strip() for cell in cells], reader.line_num if reader.line_num <= len(lines) else 0


def _first_sheet(file: IO[bytes]):  # type: ignore[no-untyped-def]
    file.seek(0)
    try:
        _refuse_bombs(file)
        book = load_workbook(file, read_only=True, data_only=True)
    except UnreadableFile:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever zipfile and the XML parser raise
        raise UnreadableFile(f"The file can't be read: {error}") from None
    if not book.worksheets:
        raise UnreadableFile("The workbook has no sheet with rows.")
    return book.worksheets[0]


def _refuse_bombs(file: IO[bytes]) -> None:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > GROWS_AT_MOST * settings.UPLOAD_LIMIT_MB * MEGABYTE:
        raise UnreadableFile("The workbook is far too large once unpacked: save it as CSV.")


def _cell_text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():  # Excel keeps a bare phone number as a number
        return str(int(value))
    return "" if value is None else str(value).strip().replace(NUL, "")
