"""The inbound story: a verified text becomes a stored message and everything that it causes, in one transaction."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import structlog
from django.db import IntegrityError, connection, transaction

from accounts.models import OptOutScope, ProviderAccount, SenderNumber, Tenant
from accounts.phone import NumberKind, read_party
from accounts.prepared import PreparedInsert, PreparedSelect
from compliance import opt_outs, reviews
from compliance.classifier import Classification, Intent, classify
from compliance.evidence import Proof as EvidenceOf
from compliance.models import OptOut, Source
from compliance.purposes import ASKED_FOR, Purpose
from compliance.replies import render_reply
from compliance.state import RecipientState, state_after
from messaging.models import InboundMessage, OutboundMessage
from messaging.providers import find_provider
from messaging.providers.base import InboundText
from messaging.sending import queue_reply, touch_conversation
from messaging.storable import clean

ANSWER_HELP_EVERY = timedelta(minutes=5)
LONGEST_KEY = 255
EARLIEST_BELIEVED = datetime(2000, 1, 1, tzinfo=UTC)
LOOK_BACK = 20  # texts: a request that arrives later than that many is taken to follow none
REACHED_A_PHONE = ("sending", "sent", "delivered", "unknown")
_INSERT = PreparedInsert(InboundMessage)
_SENT_BEFORE = PreparedSelect(
    lambda conversation_id: (
        OutboundMessage.objects.filter(
            conversation_id=conversation_id, status__in=REACHED_A_PHONE, purpose__in=ASKED_FOR
        )
        .order_by("-created_at")
        .values_list(
            "id",
            "created_at",
            "sent_at",
            "user_id",
            "user__first_name",
            "user__last_name",
            "user__username",
            "campaign_id",
            "campaign__name",
        )[:LOOK_BACK]
    ),
    "conversation_id",
)
_SENDER_FIELDS = [field.attname for field in SenderNumber._meta.concrete_fields]  # noqa: SLF001
_SENDER = PreparedSelect(
    lambda tenant_id, number: SenderNumber.objects.filter(tenant=tenant_id, number=number).values_list(*_SENDER_FIELDS),
    "tenant_id",
    "number",
)

log = structlog.get_logger(__name__)
Outcome = InboundMessage.Outcome


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
    """A reply that is due: its purpose, its words, and the opt-out that it confirms."""

    purpose: Purpose
    body: str
    opt_out: OptOut | None = None


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
    verdict: Classification
    state: RecipientState
    to: str
    now: datetime

    @property
    def sender(self) -> SenderNumber | None:
        return self.message.sender_number

    def proof(self, way: Source) -> EvidenceOf:
        ids = {
            "provider": self.arrival.account.provider,
            "connection": self.arrival.account.pk,
            "event_key": self.message.event_key,
            "texted": self.to,
            "received_at": self.arrival.received_at.isoformat(),
            "signature": self.arrival.proof,
            "raw_sha256": sha256(self.arrival.raw_body).hexdigest(),
        }
        return EvidenceOf(way, self.message.body, self.message.asked_at, ids)


def receive(arrival: Arrival, text: InboundText, now: datetime) -> InboundMessage | None:
    """Store and apply one verified text. None for one that was applied before: nothing changes twice.

    Raises whatever goes wrong; then nothing of it is kept, and the caller keeps the delivery.
    """
    key = _storable_key(text.event_key)
    try:
        return _apply_once(arrival, text, key, now)
    except IntegrityError:
        known = _find_known(arrival.account, key)
        if known is None:
            raise
    if _says_the_same(known, text):
        return None
    # Another text under a known id: a gateway that counts anew after a restart must not cost anybody their STOP.
    try:
        return _apply_once(arrival, text, _key_with_words(text), now)
    except IntegrityError:
        if _find_known(arrival.account, _key_with_words(text)) is None:
            raise
        return None


def _apply_once(arrival: Arrival, text: InboundText, key: str, now: datetime) -> InboundMessage:
    with transaction.atomic():
        return _apply(arrival, text, key, now)


def _find_known(account: ProviderAccount, key: str) -> InboundMessage | None:
    known = InboundMessage.objects.select_related("recipient", "conversation", "tenant")
    found: InboundMessage | None = known.filter(tenant_id=account.tenant_id, account=account, event_key=key).first()
    return found


def _says_the_same(known: InboundMessage, text: InboundText) -> bool:
    country = known.tenant.country
    parties = read_party(clean(text.sender), country), read_party(clean(text.to), country)
    return (known.recipient.number, known.conversation.sender, known.body) == (*parties, clean(text.text))


def _apply(arrival: Arrival, text: InboundText, key: str, now: datetime) -> InboundMessage:
    scene = _set_scene(arrival, text, key, now)
    effect = EFFECTS[scene.verdict.intent](scene)
    message = scene.message
    message.outcome, message.explanation, message.opt_out = effect.outcome, effect.explanation, effect.opt_out
    message.decided_in_ms = round((time.perf_counter() - arrival.clock) * 1000, 2)
    _INSERT.run(message)
    if effect.reply and scene.sender is not None:
        reply = effect.reply
        queue_reply(message, effect.state, reply.purpose, reply.body, now, reply.opt_out)
    return message


def _set_scene(arrival: Arrival, text: InboundText, key: str, now: datetime) -> Scene:
    """Lock the recipient, find the thread, and read the text. Nothing inbound is refused: an unknown number is kept."""
    tenant = arrival.account.tenant
    body = clean(text.text)
    number, to = read_party(clean(text.sender), tenant.country), read_party(clean(text.to), tenant.country)
    sender = _find_sender(arrival.account, to)
    state = opt_outs.lock_recipient(tenant.pk, number, now)
    conversation = touch_conversation(tenant.pk, state.locked_id, to, sender, body, now)
    verdict = classify(body, tenant.language)
    message = InboundMessage(
        tenant=tenant,
        account=arrival.account,
        event_key=key,
        conversation=conversation,
        recipient_id=state.locked_id,
        sender_number=sender,
        body=body,
        raw_body=arrival.raw_body,
        proof=arrival.proof,
        sent_at=text.sent_at,
        received_at=arrival.received_at,
        asked_at=_asked_at(text, arrival.received_at),
        intent=verdict.intent,
        rule=verdict.rule,
        language=verdict.language,
    )
    return Scene(tenant, arrival, message, verdict, state, to, now)


def _find_sender(account: ProviderAccount, number: str) -> SenderNumber | None:
    """The company number that was texted, with what the gate asks of it."""
    rows = _SENDER.run(tenant_id=account.tenant_id, number=number)
    if not rows:
        log.warning("unknown_company_number", connection=account.pk, number=number)
        return None
    sender = SenderNumber.from_db(connection.alias, _SENDER_FIELDS, rows[0])
    sender.tenant = account.tenant
    if sender.account_id == account.pk:
        sender.account = account
    return sender


def _storable_key(key: str) -> str:
    key = clean(key)
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()


def _key_with_words(text: InboundText) -> str:
    said = clean("\n".join((text.event_key, text.sender, text.to, text.text)))
    return sha256(said.encode()).hexdigest()


def _asked_at(text: InboundText, received_at: datetime) -> datetime:
    """When a text counts from: the provider's word, unless that is later than receipt or no time of this system."""
    if text.sent_at is None or text.sent_at < EARLIEST_BELIEVED:
        return received_at
    return min(text.sent_at, received_at)


