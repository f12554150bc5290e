"""The words of an outgoing text: it says how to stop where it must, and a misused opt-out word is pointed out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from accounts.models import SenderNumber, Tenant, WithoutInstruction
from accounts.phone import NumberKind, in_north_america
from compliance.purposes import ASKED_FOR, Purpose
from compliance.text_rules.instructions import append_instruction, asks_for_opt_out_word, has_instruction
from compliance.wording import wording_of

LONGEST_BODY = 1600  # characters: what providers take
APPENDED, ASKS_FOR_WORD = "instruction_appended", "asks_for_opt_out_word"
RECURRING, ONE_WAY = "NET-16", "US-08"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as it is stored and sent, and what its sender should know of it."""

    body: str
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Route:
    """Which way a text goes: from a company number of a business to a recipient, for a purpose."""

    tenant: Tenant
    sender: SenderNumber | None
    recipient: str
    purpose: Purpose | str

    @property
    def one_way_page(self) -> str:
        """Where people stop what comes from a name, which nobody can answer; "" where they can answer."""
        is_name = self.sender is not None and self.sender.kind == NumberKind.ALPHANUMERIC
        return self.tenant.opt_out_address if is_name else ""


def word_text(route: Route, body: str, language: Callable[[], str]) -> Wording:
    """A text as it will be sent, with the instruction how to stop where it lacks one and the business wants it.

    language: asked for only where something is appended.
    """
    tenant = route.tenant
    if route.purpose not in ASKED_FOR:
        return Wording(body)
    word = asks_for_opt_out_word(body, wording_of(tenant).own_words)
    warnings = [_asks_for(word)] if word else []
    rule = rule_of_missing_instruction(route, body)
    if tenant.without_instruction != WithoutInstruction.APPEND or not rule:
        return Wording(body, warnings)
    longer = append_instruction(body, language(), route.one_way_page)
    if len(longer) > LONGEST_BODY:
        return Wording(body, warnings)
    return Wording(longer, [*warnings, _appended(longer[len(body.rstrip()) :].strip(), rule)])


def rule_of_missing_instruction(route: Route, body: str) -> str:
    """The rule by which a text must say how to stop and does not, or "".

    Marketing does (NET-16). From a name, which nobody can answer, it gives the address of the opt-out page, and so does
    every text but an emergency to North America (US-08).
    """
    is_marketing = route.purpose == Purpose.MARKETING
    if page := route.one_way_page:
        asked = is_marketing or (route.purpose != Purpose.EMERGENCY and in_north_america(route.recipient))
        return ONE_WAY if asked and page not in body else ""
    return RECURRING if is_marketing and not has_instruction(body, wording_of(route.tenant).own_words) else ""


def _asks_for(word: str) -> dict[str, Any]:
    detail = f"Whoever answers “{word}” is opted out, because that is an opt-out word. Ask for another word."
    return {"code": ASKS_FOR_WORD, "rule": "US-01", "word": word, "detail": detail}


def _appended(instruction: str, rule: str) -> dict[str, Any]:
    why = "nobody can answer a text from a name" if rule == ONE_WAY else "marketing says how to stop"
    return {"code": APPENDED, "rule": rule, "word": "", "detail": f"“{instruction}” was appended, because {why}."}
