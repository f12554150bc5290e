"""The JSON that `simulator` and `standard` share: {"id", "from", "to", "text", "sent_at"?}."""

import hashlib
import json
from typing import Any

from messaging.providers.base import (
    DeliveryState,
    InboundText,
    RawWebhook,
    Reading,
    StatusUpdate,
    Unreadable,
    WebhookKind,
)
from messaging.providers.facts import load_facts
from messaging.providers.json_bodies import read_each, read_items, read_time, read_word


def read(raw: RawWebhook) -> Reading:
    """What a body tells, by the address that it came to. Raises Unreadable."""
    return [*read_status(raw)] if raw.kind == WebhookKind.STATUS else [*read_inbound(raw)]


def read_inbound(raw: RawWebhook) -> list[InboundText | Unreadable]:
    """The texts of a body that holds one object or a list of them. Raises Unreadable where it holds no text at all."""
    return read_each(read_items(raw), lambda item, place: _read_text(item, raw, place))


def read_status(raw: RawWebhook) -> list[StatusUpdate | Unreadable]:
    """The updates of a body: {"message_id"?, "provider_message_id"?, "status", "error"?}. Raises Unreadable."""
    return read_each(read_items(raw), lambda item, _: _read_update(item))


def _read_text(item: dict[str, Any], raw: RawWebhook, place: int) -> InboundText:
    sender, to = read_word(item, "from"), read_word(item, "to")
    if not sender or not to:
        raise Unreadable("The fields “from” and “to” must name the recipient and the company number.")
    text = item.get("text")
    return InboundText(
        event_key=read_word(item, "id") or _key_of_place(raw, place),
        sender=sender,
        to=to,
        text="" if text is None else str(text),
        sent_at=read_time(item["sent_at"]) if item.get("sent_at") is not None else None,
    )


def _key_of_place(raw: RawWebhook, place: int) -> str:
    """A text without an id is named by its webhook and its place in it."""
    webhook = raw.headers.get("webhook-id", "") or hashlib.sha256(raw.body).hexdigest()
    return f"{webhook}#{place}" if place else webhook


def _read_update(item: dict[str, Any]) -> StatusUpdate:
    try:
        state = DeliveryState(read_word(item, "status"))
    except ValueError:
        raise Unreadable(f"The field “status” must be one of {', '.join(DeliveryState)}.") from None
    ours, theirs = read_word(item, "message_id"), read_word(item, "provider_message_id")
    if not ours and not theirs:
        raise Unreadable("The field “message_id” or “provider_message_id” must name the text.")
    error = read_word(item, "error")
    failure = load_facts("standard").explain(error, raw=json.dumps(item)) if state == DeliveryState.FAILED else None
    return StatusUpdate(state, ours, theirs, error, failure)
