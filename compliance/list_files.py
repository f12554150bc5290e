"""Reading lists of opt-outs: what the columns mean, whatever headers other systems write, and what a line says."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from dateutil import parser

from accounts.models import Tenant
from accounts.phone import InvalidNumber, parse_company_number, parse_number
from compliance.file_formats import BrokenRow, Row, UnreadableFile, first_rows, format_of, looks_like_number

__all__ = [
    "ESCAPED",
    "BadLine",
    "ListedOptOut",
    "Reading",
    "UnreadableFile",
    "escape",
    "is_number",
    "read_line",
    "read_number",
    "read_rows",
    "says_no",
    "unescape",
]

# What other systems call the same thing, in lower case with every run of other characters as one "_". The first that a
# file has is taken.
HEADERS: dict[str, tuple[str, ...]] = {
    name: tuple(aliases.split())
    for name, aliases in {
        # Whoever has a telephone and a mobile is texted on the second.
        "recipient": "recipient mobile_number mobile_phone mobile cell_phone cell msisdn phone_number phonenumber phone"
        " number to_number destination contact contact_number telephone tel address",
        "status": "status state opt_status optstatus",
        "subscribed": "subscribed opted_in opt_in consent",
        "opted_out": "opted_out opt_out optout is_opted_out unsubscribed do_not_text",
        "scope": "scope",
        "sender": "sender company_number from from_number sender_id",
        "requested_by": "requested_by",
        "opted_out_at": "opted_out_at opt_out_date opted_out_on opt_out_time opted_out_date opt_out_at optout_date"
        " date_opted_out unsubscribed_at unsubscribed_on unsubscribed_date unsubscribe_date date_unsubscribed date"
        " created_at timestamp last_modified_time",
        "reason": "reason note notes comment",
        "language": "language lang",
        "words": "words text message keyword body",
        "given_at": "given_at consented_at consent_date opted_in_at opt_in_date opt_in_time agreed_at",
        "wording": "wording disclosure shown consent_text",
        "campaign": "campaign program list",
    }.items()
}
# Compared without spaces, dashes and capitals.
SAYS_OUT = frozenset(("", "no", "false", "0")) | frozenset(
    ("active", "blocked", "optedout", "optout", "out", "stop", "stopped", "unsubscribe", "unsubscribed")
)
SAYS_NO = frozenset(["no", "n", "false", "0", "out", "unsubscribed", "optedout", "optout"])
SAYS_NOT_OUT = frozenset(["", "no", "n", "false", "0"])
SAYS_YES = frozenset(["yes", "y", "true", "t", "1", "x", "out", "stop", "unsubscribed", "optedout", "optout"])
WHO = {"": "recipient", "recipient": "recipient", "business": "business", "true": "recipient", "false": "business"}
ESCAPED = "'"
# Excel takes the wide ones of Chinese and Japanese keyboards for the narrow ones.
RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BROKEN = "broken row"
LONGEST_TEXT = 10_000
DECIMAL = re.compile(r"(\+?[0-9]{7,15})\.0+")
SCIENTIFIC = re.compile(r"([0-9])[.,]([0-9]+)[eE]\+?([0-9]{1,2})")

MONTH_FIRST, DAY_FIRST = "month_first", "day_first"
_TWO_DAYS = datetime(2000, 1, 1), datetime(2001, 2, 2)  # noqa: DTZ001 - stand-ins for what a date leaves open


class BadLine(ValueError):
    """A line that can't be taken; `kind` tells why, the message names the field."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ListedOptOut(NamedTuple):
    """One readable line: E.164 number, company number or "", moment or None, words and reason as written."""

    number: str
    sender: str
    at: datetime | None
    reason: str
    words: str
    language: str
    requested_by: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How cells are read: numbers without a country code, dates without an offset, and words that say opted out."""

    country: str
    zone: ZoneInfo
    dates: str = MONTH_FIRST
    says_out: frozenset[str] = SAYS_OUT

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """As the business itself writes."""
        return cls(tenant.country, ZoneInfo(tenant.time_zone))


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and named cells of every filled line. Raises UnreadableFile."""
    try:
        with path.open("rb") as file:
            rows = format_of(path.name).read(file)
            first = first_rows(rows)
            columns, header = find_columns(first)
            yield from name_cells(first, columns, header)
            yield from name_cells(rows, columns, header)
    except OSError as error:
        raise UnreadableFile(f"The file can't be read: {error}") from None


def find_columns(rows: Sequence[Row]) -> tuple[list[str], int]:
    """What each column is, by the header, and the header's line: 0 where the file has none. Raises UnreadableFile."""
    if not rows:
        raise UnreadableFile("The file is empty.")
    number, cells = rows[0]
    columns = guess_columns(cells)
    if "recipient" in columns:
        return columns, number
    if not looks_like_number(cells[0]):
        raise UnreadableFile("No column names the recipient; give one the header “recipient”.")
    return ["recipient"], 0


def guess_columns(header: Sequence[str]) -> list[str]:
    """Our name of each column; one that nobody knows keeps its own."""
    found = [plain_header(cell) for cell in header]
    names = list(found)
    for name, aliases in HEADERS.items():
        place = next((found.index(alias) for alias in aliases if alias in found), None)
        if place is not None and names[place] == found[place]:
            names[place] = name
    return ["" if name in names[:place] else name for place, name in enumerate(names)]


def plain_header(cell: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in cell.lower()).split())


def name_cells(rows: Iterable[Row], columns: Sequence[str], header: int) -> Iterator[tuple[int, dict[str, str]]]:
    """The filled rows below the header, their cells by the names of the columns; one without a name is left out."""
    for number, cells in rows:
        if number <= header or not any(cells):
            continue
        named = dict(zip(columns, cells, strict=False))
        if isinstance(cells, BrokenRow):
            named[BROKEN] = "yes"
        yield number, named


