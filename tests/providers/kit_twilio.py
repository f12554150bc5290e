"""Twilio: its own library signs."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from django.http import QueryDict
from twilio.request_validator import RequestValidator

from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import Kit

ACCOUNT = "AC00000000000000000000000000000001"
STATUS_WORDS = {
    "delivered": {"MessageStatus": "delivered"},
    "failed": {"MessageStatus": "undelivered", "ErrorCode": "30008"},
    "opted_out": {"MessageStatus": "failed", "ErrorCode": "21610"},
    "invalid_number": {"MessageStatus": "undelivered", "ErrorCode": "30006"},
}


class TwilioKit(Kit):
    slug = "twilio"
    content_type = "application/x-www-form-urlencoded; charset=utf-8"
    signs_address = True

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {"account_sid": ACCOUNT, "auth_token": f"{secret:032x}"}

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        sid = "SM" + id.replace("-", "")
        named = {"ToCountry": "US", "MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "AccountSid": ACCOUNT}
        said = {"From": from_, "To": to, "Body": text, "FromCity": "", "NumMedia": "0", "SmsStatus": "received"}
        return urlencode(named | said).encode()

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        validator = RequestValidator(self.settings(secret)["auth_token"])
        return {"x-twilio-signature": validator.compute_signature(address, QueryDict(body))}

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        named = {"MessageSid": provider_message_id, "SmsSid": provider_message_id, "AccountSid": ACCOUNT}
        return urlencode(named | STATUS_WORDS[word]).encode()

    def taken(self, provider_message_id: str) -> Answer:
        said = {"sid": provider_message_id, "status": "queued", "error_code": None, "error_message": None}
        return Answer(201, body=json.dumps(said).encode())

    def opted_out(self) -> Answer:
        return self._refusal(21610, "Attempt to send to unsubscribed recipient")

    def invalid_number(self) -> Answer:
        return self._refusal(21211, "Invalid 'To' Phone Number")

    def _refusal(self, code: int, message: str) -> Answer:
        return Answer(400, body=json.dumps({"code": code, "message": message, "status": 400}).encode())

    def unknown_event(self) -> bytes:
        return b"EventType=onMessageAdded&ConversationSid=CH1&Body=STOP"

    def without_fields(self) -> bytes:
        return b"MessageSid=SM1&Body=STOP"

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        posts = [taken for taken in gateway.taken if taken.path.endswith("/Messages.json") and taken.method == "POST"]
        forms = [parse_qs(post.raw.decode(), strict_parsing=True) for post in posts]
        return [{"from": form["From"][0], "to": form["To"][0], "body": form["Body"][0]} for form in forms]


KIT = TwilioKit()
