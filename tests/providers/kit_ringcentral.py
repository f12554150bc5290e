"""RingCentral: its documented notifications and answers. It has no library that signs: a token in a header is all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging.providers.ringcentral.api import TOKEN_PATH, forget_sessions
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import COMPANY, Kit

INSTANT = "/restapi/v1.0/account/400000000/extension/400000001/message-store/instant?type=SMS"
CODES = {"opted_out": "SMS-RC-413", "invalid_number": "SMS-UP-410", "failed": "SMS-RC-500"}


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def envelope(event: str, body: Any, *, at: datetime, uuid: str = "6242343638330007102") -> bytes:
    """A notification as RingCentral wraps it."""
    wrapped = {
        "uuid": uuid,
        "event": event,
        "timestamp": iso(at),
        "subscriptionId": "7e4a7486-8df9-4195-8aef-b8d81d3345f6",
        "ownerId": "400000001",
        "body": body,
    }
    return json.dumps(wrapped, ensure_ascii=False).encode()


def instant_text(text: str | None, *, from_: str, to: str, id: str, at: datetime) -> dict[str, Any]:  # noqa: A002
    """The body of a text in a person's mailbox."""
    return {
        "id": id,
        "to": [{"phoneNumber": to, "name": "VP Dan", "location": "Orange, CA", "target": True}],
        "from": {"phoneNumber": from_, "location": "Mountain View, CA"},
        "type": "SMS",
        "creationTime": iso(at),
        "lastModifiedTime": iso(at),
        "readStatus": "Unread",
        "priority": "Normal",
        "attachments": [{"id": id, "type": "Text", "contentType": "text/plain"}],
        "direction": "Inbound",
        "availability": "Alive",
        "subject": text,
        "messageStatus": "Received",
        "conversation": {"id": "1638233798595111162"},
        "eventType": "Create",
        "owner": {"extensionId": "400000001", "extensionType": "User", "name": "VP Dan"},
    }


class RingCentralKit(Kit):
    slug = "ringcentral"
    signs_body = False
    tells_opt_out_at_send = False

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {
            "client_id": "client-of-the-contract",
            "client_secret": "client secret of the contract",
            "jwt": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "verification_token": f"verification-token-number-{secret}",
        }

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        return envelope(INSTANT, instant_text(text, from_=from_, to=to, id=id, at=at), at=at)

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        return {
            "verification-token": self.settings(secret)["verification_token"],
            "user-agent": "RingCentral-Webhook/8.3",
        }

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        said: dict[str, Any] = {
            "id": provider_message_id,
            "from": COMPANY,
            "to": ["+12125550177"],
            "creationTime": iso(at),
            "lastModifiedTime": iso(at),
            "direction": "Outbound",
            "messageStatus": "Delivered" if word == "delivered" else "SendingFailed",
            "segmentCount": 1,
        }
        if word in CODES:
            said["errorCode"] = CODES[word]
        event = "/restapi/v1.0/account/400000000/a2p-sms/messages?direction=Outbound"
        return envelope(event, said, at=at)

    def taken(self, provider_message_id: str) -> Answer:
        said = {"id": provider_message_id, "type": "SMS", "direction": "Outbound", "messageStatus": "Queued"}
        return Answer(body=json.dumps(said).encode())

    def invalid_number(self) -> Answer:
        message = "Parameter [to.phoneNumber] value is invalid"
        error = {"errorCode": "CMN-101", "message": message, "parameterName": "to.phoneNumber"}
        return Answer(400, body=json.dumps({**error, "errors": [error]}).encode())

    def unknown_event(self) -> bytes:
        event = "/restapi/v1.0/account/400000000/extension/400000001/presence"
        return envelope(event, {"extensionId": "400000001"}, at=datetime.now(UTC))

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        forget_sessions()

    def prepare(self, gateway: Gateway) -> None:
        token = {"access_token": "token-1", "token_type": "bearer", "expires_in": 3600, "owner_id": "400000001"}
        gateway.at(TOKEN_PATH, Answer(body=json.dumps(token).encode()))

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        texts = [taken.text for taken in gateway.taken if taken.path.endswith("/sms")]
        return [
            {"from": text["from"]["phoneNumber"], "to": text["to"][0]["phoneNumber"], "body": text["text"]}
            for text in texts
        ]


KIT = RingCentralKit()
