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
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
from standardwebhooks.webhooks import Webhook

from messaging.providers import generic_json
from messaging.providers.base import (
    HandedOver,
    InboundText,
    NotTaken,
    OutcomeUnknown,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    RefusedForGood,
    Rejected,
    StatusUpdate,
    Unreadable,
)

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
NOT_TAKEN_STATUSES = (429, 503)
LONGEST_ANSWER = 500
TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class Standard(Provider):
    slug: ClassVar[str] = "standard"
    label: ClassVar[str] = "Standard Webhooks"
    required_settings: ClassVar[tuple[str, ...]] = ("secret", "base_url")
    secret_settings: ClassVar[tuple[str, ...]] = ("secret",)

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        address = urlsplit(str(settings["base_url"]))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("The setting “base_url” must be an address such as https://gateway.example/texts.")
        for secret in _secrets(settings):
            _open(secret)

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """On the raw bytes: the scheme's library decodes them first, and would refuse a text for one bad byte."""
        signed = _signed_bytes(raw)
        given = raw.headers.get("webhook-signature", "").encode().split()
        for key in map(_key, _secrets(settings)):
            expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
            if key and any(hmac.compare_digest(expected, signature) for signature in given):
                return Proof.BODY_SIGNED
        raise Rejected("No secret of this connection fits the signature.")

    def read_inbound(self, raw: RawWebhook) -> list[InboundText | Unreadable]:
        return generic_json.read_inbound(raw)

    def read_status(self, raw: RawWebhook) -> list[StatusUpdate]:
        return generic_json.read_status(raw)

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        body = json.dumps(
            {"id": text.id, "from": text.sender, "to": text.recipient, "text": text.body}, ensure_ascii=False
        )
        answer = _post(str(settings["base_url"]), body, _sign(text.id, body, _secrets(settings)[0]))
        return _read_answer(answer)


def _secrets(settings: Mapping[str, Any]) -> list[str]:
    value = settings.get("secret", [])
    return [value] if isinstance(value, str) else list(value)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_") + "==")


def _signed_bytes(raw: RawWebhook) -> bytes:
    """What the sender signed. Raises Rejected for a webhook without an id or a recent time."""
    webhook_id, stamp = raw.headers.get("webhook-id", ""), raw.headers.get("webhook-timestamp", "")
    if not webhook_id or not _TIMESTAMP.fullmatch(stamp):
        raise Rejected("The headers webhook-id and webhook-timestamp are needed.")
    if abs(raw.received_at.timestamp() - int(stamp)) > TOLERANCE_SECONDS:
        raise Rejected("The header webhook-timestamp is off by more than five minutes.")
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


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    """One for the process: making its TLS context costs more than a send.

    Nothing is kept alive: a connection that the gateway has closed meanwhile would break with the text under way.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, limits=limits)


def _post(address: str, body: str, headers: dict[str, str]) -> httpx.Response:
    """POST without following redirects. What failed before the request went out may be tried again."""
    try:
        return _client().post(address, content=body.encode(), headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotTaken(f"The gateway can't be reached: {error}") from None
    except httpx.InvalidURL as error:
        raise RefusedForGood(f"The setting “base_url” is not an address: {error}") from None
    except httpx.HTTPError as error:
        raise OutcomeUnknown(f"The connection broke while the gateway had the text: {error!r}") from None


def _read_answer(answer: httpx.Response) -> HandedOver:
    said = f"The gateway answered {answer.status_code}: {answer.text[:LONGEST_ANSWER]}"
    if answer.status_code in NOT_TAKEN_STATUSES:
        raise NotTaken(said, _retry_after(answer))
    if answer.status_code >= 500:
        raise OutcomeUnknown(said)
    if not answer.is_success:
        raise RefusedForGood(said)
    try:
        value = answer.json()
    except ValueError:
        return HandedOver()
    return HandedOver(str(value.get("id") or "")[:128] if isinstance(value, dict) else "")


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
