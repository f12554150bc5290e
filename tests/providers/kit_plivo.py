"""Plivo's side of the wire. Its own library has no signer for V2; that its validator takes ours is a test."""

import base64
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from messaging.providers.facts import load_facts
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import COMPANY, Kit

INTENTS = {"opt_out": "optout", "opt_in": "optin", "help": "help"}
STATUSES = {
    "delivered": ("delivered", "000"),
    "failed": ("undelivered", "100"),
    "opted_out": ("failed", "200"),
    "invalid_number": ("failed", "50"),
}


class PlivoKit(Kit):
    slug = "plivo"
    content_type = "application/x-www-form-urlencoded"
    signs_body = False
    signs_address = True
    tells_opt_out_at_send = False

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {"auth_id": "MAXXXXXXXXXXXXXXXXXX", "auth_token": f"token number {secret}"}

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        facts = load_facts("plivo")
        intent = next((INTENTS[intent] for intent in INTENTS if facts.knows(intent, text)), "")
        return urlencode(
            {
                "From": from_.removeprefix("+"), "To": to.removeprefix("+"), "Text": text, "Type": "sms",
                "MessageUUID": id, "MessageIntent": intent, "Units": "1", "TotalRate": "0", "TotalAmount": "0",
                "PowerpackUUID": "",
            }
        ).encode()  # fmt: skip

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        signed = address.partition("?")[0].encode() + b"20260715120000000001"
        digest = hmac.digest(self.settings(secret)["auth_token"].encode(), signed, "sha256")
        return {
            "x-plivo-signature-v2": base64.b64encode(digest).decode(),
            "x-plivo-signature-v2-nonce": "20260715120000000001",
        }

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        status, code = STATUSES[word]
        return urlencode(
            {
                "MessageUUID": provider_message_id, "ParentMessageUUID": provider_message_id, "Status": status,
                "ErrorCode": code, "From": COMPANY.removeprefix("+"), "To": "12025550199", "Units": "1",
                "PartInfo": "1 of 1", "Sequence": "1",
            }
        ).encode()  # fmt: skip

    def taken(self, provider_message_id: str) -> Answer:
        said = b'{"message": "message(s) queued", "message_uuid": ["%b"], "api_id": "db342550-7c2b-11e1"}'
        return Answer(202, body=said % provider_message_id.encode())

    def unknown_event(self) -> bytes:
        return b"MessageUUID=1&Status=teleported&From=12025550100&To=12025550123"

    def without_fields(self) -> bytes:
        return b"Text=STOP&Type=sms"

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        address = "/Account/MAXXXXXXXXXXXXXXXXXX/Message/"
        texts = [taken.text for taken in gateway.taken if taken.path == address]
        return [{"from": f"+{text['src']}", "to": f"+{text['dst']}", "body": text["text"]} for text in texts]


KIT = PlivoKit()
