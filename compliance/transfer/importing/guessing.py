"""What the columns of an uploaded list seem to mean: by their headers, and by what stands below them.

A header that means several things counts only where its cells bear it out: “State” may be that of an opt-out or of the
United States. What is guessed wrongly must neither let anybody go unblocked nor go unseen: see `find_doubts`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from accounts.models import SenderNumber, Tenant
from accounts.phone import InvalidNumber
from compliance.file_formats import Row, looks_like_number
from compliance.list_files import (
    DAY_FIRST,
    HEADERS,
    MONTH_FIRST,
    SAYS_NO,
    SAYS_OUT,
    SAYS_YES,
    is_number,
    parse_moment,
    plain_header,
    plain_word,
    read_number,
)
from compliance.transfer.importing.options import ALL_NUMBERS, AS_WRITTEN, MEANINGS, Options, Source, recognise

MONTHS = 12
LANGUAGE_CODE = re.compile(r"[A-Za-z]{2}([-_][A-Za-z]{2,4})?")
FIRST_TEXT = datetime(1992, 12, 3, tzinfo=UTC)  # what is older is a date of birth
# Headers of lists that were made for something else: taken only where the cells fit.
DOUBTFUL = frozenset(
    [
        *("state", "number", "contact", "address", "destination", "cell", "from", "from_number", "sender_id"),
        *("date", "created_at", "timestamp", "last_modified_time", "language", "lang"),
    ]
)
SAYS_WHETHER = ("status", "opted_out", "subscribed")
KNOWN_WORDS = (SAYS_OUT | SAYS_NO | SAYS_YES | {"optedin", "optin", "subscribed", "inactive", "lifted", "start"}) - {""}


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The first rows of a list that somebody else's system wrote, with what tells one column from another."""

    header: Sequence[str]
    rows: Sequence[Row]
    country: str
    own_numbers: frozenset[str]

    def cells(self, place: int) -> list[str]:
        """The filled cells of a column below the header."""
        return [cells[place] for _, cells in self.rows if place < len(cells) and cells[place]]

    def fits(self, name: str, place: int) -> bool:
        """Whether half of a column's cells or more can mean that; those of an empty column can mean anything."""
        cells = self.cells(place)
        return 2 * sum(map(self._test_of(name), cells)) >= len(cells)

    def _test_of(self, name: str) -> Callable[[str], bool]:
        if name in SAYS_WHETHER:
            return lambda cell: plain_word(cell) in KNOWN_WORDS
        tests: dict[str, Callable[[str], bool]] = {
            "recipient": self.is_number,
            "sender": self._is_own,
            "opted_out_at": _is_moment_of_a_text,
            "language": lambda cell: LANGUAGE_CODE.fullmatch(cell) is not None,
        }
        return tests.get(name, lambda _: True)

    def is_number(self, cell: str) -> bool:
        """Whether a cell holds somebody's number."""
        return is_number(cell, self.country)

    def _is_own(self, cell: str) -> bool:
        try:
            return read_number(cell, self.country) in self.own_numbers
        except InvalidNumber:
            return cell in self.own_numbers  # a short code


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


def find_doubts(rows: Sequence[Row], options: Options, tenant: Tenant) -> list[str]:
    """What a person should look at before a list is read like that, a sentence each."""
    if not options.header or options.recognised:
        return []
    first = _first_rows(rows, tenant)
    meanings = {alias: name for name, aliases in HEADERS.items() for alias in aliases if name in MEANINGS}
    return list(_say_doubts(first, options, meanings))


def _say_doubts(first: FirstRows, options: Options, meanings: dict[str, str]) -> Iterator[str]:
    for place, (title, name) in enumerate(zip(first.header, options.columns, strict=False)):
        called = f"“{title[:40]}”"
        meant = meanings.get(plain_header(title), "")
        if name in SAYS_WHETHER and first.cells(place) and not _says_whether(first, place):
            yield f"No row of {called} that was looked at says who opted out: lines that don’t are refused."
        elif not name and first.cells(place) and first.fits("recipient", place):
            yield f"{called} holds numbers too and is left out: import the list once more for them."
        elif not name and meant and not first.fits(meant, place):
            yield f"{called} is left out: what stands in it is not “{MEANINGS[meant]}”."


def _says_whether(first: FirstRows, place: int) -> bool:
    return any(plain_word(cell) in KNOWN_WORDS for cell in first.cells(place))


def _columns_of(source: Source, header: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for cell in header:
        name = source.columns.get(plain_header(cell), "")
        found.append("" if name in found else name)
    return tuple(found)


def _first_rows(rows: Sequence[Row], tenant: Tenant) -> FirstRows:
    own = SenderNumber.objects.for_tenant(tenant).values_list("number", flat=True)
    return FirstRows(rows[0][1], rows[1:], tenant.country, frozenset(own))


def _guess_unknown(rows: Sequence[Row], tenant: Tenant) -> Options:
    number, cells = rows[0]
    first = _first_rows(rows, tenant)
    places = {name: place for name in MEANINGS if (place := _place_of(name, first)) is not None}
    bare = next((place for test in (first.is_number, looks_like_number) for place in _where(test, cells)), None)
    if "recipient" not in places and bare is not None:  # it has no header
        return Options(_by_place({"recipient": bare}, len(cells)), 0, tenant.country)
    return Options(_by_place(_with_dates(_with_recipient(places, first), first), len(cells)), number, tenant.country)


def _where(test: Callable[[str], bool], cells: Sequence[str]) -> Iterator[int]:
    return (place for place, cell in enumerate(cells) if test(cell))


def _by_place(places: dict[str, int], width: int) -> tuple[str, ...]:
    names = {place: name for name, place in places.items()}
    return tuple(names.get(place, "") for place in range(width))


def _place_of(name: str, first: FirstRows) -> int | None:
    """The first column with a header for that whose cells fit; else the first whose header can mean nothing else."""
    plain = [plain_header(cell) for cell in first.header]
    named = [plain.index(alias) for alias in HEADERS[name] if alias in plain]
    fitting = (place for place in named if first.fits(name, place))
    certain = (place for place in named if plain[place] not in DOUBTFUL)
    return next(fitting, next(certain, None))


def _with_dates(places: dict[str, int], first: FirstRows) -> dict[str, int]:
    """A column such as “Opted out” or “Unsubscribed” says yes or no, unless dates stand in it: then it says when."""
    place, at = places.get("opted_out"), places.get("opted_out_at")
    if place is None or (at is not None and plain_header(first.header[at]) not in DOUBTFUL):
        return places
    cells = first.cells(place)
    if not cells or len(cells) < len(first.rows) or not all(map(_is_moment, cells)):
        return places
    return {**{name: there for name, there in places.items() if name != "opted_out"}, "opted_out_at": place}


def _with_recipient(places: dict[str, int], first: FirstRows) -> dict[str, int]:
    """Where no header names the recipient, the first column that holds numbers may be it."""
    if "recipient" in places:
        return places
    free = [place for place in range(len(first.header)) if place not in places.values()]
    for test in (first.is_number, looks_like_number):
        for place in free:
            cells = first.cells(place)
            if cells and all(map(test, cells)):
                return {**places, "recipient": place}
    return places


def _is_moment(cell: str) -> bool:
    return len(cell) > 1 and any(map(str.isdigit, cell)) and parse_moment(cell, DAY_FIRST) is not None


def _is_moment_of_a_text(cell: str) -> bool:
    moment = parse_moment(cell, DAY_FIRST) if _is_moment(cell) else None
    return moment is not None and moment.replace(tzinfo=UTC) >= FIRST_TEXT


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
