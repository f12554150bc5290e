"""A request to stop, from any way in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from accounts.models import OptOutScope
from compliance.actors import Actor
from compliance.evidence import Proof, keep_evidence
from compliance.models import Consent, OptOut, ReviewItem, Source
from compliance.opt_outs.writing import Preceding, set_preceding, write_change
from compliance.state import Block, RecipientState

SHORT_CODE_ANSWERS_AGAIN = timedelta(hours=24)  # CT-07


class Answer(Enum):
    """Who can answer a text."""

    OURS = "ours"
    SHORT_CODE = "short_code"  # ours, and after 24 hours again
    NETWORK = "network"  # the carrier or provider answers by itself (NET-01)
    UNSURE = "unsure"  # nobody can tell whether the provider answers: silence, until the business decides
    NOBODY = "nobody"  # it did not come as a text, or from a number that we can't text from


WHY_SILENT = {
    Answer.NETWORK: "The provider or the network answers this word by itself (NET-01); ours would be one too many.",
    Answer.UNSURE: (
        "Nobody can tell whether the provider answers by itself, so nothing is sent; "
        "who answers can be decided on the page of the provider connection."
    ),
    Answer.NOBODY: "No confirmation: it did not come as a text to a number that can answer.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked. `texted` is the company number, where it came as a text."""

    proof: Proof
    scope: OptOutScope | str
    sender: str = ""
    reason: str = ""
    rule: str = ""
    language: str = ""
    texted: str = ""
    requested_by: OptOut.RequestedBy | str = OptOut.RequestedBy.RECIPIENT
    preceding: Preceding = field(default_factory=Preceding)
    answer: Answer = Answer.NOBODY

    @property
    def source(self) -> Source | str:
        return self.proof.way

    @property
    def asked_at(self) -> datetime:
        return self.proof.occurred_at


@dataclass(frozen=True, slots=True)
class OptedOut:
    """What became of a request. `confirm` says whether its one confirmation is due, `why` why or why not."""

    opt_out: OptOut
    action: OptOut.Action
    confirm: bool
    why: str


def record_opt_out(state: RecipientState, request: Request, actor: Actor, now: datetime) -> OptedOut:
    """Apply a request to stop to a locked recipient, and close what was held for review.

    A late request blocks, unless the same person's opt-in is newer; ties block.
    """
    evidence = keep_evidence(state.tenant_id, state.locked_id, request.proof, now)
    standing = _find_row(state, request)
    if standing is not None and standing.is_active:
        row, action = _repeat(standing, request), OptOut.Action.REPEATED
    elif newer := _newer_opt_in(state, request):
        row, action = _supersede(state, standing, request, newer), OptOut.Action.SUPERSEDED
    else:
        row, action = _open_episode(state, standing, request), OptOut.Action.OPTED_OUT
    confirm, why = _decide_confirmation(row, action, request, now)
    write_change(row, action, actor, evidence, request.reason, now)
    if action != OptOut.Action.SUPERSEDED:
        _close_holds(state, request, actor, now)
    return OptedOut(row, action, confirm, why)


def _find_row(state: RecipientState, request: Request) -> Block | None:
    """The row that a request belongs to: an active one that covers it already, else the one of its own key."""
    theirs = [block for block in state.blocks if block.requested_by == request.requested_by]
    for block in theirs:
        if block.is_active and block.says(request.scope, request.sender):
            return block
    return next((b for b in theirs if (b.scope, b.sender) == (request.scope, request.sender)), None)


def _repeat(standing: Block, request: Request) -> OptOut:
    row: OptOut = OptOut.writes.get(pk=standing.id)
    ask_again(row, request.asked_at, request.texted)
    return row


def ask_again(row: OptOut, asked_at: datetime, texted: str) -> None:
    """Note on an active row that the same was asked again. Not saved yet.

    `texted` is the number whose STOP closed this, and whose START may open it: two of them are none.
    """
    row.asked_at = max(row.asked_at, asked_at)
    if row.texted != texted:
        row.texted = ""


def _open_episode(state: RecipientState, standing: Block | None, request: Request) -> OptOut:
    """A fresh episode overwrites the whole row, so a lifted one needs no reading: history keeps what it was."""
    row = _start_row(state, request)
    if standing is not None:
        row.pk, row.episode = standing.id, standing.episode + 1
        row._state.adding = False
    row.status = OptOut.Status.ACTIVE
    return row


