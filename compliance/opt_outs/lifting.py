"""Opting a person back in by staff or API: with a reason and evidence, one at a time, texting nobody."""

from dataclasses import replace
from datetime import datetime, timedelta

from accounts.local_time import say_moment
from compliance.actors import Actor
from compliance.consents.writing import Given, way_of, write_consent
from compliance.evidence import Proof, keep_evidence
from compliance.keywords.folding import plain
from compliance.models import OptOut, Source
from compliance.opt_outs.locking import relock_recipient
from compliance.opt_outs.opting_in import lift_row, release_holds
from compliance.opt_outs.writing import write_change

CLOCKS_DIFFER_BY = timedelta(minutes=1)
READ_FROM_SENTENCES = {Source.PHRASE, Source.REVIEW}


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
        asked = say_moment(block.asked_at, opt_out.tenant.time_zone)
        raise LiftRefused("at", f"The words must be newer than the opt-out of {asked}".removesuffix(".") + ".")
    evidence = keep_evidence(state.tenant_id, opt_out.recipient_id, proof, now)
    lifted = lift_row(block, evidence, actor, reason, now)
    if block.by_recipient:
        given = Given(way_of(proof), proof, block.scope, block.sender)
        write_consent(state, given, evidence, actor, now, reopens=True)
        release_holds(state, proof.occurred_at, block.scope, block.sender, actor.name, now)
    return lifted


def can_undo(opt_out: OptOut) -> bool:
    """Whether an opt-out stands that was only ever read from sentences, by us or by a person.

    One that a bare word of US-01 asked for, even once more afterwards, needs new words of the person: `lift`.
    """
    if not opt_out.is_active or opt_out.requested_by != OptOut.RequestedBy.RECIPIENT:
        return False
    asked = (OptOut.Action.OPTED_OUT, OptOut.Action.REPEATED)
    requests = OptOut.history.filter(id=opt_out.pk, episode=opt_out.episode, action__in=asked)
    return set(requests.values_list("evidence__way", flat=True)) <= READ_FROM_SENTENCES


def names_one_person(one: str, other: str) -> bool:
    """Whether two names are the same, however they are spaced, ordered, accented or disguised."""
    return sorted(plain(one).split()) == sorted(plain(other).split())


def undo(opt_out: OptOut, reason: str, approver: str, actor: Actor, now: datetime) -> OptOut:
    """Undo an opt-out that was none: a sentence was misread. Texts nobody, and records no consent.

    approver: the name of a second person who agrees. Raises LiftRefused.
    """
    if not reason.strip():
        raise LiftRefused("reason", "Write why this was no opt-out.")
    if not plain(approver):
        raise LiftRefused("approver", "Name the person who agrees that this was no opt-out.")
    if names_one_person(approver, actor.name):
        raise LiftRefused("approver", "A second person must agree: name somebody else than yourself.")
    relock_recipient(opt_out.recipient_id)
    row: OptOut = OptOut.writes.select_related("evidence").get(pk=opt_out.pk)
    if not can_undo(row):
        raise LiftRefused("opt_out", "This can't be undone: it was not read from a sentence, or stands no more.")
    said = {"undoes": row.evidence_id, "approver": approver.strip()}
    evidence = keep_evidence(row.tenant_id, row.recipient_id, Proof(Source.STAFF, "", now, said), now)
    row.status, row.lifted_at = OptOut.Status.LIFTED, now
    return write_change(row, OptOut.Action.UNDONE, actor, evidence, f"{reason} Approved by {approver.strip()}.", now)
