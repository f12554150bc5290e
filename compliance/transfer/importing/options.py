"""What the columns of an uploaded list mean: guessed from its headers, confirmed by a person, kept with the import."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from accounts.models import Tenant
from compliance.file_formats import Row, looks_like_number
from compliance.list_files import (
    DAY_FIRST,
    MONTH_FIRST,
    SAYS_OUT,
    Reading,
    guess_columns,
    parse_moment,
    plain_header,
    plain_word,
)

# What a column may be, in the words of the screen.
MEANINGS = {
    "recipient": "Recipient’s number",
    "status": "Status: opted out or not",
    "opted_out": "Opted out: yes or no",
    "subscribed": "Subscribed: yes or no",
    "opted_out_at": "Date of the opt-out",
    "sender": "Company number",
    "scope": "Scope: tenant or number",
    "requested_by": "Who asked: recipient or business",
    "reason": "Reason",
    "words": "Their words",
    "language": "Language",
}
ALL_NUMBERS, AS_WRITTEN = "all", "column"
SHOWN = 8
MONTHS = 12


@dataclass(frozen=True, slots=True)
class Source:
    """A list that another system writes, as sources.toml has it."""

    key: str
    name: str
    headers: tuple[str, ...]
    columns: dict[str, str]
    says_out: tuple[str, ...] = ()
    all_numbers: bool = False


@cache
def known_sources() -> tuple[Source, ...]:
    said = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
    return tuple(Source(**{**entry, "headers": tuple(entry["headers"])}) for entry in said["source"])


def recognise(header: Sequence[str]) -> Source | None:
    """The system that writes such a header."""
    plain = {plain_header(cell) for cell in header}
    return next((source for source in known_sources() if plain.issuperset(source.headers)), None)


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is read. `header` is the line of the header, 0 without one; `columns` are MEANINGS or "".

    numbers: ALL_NUMBERS, AS_WRITTEN in the column, or a company number.
    undated: the day of lines without a date, "" for the day of the import.
    sheets: of a workbook, those that are read.
    """

    columns: tuple[str, ...]
    header: int
    country: str
    dates: str = MONTH_FIRST
    numbers: str = ALL_NUMBERS
    undated: str = ""
    source: str = ""
    sheets: int = 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        return cls(**{**said, "columns": tuple(said["columns"])})

    @property
    def recognised(self) -> Source | None:
        return next((source for source in known_sources() if source.key == self.source), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns by the names that lines are read by; those of company numbers only where they count."""
        left_out = () if self.numbers == AS_WRITTEN else ("sender", "scope")
        return tuple("" if name in left_out else name for name in self.columns)

    def reading(self, tenant: Tenant) -> Reading:
        source = self.recognised
        says_out = frozenset(map(plain_word, source.says_out)) if source and source.says_out else SAYS_OUT
        return Reading(self.country, ZoneInfo(tenant.time_zone), self.dates, says_out)

    def undated_at(self, tenant: Tenant) -> datetime | None:
        """The moment of lines without a date: midnight of the day chosen, where the business is."""
        if not self.undated:
            return None
        return datetime.combine(datetime.fromisoformat(self.undated), time(), ZoneInfo(tenant.time_zone))


def guess(rows: Sequence[Row], tenant: Tenant) -> Options:
    """What the first rows of a file look like."""
    number, header = rows[0]
    source = recognise(header)
    if source:
        options = Options(_columns_of(source, header), number, tenant.country, source=source.key)
    else:
        options = _guess_unknown(rows, tenant)
    numbers = AS_WRITTEN if "sender" in options.columns and not (source and source.all_numbers) else ALL_NUMBERS
    return replace(options, numbers=numbers, dates=_guess_dates(rows, options))


def _columns_of(source: Source, header: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for cell in header:
        name = source.columns.get(plain_header(cell), "")
        found.append("" if name in found else name)
    return tuple(found)


def _guess_unknown(rows: Sequence[Row], tenant: Tenant) -> Options:
    number, cells = rows[0]
    columns = guess_columns(cells)
    if "recipient" not in columns and any(looks_like_number(cell) for cell in cells):  # it has no header
        first = next(place for place, cell in enumerate(cells) if looks_like_number(cell))
        return Options(tuple("recipient" if place == first else "" for place in range(len(cells))), 0, tenant.country)
    known = tuple(name if name in MEANINGS else "" for name in columns)
    return Options(_with_dates(_with_recipient(known, rows[1:]), rows[1:]), number, tenant.country)


def _with_dates(columns: tuple[str, ...], rows: Sequence[Row]) -> tuple[str, ...]:
    """A column such as “Opted out” or “Unsubscribed” says yes or no, unless dates stand in it: then it says when."""
    if "opted_out" not in columns or "opted_out_at" in columns:
        return columns
    place = columns.index("opted_out")
    cells = [row[place] if place < len(row) else "" for _, row in rows]
    if cells and all(any(map(str.isdigit, cell)) and len(cell) > 1 and parse_moment(cell, DAY_FIRST) for cell in cells):
        return (*columns[:place], "opted_out_at", *columns[place + 1 :])
    return columns


def _with_recipient(columns: tuple[str, ...], rows: Sequence[Row]) -> tuple[str, ...]:
    """Where no header names the recipient, the first column that holds numbers may be it."""
    if "recipient" in columns:
        return columns
    for place, name in enumerate(columns):
        cells = [row[place] for _, row in rows if place < len(row) and row[place]]
        if not name and cells and all(map(looks_like_number, cells)):
            return (*columns[:place], "recipient", *columns[place + 1 :])
    return columns


def _guess_dates(rows: Sequence[Row], options: Options) -> str:
    """Day first, where a date of the first rows can be nothing else, or people of that country write so."""
    if "opted_out_at" in options.columns:
        place = options.columns.index("opted_out_at")
        for _, cells in rows[1:]:
            cell = cells[place] if place < len(cells) else ""
            lead = cell.replace("-", "/").replace(".", "/").partition("/")[0]
            if lead.isdecimal() and len(lead) <= 2 and parse_moment(cell, DAY_FIRST):
                return DAY_FIRST if int(lead) > MONTHS or options.country not in ("US", "PH") else MONTH_FIRST
    return MONTH_FIRST
