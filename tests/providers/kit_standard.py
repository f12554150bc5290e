"""Standard Webhooks: the scheme's own library signs."""

import base64
import json
from datetime import datetime
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import Kit


class StandardKit(Kit):
    slug = "standard"
    signs_time = True
    takes_lists = True

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {"secret": "whsec_" + base64.b64encode(f"secret number {secret} of the contract".encode()).decode()}

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        said = {"id": id, "from": from_, "to": to, "text": text, "sent_at": at.isoformat()}
        return json.dumps(said, ensure_ascii=False).encode()

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        webhook = Webhook(self.settings(secret)["secret"])
        signature = webhook.sign("wh-1", at, body.decode(errors="surrogateescape")) if _is_text(body) else ""
        if not signature:
            signature = _sign_bytes(self.settings(secret)["secret"], body, at)
        return {
            "webhook-id": "wh-1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        state = "delivered" if word == "delivered" else "failed"
        said = {"message_id": message_id, "provider_message_id": provider_message_id, "status": state, "error": word}
        return json.dumps(said).encode()

    def taken(self, provider_message_id: str) -> Answer:
        return Answer(body=json.dumps({"id": provider_message_id}).encode())

    def opted_out(self) -> Answer:
        return Answer(403, body=b'{"error": "opted_out"}')

    def invalid_number(self) -> Answer:
        return Answer(400, body=b'{"error": "invalid_number"}')

    def several(self, bodies: list[bytes]) -> bytes:
        return b"[" + b",".join(bodies) + b"]"

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        texts = [taken.text for taken in gateway.taken]
        return [{"from": text["from"], "to": text["to"], "body": text["text"]} for text in texts]


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sign_bytes(secret: str, body: bytes, at: datetime) -> str:
    """The library signs text alone; bytes that are none are signed by the words of the scheme."""
    import hmac

    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"wh-1.{int(at.timestamp())}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


KIT = StandardKit()
