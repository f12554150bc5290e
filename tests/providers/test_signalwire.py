"""SignalWire: what differs from Twilio.

Its library drags in a web framework, so the signatures are those of its own tests (A), and one that it accepted (B).
"""

import base64
import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from messaging.providers.base import InboundText, OutgoingText, Proof, RawWebhook, RefusedForGood, Rejected
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import FailureKind
from messaging.providers.signalwire import SignalWire
from tests.fake_gateway import Gateway
from tests.providers.kit_signalwire import KIT

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
KEY = "PSKtest1234567890abcdef"
JSON_BODY = b'{"event":"call.state","params":{"call_id":"abc-123","state":"answered"}}'
JSON_SIGNATURE = "c3c08c1fefaf9ee198a100d5906765a6f394bf0f"
JSON_ADDRESS = "https://example.ngrok.io/webhook"
FORM_BODY = (
    b"MessageSid=00000000-0000-4000-8000-0000000000f1&SmsSid=00000000-0000-4000-8000-0000000000f1"
    b"&AccountSid=00000000-0000-4000-8000-0000000000aa&From=%2B12025550123&To=%2B12025550100&Body=STOP&NumMedia=0"
)
FORM_SIGNATURE = "Q2MrmpuV1ixLMzonTead1+A5tCU="
FORM_ADDRESS = "https://consent.example.org/hooks/signalwire/1/"


def settings(**more: Any) -> dict[str, Any]:
    return {"account_sid": "project", "auth_token": ["PT1"], "signing_key": ["PSKanother", KEY], **more}


def verify(
    body: bytes, signature: str, address: str, content_type: str, header: str = "x-signalwire-signature"
) -> Proof:
    raw = RawWebhook({"content-type": content_type, header: signature}, body, NOW, address=address)
    return SignalWire().verify(raw, settings())


def test_json_is_signed_over_the_address_and_the_raw_body() -> None:
    assert verify(JSON_BODY, JSON_SIGNATURE, JSON_ADDRESS, "application/json") == Proof.BODY_SIGNED
    for body, address in [(JSON_BODY + b" ", JSON_ADDRESS), (JSON_BODY, JSON_ADDRESS + "/")]:
        with pytest.raises(Rejected):
            verify(body, JSON_SIGNATURE, address, "application/json")


@pytest.mark.parametrize("header", ["x-signalwire-signature", "x-twilio-signature"])
def test_a_form_is_signed_as_twilio_does(header: str) -> None:
    form = "application/x-www-form-urlencoded"
    assert verify(FORM_BODY, FORM_SIGNATURE, FORM_ADDRESS, form, header) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        verify(FORM_BODY.replace(b"STOP", b"START"), FORM_SIGNATURE, FORM_ADDRESS, form, header)
    with pytest.raises(Rejected):
        verify(FORM_BODY, FORM_SIGNATURE, FORM_ADDRESS, "text/plain", header)


def test_values_that_come_twice_are_signed_twice_and_as_they_came() -> None:
    form, body = "application/x-www-form-urlencoded", b"B=2&A=9&B=1&B=1"
    signed = {
        words: hmac.digest(KEY.encode(), (FORM_ADDRESS + words).encode(), "sha1") for words in ("A9B2B1B1", "A9B1B2")
    }
    kept, once = (base64.b64encode(signature).decode() for signature in signed.values())
    assert verify(body, kept, FORM_ADDRESS, form) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        verify(body, once, FORM_ADDRESS, form)


def test_the_hash_of_the_body_in_the_signed_address_will_do() -> None:
    address = f"{JSON_ADDRESS}?bodySHA256=" + sha256(JSON_BODY).hexdigest()
    signature = base64.b64encode(hmac.digest(KEY.encode(), address.encode(), "sha1")).decode()
    assert verify(JSON_BODY, signature, address, "application/json") == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        verify(JSON_BODY + b" ", signature, address, "application/json")


def test_with_a_signing_key_the_token_verifies_nothing_and_without_one_the_refusal_says_so() -> None:
    body = KIT.inbound("STOP", from_="+12025550123", to="+12025550100", id="1", at=NOW)
    signature = KIT.headers(body, address=FORM_ADDRESS, at=NOW)
    raw = RawWebhook({"content-type": KIT.content_type, **signature}, body, NOW, address=FORM_ADDRESS)
    token_alone = {"account_sid": "project", "auth_token": ["PSK1"]}
    assert SignalWire().verify(raw, token_alone) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        SignalWire().verify(raw, token_alone | {"signing_key": ["another"]})
    with pytest.raises(Rejected, match="enter it as “signing_key”"):
        SignalWire().verify(raw, token_alone | {"auth_token": ["PT1"]})


def test_a_text_is_read_and_nobody_has_answered_it() -> None:
    raw = RawWebhook({"content-type": KIT.content_type}, FORM_BODY, NOW)
    key = "00000000-0000-4000-8000-0000000000f1"
    assert SignalWire().read(raw, settings()) == [InboundText(key, "+12025550123", "+12025550100", "STOP")]


def test_texts_go_through_the_compatibility_api(gateway: Gateway) -> None:
    gateway.always(KIT.taken("theirs"))
    text = OutgoingText("ours", "+12025550100", "+12025550123", "Hi")
    assert SignalWire().send(text, settings(base_url=gateway.base_url)).provider_message_id == "theirs"
    assert gateway.taken[0].path == "/api/laml/2010-04-01/Accounts/project/Messages.json"
    assert gateway.taken[0].headers["authorization"] == "Basic " + base64.b64encode(b"project:PT1").decode()


def test_without_the_address_of_the_space_nothing_is_sent_and_the_reason_told() -> None:
    SignalWire().check_settings(settings())
    with pytest.raises(RefusedForGood, match="your-space") as refused:
        SignalWire().send(OutgoingText("ours", "+12025550100", "+12025550123", "Hi"), settings())
    assert refused.value.failure is not None
    assert refused.value.failure.kind == FailureKind.SETTINGS
    with pytest.raises(CallFailed, match="your-space"):
        SignalWire().test_connection(settings())
