"""Vonage's side of the wire: tokens as its documentation describes them. Its own library verifies them in a test."""

import hashlib
import json
from datetime import datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import COMPANY, Kit

APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
CODES = {"failed": 1210, "opted_out": 1240, "invalid_number": 1170}


@cache
def private_key() -> rsa.RSAPrivateKey:
    """A throw-away key of an application."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def private_pem() -> str:
    return private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def make_token(body: bytes, at: datetime, secret: str, **claims: Any) -> str:
    said = {
        "iat": int(at.timestamp()),
        "jti": "00000000-0000-4000-8000-0000000000c1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abcd1234",
        "application_id": APPLICATION,
    }
    return jwt.encode({**said, **claims}, secret, algorithm="HS256")


class VonageKit(Kit):
    slug = "vonage"
    signs_time = True
    tells_opt_out_at_send = False

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {
            "application_id": APPLICATION,
            "private_key": private_pem(),
            "signature_secret": f"a long enough secret of number {secret}",
        }

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        said = {
            "channel": "sms", "message_uuid": id, "to": to.removeprefix("+"), "from": from_.removeprefix("+"),
            "timestamp": _time(at), "text": text, "message_type": "text",
            "sms": {"num_messages": "1", "keyword": text.partition(" ")[0].upper()[:20]},
        }  # fmt: skip
        return json.dumps(said, ensure_ascii=False).encode()

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        return {"authorization": f"Bearer {make_token(body, at, self.settings(secret)['signature_secret'])}"}

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        said: dict[str, Any] = {
            "message_uuid": provider_message_id, "to": "12025550199", "from": COMPANY.removeprefix("+"),
            "timestamp": _time(at), "status": "delivered" if word == "delivered" else "rejected",
            "client_ref": message_id, "channel": "sms",
        }  # fmt: skip
        if word in CODES:
            said["error"] = {
                "type": f"https://developer.vonage.com/api-errors/messages#{CODES[word]}", "title": str(CODES[word]),
                "detail": word, "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
            }  # fmt: skip
        return json.dumps(said).encode()

    def taken(self, provider_message_id: str) -> Answer:
        return Answer(202, body=json.dumps({"message_uuid": provider_message_id}).encode())

    def invalid_number(self) -> Answer:
        said = {
            "type": "https://developer.vonage.com/api-errors/messages#1170", "title": "Invalid or Missing Msisdn Param",
            "detail": "The phone number you supplied in the `to` parameter was either missing or invalid.",
            "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
        }  # fmt: skip
        return Answer(422, {"content-type": "application/problem+json"}, json.dumps(said).encode())

    def unknown_event(self) -> bytes:
        return b'{"channel": "telepathy", "message_uuid": "1", "from": "12025550123", "to": "12025550100"}'

    def without_fields(self) -> bytes:
        return b'{"channel": "sms", "message_uuid": "1", "text": "STOP"}'

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        texts = [taken.text for taken in gateway.taken if taken.path == "/messages"]
        return [{"from": f"+{text['from']}", "to": f"+{text['to']}", "body": text["text"]} for text in texts]


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


KIT = VonageKit()
