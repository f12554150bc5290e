"""The worker half of a send: claim one text, pass the gate again, hand it over at most once, save what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.phone import mask_number
from compliance import gate, opt_outs
from compliance.purposes import Purpose
from compliance.state import RecipientState
from messaging.models import OutboundMessage
from messaging.providers import find_provider
from messaging.providers.base import (
    DeliveryState,
    HandedOver,
    NotTaken,
    OutcomeUnknown,
    OutgoingText,
    Provider,
    RefusedForGood,
    SendError,
    StatusUpdate,
)
from messaging.storable import clean

log = structlog.get_logger(__name__)

PAUSES_SECONDS = (5, 15, 60, 300, 900, 1800)
GIVE_UP_AFTER = timedelta(hours=4)
STUCK_AFTER = timedelta(minutes=3)
Status = OutboundMessage.Status


@dataclass(frozen=True, slots=True)
class Claim:
    """A text that is ours to hand over, with everything that the hand-over needs: no query follows."""

    message: OutboundMessage
    provider: Provider
    settings: dict[str, Any]
    text: OutgoingText


def deliver(message_id: UUID | str) -> Status | None:
    """Deliver one queued text. None where there is nothing to do: somebody else has it, or it is not due."""
    claim = claim_message(message_id, timezone.now())
    return hand_over(claim) if claim else None


def claim_message(message_id: UUID | str, now: datetime) -> Claim | None:
    """Lock the recipient, ask the gate, and set `sending`, in one short transaction.

    A refusal is stored as `blocked` with its decision. After the commit nobody else hands this text over.
    """
    recipient_id = (
        OutboundMessage.objects.filter(pk=message_id, status=Status.QUEUED).values_list("recipient_id").first()
    )
    if recipient_id is None:
        return None
    with transaction.atomic():
        state = opt_outs.relock_recipient(recipient_id[0])
        message = _load_due(message_id, now)
        if message is None:
            return None
        decision = gate.decide(_question(message), state, now)
        if not decision.allowed:
            _refuse(message, decision, now)
            return None
        claim = _prepare(message, state)
        if claim is None:
            return None
        if not _take_confirmation(message, now):
            _refuse(message, gate.already_confirmed(message.opt_out_id), now)
            return None
        _update(message, Status.QUEUED, status=Status.SENDING, claimed_at=now, decision=decision.as_json())
        return claim


def _load_due(message_id: UUID | str, now: datetime) -> OutboundMessage | None:
    return (
        OutboundMessage.objects.select_related("sender_number__tenant", "sender_number__account")
        .filter(pk=message_id, status=Status.QUEUED, not_before__lte=now)
        .first()
    )


def _question(message: OutboundMessage) -> gate.Question:
    confirms = None
    if message.purpose == Purpose.OPT_OUT_CONFIRMATION and message.opt_out_id and message.asked_at:
        confirms = gate.Confirms(message.opt_out_id, message.episode or 0, message.asked_at)
    return gate.Question(
        message.tenant_id,
        "",
        message.purpose,
        message.sender_number,
        by_person=message.by_person,
        emergency_reason=message.emergency_reason,
        confirms=confirms,
    )


def _take_confirmation(message: OutboundMessage, now: datetime) -> bool:
    if message.purpose != Purpose.OPT_OUT_CONFIRMATION or message.opt_out_id is None:
        return True
    return opt_outs.claim_confirmation(message.opt_out_id, message.episode or 0, now)


def _refuse(message: OutboundMessage, decision: gate.Decision, now: datetime) -> None:
    said = decision.as_json() | {"refused_at_hand_over": True}
    _update(message, Status.QUEUED, status=Status.BLOCKED, reason=decision.reason, decision=said)
    log.info("send_refused", message=str(message.pk), reason=decision.reason, rule=decision.rule)


def _prepare(message: OutboundMessage, state: RecipientState) -> Claim | None:
    """Everything that the hand-over needs. None where it can't be had: then the text waits, and says why."""
    account = message.sender_number.account
    assert account is not None  # noqa: S101 - the gate refuses a number without a connection
    text = OutgoingText(str(message.pk), message.sender_number.number, state.number, message.body)
    try:
        return Claim(message, find_provider(account.provider), account.settings, text)
    except Exception as error:  # secrets that no key opens, a provider that is gone: the others must not wait for it
        log.exception("connection_unusable", connection=account.pk)
        _pause(message, NotTaken(f"The connection can't be used: {error!r}"), Status.QUEUED)
        return None


def hand_over(claim: Claim) -> Status:
    """Call the provider with no transaction open, then save the outcome."""
    try:
        taken = claim.provider.send(claim.text, claim.settings)
    except SendError as error:
        return _save_failure(claim, error)
    except Exception as error:  # whatever broke in between, the provider may have the text
        log.exception("hand_over_broke", message=claim.text.id, recipient=mask_number(claim.text.recipient))
        return _save_failure(claim, OutcomeUnknown(f"Our own error during the hand-over: {error!r}"))
    return _save_taken(claim.message, taken)