def _opt_out(scene: Scene) -> Effect:
    number_scope = _closes_one_number(scene)
    recorded = opt_outs.record_opt_out(
        scene.state,
        opt_outs.Request(
            proof=scene.proof(Source.PHRASE if ".phrase." in scene.verdict.rule else Source.KEYWORD),
            scope=OptOutScope.NUMBER if number_scope else OptOutScope.TENANT,
            sender=scene.to if number_scope else "",
            reason=f"Texted “{scene.message.body[:160]}”.",
            rule=scene.verdict.rule,
            language=scene.verdict.language,
            texted=scene.to,
            preceding=_find_preceding(scene),
            answer=_who_answers(scene),
        ),
        opt_outs.RECIPIENT,
        scene.now,
    )
    reply = None
    if recorded.confirm:
        reply = _reply(scene, Purpose.OPT_OUT_CONFIRMATION, recorded.opt_out)
    state = state_after(scene.state, [recorded.opt_out])
    return Effect(Outcome(recorded.action), recorded.why, state, recorded.opt_out, reply)


def _closes_one_number(scene: Scene) -> bool:
    """STOP reaches as far as the business chose; STOPALL and a number that we do not know mean the whole business."""
    known = scene.sender is not None
    return scene.verdict.word != "stopall" and reviews.closes_one_number(scene.tenant, scene.to, is_known=known)


