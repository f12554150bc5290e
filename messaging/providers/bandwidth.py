"""Bandwidth: JSON arrays under Basic credentials, our id in `tag`, refusals in a later event."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from messaging.providers import calls
from messaging.providers.base import (
    DeliveryState,
    Event,
    HandedOver,
    InboundText,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    StatusUpdate,
    Unauthenticated,
    Unreadable,
    Unrecognized,
    first_secret,
    secrets_of,
)
from messaging.providers.capabilities import Testable
from messaging.providers.facts import load_facts
from messaging.providers.failures import FailureKind
from messaging.providers.json_bodies import objects_in, read_each, read_items, read_time, read_word

STATES = {
    "message-sending": DeliveryState.SENT,
    "message-sent": DeliveryState.SENT,
    "message-delivered": DeliveryState.DELIVERED,
    "message-read": DeliveryState.DELIVERED,
    "message-failed": DeliveryState.FAILED,
}


class Bandwidth(Provider, Testable):
    slug: ClassVar[str] = "bandwidth"

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """Basic credentials are all there is. Every pair is compared, so that time tells nothing of a near miss."""
        scheme, _, given = raw.headers.get("authorization", "").partition(" ")
        checked = {"authorization": scheme or "(none)"}
        if scheme.lower() != "basic":
            raise Unauthenticated("The webhook came without the Basic credentials of the application.", checked=checked)
        name, word = _open(given.strip())
        fits = [
            hmac.compare_digest(name, known_name.encode()) & hmac.compare_digest(word, known_word.encode())
            for known_name in secrets_of(settings, "webhook_username")
            for known_word in secrets_of(settings, "webhook_password")
        ]
        if not any(fits):
            raise Unauthenticated("The Basic credentials are not those of this connection.", checked=checked)
        return Proof.SHARED_SECRET

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        return [*read_each(read_items(raw), _read_event)]

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        answer = calls.hand_over(
            "POST",
            f"{self._account_address(settings)}/messages",
            auth=_credentials(settings),
            json={
                "applicationId": settings["application_id"],
                "to": [text.recipient],
                "from": text.sender,
                "text": text.body,
                "tag": text.id,
            },
        )
        return _read_answer(answer)

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        calls.call("GET", f"{self._account_address(settings)}/media", auth=_credentials(settings))
        return "Bandwidth takes the API user, and it may use this account."

    def _account_address(self, settings: Mapping[str, Any]) -> str:
        return f"{self.base_url(settings)}/users/{settings['account_id']}"


def _credentials(settings: Mapping[str, Any]) -> tuple[str, str]:
    return str(settings["username"]), first_secret(settings, "password")


def _open(given: str) -> tuple[bytes, bytes]:
    """The name and the word of Basic credentials; what can't be read fits nothing."""
    try:
        name, _, word = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", b""
    return name, word


def _read_event(event: dict[str, Any], place: int) -> Event:
    kind = read_word(event, "type")
    message = event.get("message")
    if not kind:
        raise Unreadable("The field “type” must name the event.")
    if kind != "message-received" and kind not in STATES:
        return Unrecognized(kind)
    if not isinstance(message, dict) or not read_word(message, "id"):
        raise Unreadable("The field “message” must hold the text, with its “id”.")
    return _read_update(kind, event, message) if kind in STATES else _read_text(message)


def _read_text(message: dict[str, Any]) -> InboundText:
    """`to` may name a whole group; `owner` is the company number. A group text comes once for each of ours."""
    sender, owner = read_word(message, "from"), read_word(message, "owner")
    if not sender or not owner:
        raise Unreadable("The fields “from” and “owner” must name the recipient and the company number.")
    return InboundText(
        event_key=f"{read_word(message, 'id')}:{owner}",
        sender=sender,
        to=owner,
        text=str(message.get("text") or ""),
        sent_at=read_time(message.get("time")),
    )


def _read_update(kind: str, event: dict[str, Any], message: dict[str, Any]) -> StatusUpdate:
    ours, theirs = read_word(message, "tag"), read_word(message, "id")
    if STATES[kind] != DeliveryState.FAILED:
        return StatusUpdate(STATES[kind], ours, theirs)
    description = read_word(event, "description")
    failure = load_facts("bandwidth").explain(event.get("errorCode"), description, raw=json.dumps(event))
    if failure.kind == FailureKind.AMBIGUOUS:  # no receipt came: it may well have been delivered
        return StatusUpdate(DeliveryState.UNKNOWN, ours, theirs, str(failure))
    return StatusUpdate(DeliveryState.FAILED, ours, theirs, str(failure), failure)


def _read_answer(answer: calls.Answer) -> HandedOver:
    said = answer.said
    if answer.is_success:
        return HandedOver(read_word(said, "id")[:128])
    code = ":".join(filter(None, (read_word(said, "type"), _wrong_field(said))))
    failure = load_facts("bandwidth").explain(code, read_word(said, "description"), raw=answer.text)
    raise calls.refusal(answer, failure)


def _wrong_field(said: dict[str, Any]) -> str:
    """The first field that Bandwidth found wrong; numbers in a list are named like `to[0]`."""
    first = next(iter(objects_in(said, "fieldErrors")), {})
    return read_word(first, "fieldName").partition("[")[0]
