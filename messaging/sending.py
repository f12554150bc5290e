"""Accepting a text to send: it passes the gate, becomes a row, and a worker is woken. Refusals are stored too."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import SenderNumber, Tenant, User
from accounts.prepared import PreparedInsert
from compliance import gate
from compliance.classifier import Intent
from compliance.models import OptOut, Recipient
from compliance.outgoing import Route, word_text
from compliance.purposes import Purpose
from compliance.state import RecipientState
from messaging.models import Campaign, Conversation, InboundMessage, OutboundMessage
from messaging.waking import wake_delivery

LAST_TEXT = 160
REQUESTS = (Intent.OPT_OUT, Intent.OPT_IN, Intent.HELP)
_INSERT = PreparedInsert(OutboundMessage)
_UPSERT_CONVERSATION = PreparedInsert(
    Conversation, unique=["tenant", "recipient", "sender"], update=["sender_number", "last_message_at", "last_text"]
)


class KeyReused(ValueError):
    """An Idempotency-Key came again with another request."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What somebody wants sent. `recipient` is E.164; `by_person` means typed in the thread, after a warning."""

    tenant: Tenant
    sender: SenderNumber
    recipient: str
    body: str
    purpose: Purpose | str
    campaign: str = ""
    user: User | None = None
    by_person: bool = False
    emergency_reason: str = ""
    requested_by: str = ""
    idempotency_key: str | None = None
    request_digest: str = ""


def accept_send(submission: Submission, now: datetime) -> OutboundMessage:
    """Ask the gate and store the text as `queued` or `blocked`. Raises KeyReused, and what the database raises."""
    tenant, key, digest = submission.tenant, submission.idempotency_key, submission.request_digest
    if known := find_repeat(tenant, key, digest):
        return known
    try:
        with transaction.atomic():
            return _accept(submission, now)
    except IntegrityError:  # the same key at the same moment: the other request was first
        if known := find_repeat(tenant, key, digest):
            return known
        raise


def find_repeat(tenant: Tenant, key: str | None, digest: str) -> OutboundMessage | None:
    """The text that the same request stored before. Raises KeyReused where its key came with another request."""
    if key is None:
        return None
    known = OutboundMessage.objects.filter(tenant=tenant, idempotency_key=key).first()
    if known is not None and known.request_digest != digest:
        raise KeyReused("This Idempotency-Key was used with another request.")
    return known


def _accept(submission: Submission, now: datetime) -> OutboundMessage:
    tenant, sender = submission.tenant, submission.sender
    recipient, _ = Recipient.objects.get_or_create(tenant=tenant, number=submission.recipient)
    route = Route(tenant, sender, submission.recipient, submission.purpose)
    wording = word_text(route, submission.body, lambda: _language_of(recipient, tenant))
    decision = gate.check(_question(submission, wording.body), now)
    conversation = touch_conversation(tenant.pk, recipient.pk, sender.number, sender, wording.body, now)
    message = OutboundMessage(
        tenant=tenant,
        conversation=conversation,
        recipient=recipient,
        sender_number=sender,
        user=submission.user,
        campaign=_find_campaign(submission),
        purpose=submission.purpose,
        body=wording.body,
        warnings=wording.warnings,
        by_person=submission.by_person,
        emergency_reason=submission.emergency_reason,
        requested_by=submission.requested_by,
        idempotency_key=submission.idempotency_key,
        request_digest=submission.request_digest,
    )
    return _store(message, decision, now)


def _language_of(recipient: Recipient, tenant: Tenant) -> str:
    """The language in which this person asked for something last, or else the business's own."""
    asked = InboundMessage.objects.filter(recipient=recipient, intent__in=REQUESTS).order_by("-received_at")
    return asked.values_list("language", flat=True).first() or tenant.language


def _question(submission: Submission, body: str) -> gate.Question:
    return gate.Question(
        submission.tenant,
        submission.recipient,
        submission.purpose,
        submission.sender,
        by_person=submission.by_person,
        emergency_reason=submission.emergency_reason,
        body=body,
    )


def _find_campaign(submission: Submission) -> Campaign | None:
    if not submission.campaign:
        return None
    return Campaign.objects.get_or_create(tenant=submission.tenant, name=submission.campaign)[0]


def _store(message: OutboundMessage, decision: gate.Decision, now: datetime) -> OutboundMessage:
    message.created_at = message.not_before = now
    message.decision = decision.as_json()
    message.status = OutboundMessage.Status.QUEUED if decision.allowed else OutboundMessage.Status.BLOCKED
    message.reason = decision.reason
    _INSERT.run(message)
    if decision.allowed:
        wake_delivery(message.pk)
    return message


def queue_reply(
    inbound: InboundMessage,
    state: RecipientState,
    purpose: Purpose,
    body: str,
    now: datetime,
    opt_out: OptOut | None = None,
) -> OutboundMessage:
    """Queue our one reply to an incoming text, in the transaction that caused it.

    state: the recipient as it stands after that text, read under the lock.
    """
    sender = inbound.sender_number
    assert sender is not None, "a reply needs a company number to come from"  # noqa: S101
    confirms = gate.Confirms(opt_out.pk, opt_out.episode, inbound.asked_at) if opt_out else None
    question = gate.Question(sender.tenant, state.number, purpose, sender, confirms=confirms)
    message = OutboundMessage(
        tenant_id=inbound.tenant_id,
        conversation_id=inbound.conversation_id,
        recipient_id=inbound.recipient_id,
        sender_number=sender,
        purpose=purpose,
        body=body,
        requested_by="Automatic reply",
        in_reply_to=inbound,
        opt_out=opt_out,
        episode=opt_out.episode if opt_out else None,
        asked_at=inbound.asked_at,
    )
    return _store(message, gate.decide(question, state, now), now)


def queue_own_text(
    state: RecipientState, sender: SenderNumber, purpose: Purpose, body: str, now: datetime
) -> OutboundMessage:
    """Queue a text of our own that answers no incoming one, in the transaction that caused it.

    state: the recipient, read under the lock.
    """
    conversation = touch_conversation(state.tenant_id, state.locked_id, sender.number, sender, body, now)
    message = OutboundMessage(
        tenant_id=state.tenant_id,
        conversation=conversation,
        recipient_id=state.locked_id,
        sender_number=sender,
        purpose=purpose,
        body=body,
        requested_by="Automatic reply",
    )
    return _store(message, gate.decide(gate.Question(sender.tenant, state.number, purpose, sender), state, now), now)


def touch_conversation(
    tenant_id: int, recipient_id: int, number: str, sender: SenderNumber | None, text: str, now: datetime
) -> Conversation:
    """The thread between a recipient and a company number, moved to the top: one upsert."""
    row = Conversation(
        tenant_id=tenant_id,
        recipient_id=recipient_id,
        sender=number,
        sender_number=sender,
        last_message_at=now,
        last_text=text[:LAST_TEXT],
    )
    _UPSERT_CONVERSATION.run(row)
    return row
