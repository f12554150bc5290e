"""Recording a yes that did not come as an opt-in word: spoken, at a till, online, from another program or a list."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import OptOutScope, Tenant
from compliance import reviews
from compliance.actors import Actor
from compliance.consents.questions import open_question
from compliance.consents.writing import Given, keep_proof, was_confirmed_lately, write_consent
from compliance.models import Consent, ConsentQuestion, ConsentWay
from compliance.purposes import Purpose
from compliance.reach import which_reach
from compliance.state import Block, RecipientState


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a consent.

    confirm: whether its one confirmation is due. question: that confirmation asks for a YES, and this is its row.
    opted_out: the person is opted out and stays so (promise 7). why: all of it in a sentence.
    """

    consent: Consent
    confirm: bool
    why: str
    question: ConsentQuestion | None = None
    opted_out: bool = False


def record_consent(
    state: RecipientState, tenant: Tenant, given: Given, actor: Actor, now: datetime, *, answers_from: str
) -> Recorded:
    """Record a consent of a locked recipient. It never lifts an opt-out: a newer one asks a person to look.

    answers_from: the company number that its confirmation can go out from, "" where there is none.
    """
    standing = closing_blocks(state, given, now)
    asks_yes = tenant.double_opt_in and given.way != ConsentWay.IMPORT
    due, why = _decide_confirmation(state, given, standing, now, answers_from=answers_from, asks_yes=asks_yes)
    evidence = keep_proof(state, given, now)
    consent = write_consent(state, given, evidence, actor, now, awaits_yes=asks_yes, asks_to_confirm=due)
    question = open_question(consent, answers_from, now) if asks_yes and due else None
    if standing and given.way != ConsentWay.IMPORT and given.at > max(block.asked_at for block in standing):
        reviews.ask_for_return(state, given.proof, answers_from, now, reason=reviews.AGREED)
    return Recorded(consent, due, why, question, opted_out=bool(standing))


def closing_blocks(state: RecipientState, given: Given, now: datetime) -> list[Block]:
    """The active opt-outs that close what this consent is for."""
    sender = given.sender if given.scope == OptOutScope.NUMBER else ""
    return which_reach(state.active, sender, Purpose.TRANSACTIONAL, state.number, now)


def _decide_confirmation(
    state: RecipientState, given: Given, standing: list[Block], now: datetime, *, answers_from: str, asks_yes: bool
) -> tuple[bool, str]:
    counts = "It counts once they have answered YES" if asks_yes else "Recorded"
    if standing:
        return False, "Recorded. This person is opted out and stays so; only they can change that, or new proof."
    if given.way == ConsentWay.IMPORT:
        return False, "Recorded. An import texts nobody."
    if not answers_from:
        return False, f"{counts}. Nothing is texted: no company number was named that could."
    if state.holds:
        return False, f"{counts}. Nothing is texted while a text of theirs waits for review."
    if was_confirmed_lately(state, now):
        return False, f"{counts}. They were texted about a consent within the last 24 hours."
    return (
        True,
        "They are asked to answer YES; until then it counts for nothing." if asks_yes else "Recorded and confirmed.",
    )
