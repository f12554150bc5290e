"""What the columns of an uploaded list mean: guessed (see `guessing`), confirmed by a person, kept with the import."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from accounts.models import Tenant
from compliance.list_files import MONTH_FIRST, SAYS_OUT, Reading, plain_header, plain_word

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