def _save_taken(message: OutboundMessage, taken: HandedOver) -> Status:
    """The provider's id counts whatever a faster status callback wrote; the state only where none did."""
    now = timezone.now()
    status = Status.DELIVERED if taken.delivered else Status.SENT
    _update(message, *Status, provider_message_id=taken.provider_message_id, attempts=F("attempts") + 1)
    values: dict[str, Any] = {"status": status, "sent_at": now, "reason": "", "error": ""}
    if taken.delivered:
        values["delivered_at"] = now
    if not _update(message, Status.SENDING, Status.UNKNOWN, **values):
        OutboundMessage.objects.filter(pk=message.pk, sent_at=None).update(sent_at=now)
    return status


def _save_failure(claim: Claim, error: SendError) -> Status:
    message, said = claim.message, str(error)
    match error:
        case NotTaken():
            return _pause(message, error)
        case RefusedForGood():
            status, reason = Status.FAILED, "refused_by_provider"
        case _:
            status, reason = Status.UNKNOWN, "outcome_unknown"
    _update(message, Status.SENDING, status=status, reason=reason, error=said, attempts=F("attempts") + 1)
    log.warning("send_not_taken", message=str(message.pk), status=str(status), error=said)
    return status


def _pause(message: OutboundMessage, error: NotTaken, held_as: Status = Status.SENDING) -> Status:
    """Back to the queue with a growing pause: it passes the gate again before the next try."""
    now = timezone.now()
    if now - message.created_at > GIVE_UP_AFTER:
        _update(message, held_as, status=Status.FAILED, reason="provider_unreachable", error=str(error))
        return Status.FAILED
    usual = PAUSES_SECONDS[min(message.attempts, len(PAUSES_SECONDS) - 1)]
    pause = timedelta(seconds=max(usual, min(error.retry_after_seconds or 0, 3600)))
    _give_confirmation_back(message)
    _update(
        message,
        held_as,
        status=Status.QUEUED,
        not_before=now + pause,
        attempts=F("attempts") + 1,
        error=str(error),
        claimed_at=None,
    )
    return Status.QUEUED


def _give_confirmation_back(message: OutboundMessage) -> None:
    """The provider surely did not take it, so the one confirmation is still to come."""
    if message.purpose == Purpose.OPT_OUT_CONFIRMATION and message.opt_out_id is not None:
        opt_outs.release_confirmation(message.opt_out_id, message.episode or 0)


def _update(message: OutboundMessage, *from_statuses: Status, **values: Any) -> bool:
    """Change the row only from the statuses named: whoever was faster keeps what they wrote."""
    values = {name: clean(value) if type(value) is str else value for name, value in values.items()}
    return bool(OutboundMessage.objects.filter(pk=message.pk, status__in=from_statuses).update(**values))


def apply_status(tenant_id: int, update: StatusUpdate, now: datetime) -> bool:
    """Apply a provider's later word. Out of order or repeated, it changes nothing twice. False for an unknown text."""
    message = _find_sent(tenant_id, update)
    if message is None:
        log.warning("status_of_unknown_text", provider_message_id=update.provider_message_id)
        return False
    open_ends = (Status.SENDING, Status.SENT, Status.UNKNOWN)
    well: dict[str, Any] = {"reason": "", "error": ""}
    match update.state:
        case DeliveryState.DELIVERED:
            _update(message, *open_ends, status=Status.DELIVERED, delivered_at=now, **well)
        case DeliveryState.FAILED:
            _update(message, *open_ends, status=Status.FAILED, reason="refused_by_provider", error=update.error)
        case DeliveryState.SENT:
            _update(message, Status.SENDING, Status.UNKNOWN, status=Status.SENT, sent_at=now, **well)
    return True


def _find_sent(tenant_id: int, update: StatusUpdate) -> OutboundMessage | None:
    ours = OutboundMessage.objects.filter(tenant_id=tenant_id)
    if update.message_id:
        try:
            return ours.filter(pk=UUID(update.message_id)).first()
        except ValueError:
            return None
    return ours.filter(provider_message_id=clean(update.provider_message_id)).first()


def find_due(now: datetime, at_most: int) -> list[UUID]:
    """Queued texts whose time has come, oldest first: what a lost nudge left behind."""
    due = OutboundMessage.objects.filter(status=Status.QUEUED, not_before__lte=now).order_by("not_before")
    return list(due.values_list("pk", flat=True)[:at_most])


def mark_stuck(now: datetime) -> int:
    """A text that was claimed and never came back may have been sent: shown as unknown, never sent again."""
    stuck = OutboundMessage.objects.filter(status=Status.SENDING, claimed_at__lt=now - STUCK_AFTER)
    return stuck.update(
        status=Status.UNKNOWN,
        reason="outcome_unknown",
        error="The worker stopped during the hand-over; nobody can tell whether the provider has the text.",
    )
