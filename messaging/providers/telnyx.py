"""Telnyx: JSON events signed by Ed25519 over a time and the raw body; JSON out, with a key that makes repeats safe."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from messaging.providers import calls
from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    Event,
    HandedOver,
    InboundText,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    Rejected,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
    first_secret,
    secrets_of,
)
from messaging.providers.capabilities import (
    CallFailed,
    ListPage,
    ListsOptOuts,
    ReportsSent,
    SentPage,
    SentText,
    Testable,
)
from messaging.providers.failures import Failure
from messaging.providers.json_bodies import object_in, objects_in, read_each, read_items, read_time, read_word

SIGNATURE, TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
LIST_PAGE_SIZE = 100
SENT_PAGE_SIZE = 50
SAID = {"STOP": Said.OPT_OUT, "START": Said.OPT_IN, "HELP": Said.HELP}
STATES = {
    **dict.fromkeys(("queued", "sending", "sent", "delivery_unconfirmed"), DeliveryState.SENT),
    **dict.fromkeys(("delivered", "read"), DeliveryState.DELIVERED),
    **dict.fromkeys(("sending_failed", "delivery_failed", "expired"), DeliveryState.FAILED),
}
STATUS_EVENTS = ("message.sent", "message.finalized")
NEVER_SENT = ("gw_reject",)
_SECONDS = re.compile(r"[0-9]{1,12}")


class Telnyx(Provider, Testable, ListsOptOuts, ReportsSent):
    slug: ClassVar[str] = "telnyx"

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        for key in secrets_of(settings, "public_key"):
            try:
                Ed25519PublicKey.from_public_bytes(_decode(key))
            except ValueError:
                raise ValueError("The setting “public_key” must be 32 bytes in base64, as Telnyx shows it.") from None

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        given, stamp = raw.headers.get(SIGNATURE, ""), raw.headers.get(TIMESTAMP, "")
        checked = {SIGNATURE: given, TIMESTAMP: stamp}
        if not given or not _SECONDS.fullmatch(stamp):
            raise Rejected(f"The headers {SIGNATURE} and {TIMESTAMP} are needed.", checked=checked)
        if not raw.came_near(int(stamp)):
            raise Rejected(f"The header {TIMESTAMP} is off by more than five minutes.", checked=checked)
        signed = f"{stamp}|".encode() + raw.body
        if not any(_is_signed_by(key, given, signed) for key in secrets_of(settings, "public_key")):
            raise Rejected("No public key of this connection fits the signature.", checked=checked)
        return Proof.BODY_SIGNED

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        told: Reading = []
        for found in read_each(read_items(raw), lambda item, _: self._read_event(item, raw)):
            told += [found] if isinstance(found, Unreadable) else found
        return told

    def _read_event(self, item: Mapping[str, Any], raw: RawWebhook) -> list[Event]:
        data = object_in(item, "data")
        kind, payload = read_word(data, "event_type"), object_in(data, "payload")
        if kind == "message.received":
            return [_read_text(payload, data)]
        if kind in STATUS_EVENTS:
            return self._read_statuses(payload, data, raw)
        if not kind:
            raise Unreadable("The field “data.event_type” must name what happened.")
        return [Unrecognized(kind)]

    def _read_statuses(self, payload: dict[str, Any], data: Mapping[str, Any], raw: RawWebhook) -> list[Event]:
        theirs = read_word(payload, "id")
        if not theirs and not raw.message_id:
            raise Unreadable("The field “data.payload.id” must name the text.")
        events: list[Event] = []
        for word in [read_word(party, "status").lower() for party in _parties(payload.get("to"))]:
            state = STATES.get(word)
            if state is None:
                events.append(Unrecognized(f"status {word}"))
                continue
            failure = self._explain(payload, json.dumps(data)) if state == DeliveryState.FAILED else None
            events.append(StatusUpdate(state, raw.message_id, theirs, str(failure or ""), failure))
        return events

    def _explain(self, said: Mapping[str, Any], raw: str) -> Failure:
        """What the first error of an answer or an event means; its title is kept, whatever the code stands for."""
        first = next(iter(objects_in(said, "errors")), {})
        return self.facts.explain(first.get("code"), read_word(first, "title"), raw)

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        body = {"from": text.sender, "to": text.recipient, "text": text.body}
        if profile := settings.get("messaging_profile_id"):
            body["messaging_profile_id"] = str(profile)
        if text.status_address:
            body["webhook_url"] = text.status_address
        headers = _authorization(settings) | {"idempotency-key": text.id}
        answer = calls.hand_over("POST", f"{self.base_url(settings)}/v2/messages", json=body, headers=headers)
        if not answer.is_success:
            raise calls.refusal(answer, self._explain(answer.said, answer.text))
        return HandedOver(read_word(object_in(answer.said, "data"), "id")[:128])

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        profile = str(settings.get("messaging_profile_id") or "")
        if not profile:
            self._ask(settings, "messaging_profiles", {"page[size]": "1"})
            return "The API key works."
        name = read_word(object_in(self._ask(settings, f"messaging_profiles/{profile}"), "data"), "name")
        return f"The API key works, and the messaging profile is “{name}”."

    def read_list(self, settings: Mapping[str, Any], page: str, senders: Sequence[str]) -> ListPage:
        """Blocks, each made by a text to one number: of the messaging profile that was set, else to our numbers alone.

        An account may hold numbers of other businesses, whose lists are none of ours.
        """
        asked = {"page[number]": page or "1", "page[size]": str(LIST_PAGE_SIZE)}
        profile = str(settings.get("messaging_profile_id") or "")
        if profile:
            asked["filter[messaging_profile_id]"] = profile
        said = self._ask(settings, "messaging_optouts", asked)
        entries = [entry for row in objects_in(said, "data") if (entry := _read_entry(row))]
        return ListPage([entry for entry in entries if profile or entry.sender in senders], _next_page(said))

    def read_sent(self, settings: Mapping[str, Any], since: datetime, page: str, senders: Sequence[str]) -> SentPage:
        """Detail records, which hold no words: `complete` asks for those."""
        asked = {
            "filter[record_type]": "messaging",
            "filter[direction]": "outbound",
            "filter[created_at][gte]": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "sort": "created_at",
            "page[number]": page or "1",
            "page[size]": str(SENT_PAGE_SIZE),
        }
        said = self._ask(settings, "detail_records", asked)
        texts = [text for row in objects_in(said, "data") if (text := _read_sent_text(row))]
        return SentPage([text for text in texts if text.sender in senders], _next_page(said))

    def complete(self, settings: Mapping[str, Any], text: SentText) -> SentText:
        """The text with its words, where Telnyx still has them."""
        try:
            data = self._ask(settings, f"messages/{text.provider_message_id}").get("data")
        except CallFailed as error:
            if error.status == 404:
                return text
            raise
        return replace(text, body=str(data.get("text") or "")) if isinstance(data, dict) else text

    def _ask(self, settings: Mapping[str, Any], path: str, asked: Mapping[str, str] | None = None) -> dict[str, Any]:
        address = f"{self.base_url(settings)}/v2/{path}"
        answer = calls.call("GET", address, params=asked, headers=_authorization(settings))
        said = answer.said
        if not answer.is_whole or "data" not in said:
            raise CallFailed(f"The provider's answer can't be read: {answer}")
        return said


def _authorization(settings: Mapping[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {first_secret(settings, 'api_key')}"}


def _decode(value: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(value, validate=True)


def _is_signed_by(public_key: str, signature: str, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_decode(public_key)).verify(_decode(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _read_text(payload: dict[str, Any], data: dict[str, Any]) -> InboundText:
    """One text. Telnyx says of each whether it answered it by itself: null is a no, a missing field says nothing."""
    sender, to = _number_in(payload.get("from")), _our_number(payload.get("to"))
    if not sender or not to:
        raise Unreadable("The fields “data.payload.from” and “data.payload.to” must name both numbers.")
    key = read_word(payload, "id") or read_word(data, "id")
    if not key:
        raise Unreadable("The field “data.payload.id” must name the text.")
    flag, text = payload.get("autoresponse_type"), payload.get("text")
    return InboundText(
        event_key=key,
        sender=sender,
        to=to,
        text="" if text is None else str(text),
        sent_at=read_time(payload.get("received_at") or data.get("occurred_at")),
        said=SAID.get(str(flag).upper()),
        replied=bool(flag) if "autoresponse_type" in payload else None,
    )


def _parties(value: object) -> list[dict[str, Any]]:
    """Who a text is to: a list of numbers with a status each, or the one number alone."""
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {"phone_number": item} for item in items if item]


def _number_in(value: object) -> str:
    return next((read_word(party, "phone_number") for party in _parties(value)), "")


def _our_number(value: object) -> str:
    """Of several recipients, in a group, the one that Telnyx delivers to us."""
    ours = [party for party in _parties(value) if party.get("status") == "webhook_delivered"]
    return _number_in(ours or value)


def _next_page(said: Mapping[str, Any]) -> str:
    meta = object_in(said, "meta")
    number, total = read_word(meta, "page_number"), read_word(meta, "total_pages")
    is_last = not number.isdecimal() or not total.isdecimal() or int(number) >= int(total)
    return "" if is_last else str(int(number) + 1)


def _read_entry(row: dict[str, Any]) -> ConsentChange | None:
    recipient, sender, at = read_word(row, "to"), read_word(row, "from"), read_word(row, "created_at")
    if not recipient:
        return None
    key = ":".join((read_word(row, "messaging_profile_id"), sender, recipient, at))
    return ConsentChange(
        key, recipient, opted_out=True, sender=sender, by="recipient", changed_at=read_time(at), raw=row
    )


def _read_sent_text(row: dict[str, Any]) -> SentText | None:
    uuid, sender, recipient = read_word(row, "uuid"), read_word(row, "cli"), read_word(row, "cld")
    sent_at = read_time(row.get("sent_at") or row.get("created_at"))
    if not uuid or not recipient or sent_at is None or read_word(row, "status").lower() in NEVER_SENT:
        return None
    return SentText(uuid, sender, recipient, "", sent_at)
