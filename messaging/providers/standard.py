"""Any gateway by generic JSON, signed by the Standard Webhooks scheme in both directions.

In: {"id", "from", "to", "text", "sent_at"?}. Out: a POST of {"id", "from", "to", "text"} to `base_url`, whose 2xx may
answer {"id"}. `webhook-id` stays the same over retries, so the gateway can drop a repeat.
"""

import base64
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from standardwebhooks.webhooks import Webhook

from messaging.providers import calls, generic_json
from messaging.providers.base import (
    HandedOver,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    RefusedForGood,
    Rejected,
    first_secret,
    secrets_of,
)
from messaging.providers.facts import load_facts

SHORTEST_SECRET = 24  # bytes, by the scheme
NOT_TAKEN = (429, 503)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class Standard(Provider):
    slug: ClassVar[str] = "standard"
    kept_headers: ClassVar[tuple[str, ...]] = (*Provider.kept_headers, "webhook-id", "webhook-timestamp")

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        for secret in secrets_of(settings, "secret"):
            _open(secret)
            if len(_key(secret)) < SHORTEST_SECRET:
                raise ValueError(f"The setting “secret” is too short: it must hold {SHORTEST_SECRET} bytes or more.")

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """On the raw bytes: the scheme's library decodes them first, and would refuse a text for one bad byte."""
        signed = _signed_bytes(raw)
        given = raw.headers.get("webhook-signature", "").encode().split()
        for key in map(_key, secrets_of(settings, "secret")):
            expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
            if key and any(hmac.compare_digest(expected, signature) for signature in given):
                return Proof.BODY_SIGNED
        raise Rejected("No secret of this connection fits the signature.", checked=_checked(raw))

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        return generic_json.read(raw)

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        body = json.dumps(
            {"id": text.id, "from": text.sender, "to": text.recipient, "text": text.body}, ensure_ascii=False
        )
        headers = _sign(text.id, body, first_secret(settings, "secret"))
        address = str(settings["base_url"])
        answer = calls.hand_over("POST", address, not_taken=NOT_TAKEN, content=body.encode(), headers=headers)
        return _read_answer(answer)


def _checked(raw: RawWebhook) -> dict[str, str]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {name: raw.headers.get(name, "") for name in names}


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_") + "==")


def _signed_bytes(raw: RawWebhook) -> bytes:
    """What the sender signed. Raises Rejected for a webhook without an id or a recent time."""
    webhook_id, stamp = raw.headers.get("webhook-id", ""), raw.headers.get("webhook-timestamp", "")
    if not webhook_id or not _TIMESTAMP.fullmatch(stamp):
        raise Rejected("The headers webhook-id and webhook-timestamp are needed.", checked=_checked(raw))
    if not raw.came_near(int(stamp)):
        raise Rejected("The header webhook-timestamp is off by more than five minutes.", checked=_checked(raw))
    return f"{webhook_id}.{stamp}.".encode() + raw.body


def _open(secret: str) -> Webhook:
    """Raises ValueError where the secret is not what the scheme wants."""
    try:
        return Webhook(secret)
    except Exception:  # noqa: BLE001 - the library raises RuntimeError and binascii.Error alike
        raise ValueError("The setting “secret” must be base64, with or without “whsec_” before it.") from None


def _sign(message_id: str, body: str, secret: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": _open(secret).sign(message_id, now, body),
        "content-type": "application/json",
    }


def _read_answer(answer: calls.Answer) -> HandedOver:
    said = answer.said
    if not answer.is_success:
        raise RefusedForGood(str(answer), load_facts("standard").explain(said.get("error"), raw=answer.text))
    return HandedOver(str(said.get("id") or "")[:128])
