"""What a pack is made of: each part reads its rows of a recipient, the newest first, and says them as plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from compliance.models import Recipient

AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """One sort of rows. `at` is the column of the moment; of more rows than `at_most` the oldest are left out."""

    name: str
    title: str
    rows: Callable[[User, Recipient], QuerySet[Any]]
    at: str
    say: Callable[[Any], dict[str, Any]]
    at_most: int = AT_MOST


_parts: dict[str, Part] = {}


def register(*parts: Part) -> None:
    """Let packs contain more. Called once, when the apps are ready."""
    _parts.update({part.name: part for part in parts})


def registered() -> list[Part]:
    return list(_parts.values())


def read_part(part: Part, person: User, recipient: Recipient) -> tuple[list[Any], bool]:
    """The rows of a part, the oldest first, and whether older ones were left out. One query."""
    newest = list(part.rows(person, recipient).order_by(f"-{part.at}", "-pk")[: part.at_most + 1])
    return newest[: part.at_most][::-1], len(newest) > part.at_most
