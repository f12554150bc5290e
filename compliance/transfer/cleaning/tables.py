"""Tables with whatever columns, read and written back as they came: CSV in the usual encodings, and Excel."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from compliance.file_formats import (
    XLSX,
    RawRow,
    UnreadableFile,
    cell_text,
    delimiter_of,
    first_rows,
    format_of,
    is_filled,
)
from compliance.list_files import HEADERS, is_number, plain_header
from compliance.transfer import files
from compliance.transfer.exporting.writing import ROWS_A_SHEET, for_excel

MOST = 0.5


@dataclass(frozen=True, slots=True)
class Guess:
    """Which column looks like the numbers, from 0, and whether the first line names the columns."""

    number_column: int
    has_header: bool


def is_excel(name: str) -> bool:
    """Whether a file's name says that it is an Excel file. Raises UnreadableFile."""
    return isinstance(format_of(name), XLSX)


def read_table(content: IO[bytes], name: str) -> Iterator[RawRow]:
    """Every line that has a filled cell, with its number. Raises UnreadableFile."""
    return (row for row in format_of(name).read_raw(content) if is_filled(row[1]))


def read_first_lines(content: IO[bytes], name: str) -> list[list[str]]:
    """The first lines as text, to choose the column by. Raises UnreadableFile."""
    lines = [[cell_text(cell) for cell in cells] for _, cells in first_rows(read_table(content, name))]
    if not lines:
        raise UnreadableFile("The file is empty.")
    return lines


def guess_columns(lines: list[list[str]], country: str) -> Guess:
    """The column whose cells are numbers; where several are, the one whose header says so best, then the first."""
    width = max(len(line) for line in lines)
    numbers = _shares_of_numbers(lines, country)
    named = [_rank(lines[0][column]) if column < len(lines[0]) else 0 for column in range(width)]
    column = max(range(width), key=lambda one: (numbers[one] > MOST, named[one], numbers[one]))
    return Guess(column, not is_number(lines[0][column] if column < len(lines[0]) else "", country))


def columns_of_numbers(lines: list[list[str]], country: str) -> list[int]:
    """Every column that holds numbers. One of them is asked about."""
    return [column for column, share in enumerate(_shares_of_numbers(lines, country)) if share > MOST]


def _rank(header: str) -> int:
    """How surely a header names the number that is texted, 0 for not at all."""
    known = HEADERS["recipient"]
    plain = plain_header(header)
    return len(known) - known.index(plain) if plain in known else 0


def _shares_of_numbers(lines: list[list[str]], country: str) -> list[float]:
    width = max((len(line) for line in lines), default=0)
    return [_share_of_numbers(lines[1:] or lines, column, country) for column in range(width)]


def _share_of_numbers(lines: list[list[str]], column: int, country: str) -> float:
    cells = [line[column] for line in lines if column < len(line)]
    return sum(is_number(cell, country) for cell in cells) / len(lines)


class CsvTable:
    """A CSV file that is written as another one was read."""

    content_type, ending = files.CSV, "csv"

    def __init__(self, to: IO[bytes], delimiter: str) -> None:
        self._text = io.TextIOWrapper(to, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text, delimiter=delimiter)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
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

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
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
    return ExcelTable(to) if is_excel(source_name) else CsvTable(to, delimiter_of(content))