def _supersede(state: RecipientState, standing: Block | None, request: Request, opted_in_at: datetime) -> OptOut:
    """Record a request that a newer opt-in has already answered: as if both had arrived in order."""
    if standing is not None:
        lifted: OptOut = OptOut.writes.get(pk=standing.id)
        return lifted
    row = _start_row(state, request)
    row.status, row.lifted_at = OptOut.Status.LIFTED, opted_in_at
    return row


def _start_row(state: RecipientState, request: Request) -> OptOut:
    row = OptOut(
        tenant_id=state.tenant_id,
        recipient_id=state.locked_id,
        scope=request.scope,
        sender=request.sender,
        requested_by=request.requested_by,
        opted_out_at=request.asked_at,
        asked_at=request.asked_at,
    )
    _describe(row, request)
    return row


def _describe(row: OptOut, request: Request) -> None:
    row.source, row.reason = request.source, request.reason
    row.rule, row.language, row.texted = request.rule, request.language, request.texted
    set_preceding(row, request.preceding)


def is_earlier(asked_at: datetime, opted_in_at: datetime) -> bool:
    """Whether a request lies before an opt-in. Ties block, and a time in whole seconds means all of its second."""
    return opted_in_at > _latest(asked_at)


def _latest(moment: datetime) -> datetime:
    return moment if moment.microsecond else moment.replace(microsecond=999_999)


def opt_in_words() -> QuerySet[Any]:
    """Consents that say by themselves that texts are welcome again; `outdates` is until when a request is older.

    A YES is worth no more than its question was: a STOP in between has answered that one.
    """
    rows: QuerySet[Any] = Consent.objects.annotate(outdates=Coalesce("answers__asked_at", "given_at"))
    return rows.filter(reopens=True)


def _newer_opt_in(state: RecipientState, request: Request) -> datetime | None:
    """The person's opt-in that is newer than a late request and covers what it would close."""
    opted_in_at = state.opted_in_at
    late = opted_in_at is not None and is_earlier(request.asked_at, opted_in_at)
    if not late or request.requested_by != OptOut.RequestedBy.RECIPIENT:
        return None
    later = _latest(request.asked_at)
    newer = opt_in_words().filter(recipient_id=state.locked_id, outdates__gt=later)
    if request.scope == OptOutScope.NUMBER:
        newer = newer.filter(scope=OptOutScope.TENANT) | newer.filter(sender=request.sender)
    else:
        newer = newer.filter(scope=OptOutScope.TENANT) | newer.filter(sender=request.texted).exclude(sender="")
    return newer.order_by("given_at").values_list("given_at", flat=True).last()


def _decide_confirmation(row: OptOut, action: OptOut.Action, request: Request, now: datetime) -> tuple[bool, str]:
    """Whether this request gets the one confirmation of its episode (US-10, CT-07, NET-01)."""
    if action == OptOut.Action.SUPERSEDED:
        return False, "It is older than the person's opt-in, which stands; recorded, and nothing is confirmed."
    if request.answer == Answer.NOBODY:
        return False, f"Opted out. {WHY_SILENT[request.answer]}"
    asked = row.confirmation_asked_at
    again = request.answer == Answer.SHORT_CODE and asked is not None and now - asked >= SHORT_CODE_ANSWERS_AGAIN
    if asked is not None and not again:
        return False, "Opted out already; recorded. This opt-out has had its one confirmation (US-10)."
    row.confirmation_asked_at, row.confirmation_claimed_at = now, None
    if silent := WHY_SILENT.get(request.answer):
        row.confirmation_claimed_at = now
        return False, f"Opted out. {silent}"
    return True, "Opted out, and answered with the one confirmation (US-10)."


def _close_holds(state: RecipientState, request: Request, actor: Actor, now: datetime) -> None:
    """A person's clear request answers what was unclear before it, as far as the request reaches."""
    if request.requested_by != OptOut.RequestedBy.RECIPIENT:
        return
    for_all = request.scope == OptOutScope.TENANT
    answered = [hold.id for hold in state.holds if for_all or hold.texted == request.sender]
    if answered:
        ReviewItem.objects.filter(pk__in=answered, status=ReviewItem.Status.OPEN).update(
            status=ReviewItem.Status.OPTED_OUT,
            answered_at=now,
            answered_by=actor.name,
            answer_reason="The opt-out was recorded.",
        )
