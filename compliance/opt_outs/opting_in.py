"""A recipient's own START: consent on record, and what it opens."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models.functions import Coalesce, Greatest

from accounts.models import OptOutScope
from compliance.evidence import Proof, keep_evidence
from compliance.models import Consent, Evidence, OptOut, Recipient, ReviewItem
from compliance.opt_outs.writing import RECIPIENT, Actor, write_change
from compliance.state import Block, RecipientState, state_after

CONFIRM_OPT_IN_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OptedIn:
    """What an opt-in word did. `remaining` are the blocks that it could not lift, `state` is how it now stands."""

    state: RecipientState
    lifted: tuple[OptOut, ...]
    remaining: tuple[Block, ...]
    too_old: bool
    confirm: bool
    why: str


def record_opt_in(
    state: RecipientState, proof: Proof, scope: OptOutScope | str, texted: str, now: datetime, *, can_answer: bool
) -> OptedIn:
    """Apply an opt-in word to a locked recipient.

    scope: how far it reaches; `number` opens the number that was texted and what that number's STOP closed.
    can_answer: whether a confirmation could go out at all.
    An opt-in that is not newer than the newest opt-out it concerns is recorded and lifts nothing.
    """
    evidence = keep_evidence(state.tenant_id, state.locked_id, proof, now)
    theirs = [b for b in state.active if b.by_recipient and opens(scope, texted, b)]
    newest = max((block.asked_at for block in theirs), default=None)
    too_old = newest is not None and proof.occurred_at <= newest
    lifted = () if too_old else tuple(lift_row(b, evidence, RECIPIENT, "Texted to opt back in.", now) for b in theirs)
    gone = {row.pk for row in lifted}
    remaining = tuple(b for b in state.active if b.id not in gone and (b in theirs or b.covers(texted)))
    confirm, why = _decide_confirmation(state, too_old, remaining, now)
    record_consent(state, evidence, scope, texted, now, asks_to_confirm=confirm and can_answer)
    if not too_old:
        state = release_holds(state, proof.occurred_at, scope, texted, "Recipient", now)
    return OptedIn(state_after(state, lifted), lifted, remaining, too_old, confirm and can_answer, why)


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


def record_consent(
    state: RecipientState,
    evidence: Evidence,
    scope: OptOutScope | str,
    texted: str,
    now: datetime,
    asks_to_confirm: bool = False,
) -> Consent:
    """Keep a yes, and how new the newest one is: a late STOP is judged by it."""
    given_at = evidence.occurred_at
    Recipient.objects.filter(pk=state.locked_id).update(
        opted_in_at=Greatest(Coalesce("opted_in_at", given_at), given_at)
    )
    return Consent.objects.create(
        tenant_id=state.tenant_id,
        recipient_id=state.locked_id,
        scope=scope,
        sender=texted if scope == OptOutScope.NUMBER else "",
        way=evidence.way,
        given_at=given_at,
        evidence=evidence,
        confirmation_asked_at=now if asks_to_confirm else None,
        created_at=now,
    )


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
    since = now - CONFIRM_OPT_IN_EVERY
    if Consent.objects.filter(recipient_id=state.locked_id, confirmation_asked_at__gt=since).exists():
        return False, "Opted in; no second confirmation within 24 hours."
    return True, "Opted in, and confirmed."
