"""The worker half of a send: claim one text, pass the gate again, hand it over at most once, save what became of it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import ProviderAccount
from accounts.phone import mask_number
from compliance import gate, opt_outs
from compliance.state import RecipientState
from messaging import health, learning
from messaging.connections import calling, webhook_addresses
from messaging.figures.keeping import note_outcome
from messaging.models import OutboundMessage
from messaging.providers import find_provider
from messaging.providers.base import (
    STATUS_ADDRESS_FIELD,
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
from messaging.providers.failures import Failure, FailureKind
from messaging.storable import clean

log = structlog.get_logger(__name__)

PAUSES_SECONDS = (5, 15, 60, 300, 900, 1800)
GIVE_UP_AFTER = timedelta(hours=4)
STUCK_AFTER = timedelta(minutes=3)
STILL_SAVING = timedelta(minutes=10)
Status = OutboundMessage.Status


class NotYetKnown(LookupError):
    """A status of a text whose hand-over may still be being saved: looked up again soon."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A text that is ours to hand over, with everything that the hand-over needs: no query follows."""

    message: OutboundMessage
    account: ProviderAccount
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
        message.account, message.claimed_at = claim.account, now
        claimed = {"status": Status.SENDING, "claimed_at": now, "account": claim.account}
        _update(message, Status.QUEUED, **claimed, decision=decision.as_json())
        return claim


def _load_due(message_id: UUID | str, now: datetime) -> OutboundMessage | None:
    return (
        OutboundMessage.objects.select_related("sender_number__tenant", "sender_number__account")
        .filter(pk=message_id, status=Status.QUEUED, not_before__lte=now)
        .first()
    )


def _question(message: OutboundMessage) -> gate.Question:
    confirmed, asked_at = message.confirmed_episode, message.asked_at
    confirms = gate.Confirms(*confirmed, asked_at) if confirmed and asked_at else None
    return gate.Question(
        message.sender_number.tenant,
        "",
        message.purpose,
        message.sender_number,
        by_person=message.by_person,
        emergency_reason=message.emergency_reason,
        confirms=confirms,
        body=message.body,
    )


def _take_confirmation(message: OutboundMessage, now: datetime) -> bool:
    confirmed = message.confirmed_episode
    return confirmed is None or opt_outs.claim_confirmation(*confirmed, now)


def _refuse(message: OutboundMessage, decision: gate.Decision, now: datetime) -> None:
    said = decision.as_json() | {"refused_at_hand_over": True}
    _update(message, Status.QUEUED, status=Status.BLOCKED, reason=decision.reason, decision=said)
    if confirmed := message.confirmed_episode:
        opt_outs.forget_confirmation(*confirmed)
    log.info("send_refused", message=str(message.pk), reason=decision.reason, rule=decision.rule)


def _prepare(message: OutboundMessage, state: RecipientState) -> Claim | None:
    """Everything that the hand-over needs. None where it can't be had: then the text waits, and says why."""
    account = message.sender_number.account
    assert account is not None  # noqa: S101 - the gate refuses a number without a connection
    report_to = f"{webhook_addresses(account)['status']}?{STATUS_ADDRESS_FIELD}={message.pk}"
    text = OutgoingText(str(message.pk), message.sender_number.number, state.number, message.body, report_to)
    try:
        return Claim(message, account, find_provider(account.provider), account.settings, text)
    except Exception as error:  # secrets that no key opens, a provider that is gone: the others must not wait for it
        log.exception("connection_unusable", connection=account.pk)
        _pause(message, NotTaken(f"The connection can't be used: {error!r}"), Status.QUEUED)
        return None


def hand_over(claim: Claim) -> Status:
    """Call the provider with no transaction open, then save the outcome."""
    try:
        with calling(claim.account):
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
    values: dict[str, Any] = {"status": status, "sent_at": now, "reason": "", "error": "", "failure": {}}
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
            status, reason = Status.FAILED, learning.reason_of(error.failure)
        case _:
            status, reason = Status.UNKNOWN, "outcome_unknown"
    _end_badly(message, error.failure, Status.SENDING, status=status, reason=reason, error=said)
    if error.failure and error.failure.kind == FailureKind.SETTINGS:
        health.note_failure(claim.account, said, timezone.now())
    log.warning("send_not_taken", message=str(message.pk), status=str(status), error=said)
    return status


