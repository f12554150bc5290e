"""Opting a person back in by staff or API: with a reason and evidence, one at a time, texting nobody."""

from dataclasses import replace
from datetime import datetime, timedelta

from compliance.evidence import Proof, keep_evidence
from compliance.models import OptOut
from compliance.opt_outs.locking import relock_recipient
from compliance.opt_outs.opting_in import lift_row, record_consent, release_holds
from compliance.opt_outs.writing import Actor

CLOCKS_DIFFER_BY = timedelta(minutes=1)


class LiftRefused(ValueError):
    """Lifting is not possible; `field` names what to mend and the message says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def lift(opt_out: OptOut, proof: Proof, reason: str, actor: Actor, now: datetime) -> OptOut:
    """Lift one active opt-out on proof of what the person said since.

    proof: the way, the words, and when they were said, after the opt-out. Raises LiftRefused.
    """
    if not reason.strip():
        raise LiftRefused("reason", "Write why this person may be texted again.")
    if not proof.words.strip():
        raise LiftRefused("words", "Write the person's own words.")
    if proof.occurred_at > now + CLOCKS_DIFFER_BY:
        raise LiftRefused("at", "The date of the words lies in the future.")
    proof = replace(proof, occurred_at=min(proof.occurred_at, now))  # dated ahead, it would outlive the next opt-out
    state = relock_recipient(opt_out.recipient_id)
    block = next((b for b in state.active if b.id == opt_out.pk), None)
    if block is None:
        raise LiftRefused("opt_out", "This person is not opted out any more.")
    if proof.occurred_at <= block.asked_at:
        raise LiftRefused("at", f"The words must be newer than the opt-out of {block.asked_at:%Y-%m-%d %H:%M} UTC.")
    evidence = keep_evidence(state.tenant_id, opt_out.recipient_id, proof, now)
    lifted = lift_row(block, evidence, actor, reason, now)
    if block.by_recipient:
        record_consent(state, evidence, block.scope, block.sender or block.texted, now)
        release_holds(state, proof.occurred_at, block.scope, block.sender, actor.name, now)
    return lifted
