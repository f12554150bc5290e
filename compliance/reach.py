"""How far an opt-out reaches: the one rule, for the gate and for whatever tells people what stands (DESIGN 4)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.models import OptOutScope
from accounts.phone import in_north_america
from compliance.purposes import Purpose

US_RULES_TIME = ZoneInfo("America/New_York")


class Closes(Protocol):
    """An opt-out as far as its reach is concerned: a row, or what a decision has read of it."""

    @property
    def scope(self) -> str: ...
    @property
    def sender(self) -> str: ...


C = TypeVar("C", bound=Closes)


def reach_of(block: Closes, sender: str, purpose: str, number: str, now: datetime) -> str:
    """The rule by which an active opt-out reaches a text, or "" where it does not.

    sender: the company number that would text; "" asks for any of them, and one that is closed counts as all.
    """
    if block.scope == OptOutScope.TENANT:
        return "scope.tenant"
    if not sender or block.sender == sender:
        return "scope.number"
    if in_north_america(number):
        if purpose == Purpose.MARKETING:
            return "US-23"
        if revoke_all_applies(now):
            return "US-15"
    return ""


def which_reach(blocks: Iterable[C], sender: str, purpose: str, number: str, now: datetime) -> list[C]:
    """Those of some active opt-outs that reach a text."""
    return [block for block in blocks if reach_of(block, sender, purpose, number, now)]


def revoke_all_applies(now: datetime) -> bool:
    """Whether the FCC's revoke-all is in force (US-15): from a date that is a setting, in Eastern time."""
    return bool(now.astimezone(US_RULES_TIME).date() >= settings.REVOKE_ALL_FROM)
