"""What providers and carriers know of a recipient that we did not: their refusals and their lists become ours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from accounts.models import OptOutScope, ProviderAccount, SenderNumber
from accounts.phone import mask_number, read_party
from compliance import opt_outs, reviews
from compliance.evidence import Proof
from compliance.models import Evidence, OptOut, Source
from compliance.purposes import Purpose
from compliance.state import RecipientState
from messaging.models import NumberTrouble, OutboundMessage
from messaging.providers.base import ConsentChange
from messaging.providers.failures import Blocker, Failure, FailureKind
from messaging.receiving import Arrival, believe
from messaging.storable import clean, clean_json

log = structlog.get_logger(__name__)

TROUBLES = {
    FailureKind.INVALID_NUMBER: NumberTrouble.Kind.INVALID,
    FailureKind.UNREACHABLE: NumberTrouble.Kind.UNREACHABLE,
}
REASONS = {
    FailureKind.OPTED_OUT: "opted_out_at_provider",
    FailureKind.INVALID_NUMBER: "invalid_number",
    FailureKind.UNREACHABLE: "unreachable",
    FailureKind.FILTERED: "filtered",
    FailureKind.SETTINGS: "provider_settings",
}
# Confirmations go out after the person has spoken to us: their refusal tells what was before, not what they want now.
TELLS_NOTHING_NEW = (Purpose.OPT_OUT_CONFIRMATION, Purpose.OPT_IN_CONFIRMATION)


@dataclass(frozen=True, slots=True)
class Learned:
    """An opt-out as somebody else's list shows it.

    sender: the company number it holds for, "" for all. ids: what leads back to it.
    """

    source: Source
    sender: str
    asked_at: datetime
    words: str
    reason: str
    rule: str
    ids: Mapping[str, Any]


def reason_of(failure: Failure | None) -> str:
    """The reason that is stored with a text that failed."""
    return REASONS.get(failure.kind, "refused_by_provider") if failure else "refused_by_provider"


def learn_from_failure(state: RecipientState, message: OutboundMessage, failure: Failure, now: datetime) -> None:
    """Take over what a refusal says of its locked recipient, inside the caller's transaction.

    An opt-out counts from the hand-over of the text, so that a START that came meanwhile stands. An invalid or
    unreachable number is noted apart from consent.
    """
    if failure.kind in TROUBLES:
        _note_trouble(message, failure, now)
    if failure.kind != FailureKind.OPTED_OUT or message.purpose in TELLS_NOTHING_NEW:
        return
    account = message.account
    provider = account.provider if account else ""
    learned = Learned(
        source=_source_of(failure.by),
        sender=message.sender_number.number,
        asked_at=message.claimed_at or now,
        words="",
        reason=f"The {failure.by} refused a text because the recipient opted out: {failure}.",
        rule=f"{provider}.{failure.code}",
        ids={
            "provider": provider,
            "connection": message.account_id,
            "event_key": f"refusal:{message.pk}",
            "message": str(message.pk),
            "answer": failure.raw or str(failure),
        },
    )
    record_learned(state, message.sender_number, learned, now)


def apply_consent_change(arrival: Arrival, change: ConsentChange, now: datetime) -> None:
    """Take over an opt-out that a provider's event tells of. One that opts in lifts nothing: a START of theirs does."""
    account = arrival.account
    if not change.opted_out:
        log.info("provider_opt_in_noted", connection=account.pk, recipient=mask_number(change.recipient))
        return
    change = tidy(change, account.tenant.country)
    with transaction.atomic():
        state = opt_outs.lock_recipient(account.tenant_id, change.recipient, now)
        take_over(state, account, change, arrival.received_at, now, raw_sha256=sha256(arrival.raw_body).hexdigest())


def tidy(change: ConsentChange, country: str) -> ConsentChange:
    """A provider's entry with its numbers as we write them."""
    sender = read_party(clean(change.sender), country) if change.sender else ""
    return replace(change, recipient=read_party(clean(change.recipient), country), sender=sender)


def take_over(
    state: RecipientState,
    account: ProviderAccount,
    change: ConsentChange,
    received_at: datetime,
    now: datetime,
    **ids: str,
) -> OptOut | None:
    """Record an entry of a provider's list that we did not know, tidied, of a locked recipient. Texts nobody.

    None where we knew it.
    """
    sender = change.sender
    known = SenderNumber.objects.for_tenant(account.tenant).filter(number=sender).first() if sender else None
    by_carrier = change.by == Blocker.CARRIER
    learned = Learned(
        source=_source_of(Blocker.CARRIER if by_carrier else Blocker.PROVIDER),
        sender=sender,
        asked_at=believe(change.changed_at, received_at),
        words="",
        reason=f"On the opt-out list of {account.name}" + (f", asked for by {change.by}." if change.by else "."),
        rule=f"{account.provider}.list",
        ids={
            "provider": account.provider,
            "connection": account.pk,
            "event_key": change.event_key,
            "entry": dict(change.raw),
            **ids,
        },
    )
    return record_learned(state, known, learned, now)


def record_learned(
    state: RecipientState, sender: SenderNumber | None, learned: Learned, now: datetime
) -> OptOut | None:
    """Record what somebody else's list shows, once, in the scope of the business's policy. None where it is known."""
    tenant_scope = sender is None or not reviews.closes_one_number(sender.tenant, learned.sender, is_known=True)
    scope = OptOutScope.TENANT if tenant_scope else OptOutScope.NUMBER
    number = "" if tenant_scope else learned.sender
    if any(block.by_recipient and block.says(scope, number) for block in state.active) or _was_told(state, learned):
        return None
    request = opt_outs.Request(
        proof=Proof(learned.source, learned.words, learned.asked_at, clean_json(learned.ids)),
        scope=scope,
        sender=number,
        reason=clean(learned.reason),
        rule=clean(learned.rule)[:80],
        texted=learned.sender,
    )
    return opt_outs.record_opt_out(state, request, opt_outs.SYSTEM, now).opt_out


def _was_told(state: RecipientState, learned: Learned) -> bool:
    """Whether this very event was taken over before, and perhaps undone since by the person's own START."""
    told = Evidence.objects.filter(recipient_id=state.locked_id, way=learned.source)
    return told.filter(details__event_key=clean(learned.ids["event_key"])).exists()


def _source_of(by: Blocker) -> Source:
    return Source.CARRIER if by == Blocker.CARRIER else Source.PROVIDER


def _note_trouble(message: OutboundMessage, failure: Failure, now: datetime) -> None:
    said = {"kind": TROUBLES[failure.kind], "code": clean(failure.code)[:64], "text": clean(failure.text)}
    row, is_new = NumberTrouble.objects.get_or_create(
        recipient_id=message.recipient_id,
        defaults={"tenant_id": message.tenant_id, "first_at": now, "last_at": now, **said},
    )
    if not is_new:
        NumberTrouble.objects.filter(pk=row.pk).update(**said, times=F("times") + 1, last_at=now, ended_at=None)


def end_trouble(message: OutboundMessage, now: datetime) -> None:
    """A text was delivered: the number can be reached again."""
    NumberTrouble.objects.filter(recipient_id=message.recipient_id, ended_at=None).update(ended_at=now)