def _who_answers(scene: Scene) -> opt_outs.Answer:
    if scene.sender is None or scene.sender.kind == NumberKind.ALPHANUMERIC:
        return opt_outs.Answer.NOBODY
    if find_provider(scene.arrival.account.provider).answers_itself(scene.sender.kind, scene.verdict.word):
        return opt_outs.Answer.NETWORK
    return opt_outs.Answer.SHORT_CODE if scene.sender.kind == NumberKind.SHORT_CODE else opt_outs.Answer.OURS


def _find_preceding(scene: Scene) -> opt_outs.Preceding:
    """The last text that this company number sent before: which campaign, and whose."""
    sent = _SENT_BEFORE.run(conversation_id=scene.message.conversation_id)
    row = next((row for row in sent if row[1] <= scene.message.asked_at), None)
    if row is None:
        return opt_outs.Preceding()
    pk, created_at, sent_at, user_id, first_name, last_name, username, campaign_id, campaign = row
    user = f"{first_name or ''} {last_name or ''}".strip() or username or ""
    return opt_outs.Preceding(str(pk), sent_at or created_at, user_id, user, campaign_id, campaign or "")


def _reply(scene: Scene, purpose: Purpose, opt_out: OptOut | None = None) -> Reply:
    body = render_reply(
        purpose,
        scene.verdict.language,
        brand=scene.tenant.brand_name,
        help_contact=scene.tenant.help_contact,
        number_scope=opt_out is not None and opt_out.scope == OptOutScope.NUMBER,
    )
    return Reply(purpose, body, opt_out)


def _opt_in(scene: Scene) -> Effect:
    scope = scene.tenant.opt_out_scope
    proof, can_answer = scene.proof(Source.KEYWORD), scene.sender is not None
    done = opt_outs.record_opt_in(scene.state, proof, scope, scene.to, scene.now, can_answer=can_answer)
    if done.remaining and not done.too_old:
        reviews.ask_for_return(scene.state, proof, scene.to, scene.now)
    outcome = Outcome.NOT_LIFTED if done.remaining else Outcome.OPTED_IN
    reply = _reply(scene, Purpose.OPT_IN_CONFIRMATION) if done.confirm else None
    return Effect(outcome, done.why, done.state, done.lifted[0] if done.lifted else None, reply)


def _help(scene: Scene) -> Effect:
    """Help is answered in every state (CT-11), once in five minutes, so that two machines can't answer each other."""
    answered = OutboundMessage.objects.filter(
        conversation_id=scene.message.conversation_id,
        purpose=Purpose.HELP_REPLY,
        created_at__gt=scene.now - ANSWER_HELP_EVERY,
    ).exists()
    if answered:
        return Effect(Outcome.HELP, "Help was answered within the last five minutes.", scene.state)
    return Effect(
        Outcome.HELP, "Help is answered in every state (CT-11).", scene.state, None, _reply(scene, Purpose.HELP_REPLY)
    )


def _unclear(scene: Scene) -> Effect:
    if any(block.covers(scene.to) for block in scene.state.active):
        return Effect(Outcome.RECORDED, "May be an opt-out; this person is opted out already.", scene.state)
    opted_in_at, for_all = scene.state.opted_in_at, scene.tenant.opt_out_scope == OptOutScope.TENANT
    if opted_in_at and for_all and opt_outs.is_earlier(scene.message.asked_at, opted_in_at):
        return Effect(Outcome.RECORDED, "May be an opt-out; a newer opt-in stands.", scene.state)
    unclear = reviews.Unclear(
        proof=scene.proof(Source.PHRASE),
        texted=scene.to,
        reason=scene.verdict.reason,
        rule=scene.verdict.rule,
        language=scene.verdict.language,
        preceding=_find_preceding(scene),
        received_at=scene.arrival.received_at,
    )
    item = reviews.hold(scene.state, unclear, scene.tenant, scene.now)
    why = f"{item.reason} Automatic texts are held until a person answers, by {item.due_at:%Y-%m-%d}."
    return Effect(Outcome.HELD, why, scene.state)


def _other(scene: Scene) -> Effect:
    return Effect(Outcome.NONE, "No request; shown to the employee.", scene.state)


EFFECTS = {
    Intent.OPT_OUT: _opt_out,
    Intent.OPT_IN: _opt_in,
    Intent.HELP: _help,
    Intent.UNCLEAR: _unclear,
    Intent.OTHER: _other,
}
