"""The inbound story: a verified text becomes a stored message and everything that it causes, in one transaction.

It reads from the top: `receive` once, `_apply` under the recipient's lock, and for each intent one of `EFFECTS`.
"""

import time
from datetime import UTC, datetime

import structlog
from django.db import IntegrityError, connection, transaction

from accounts.models import ProviderAccount, SenderNumber
from accounts.phone import read_party
from accounts.prepared import PreparedInsert, PreparedSelect
from compliance import opt_outs
from compliance.classifier import Classification, Intent
from compliance.wording import wording_of
from messaging.consenting import settle_question
from messaging.event_keys import key_of, storable_key
from messaging.models import InboundMessage, OutboundMessage
from messaging.providers.base import InboundText, Said
from messaging.receiving.effects import EFFECTS, agree_by_yes
from messaging.receiving.scene import Arrival, Scene
from messaging.sending import queue_reply, touch_conversation
from messaging.storable import clean

__all__ = ["EFFECTS", "Arrival", "believe", "is_believed", "receive"]

EARLIEST_BELIEVED = datetime(2000, 1, 1, tzinfo=UTC)
_INSERT = PreparedInsert(InboundMessage)
_SENDER_FIELDS = [field.attname for field in SenderNumber._meta.concrete_fields]  # noqa: SLF001
_SENDER = PreparedSelect(
    lambda tenant_id, number: SenderNumber.objects.filter(tenant=tenant_id, number=number).values_list(*_SENDER_FIELDS),
    "tenant_id",
    "number",
)

log = structlog.get_logger(__name__)


def receive(arrival: Arrival, text: InboundText, now: datetime) -> InboundMessage | None:
    """Store and apply one verified text. None for one that was applied before: nothing changes twice.

    Raises whatever goes wrong; then nothing of it is kept, and the caller keeps the delivery.
    """
    key = storable_key(text.event_key)
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


def _key_with_words(text: InboundText) -> str:
    return key_of(text.event_key, text.sender, text.to, text.text)


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
    effect = agree_by_yes(scene) or EFFECTS[scene.verdict.intent](scene)
    message = scene.message
    message.outcome, message.explanation, message.opt_out = effect.outcome, effect.explanation, effect.opt_out
    message.decided_in_ms = round((time.perf_counter() - arrival.clock) * 1000, 2)
    _INSERT.run(message)
    if effect.reply and scene.sender is not None:
        reply = effect.reply
        queued = queue_reply(message, effect.state, reply.purpose, reply.body, now, reply.opt_out)
        settle_question(reply.question, queued, now)
        if reply.opt_out and queued.status == OutboundMessage.Status.BLOCKED:
            opt_outs.forget_confirmation(reply.opt_out.pk, reply.opt_out.episode)
    return message


def _set_scene(arrival: Arrival, text: InboundText, key: str, now: datetime) -> Scene:
    """Lock the recipient, find the thread, and read the text. Nothing inbound is refused: an unknown number is kept."""
    tenant = arrival.account.tenant
    body = clean(text.text)
    number, to = read_party(clean(text.sender), tenant.country), read_party(clean(text.to), tenant.country)
    sender = _find_sender(arrival.account, to)
    state = opt_outs.lock_recipient(tenant.pk, number, now, has_texted=True)
    conversation = touch_conversation(tenant.pk, state.locked_id, to, sender, body, now)
    wording = wording_of(tenant)
    verdict = _read(text, wording.read(body, tenant.language, number), arrival.account.provider)
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
        asked_at=believe(text.sent_at, arrival.received_at),
        intent=verdict.intent,
        rule=verdict.rule,
        language=verdict.language,
    )
    return Scene(tenant, arrival, message, text, verdict, state, to, now, wording.fact_behind(verdict.rule))


def _read(text: InboundText, verdict: Classification, provider: str) -> Classification:
    """What the provider read as an opt-out is one, whatever we read: it blocks there already."""
    if text.said != Said.OPT_OUT or verdict.intent == Intent.OPT_OUT:
        return verdict
    return Classification(Intent.OPT_OUT, f"{provider}.said.opt_out", verdict.language)


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


def is_believed(said: datetime | None) -> bool:
    """Whether somebody else's date can be one of this system's time."""
    return said is not None and said >= EARLIEST_BELIEVED


def believe(said: datetime | None, received_at: datetime) -> datetime:
    """When something counts from: the provider's word, unless that is later than receipt or no time of this system."""
    return min(said, received_at) if said is not None and is_believed(said) else received_at
