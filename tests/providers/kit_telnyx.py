"""Telnyx: signed with a key of ours, as its library verifies."""

import base64
import json
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from messaging.providers.facts import load_facts
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import Kit

STATUS_WORDS: dict[str, tuple[str, list[dict[str, str]]]] = {
    "delivered": ("delivered", []),
    "failed": ("delivery_failed", [{"code": "40004", "title": "Rejected by destination"}]),
    "opted_out": ("sending_failed", [{"code": "40300", "title": "Blocked due to STOP message"}]),
    "invalid_number": ("delivery_failed", [{"code": "40001", "title": "Not routable"}]),
}


class TelnyxKit(Kit):
    slug = "telnyx"
    signs_time = True
    takes_lists = True

    def key(self, secret: int) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(secret.to_bytes(32, "big"))

    def settings(self, secret: int = 1) -> dict[str, Any]:
        public = self.key(secret).public_key().public_bytes_raw()
        return {"api_key": f"KEY{secret}", "public_key": base64.b64encode(public).decode()}

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        facts = load_facts("telnyx")
        read_as = [
            word
            for intent, word in [("opt_out", "STOP"), ("opt_in", "START"), ("help", "HELP")]
            if facts.knows(intent, text)
        ]
        payload = {
            "record_type": "message",
            "direction": "inbound",
            "id": id,
            "type": "SMS",
            "from": {"phone_number": from_, "carrier": "EXAMPLE", "line_type": "Wireless"},
            "to": [{"phone_number": to, "status": "webhook_delivered"}],
            "text": text,
            "errors": [],
            "received_at": at.isoformat(),
            "autoresponse_type": read_as[0] if read_as else None,
        }
        return self._event("message.received", payload, id)

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        stamp = str(int(at.timestamp()))
        signature = self.key(secret).sign(f"{stamp}|".encode() + body)
        return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": base64.b64encode(signature).decode()}

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        status, errors = STATUS_WORDS[word]
        to = [{"phone_number": "+12125550177", "status": status}]
        payload = {"direction": "outbound", "id": provider_message_id, "to": to, "errors": errors}
        return self._event("message.finalized", payload, f"event-{word}")

    def _event(self, kind: str, payload: dict[str, Any], id: str) -> bytes:  # noqa: A002
        data = {"record_type": "event", "event_type": kind, "id": f"event-{id}", "payload": payload}
        return json.dumps({"data": data, "meta": {"attempt": 1}}, ensure_ascii=False).encode()

    def taken(self, provider_message_id: str) -> Answer:
        return Answer(body=json.dumps({"data": {"id": provider_message_id, "to": [{"status": "queued"}]}}).encode())

    def opted_out(self) -> Answer:
        return self._refusal("40300", "Blocked due to STOP message")

    def invalid_number(self) -> Answer:
        return self._refusal("40310", "Invalid 'to' address")

    def _refusal(self, code: str, title: str) -> Answer:
        return Answer(400, body=json.dumps({"errors": [{"code": code, "title": title, "detail": "…"}]}).encode())

    def unknown_event(self) -> bytes:
        return self._event("message.link_clicked", {"id": "1"}, "1")

    def several(self, bodies: list[bytes]) -> bytes:
        return b"[" + b",".join(bodies) + b"]"

    def without_fields(self) -> bytes:
        return self._event("message.received", {"id": "1", "text": "STOP"}, "1")

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        texts = [taken.text for taken in gateway.taken if taken.path == "/v2/messages"]
        return [{"from": text["from"], "to": text["to"], "body": text["text"]} for text in texts]


KIT = TelnyxKit()
