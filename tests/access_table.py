"""The table of who may open what (tests/data/access.toml), and the walk over the addresses that it is held to."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, reverse

from optout_project import urls  # noqa: F401 - it puts our pages in place of other packages'
from tests.admin_pages import Rows

TABLE = Path(__file__).parent / "data" / "access.toml"
USUAL = {"get": 200, "post": 302}
NO_SUCH_ROW = "987654321"


@dataclass(frozen=True)
class Line:
    """One address of the admin: who may, and what they get."""

    name: str
    method: str
    statuses: dict[str, tuple[int, ...]]  # what those get who may, by letter
    of: str = ""  # whose row stands in the address
    given: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)

    @property
    def who(self) -> set[str]:
        """The letters of those who may."""
        return set(self.statuses)

    def address(self, row: Any = None) -> str:
        """The address, with a row's id where it wants one."""
        wanted = {argument: str(row) for argument in arguments_of()[self.name] if argument not in self.given}
        return reverse(f"admin:{self.name}", kwargs={**self.given, **wanted})

    @property
    def wants_row(self) -> bool:
        return bool(self.of)


@cache
def read_table() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(TABLE.read_text())
    return table


def lines() -> list[Line]:
    """Every line of the table, the usual pages of each model included."""
    return [line for label, entry in read_table().items() for line in _lines_of(label, entry)]


def _lines_of(label: str, entry: dict[str, Any]) -> Iterator[Line]:
    rest = dict(entry)
    if label != "site":
        yield from _usual_lines(label, rest)
    for name, said in rest.items():
        yield _own_line(label, name, said)


def _usual_lines(label: str, entry: dict[str, Any]) -> Iterator[Line]:
    """The list, the form to add, the page and its history, for which `sees`, `adds` and `changes` say it all."""
    prefix = label.replace(".", "_")
    sees, adds, changes = entry.pop("sees"), entry.pop("adds", ""), entry.pop("changes", "")
    yield Line(f"{prefix}_changelist", "get", dict.fromkeys(sees, (200,)))
    yield Line(f"{prefix}_add", "get", dict.fromkeys(adds, (200,)))
    if entry.pop("installation", False):
        return
    yield Line(f"{prefix}_change", "get", dict.fromkeys(sees, (200,)), label)
    yield Line(f"{prefix}_history", "get", dict.fromkeys(sees, (200,)), label)
    yield Line(f"{prefix}_history", "post", {}, label)
    yield Line(f"{prefix}_change", "post", dict.fromkeys(changes, (200, 302)), label)


def _own_line(label: str, name: str, said: str | dict[str, Any]) -> Line:
    entry: dict[str, Any] = {"does": said} if isinstance(said, str) else said
    full = name if name in arguments_of() else f"{label.replace('.', '_')}_{name}"
    given = entry.get("with", {})
    wants = set(arguments_of().get(full, ())) - set(given)
    of = entry.get("of", label) if wants else ""
    method, statuses = _read(entry["does"])
    return Line(full, method, statuses, of, given, entry.get("data", {}))


def _read(does: str) -> tuple[str, dict[str, tuple[int, ...]]]:
    """Method and statuses out of "post TC A=200"."""
    method, *groups = does.split()
    statuses: dict[str, tuple[int, ...]] = {}
    for group in groups:
        letters, _, status = group.partition("=")
        statuses |= dict.fromkeys(letters, (int(status or USUAL[method]),))
    return method, statuses


@cache
def arguments_of() -> dict[str, tuple[str, ...]]:
    """Every named address of the admin, and what stands in it."""
    return dict(_walk(admin.site.get_urls()))


def _walk(patterns: list[Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for found in patterns:
        if isinstance(found, URLResolver):
            yield from _walk(found.url_patterns)
        elif isinstance(found, URLPattern) and found.name:
            regex = getattr(found.pattern, "regex", None)
            yield found.name, tuple(found.pattern.converters or (regex.groupindex if regex else ()))


def known_names() -> set[str]:
    """The addresses that have a line."""
    names = {line.name for line in lines()}
    for label in read_table():
        if label != "site":
            names |= {f"{label.replace('.', '_')}_{page}" for page in ("delete", "change", "history")}
    return names


def row_of(rows: Rows, line: Line) -> Any:
    """The id of the row that a line is about."""
    try:
        return rows[line.of].pk
    except KeyError:
        raise AssertionError(
            f"No row of {line.of} is built: add one to `build_rows` in tests/admin_pages.py, of the business given."
        ) from None
