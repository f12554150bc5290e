"""What is unclear: hold, a person's answer, and the date after which it counts as an opt-out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.local_time import say_moment
from accounts.models import OptOutScope, SenderNumber, Tenant
from compliance import opt_outs
from compliance.due_dates import alert_at, due_at
from compliance.evidence import Proof, keep_evidence
from compliance.models import OptOut, ReviewItem, Source
from compliance.state import RecipientState


class AlreadyAnswered(ValueError):
    """Somebody answered this review first."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A text that may be an opt-out."""

    proof: Proof
    texted: str
    reason: str
    rule: str
    language: str
    preceding: opt_outs.Preceding
    received_at: datetime


def hold(state: RecipientState, unclear: Unclear, tenant: Tenant, now: datetime) -> ReviewItem:
    """Hold automatic texts to a locked recipient and ask a person, with a due date in business days (US-07)."""
    evidence = keep_evidence(tenant.pk, state.locked_id, unclear.proof, now)
    due = due_at(unclear.received_at, tenant.country, tenant.time_zone)
    return ReviewItem.objects.create(
        tenant=tenant,
        recipient_id=state.locked_id,
        kind=ReviewItem.Kind.UNCLEAR,
        evidence=evidence,
        texted=unclear.texted,
        reason=unclear.reason,
        rule=unclear.rule,
        language=unclear.language,
        preceding=unclear.preceding.as_json(),
        asked_at=unclear.proof.occurred_at,
        due_at=due,
        alert_at=alert_at(due, tenant.country, tenant.time_zone),
    )


WANTS_BACK = "Texted to opt back in, but an opt-out stands that START does not undo."
AGREED = "Agreed to be texted, but is opted out. If they want texts again, opt them back in with this as proof."


def ask_for_return(state: RecipientState, proof: Proof, texted: str, now: datetime, reason: str = WANTS_BACK) -> None:
    """Tell a person, once, that somebody wants to be texted again whom the business, or another scope, still blocks."""
    asked = ReviewItem.objects.filter(recipient_id=state.locked_id, kind=ReviewItem.Kind.WANTS_BACK)
    if asked.filter(status=ReviewItem.Status.OPEN).exists():
        return
    evidence = keep_evidence(state.tenant_id, state.locked_id, proof, now)
    ReviewItem.objects.create(
        tenant_id=state.tenant_id,
        recipient_id=state.locked_id,
        kind=ReviewItem.Kind.WANTS_BACK,
        evidence=evidence,
        texted=texted,
        reason=reason,
        asked_at=proof.occurred_at,
    )


def answer(
    item: ReviewItem, status: ReviewItem.Status, reason: str, actor: opt_outs.Actor, now: datetime
) -> opt_outs.OptedOut | None:
    """Record a person's answer. “Opted out” opts out, silently; “not an opt-out” ends the hold.

    Raises AlreadyAnswered. Every answer stays on record with who and why.
    """
    state = opt_outs.relock_recipient(item.recipient_id)
    values = {"status": status, "answered_at": now, "answered_by": actor.name, "answer_reason": reason}
    _close(item, values)
    if status != ReviewItem.Status.OPTED_OUT:
        return None
    return opt_outs.record_opt_out(state, _request_from(item, reason), actor, now)


def put_off(item: ReviewItem, now: datetime) -> None:
    """Decide later: noted, and the due date stays."""
    _close(item, {"put_off_at": now})


def fall_due(item: ReviewItem, now: datetime) -> opt_outs.OptedOut | None:
    """What nobody answered becomes an opt-out when due, silently (US-02, US-07)."""
    by = f"by {say_moment(item.due_at, item.tenant.time_zone)}" if item.due_at else "in time"
    reason = f"Nobody answered {by}".removesuffix(".") + "."
    return answer(item, ReviewItem.Status.OPTED_OUT, reason, opt_outs.SYSTEM, now)


def _close(item: ReviewItem, values: Mapping[str, Any]) -> None:
    if not ReviewItem.objects.filter(pk=item.pk, status=ReviewItem.Status.OPEN).update(**values):
        raise AlreadyAnswered("Somebody has answered this review already.")


def closes_one_number(tenant: Tenant, texted: str, *, is_known: bool) -> bool:
    """Whether a STOP closes one company number: the business chose so, and we know the number that was texted."""
    return tenant.opt_out_scope == OptOutScope.NUMBER and bool(texted) and is_known


def _is_known(item: ReviewItem) -> bool:
    return SenderNumber.objects.for_tenant(item.tenant).filter(number=item.texted).exists()


def _request_from(item: ReviewItem, reason: str) -> opt_outs.Request:
    """The request that an unclear text turned out to be: dated when it was sent, in the scope of today's policy."""
    by_number = closes_one_number(item.tenant, item.texted, is_known=_is_known(item))
    details = {"review": item.pk, "evidence": item.evidence_id}
    return opt_outs.Request(
        proof=Proof(Source.REVIEW, item.evidence.words, item.asked_at, details),
        scope=OptOutScope.NUMBER if by_number else OptOutScope.TENANT,
        sender=item.texted if by_number else "",
        reason=reason or item.reason,
        rule=item.rule,
        language=item.language,
        texted=item.texted,
        requested_by=OptOut.RequestedBy.RECIPIENT,
        preceding=opt_outs.Preceding.from_json(item.preceding),
    )
