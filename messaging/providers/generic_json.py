"""The JSON that `simulator` and `standard` share: {"id", "from", "to", "text", "sent_at"?}."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from messaging.providers.base import DeliveryState, InboundText, RawWebhook, StatusUpdate, Unreadable


def read_inbound(raw: RawWebhook) -> list[InboundText | Unreadable]:
    """The texts of a body that holds one object or a list of them. Raises Unreadable where it holds no text at all."""
    found = [_try_to_read(item, raw, place) for place, item in enumerate(read_items(raw))]
    if all(isinstance(item, Unreadable) for item in found):
        raise next(item for item in found if isinstance(item, Unreadable))
    return found


def _try_to_read(item: object, raw: RawWebhook, place: int) -> InboundText | Unreadable:
    try:
        return _read_text(_as_object(item), raw, place)
    except Unreadable as error:
        return error


def read_status(raw: RawWebhook) -> list[StatusUpdate]:
    """The updates of a body: {"message_id"?, "provider_message_id"?, "status", "error"?}. Raises Unreadable."""
    return [_read_update(_as_object(item)) for item in read_items(raw)]


def read_items(raw: RawWebhook) -> list[Any]:
    """What a body holds, bad UTF-8 and all: a text is never lost to one bad byte. Raises Unreadable."""
    try:
        value = json.loads(raw.body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}") from None
    items = value if isinstance(value, list) else [value]
    if not items:
        raise Unreadable("The body must be a JSON object, or a list of them.")
    return items


def _as_object(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Unreadable("The body must be a JSON object, or a list of them.")
    return item


def read_time(value: object) -> datetime | None:
    """A moment as ISO 8601 or seconds since 1970. None where it can't be read: a bad date refuses no text."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _read_text(item: dict[str, Any], raw: RawWebhook, place: int) -> InboundText:
    sender, to = _word(item, "from"), _word(item, "to")
    if not sender or not to:
        raise Unreadable("The fields “from” and “to” must name the recipient and the company number.")
    text = item.get("text")
    return InboundText(
        event_key=_word(item, "id") or _key_of_place(raw, place),
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
        state = DeliveryState(_word(item, "status"))
    except ValueError:
        raise Unreadable(f"The field “status” must be one of {', '.join(DeliveryState)}.") from None
    ours, theirs = _word(item, "message_id"), _word(item, "provider_message_id")
    if not ours and not theirs:
        raise Unreadable("The field “message_id” or “provider_message_id” must name the text.")
    return StatusUpdate(state, ours, theirs, _word(item, "error"))


def _word(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