def _end_badly(message: OutboundMessage, failure: Failure | None, *from_statuses: Status, **values: Any) -> None:
    """Save how a text ended, and what its failure says of the recipient, in one transaction."""
    if failure:
        values["failure"] = {name: clean(value) for name, value in asdict(failure).items()}
    with transaction.atomic():
        # The recipient before the text, as everywhere: else two could wait for ever.
        state = opt_outs.relock_recipient(message.recipient_id)
        if _update(message, *from_statuses, attempts=F("attempts") + 1, **values) and failure:
            learning.learn_from_failure(state, message, failure, timezone.now())


def _pause(message: OutboundMessage, error: NotTaken, held_as: Status = Status.SENDING) -> Status:
    """Back to the queue with a growing pause: it passes the gate again before the next try."""
    now = timezone.now()
    if now - message.created_at > GIVE_UP_AFTER:
        _update(message, held_as, status=Status.FAILED, reason="provider_unreachable", error=str(error))
        return Status.FAILED
    usual = PAUSES_SECONDS[min(message.attempts, len(PAUSES_SECONDS) - 1)]
    pause = timedelta(seconds=max(usual, min(error.retry_after_seconds or 0, 3600)))
    waits = {"status": Status.QUEUED, "not_before": now + pause, "error": str(error), "claimed_at": None}
    with transaction.atomic():
        opt_outs.relock_recipient(message.recipient_id)
        if _update(message, held_as, attempts=F("attempts") + 1, **waits):
            _give_confirmation_back(message)
    return Status.QUEUED


def _give_confirmation_back(message: OutboundMessage) -> None:
    """The provider surely did not take it, so the one confirmation is still to come."""
    if confirmed := message.confirmed_episode:
        opt_outs.release_confirmation(*confirmed)


def _update(message: OutboundMessage, *from_statuses: Status, **values: Any) -> bool:
    """Change the row only from the statuses named: whoever was faster keeps what they wrote."""
    values = {name: clean(value) if type(value) is str else value for name, value in values.items()}
    changed = OutboundMessage.objects.filter(pk=message.pk, status__in=from_statuses).update(**values)
    if changed and "status" in values:
        note_outcome(message.tenant_id, message.created_at, timezone.now())
    return bool(changed)


def apply_status(account: ProviderAccount, update: StatusUpdate, now: datetime) -> bool:
    """Apply a provider's later word. Out of order or repeated, it changes nothing twice. False for an unknown text.

    Raises NotYetKnown where the text may be one whose hand-over is still being saved.
    """
    message = _find_sent(account, update)
    if message is None and _is_saving_one(account, now):
        raise NotYetKnown("A status of a text that is not known yet; it is looked up again soon.")
    message = message or _find_sent(account, update)  # its id may have been saved between the two looks
    if message is None:
        log.warning("status_of_unknown_text", provider_message_id=update.provider_message_id)
        return False
    open_ends = (Status.SENDING, Status.SENT, Status.UNKNOWN)
    well: dict[str, Any] = {"reason": "", "error": "", "failure": {}}
    match update.state:
        case DeliveryState.DELIVERED:
            if _update(message, *open_ends, status=Status.DELIVERED, delivered_at=now, **well):
                learning.end_trouble(message, now)
        case DeliveryState.FAILED:
            said = {"reason": learning.reason_of(update.failure), "error": update.error or str(update.failure or "")}
            _end_badly(message, update.failure, *open_ends, status=Status.FAILED, **said)
        case DeliveryState.SENT:
            _update(message, Status.SENDING, Status.UNKNOWN, status=Status.SENT, sent_at=now, **well)
        case DeliveryState.UNKNOWN:
            _update(message, Status.SENDING, Status.SENT, error=update.error)
    return True


def _find_sent(account: ProviderAccount, update: StatusUpdate) -> OutboundMessage | None:
    """The text that a status is about: by our id within the business, by the provider's within its connection."""
    known = OutboundMessage.objects.select_related("sender_number__tenant", "account")
    if update.message_id:
        try:
            pk = UUID(update.message_id)
        except ValueError:
            return None
        known_by_us: OutboundMessage | None = known.filter(tenant_id=account.tenant_id, pk=pk).first()
        if known_by_us or not update.provider_message_id:
            return known_by_us
    theirs = known.filter(account=account, provider_message_id=clean(update.provider_message_id))
    found: OutboundMessage | None = theirs.exclude(provider_message_id="").first()
    return found


def _is_saving_one(account: ProviderAccount, now: datetime) -> bool:
    handed_over = OutboundMessage.objects.filter(status__in=(Status.SENDING, Status.UNKNOWN), account=account)
    return handed_over.filter(provider_message_id="", claimed_at__gt=now - STILL_SAVING).exists()


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
