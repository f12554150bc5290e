"""What a person types in a thread. It passes the gate like every text; a hold asks for a second thought (DESIGN 4)."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from compliance import gate
from compliance.gate import Decision
from compliance.purposes import Purpose
from compliance.state import read_state
from messaging.models import Conversation, OutboundMessage
from messaging.sending import Submission, accept_send
from messaging.storable import clean

LONGEST = 1_600


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the gate would say to a person who types now, and what it asks them to think of first."""

    decision: Decision
    warning: str = ""


def look_ahead(conversation: Conversation, now: datetime) -> Outlook:
    """Whether a person may type in this thread, in one reading of the recipient's state."""
    sender = conversation.sender_number
    if sender is None:
        why = "This company number is not one of yours any more, so nothing can be sent from it."
        return Outlook(Decision(False, why, gate.Refusal.SENDER_INACTIVE))
    state = read_state(conversation.tenant_id, conversation.recipient.number)
    question = gate.Question(sender.tenant, state.number, Purpose.CONVERSATIONAL, sender, by_person=True)
    warning = gate.refuse_for_hold(state.holds[0]).sentence if state.holds else ""
    return Outlook(gate.decide(question, state, now), warning)


def send_typed(
    conversation: Conversation, person: User, body: str, *, key: uuid.UUID, after_warning: bool, now: datetime
) -> OutboundMessage:
    """Hand a typed text to the gate; it is stored, queued or refused. The same key twice is one text.

    key: made with the form. Raises KeyReused where the form was sent before with other words.
    """
    sender = conversation.sender_number
    assert sender is not None, "look ahead first"  # noqa: S101
    body = clean(body)
    submission = Submission(
        tenant=sender.tenant,
        sender=sender,
        recipient=conversation.recipient.number,
        body=body,
        purpose=Purpose.CONVERSATIONAL,
        user=person,
        by_person=after_warning,
        requested_by=person.display_name,
        idempotency_key=f"typed:{person.pk}:{conversation.pk}:{key}",
        request_digest=hashlib.sha256(body.encode()).hexdigest(),
    )
    return accept_send(submission, now)
