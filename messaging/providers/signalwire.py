"""SignalWire's Compatibility API: Twilio's dialect with a signature of its own."""

import hmac
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from messaging.providers.base import (
    HandedOver,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    secrets_of,
)
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.twilio import Dialect
from messaging.providers.twilio_signatures import (
    has_its_hash,
    in_base64,
    is_form,
    is_one_of,
    read_form,
    spellings,
    write_all,
)

NO_SPACE = "The setting “base_url” is missing: the address of your space, such as https://your-space.signalwire.com."


class SignalWire(Dialect):
    slug: ClassVar[str] = "signalwire"
    api_path: ClassVar[str] = "/api/laml/2010-04-01"
    signature_headers: ClassVar[tuple[str, ...]] = ("x-signalwire-signature", "x-twilio-signature")  # the older last

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        given = next((raw.headers[name] for name in self.signature_headers if raw.headers.get(name)), "")
        if not given:
            raise Rejected("The header X-SignalWire-Signature is missing.", checked=self.checked(raw))
        keys = secrets_of(settings, "signing_key")
        if not is_one_of(given, _expected(raw, keys or secrets_of(settings, "auth_token"))):
            hint = "" if keys else " SignalWire signs with the Signing Key of your project; enter it as “signing_key”."
            raise Rejected(f"No secret of this connection fits the signature.{hint}", checked=self.checked(raw))
        return Proof.BODY_SIGNED

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        if not self.base_url(settings):
            raise RefusedForGood(NO_SPACE, Failure(FailureKind.SETTINGS, text=NO_SPACE))
        return super().send(text, settings)

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        if not self.base_url(settings):
            raise CallFailed(NO_SPACE)
        return super().test_connection(settings)


def _expected(raw: RawWebhook, secrets: list[str]) -> Iterator[bytes]:
    """The signatures that would do: of a form over its fields, of anything else over the body, or over its hash."""
    for spelling in spellings(raw.address):
        for secret in secrets:
            if is_form(raw):
                yield in_base64(secret, spelling + write_all(read_form(raw)).encode(), "sha1")
                continue
            yield hmac.digest(secret.encode(), spelling + raw.body, "sha1").hex().encode()
            if has_its_hash(raw):
                yield in_base64(secret, spelling, "sha1")
