"""Everything that happened with a recipient, in one list, the newest first.

Each part of the system contributes what it keeps as a `Source`; the list asks every source for one page and merges.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet, TextChoices
from django.urls import reverse

from accounts.local_time import read_moment
from accounts.models import User
from compliance.models import Recipient

AT_ONCE = 50
EVERY: Q = Q()  # of a source's rows, all
MARK = "~"
CAUSE, AFTER_A_TEXT, REPLY = range(3)


class Kind(TextChoices):
    """What a reader may narrow the list to. An entry can be of several."""

    TEXTS_IN = "texts_in", "Texts from them"
    TEXTS_OUT = "texts_out", "Texts to them"
    DECISIONS = "decisions", "How their texts were read"
    REFUSALS = "refusals", "Refused texts"
    OPT_OUTS = "opt_outs", "Opt-out history"
    CONSENTS = "consents", "Consents and questions"
    REVIEWS = "reviews", "Reviews and answers"
    STAFF = "staff", "What employees did"
    IMPORTS = "imports", "Imports"
    ELSEWHERE = "elsewhere", "Sent elsewhere"
    DIFFERENCES = "differences", "Providers' lists"
    TROUBLES = "troubles", "Not reached"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, ready to be shown. `page` names the admin page of its row, and the row."""

    title: str
    colour: str = "grey"
    tag: str = ""
    about: str = ""
    by: str = ""
    words: str = ""
    notes: tuple[str, ...] = ()
    seal: str = ""
    page: tuple[str, Any] | None = None
    at: datetime | None = None
    cursor: str = ""

    @property
    def link(self) -> str:
        """The address of its row's page. Whoever may see the entry may open it."""
        return reverse(f"admin:{self.page[0]}_change", args=[self.page[1]]) if self.page else ""


@dataclass(frozen=True, slots=True)
class Source:
    """One sort of rows that belong in the list.

    rows: what of a recipient a person may see. at: the column of the moment. kinds: which rows are of which kind.
    key: reads a primary key from an address. order: what comes first of things that happened at one moment.
    """

    name: str
    permission: str
    rows: Callable[[User, Recipient], QuerySet[Any]]
    at: str
    kinds: Mapping[str, Q]
    entry: Callable[[Any], Entry]
    key: Callable[[str], Any] = int
    order: int = AFTER_A_TEXT


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first. `older` is where the next page begins, "" on the last one."""

    entries: list[Entry]
    older: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after this row. Rows of one moment are in the order of their sources and keys."""

    at: datetime
    rank: int
    pk: Any


_sources: dict[str, Source] = {}


def register(*sources: Source) -> None:
    """Let the list contain more. Called once, when the apps are ready."""
    ranked = sorted([*_sources.values(), *sources], key=lambda source: source.order)
    _sources.clear()
    _sources.update({source.name: source for source in ranked})


def read_timeline(recipient: Recipient, person: User, kind: str = "", after: str = "", at_most: int = AT_ONCE) -> Page:
    """One page of what a person may see of a recipient: a query for each source, whatever the length.

    kind: one of Kind, "" for all. after: the `older` of the page before; one that can't be read begins at the newest.
    """
    place = _read_place(after)
    found: list[tuple[datetime, int, Any, Entry]] = []
    for rank, source in enumerate(_sources.values()):
        if person.has_perm(source.permission) and (not kind or kind in source.kinds):
            found += _read(source, rank, recipient, person, source.kinds.get(kind, EVERY), place, at_most + 1)
    found.sort(key=lambda row: row[:3], reverse=True)
    entries = [row[3] for row in found[:at_most]]
    return Page(entries, entries[-1].cursor if len(found) > at_most else "")


def _read(
    source: Source, rank: int, recipient: Recipient, person: User, which: Q, place: _Place | None, at_most: int
) -> Iterator[tuple[datetime, int, Any, Entry]]:
    rows = source.rows(person, recipient).annotate(moment=F(source.at)).filter(which, moment__isnull=False)
    if place is not None:
        rows = rows.filter(_after(place, rank))
    for row in rows.order_by("-moment", "-pk")[:at_most]:
        cursor = MARK.join((row.moment.isoformat(), source.name, str(row.pk)))
        yield row.moment, rank, row.pk, replace(source.entry(row), at=row.moment, cursor=cursor)


def _after(place: _Place, rank: int) -> Q:
    earlier = Q(moment__lt=place.at)
    if rank == place.rank:
        return Q(moment__lte=place.at) & (earlier | Q(pk__lt=place.pk))
    return earlier if rank > place.rank else Q(moment__lte=place.at)


def _read_place(text: str) -> _Place | None:
    """A place out of an address, or None for anything else."""
    at, _, rest = text.partition(MARK)
    name, _, key = rest.partition(MARK)
    moment = read_moment(at)
    if moment is None:
        return None
    try:
        rank = list(_sources).index(name)
        return _Place(moment, rank, _sources[name].key(key))
    except (ValueError, KeyError):
        return None
