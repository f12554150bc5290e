"""What is known while one incoming text is applied, and whether a reply to it is ours to write."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from accounts.models import OptOutScope, ProviderAccount, SenderNumber, Tenant
from accounts.phone import format_for_people
from compliance import opt_outs
from compliance.classifier import Classification, Intent
from compliance.evidence import Proof
from compliance.models import ConsentQuestion, ConsentWay, OptOut, Source
from compliance.purposes import Purpose
from compliance.state import RecipientState
from compliance.wording import Fact, say
from messaging.answering import who_answers
from messaging.models import InboundMessage, OutboundMessage
from messaging.providers import find_provider
from messaging.providers.base import InboundText

ANSWER_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a text reached us: its connection, its bytes, what its signature proved, and when.

    `clock` is time.perf_counter() at the door, so that the message can tell how long the decision took.
    """

    account: ProviderAccount
    raw_body: bytes
    proof: str
    received_at: datetime
    clock: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that is due: its purpose, its words, and the opt-out that it confirms or the question that it asks."""

    purpose: Purpose
    body: str
    opt_out: OptOut | None = None
    question: ConsentQuestion | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a text caused, in the words that are stored with it."""

    outcome: InboundMessage.Outcome
    explanation: str
    state: RecipientState
    opt_out: OptOut | None = None
    reply: Reply | None = None


@dataclass(slots=True)
class Scene:
    """What is known when a text is applied. The recipient is locked."""

    tenant: Tenant
    arrival: Arrival
    message: InboundMessage
    text: InboundText
    verdict: Classification
    state: RecipientState
    to: str
    now: datetime
    fact: Fact | None = None  # the business's own keyword that it was

    @property
    def sender(self) -> SenderNumber | None:
        return self.message.sender_number

    def proof(self, way: Source | ConsentWay) -> Proof:
        """This text as the evidence of what it causes."""
        ids = {
            "provider": self.arrival.account.provider,
            "connection": self.arrival.account.pk,
            "event_key": self.message.event_key,
            "texted": self.to,
            "received_at": self.arrival.received_at.isoformat(),
            "signature": self.arrival.proof,
            "raw_sha256": sha256(self.arrival.raw_body).hexdigest(),
        }
        return Proof(way, self.message.body, self.message.asked_at, ids)


def who_answers_text(scene: Scene, intent: Intent | None = None) -> opt_outs.Answer:
    """Who answers this text. intent: what it comes to, where that is not what its words alone say."""
    account, verdict = scene.arrival.account, scene.verdict
    facts = find_provider(account.provider).facts
    return who_answers(account, facts, scene.sender, scene.text, intent or verdict.intent, verdict.word)


def is_ours_to_answer(scene: Scene, intent: Intent | None = None) -> bool:
    """Whether a reply of ours would be the one answer (NET-01)."""
    return who_answers_text(scene, intent) in (opt_outs.Answer.OURS, opt_outs.Answer.SHORT_CODE)


def write_reply(scene: Scene, purpose: Purpose, opt_out: OptOut | None = None) -> Reply:
    """The reply of the business in the language of the text. opt_out: the one that it confirms."""
    body = say(
        scene.tenant,
        purpose,
        scene.verdict.language,
        number_scope=opt_out is not None and opt_out.scope == OptOutScope.NUMBER,
        company_number=format_for_people(scene.to),
        name=scene.fact.reply if scene.fact else "",
    )
    return Reply(purpose, body, opt_out)


def answered_lately(scene: Scene, purpose: Purpose) -> bool:
    """Whether this conversation had such a reply in the last five minutes: two machines must not answer each other."""
    return OutboundMessage.objects.filter(
        conversation_id=scene.message.conversation_id,
        purpose=purpose,
        created_at__gt=scene.now - ANSWER_EVERY,
    ).exists()
