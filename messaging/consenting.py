"""A consent and the one text that it causes: recorded, and its confirmation or question queued, in one transaction."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import SenderNumber, Tenant
from accounts.phone import NumberKind, format_for_people
from compliance import opt_outs
from compliance.actors import Actor
from compliance.consents import questions, recording
from compliance.consents.writing import Given
from compliance.double_opt_in import is_yes
from compliance.evidence import Proof
from compliance.models import ConsentQuestion
from compliance.purposes import Purpose
from compliance.replies import QUESTION
from compliance.state import RecipientState
from compliance.wording import say
from messaging.models import InboundMessage, OutboundMessage
from messaging.preceding import REACHED_A_PHONE
from messaging.sending import queue_own_text


@dataclass(frozen=True, slots=True)
class Consented:
    """A recorded consent, and the text about it where one was due: queued, or refused by the gate."""

    recorded: recording.Recorded
    message: OutboundMessage | None

    @property
    def why(self) -> str:
        """What became of it, in a sentence."""
        if self.message is not None and self.message.status == OutboundMessage.Status.BLOCKED:
            return f"Recorded. It could not be confirmed: {self.message.decision['sentence']}"
        return self.recorded.why


def give_consent(
    tenant: Tenant, number: str, given: Given, actor: Actor, now: datetime, *, confirm_from: SenderNumber | None
) -> Consented:
    """Record a consent of an E.164 number, and queue the one text about it.

    confirm_from: the company number it goes out from; without one nobody is texted. Whoever is opted out stays so.
    """
    sender = confirm_from if confirm_from is not None and can_confirm(confirm_from) else None
    with transaction.atomic():
        state = opt_outs.lock_recipient(tenant.pk, number, now)
        answers_from = sender.number if sender else ""
        recorded = recording.record_consent(state, tenant, given, actor, now, answers_from=answers_from)
        if sender is None or not recorded.confirm:
            return Consented(recorded, None)
        body = confirmation_text(tenant, tenant.language, recorded.question, sender.number)
        message = queue_own_text(state, sender, Purpose.OPT_IN_CONFIRMATION, body, now)
        settle_question(recorded.question, message, now)
        return Consented(recorded, message)


def can_confirm(sender: SenderNumber) -> bool:
    """Whether people can answer a company number: a confirmation offers HELP and STOP (CT-10)."""
    return sender.kind != NumberKind.ALPHANUMERIC


def confirmation_text(
    tenant: Tenant, language: str, question: ConsentQuestion | None, company_number: str, name: str = ""
) -> str:
    """The opt-in confirmation, or the question that takes its place under double opt-in.

    name: of the reply that the keyword of a campaign asks for.
    """
    kind = Purpose.OPT_IN_CONFIRMATION if question is None else QUESTION
    return say(tenant, kind, language, company_number=format_for_people(company_number), name=name)


def settle_question(question: ConsentQuestion | None, message: OutboundMessage, now: datetime) -> None:
    """A question that the gate refused was never asked."""
    if question is not None and message.status == OutboundMessage.Status.BLOCKED:
        questions.withdraw_question(question, now)


def take_yes(state: RecipientState, message: InboundMessage, texted: str, proof: Proof, now: datetime) -> bool:
    """Record a YES to the open question of a double opt-in. False where the text is none, or answers none (NET-20)."""
    if not is_yes(message.body):
        return False
    open_ones = questions.find_questions(state, texted, message.asked_at)
    question = next((asked for asked in open_ones if _was_asked(asked, message)), None)
    if question is None:
        return False
    questions.record_yes(state, question, proof, now)
    return True


def _was_asked(question: ConsentQuestion, answer: InboundMessage) -> bool:
    """Whether the question may have reached the phone before the answer: nobody says yes to what they have not read."""
    asked = OutboundMessage.objects.filter(
        conversation_id=answer.conversation_id,
        purpose=Purpose.OPT_IN_CONFIRMATION,
        created_at=question.asked_at,
        claimed_at__lte=answer.asked_at,
        status__in=REACHED_A_PHONE,
    )
    return asked.exists()


def is_first_to_the_public(sender: SenderNumber | None, state: RecipientState, message: InboundMessage) -> bool:
    """Whether a person, of their own accord, writes for the first time to a number that is advertised to the public."""
    if sender is None or not sender.is_public or not message.body.strip():
        return False
    if state.active or state.has_consented(sender.number):
        return False
    threads = (InboundMessage.objects, OutboundMessage.objects)
    return not any(rows.filter(conversation_id=message.conversation_id).exists() for rows in threads)
