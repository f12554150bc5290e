"""Vonage's Messages API: webhooks signed by a JWT that holds a digest of the body, texts sent with a JWT of our own."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from accounts.phone import add_plus
from messaging.providers import calls
from messaging.providers.base import (
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
    StatusUpdate,
    Unreadable,
    Unrecognized,
    first_secret,
    secrets_of,
)
from messaging.providers.capabilities import Testable
from messaging.providers.facts import load_facts
from messaging.providers.failures import Failure
from messaging.providers.json_bodies import object_in, read_each, read_items, read_time, read_word

TOKEN_LIVES_SECONDS = 900
# The age is ours to check, against the moment when the webhook came: their tokens name no end.
UNCHECKED: jwt.types.Options = {"verify_iat": False, "verify_aud": False}
CHANNELS = ("sms", "mms", "rcs")
STATES = {
    "submitted": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "rejected": DeliveryState.FAILED,
    "undeliverable": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
}


class Vonage(Provider, Testable):
    slug: ClassVar[str] = "vonage"

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        for key in secrets_of(settings, "private_key"):
            _load_key(key)

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """The signature, the age and the digest of the body; Vonage's own library checks the first alone."""
        claims = _open_token(raw, secrets_of(settings, "signature_secret"))
        checked = {name: str(claims.get(name, "")) for name in ("iat", "jti", "iss", "application_id", "payload_hash")}
        issued = claims.get("iat")
        if not isinstance(issued, int | float) or not raw.came_near(issued):
            raise Rejected("The token's time “iat” is off by more than five minutes.", checked=checked)
        digest = hashlib.sha256(raw.body).hexdigest()
        if not hmac.compare_digest(digest.encode(), str(claims.get("payload_hash", "")).lower().encode()):
            raise Rejected("The token's “payload_hash” is not that of the body.", checked=checked)
        return Proof.BODY_SIGNED

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        return [*read_each(read_items(raw), lambda item, place: _read_event(item, raw))]

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        body = {
            "channel": "sms",
            "message_type": "text",
            "from": text.sender.removeprefix("+"),
            "to": text.recipient.removeprefix("+"),
            "text": text.body,
            "client_ref": text.id,
        }
        if text.status_address:
            body |= {"webhook_url": text.status_address, "webhook_version": "v1"}
        address = f"{self.base_url(settings)}/messages"
        return _read_answer(calls.hand_over("POST", address, headers=_authorize(settings), json=body))

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        calls.call("GET", f"{self.base_url(settings)}/users", params={"page_size": 1}, headers=_authorize(settings))
        return "Vonage takes the application and its private key."


@lru_cache(maxsize=64)
def _load_key(pem: str) -> RSAPrivateKey:
    """Raises ValueError with a sentence. Kept, for to read a key costs more than to sign with it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
        if isinstance(key, RSAPrivateKey):
            return key
    except (ValueError, TypeError):  # no key at all, or one behind a password
        pass
    raise ValueError(
        "The setting “private_key” must be the RSA key that Vonage gave out, from its first line "
        "-----BEGIN PRIVATE KEY----- to its last."
    )


def _authorize(settings: Mapping[str, Any]) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "application_id": str(settings["application_id"]),
        "iat": now,
        "exp": now + TOKEN_LIVES_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    token = jwt.encode(claims, _load_key(first_secret(settings, "private_key")), algorithm="RS256")
    return {"authorization": f"Bearer {token}"}


def _open_token(raw: RawWebhook, secrets: list[str]) -> dict[str, Any]:
    """The claims of the token. Raises Rejected.

    Vonage says that now and then a webhook comes unsigned: a 503 makes it come again, signed.
    """
    scheme, _, token = raw.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        said = "It came unsigned; where all do, switch “signed webhooks” on at Vonage. Asked to send it again."
        raise Rejected(said, status=503, checked={"authorization": scheme or "(none)"})
    for secret in secrets:
        try:
            claims: dict[str, Any] = jwt.decode(token.strip(), secret, algorithms=["HS256"], options=UNCHECKED)
        except jwt.PyJWTError:
            continue
        return claims
    raise Rejected("No signature secret of this connection fits the token.", checked=_without_signature(token))


def _without_signature(token: str) -> dict[str, str]:
    """What the token says of itself, to compare with Vonage's dashboard; nothing of it is believed."""
    try:
        claims = jwt.decode(token.strip(), options={"verify_signature": False})
    except jwt.PyJWTError:
        return {"authorization": "Bearer (no token that can be read)"}
    return {name: str(claims.get(name, "")) for name in ("api_key", "application_id", "iat", "jti", "iss")}


def _read_event(item: dict[str, Any], raw: RawWebhook) -> Event:
    theirs = read_word(item, "message_uuid")
    if not theirs:
        raise Unreadable("The field “message_uuid” must name the text.")
    if "status" in item:
        return _read_status(item, raw, theirs)
    channel = read_word(item, "channel")
    return _read_text(item, theirs) if channel in CHANNELS else Unrecognized(f"channel {channel}")


def _read_text(item: dict[str, Any], theirs: str) -> InboundText:
    sender, to = add_plus(read_word(item, "from")), add_plus(read_word(item, "to"))
    if not sender or not to:
        raise Unreadable("The fields “from” and “to” must name the recipient and the company number.")
    return InboundText(theirs, sender, to, _words(item), read_time(item.get("timestamp")))


def _words(item: dict[str, Any]) -> str:
    """The text, or what was written under a picture."""
    caption = object_in(item, read_word(item, "message_type")).get("caption")
    return str(item.get("text") or caption or "")


def _read_status(item: dict[str, Any], raw: RawWebhook, theirs: str) -> Event:
    word = read_word(item, "status")
    state = STATES.get(word)
    if state is None:
        return Unrecognized(f"status {word}")
    ours = read_word(item, "client_ref") or raw.message_id
    if state != DeliveryState.FAILED:
        return StatusUpdate(state, ours, theirs)
    failure = _explain(object_in(item, "error"), json.dumps(item))
    return StatusUpdate(state, ours, theirs, str(failure), failure)


def _explain(problem: Mapping[str, Any], raw: str) -> Failure:
    """A problem names its code at the end of its `type`, or in its `title`."""
    kind, title = str(problem.get("type") or ""), str(problem.get("title") or "")
    code = kind.partition("#")[2] or title
    return load_facts("vonage").explain(code, str(problem.get("detail") or title), raw=raw)


def _read_answer(answer: calls.Answer) -> HandedOver:
    if answer.is_success:
        return HandedOver(read_word(answer.said, "message_uuid")[:128])
    raise calls.refusal(answer, _explain(answer.said, answer.text))