def read_line(cells: dict[str, str], reading: Reading) -> ListedOptOut:
    """The opt-out that a line asks for. Raises BadLine."""
    if BROKEN in cells:
        raise BadLine("invalid", BrokenRow.why)
    if not _says_out(cells, reading):
        raise BadLine("would_opt_in", "It does not say opted out; an import never opts anyone back in.")
    get = cells.get
    try:
        number = read_number(get("recipient", ""), reading.country)
        sender = read_sender(cells, reading.country) if "sender" in cells or "scope" in cells else ""
    except InvalidNumber as error:
        raise BadLine("invalid", str(error)) from None
    return ListedOptOut(
        number=number,
        sender=sender,
        at=read_time(get("opted_out_at", ""), reading),
        reason=_read_text(get("reason", "")),
        words=_read_text(get("words", "")),
        language=get("language", "")[:8],
        requested_by=_read_requested_by(cells),
    )


def escape(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run, and before what would lose its own when read again."""
    return f"{ESCAPED}{text}" if _begins_as_formula(text) else text


def unescape(text: str) -> str:
    """Undo `escape`."""
    return text[1:] if text.startswith(ESCAPED) and _begins_as_formula(text) else text


def _begins_as_formula(text: str) -> bool:
    return text.lstrip(ESCAPED).startswith(RUNS_IN_A_SPREADSHEET)


def read_number(cell: str, country: str) -> str:
    """E.164 of the number in a cell, however a table has kept it. Raises InvalidNumber."""
    return parse_number(whole_number(unescape(cell)), country)


def is_number(cell: str, country: str) -> bool:
    """Whether a cell holds a number and nothing else: 1-800-FLOWERS may as well be a name."""
    try:
        return bool(read_number(cell, country)) and not any(map(str.isalpha, whole_number(cell)))
    except InvalidNumber:
        return False


def whole_number(cell: str) -> str:
    """A number that a table has kept as a decimal: 12025550123.0, 1.2025550123E+10. Raises InvalidNumber.

    One that it has rounded names nobody, or somebody else.
    """
    if found := DECIMAL.fullmatch(cell):
        return found[1]
    if not (found := SCIENTIFIC.fullmatch(cell)):
        return cell
    power = int(found[3])
    if len(found[2]) < power or found[2][power:].strip("0"):
        raise InvalidNumber(
            f"“{cell[:40]}” was rounded by a spreadsheet; make its column text, and enter the number anew."
        )
    return found[1] + found[2][:power]


def _read_text(cell: str) -> str:
    """What somebody wrote, as long as a person reads it: a batch of lines is held in memory."""
    text = unescape(cell)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} […]"


def plain_word(cell: str) -> str:
    return "".join(c for c in cell.lower() if c.isalnum())


def _says_out(cells: dict[str, str], reading: Reading) -> bool:
    if "subscribed" in cells and plain_word(cells["subscribed"]) not in SAYS_NO:
        return False
    if "opted_out" in cells and plain_word(cells["opted_out"]) not in SAYS_YES:
        return False
    return "status" not in cells or plain_word(cells["status"]) in reading.says_out


def says_no(cells: dict[str, str]) -> bool:
    """Whether a line of people who agreed says of one that they did not, or no longer do."""
    said = {name: plain_word(cells.get(name, "")) for name in ("subscribed", "opted_out", "status")}
    return (
        said["subscribed"] in SAYS_NO
        or said["opted_out"] not in SAYS_NOT_OUT
        or said["status"] in SAYS_NO | SAYS_OUT - {"", "active"}
    )


def read_sender(cells: dict[str, str], country: str) -> str:
    """A line's company number, "" for all of them. Raises BadLine, and InvalidNumber."""
    scope, sender = cells.get("scope", "").lower(), unescape(cells.get("sender", ""))
    if scope == "tenant" or not sender or sender == "*":
        if scope == "number":
            raise BadLine("invalid", "The field “sender” must name the company number of a “number” scope.")
        return ""
    return parse_company_number(sender, country)


def _read_requested_by(cells: dict[str, str]) -> str:
    try:
        return WHO[cells.get("requested_by", "").lower()]
    except KeyError:
        raise BadLine("invalid", "The field “requested_by” must be recipient or business.") from None


def read_time(text: str, reading: Reading) -> datetime | None:
    """A cell's moment; one without an offset is in the time of the business. Raises BadLine."""
    if not text:
        return None
    moment = parse_moment(text, reading.dates)
    if moment is not None:
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=reading.zone)).astimezone(UTC)
        except OverflowError:  # what others write for “never”: no clock moves the first or the last day there is
            return moment.replace(tzinfo=UTC)
        except ValueError:  # an offset of more than a day
            pass
    raise BadLine("invalid", f"“{text[:40]}” is not a date; write it like 2026-11-23 or 2026-11-23T10:30:00Z.")


@lru_cache(maxsize=4096)
def parse_moment(text: str, dates: str) -> datetime | None:
    """A moment in any usual way of writing; None where it is none. `dates` says which of 3/4/2026 is the month."""
    whole, _, part = text.partition(".")
    try:
        if len(whole) in (10, 13) and f"{whole}{part}".isdecimal():
            return datetime.fromtimestamp(float(text) / (1 if len(whole) == 10 else 1000), UTC)
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return _parse_written(text, dates)


def _parse_written(text: str, dates: str) -> datetime | None:
    """Two readings that differ by what stands in for them are of no whole date."""
    try:
        one, other = (parser.parse(text, dayfirst=dates == DAY_FIRST, default=day) for day in _TWO_DAYS)
    except (ValueError, OverflowError):
        return None
    return one if one == other else None
