"""What the data files say, typed."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

DATA = Path(__file__).parent / "data"
SLUGS = ("bright-smile-dental", "northwind-logistics")
RECIPIENT_LINES = range(120, 190)
HANDSET_LINES = range(100, 120)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a data file. An unknown key is an error, so that nothing is misspelt in silence."""

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Self:
        return cls(**table)

    @classmethod
    def read_all(cls, tables: Iterable[Mapping[str, Any]]) -> tuple[Self, ...]:
        return tuple(cls.read(table) for table in tables)


@dataclass(frozen=True, slots=True)
class SitePlan(_Table):
    name: str
    number: str
    label: str


@dataclass(frozen=True, slots=True)
class LoginPlan(_Table):
    role: str
    name: str
    person: str


@dataclass(frozen=True, slots=True)
class CampaignPlan(_Table):
    """A mailing, and which shares of its recipients answer what."""

    name: str
    purpose: str
    body: str
    days_ago: int
    at: str
    recipients: int
    stop: float = 0.0
    unclear: float = 0.0
    help: float = 0.0
    other: float = 0.0
    failed: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class TalkPlan(_Table):
    """A thread between one employee and one recipient: lines of ("in" or "out", words)."""

    count: int
    lines: list[list[str]]


@dataclass(frozen=True, slots=True)
class AfterStopPlan(_Table):
    """What follows a STOP, as shares: another STOP, a START, an employee who texts all the same."""

    repeats: float
    returns: float
    next_send: float


@dataclass(frozen=True, slots=True)
class ReviewsPlan(_Table):
    due_soon: int
    later: int


@dataclass(frozen=True, slots=True)
class ElsewherePlan(_Table):
    """Opt-outs that did not come as a text."""

    source: str
    count: int
    actor: str
    reason: str
    words: list[str]
    days_ago: int | None = None
    requested_by: str = "recipient"
    file: str = ""
    wants_back: int = 0


@dataclass(frozen=True, slots=True)
class LiftsPlan(_Table):
    count: int
    way: str
    reason: str
    words: list[str]


@dataclass(frozen=True, slots=True)
class KeptPlan(_Table):
    """A webhook that could not be read."""

    days_ago: int
    body: str


@dataclass(frozen=True, slots=True)
class BusinessPlan:
    """One data file."""

    slug: str
    name: str
    brand_name: str
    help_contact: str
    time_zone: str
    email_domain: str
    users: int
    area_codes: list[str]
    recipients: int
    handset: str
    handset_text: str
    send_text: str
    words: dict[str, list[str]]
    replies: dict[str, list[str]]
    sites: tuple[SitePlan, ...]
    logins: tuple[LoginPlan, ...]
    campaigns: tuple[CampaignPlan, ...]
    talks: tuple[TalkPlan, ...]
    after_stop: AfterStopPlan
    reviews: ReviewsPlan
    elsewhere: tuple[ElsewherePlan, ...]
    lifts: tuple[LiftsPlan, ...]
    kept_deliveries: tuple[KeptPlan, ...]

    def username(self, login: LoginPlan) -> str:
        return f"{login.name}@{self.email_domain}"

    def recipient_numbers(self) -> list[str]:
        """The outside numbers of the demo, area code after area code."""
        rows = [f"+1{area}555{line:04}" for line in RECIPIENT_LINES for area in self.area_codes]
        return rows[: self.recipients]

    def handset_numbers(self) -> list[str]:
        """The numbers that a simulated handset may take."""
        return [f"+1{area}555{line:04}" for line in HANDSET_LINES for area in self.area_codes]


_TABLES: dict[str, type[_Table]] = {"after_stop": AfterStopPlan, "reviews": ReviewsPlan}
_LISTS: dict[str, type[_Table]] = {
    "sites": SitePlan,
    "logins": LoginPlan,
    "campaigns": CampaignPlan,
    "talks": TalkPlan,
    "elsewhere": ElsewherePlan,
    "lifts": LiftsPlan,
    "kept_deliveries": KeptPlan,
}


@cache
def load_plan(slug: str) -> BusinessPlan:
    """The data file of a demo business."""
    raw = _read(slug)
    typed: dict[str, Any] = {name: kind.read(raw[name]) for name, kind in _TABLES.items()}
    typed |= {name: kind.read_all(raw[name]) for name, kind in _LISTS.items()}
    return BusinessPlan(**(raw | typed))


@cache
def people() -> tuple[list[str], list[str]]:
    """First and last names of employees."""
    raw = _read("people")
    return raw["first"], raw["last"]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))
