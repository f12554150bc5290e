"""Bandwidth's side of the wire, from its documentation: it signs nothing, so there is no library that would."""

import base64
import json
from datetime import datetime
from typing import Any

from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import COMPANY, Kit

EVENTS = {"delivered": ("message-delivered", None), "failed": ("message-failed", 4750)}
CODES = {"opted_out": 4775, "invalid_number": 4720}


class BandwidthKit(Kit):
    slug = "bandwidth"
    signs_body = False
    takes_lists = True
    tells_opt_out_at_send = False
    refusal_status = 401

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {
            "account_id": "5500001",
            "application_id": "93de2206-9669-4e07-948d-329f4b722ee2",
            "username": "api-user",
            "password": "api-password",
            "webhook_username": f"hooks-{secret}",
            "webhook_password": f"wörd:{secret}",
        }

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        message = {
            "id": id, "owner": to, "applicationId": "93de2206-9669-4e07-948d-329f4b722ee2", "time": _time(at),
            "segmentCount": 1, "direction": "in", "to": [to], "from": from_, "text": text,
        }  # fmt: skip
        event = {
            "type": "message-received", "time": _time(at), "description": "Incoming message received", "to": to,
            "message": message,
        }  # fmt: skip
        return json.dumps([event], ensure_ascii=False).encode()

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        settings = self.settings(secret)
        pair = f"{settings['webhook_username']}:{settings['webhook_password']}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        kind, code = EVENTS.get(word) or ("message-failed", CODES[word])
        message = {
            "id": provider_message_id, "owner": COMPANY, "time": _time(at), "segmentCount": 1, "direction": "out",
            "to": ["+12025550199"], "from": COMPANY, "text": "", "tag": message_id,
        }  # fmt: skip
        event = {"type": kind, "time": _time(at), "description": word, "to": "+12025550199", "message": message}
        return json.dumps([event | ({"errorCode": code} if code else {})]).encode()

    def taken(self, provider_message_id: str) -> Answer:
        said = {"id": provider_message_id, "owner": COMPANY, "direction": "out", "segmentCount": 1}
        return Answer(202, body=json.dumps(said).encode())

    def invalid_number(self) -> Answer:
        wrong = {
            "fieldName": "to[0]",
            "description": "'+1' must be replaced with a valid E164 formatted telephone number",
        }
        said = {
            "type": "request-validation",
            "description": "Your request could not be accepted",
            "fieldErrors": [wrong],
        }
        return Answer(400, body=json.dumps(said).encode())

    def unknown_event(self) -> bytes:
        return b'[{"type": "message-teleported", "message": {"id": "1"}}]'

    def several(self, bodies: list[bytes]) -> bytes:
        return json.dumps([event for body in bodies for event in json.loads(body)]).encode()

    def without_fields(self) -> bytes:
        return b'[{"type": "message-received", "message": {"id": "1", "text": "STOP"}}]'

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        texts = [taken.text for taken in gateway.taken if taken.path == "/users/5500001/messages"]
        assert all(len(text["to"]) == 1 for text in texts)
        return [{"from": text["from"], "to": text["to"][0], "body": text["text"]} for text in texts]


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


KIT = BandwidthKit()
