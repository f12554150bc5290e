"""Tables with whatever columns, read and written back as they came: CSV in the usual encodings, and Excel."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import IO, Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

from accounts.phone import InvalidNumber, parse_number
from compliance.list_files import HEADERS
from compliance.transfer import files
from compliance.transfer.exporting.writing import ROWS_A_SHEET, for_excel

FIRST_LINES = 20
DELIMITERS = ",;\t|"
CHUNK = 1024 * 1024
Row = Sequence[Any]


class UnreadableTable(ValueError):
    """A file that is no table; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Which column looks like the numbers, from 0, and whether the first line names the columns."""

    number_column: int
    has_header: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written."""

    encoding: str
    delimiter: str


def is_excel(name: str) -> bool:
    """Whether a file's name says that it is an Excel file."""
    return name.lower().endswith(".xlsx")


def read_table(content: IO[bytes], name: str) -> Iterator[Row]:
    """Every line that has a filled cell. Raises UnreadableTable."""
    rows = _read_excel(content) if is_excel(name) else _read_csv(content)
    return (row for row in rows if any(cell not in (None, "") for cell in row))


def read_first_lines(content: IO[bytes], name: str) -> list[list[str]]:
    """The first lines as text, to choose the column by. Raises UnreadableTable."""
    lines = [[text_of(cell) for cell in row] for row in islice(read_table(content, name), FIRST_LINES)]
    if not lines:
        raise UnreadableTable("The file is empty.")
    return lines


def guess_columns(lines: list[list[str]], country: str) -> Guess:
    """The column whose cells are numbers; where several are, the one whose header says so, then the first."""
    width = max(len(line) for line in lines)
    numbers = [_share_of_numbers(lines[1:] or lines, column, country) for column in range(width)]
    named = [column < len(lines[0]) and _plain(lines[0][column]) in HEADERS["recipient"] for column in range(width)]
    column = max(range(width), key=lambda one: (numbers[one] > 0.5, named[one], numbers[one]))
    return Guess(column, not _is_number(lines[0][column] if column < len(lines[0]) else "", country))


def _share_of_numbers(lines: list[list[str]], column: int, country: str) -> float:
    cells = [line[column] for line in lines if column < len(line)]
    return sum(_is_number(cell, country) for cell in cells) / len(lines)


def _is_number(text: str, country: str) -> bool:
    try:
        parse_number(text, country)
    except InvalidNumber:
        return False
    return not any(character.isalpha() for character in text)


def _plain(text: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def text_of(cell: Any) -> str:
    """A cell as people read it. Excel keeps a bare phone number as a number."""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _read_csv(content: IO[bytes]) -> Iterator[Row]:
    dialect = find_dialect(content)
    content.seek(0)
    text = io.TextIOWrapper(content, encoding=dialect.encoding, errors="replace", newline="")
    try:
        for row in csv.reader(text, delimiter=dialect.delimiter):
            yield [cell.replace("\x00", "") for cell in row]
    except csv.Error as error:
        raise UnreadableTable(f"The file can't be read as CSV: {error}.") from None
    finally:
        text.detach()


def find_dialect(content: IO[bytes]) -> Dialect:
    """The encoding of the whole file and the delimiter of its first line."""
    content.seek(0)
    start = content.read(CHUNK)
    if start[:4] == b"PK\x03\x04":
        raise UnreadableTable("This is an Excel file with another ending: name it .xlsx.")
    encoding = _find_encoding(content, start)
    first = start.decode(encoding, errors="replace").split("\n", 1)[0]
    return Dialect(encoding, max(DELIMITERS, key=first.count))


def _find_encoding(content: IO[bytes], start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    content.seek(0)
    text = io.TextIOWrapper(content, encoding="utf-8", newline="")
    try:
        while text.read(CHUNK):
            pass
    except UnicodeDecodeError:
        return "cp1252"  # what Excel saves as CSV in western countries
    finally:
        text.detach()
    return "utf-8-sig"


def _read_excel(content: IO[bytes]) -> Iterator[Row]:
    content.seek(0)
    try:
        book = load_workbook(content, read_only=True, data_only=True)
        for sheet in book.worksheets:
            yield from sheet.iter_rows(values_only=True)
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever zipfile and the XML parser raise
        raise UnreadableTable(f"The file can't be read as Excel: {error}.") from None


class CsvTable:
    """A CSV file that is written as another one was read."""

    content_type, ending = files.CSV, "csv"

    def __init__(self, to: IO[bytes], delimiter: str) -> None:
        self._text = io.TextIOWrapper(to, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text, delimiter=delimiter)

    def add(self, rows: Iterable[Row]) -> None:
        """Write lines."""
        self._writer.writerows(rows)

    def close(self) -> None:
        """Write what is still held back."""
        self._text.detach()


class ExcelTable:
    """An Excel file. No text becomes a formula, whatever it begins with."""

    content_type, ending = files.XLSX, "xlsx"

    def __init__(self, to: IO[bytes]) -> None:
        self._to = to
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet()
        self._rows = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Write lines; a sheet that is full is followed by another one."""
        for row in rows:
            if self._rows == ROWS_A_SHEET + 1:
                self._sheet, self._rows = self._book.create_sheet(), 0
            self._sheet.append([self._cell(value) for value in row])
            self._rows += 1

    def _cell(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        cell = WriteOnlyCell(self._sheet, for_excel(value))
        if value.startswith("="):
            cell.data_type = "s"
        return cell

    def close(self) -> None:
        """Write the file."""
        self._book.save(self._to)


def table_like(source_name: str, content: IO[bytes], to: IO[bytes]) -> CsvTable | ExcelTable:
    """An empty table of the same sort as a file that was read."""
    return ExcelTable(to) if is_excel(source_name) else CsvTable(to, find_dialect(content).delimiter)
