"""A recipient's own START: consent on record, and what it opens."""

from dataclasses import dataclass, replace
from datetime import datetime

from accounts.models import OptOutScope
from compliance.actors import RECIPIENT, Actor
from compliance.consents.writing import Given, keep_proof, was_confirmed_lately, write_consent
from compliance.models import Consent, Evidence, OptOut, ReviewItem
from compliance.opt_outs.opting_out import WHY_SILENT, Answer
from compliance.opt_outs.writing import write_change
from compliance.purposes import Purpose
from compliance.reach import which_reach
from compliance.state import Block, RecipientState, state_after


@dataclass(frozen=True, slots=True)
class OptedIn:
    """What an opt-in word did. `remaining` are the blocks that it could not lift, `state` is how it now stands."""

    state: RecipientState
    consent: Consent
    lifted: tuple[OptOut, ...]
    remaining: tuple[Block, ...]
    too_old: bool
    confirm: bool
    why: str


def record_opt_in(state: RecipientState, given: Given, texted: str, now: datetime, answer: Answer) -> OptedIn:
    """Apply an opt-in word, or the keyword of a campaign, that a locked recipient texted: consent, and what it opens.

    given: with `sender` where it is for one number; it opens the number that was texted and what that number's STOP
    closed. answer: who can confirm it.
    An opt-in that is not newer than the newest opt-out it concerns is recorded and lifts nothing.
    """
    evidence = keep_proof(state, given, now)
    theirs = [b for b in state.active if b.by_recipient and opens(given.scope, texted, b)]
    opened = find_opened(state, given, texted)
    too_old = bool(theirs) and not opened
    lifted = tuple(lift_row(block, evidence, RECIPIENT, "Texted to opt back in.", now) for block in opened)
    gone = {row.pk for row in lifted}
    left = [block for block in state.active if block.id not in gone]
    reaching = which_reach(left, texted, Purpose.TRANSACTIONAL, state.number, now)
    remaining = tuple(block for block in left if block in theirs or block in reaching)
    confirm, why = _decide_confirmation(state, too_old, remaining, now)
    if confirm and answer in WHY_SILENT:
        confirm, why = False, f"Opted in. {WHY_SILENT[answer]}"
    consent = write_consent(state, given, evidence, RECIPIENT, now, reopens=True, asks_to_confirm=confirm)
    if not too_old:
        state = release_holds(state, given.at, given.scope, texted, "Recipient", now)
    return OptedIn(state_after(state, lifted), consent, lifted, remaining, too_old, confirm, why)


def find_opened(state: RecipientState, given: Given, texted: str) -> list[Block]:
    """What an opt-in word lifts: none where it is not newer than the newest opt-out that it concerns."""
    theirs = [block for block in state.active if block.by_recipient and opens(given.scope, texted, block)]
    return theirs if all(given.at > block.asked_at for block in theirs) else []


def opens(scope: OptOutScope | str, texted: str, block: Block) -> bool:
    """Whether an opt-in to a company number opens a block that the recipient asked for."""
    if scope == OptOutScope.TENANT:
        return True
    return texted in (block.sender, block.texted)


def lift_row(block: Block, evidence: Evidence, actor: Actor, why: str, now: datetime) -> OptOut:
    """Lift one active row, with its history."""
    row = OptOut.writes.get(pk=block.id)
    row.status = OptOut.Status.LIFTED
    row.lifted_at = evidence.occurred_at
    return write_change(row, OptOut.Action.LIFTED, actor, evidence, why, now)


def release_holds(
    state: RecipientState, before: datetime, scope: OptOutScope | str, texted: str, by: str, now: datetime
) -> RecipientState:
    """Release what was unclear before the person said clearly that texts are welcome, as far as that reaches.

    Returns how it then stands.
    """
    for_all = scope == OptOutScope.TENANT
    older = [hold.id for hold in state.holds if hold.asked_at < before and (for_all or hold.texted == texted)]
    if older:
        ReviewItem.objects.filter(pk__in=older).update(
            status=ReviewItem.Status.NOT_OPT_OUT,
            answered_at=now,
            answered_by=by,
            answer_reason="The recipient opted in afterwards.",
        )
    return replace(state, holds=tuple(hold for hold in state.holds if hold.id not in older))


def _decide_confirmation(
    state: RecipientState, too_old: bool, remaining: tuple[Block, ...], now: datetime
) -> tuple[bool, str]:
    """An opt-in is confirmed once in 24 hours, so that two machines can't answer each other for ever."""
    if too_old:
        return False, "It is older than the newest opt-out, so that one stands."
    if remaining:
        return False, "Wants texts again, but stays opted out by the business or for other numbers; a person was asked."
    if was_confirmed_lately(state, now):
        return False, "Opted in; no second confirmation within 24 hours."
    return True, "Opted in, and confirmed."
