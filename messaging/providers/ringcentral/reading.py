"""RingCentral's notifications as our events: {uuid, event, timestamp, subscriptionId, ownerId, body}."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    InboundText,
    RawWebhook,
    Reading,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.facts import load_facts
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.json_bodies import as_object, read_each, read_items, read_time, read_word

ALL_SENDERS = "*"
BY = {
    "recipient": "recipient",
    "api": "business",
    "account": "business",
    "upstream": "carrier",
    "carrier": "carrier",
}
STATES = {
    "Queued": DeliveryState.SENT,
    "Sent": DeliveryState.SENT,
    "Delivered": DeliveryState.DELIVERED,
    "SendingFailed": DeliveryState.FAILED,
    "DeliveryFailed": DeliveryState.FAILED,
}


def read(raw: RawWebhook) -> Reading:
    """What a notification tells. Raises Unreadable where nothing of it can be read."""
    found = read_each(read_items(raw), lambda item, _: _read_envelope(item))
    return [event for part in found for event in ([part] if isinstance(part, Unreadable) else part)]


def _read_envelope(envelope: dict[str, Any]) -> Reading:
    name = read_word(envelope, "event")
    if not name:
        raise Unreadable("The field “event” must name what the notification is about.")
    for pattern, read_body in READERS:
        if pattern.search(name):
            return read_body(envelope, as_object(envelope.get("body")))
    return [Unrecognized(re.sub(r"/\d+", "/~", name.partition("?")[0]))]


def _read_message(envelope: dict[str, Any], body: dict[str, Any]) -> Reading:
    """A text, of a person's mailbox or of the high-volume service. One that goes out tells its status."""
    if read_word(body, "direction") == "Outbound":
        word = read_word(body, "messageStatus")
        return [read_status(body) if word in STATES else Unrecognized(f"messageStatus {word}")]
    sender, to = party_of(body.get("from")), _target_of(body.get("to"))
    if not sender or not to:
        raise Unreadable("The fields “body.from” and “body.to” must name the recipient and the company number.")
    key = read_word(body, "id") or read_word(envelope, "uuid")
    if not key:
        raise Unreadable("The field “body.id” must name the text.")
    said = body.get("subject") if body.get("subject") is not None else body.get("text")
    return [
        InboundText(
            event_key=f"message:{key}"[:255],
            sender=sender,
            to=to,
            text="" if said is None else str(said),
            sent_at=read_time(body.get("creationTime")),
        )
    ]


def read_status(message: dict[str, Any]) -> StatusUpdate:
    """What became of an outgoing text, from a notification or from RingCentral's records. Raises Unreadable."""
    status = read_word(message, "messageStatus")
    state = STATES.get(status)
    if state is None:
        raise Unreadable(f"The field “messageStatus” must be one of {', '.join(STATES)}.")
    theirs = name_of(message)
    if not theirs:
        raise Unreadable("The field “id” or “batchId” must name the text.")
    if state != DeliveryState.FAILED:
        return StatusUpdate(state, provider_message_id=theirs)
    failure = explain(message)
    if failure.kind == FailureKind.AMBIGUOUS:
        state = DeliveryState.UNKNOWN
    return StatusUpdate(state, provider_message_id=theirs, error=str(failure), failure=failure)


def name_of(message: dict[str, Any]) -> str:
    """By what the hand-over of this text was answered: a batch of ours holds one text."""
    return read_word(message, "batchId") or read_word(message, "id")


def explain(message: dict[str, Any]) -> Failure:
    """Why a text failed: `deliveryErrorCode` in the message store, `errorCode` everywhere else."""
    code = message.get("deliveryErrorCode") or message.get("errorCode") or message.get("messageStatus")
    text = read_word(message, "description")
    return load_facts("ringcentral").explain(code, text, json.dumps(message, ensure_ascii=False))


def _read_opt_out(envelope: dict[str, Any], body: dict[str, Any]) -> Reading:
    """An entry of the high-volume list: `from` is always ours and `to` the person's, whoever wrote."""
    if not isinstance(body.get("active"), bool):
        raise Unreadable("The field “body.active” must say whether the person opted out.")
    at = read_time(envelope.get("timestamp"))
    return [read_entry(body, opted_out=body["active"], at=at, key=read_word(envelope, "uuid"))]


def _read_consents(envelope: dict[str, Any], body: dict[str, Any]) -> Reading:
    records = body.get("records")
    if not isinstance(records, list) or not records:
        raise Unreadable("The field “body.records” must be a list of consents.")
    return [*read_each(records, lambda record, _: read_consent(record, read_word(envelope, "uuid")))]


def read_consent(record: dict[str, Any], key: str = "") -> ConsentChange:
    """One entry of the list of consents, from a notification or from the list itself. Raises Unreadable."""
    status = read_word(record, "optStatus") or read_word(record, "status")
    if status not in ("OptOut", "OptIn"):
        raise Unreadable("The field “optStatus” must be OptOut or OptIn.")
    return read_entry(record, opted_out=status == "OptOut", at=read_time(record.get("lastModifiedTime")), key=key)


def read_entry(record: dict[str, Any], *, opted_out: bool, at: datetime | None, key: str = "") -> ConsentChange:
    """An entry of either list. The notification of an entry and the entry itself have one key. Raises Unreadable."""
    recipient, sender = party_of(record.get("to")), party_of(record.get("from"))
    if not recipient:
        raise Unreadable("The field “to” must name the recipient.")
    sender = "" if sender == ALL_SENDERS else sender
    moment = at.isoformat(timespec="seconds") if at else key
    return ConsentChange(
        event_key=f"consent:{sender or ALL_SENDERS}:{recipient}:{'out' if opted_out else 'in'}:{moment}"[:255],
        recipient=recipient,
        opted_out=opted_out,
        sender=sender,
        by=BY.get(read_word(record, "source").lower(), ""),
        changed_at=at,
        raw=record,
    )


def party_of(value: object) -> str:
    """A number as RingCentral writes it: as text, or as an object with what else it knows of that party."""
    if isinstance(value, list):
        return party_of(value[0]) if value else ""
    item = value if isinstance(value, dict) else {"phoneNumber": value}
    number = read_word(item, "phoneNumber")
    return f"+{number}" if number.isascii() and number.isdigit() and len(number) > 8 else number


def _target_of(value: object) -> str:
    """The company number among several recipients: RingCentral marks the one that this notification is for."""
    parties = value if isinstance(value, list) else [value]
    marked = [party for party in parties if isinstance(party, dict) and party.get("target") is True]
    return party_of((marked or parties or [None])[0])


_Reader = Callable[[dict[str, Any], dict[str, Any]], Reading]
READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (re.compile(r"/message-store/instant\b"), _read_message),
    (re.compile(r"/a2p-sms/messages\b"), _read_message),
    (re.compile(r"/a2p-sms/opt-outs\b"), _read_opt_out),
    (re.compile(r"/sms/consents\b"), _read_consents),
)
