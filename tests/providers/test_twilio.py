"""Twilio: its published signatures, its shared keys, what it reads and writes."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging.providers.base import (
    DeliveryState,
    InboundText,
    OutgoingText,
    Proof,
    RawWebhook,
    Rejected,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
    WebhookKind,
)
from messaging.providers.failures import Blocker, FailureKind
from messaging.providers.twilio import Twilio
from tests.providers.kit_twilio import ACCOUNT

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"
KEY = "a shared key of these tests"
ADDRESS = "https://consent.example.org/hooks/twilio/1/"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
TEXT = OutgoingText("8d5b6d9e-0001", "+12025550100", "+12025550123", "Voilà & +1", "https://us.example/s?message=8d5b")
T_1 = (
    b"ToCountry=US&MessageSid=SM00000000000000000000000000000001&SmsSid=SM00000000000000000000000000000001"
    b"&SmsMessageSid=SM00000000000000000000000000000001&AccountSid=AC00000000000000000000000000000001"
    b"&MessagingServiceSid=MG00000000000000000000000000000001&From=%2B12025550123&To=%2B12025550100&Body=STOP"
    b"&NumMedia=0&NumSegments=1&SmsStatus=received&ApiVersion=2010-04-01&OptOutType=STOP"
)
T_2 = T_1.replace(b"&OptOutType=STOP", b"").replace(b"Body=STOP", b"Body=+Stop++please%0A")
T_3 = T_1.replace(b"&OptOutType=STOP", b"").replace(b"Body=STOP", b"Body=STOP+%F0%9F%9B%91+arr%C3%AAt")
T_1_BY_KEY = "QZOxQr5lKwxheFmzkm2RuJ7AI4skPcKo2jIr2ysXk1w="


def settings(**more: Any) -> dict[str, Any]:
    return {"account_sid": ACCOUNT, "auth_token": [TOKEN], **more}


def webhook(body: bytes, signature: str, address: str = ADDRESS, **headers: str) -> RawWebhook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawWebhook({**FORM, "x-twilio-signature": signature, **named}, body, NOW, address=address)


def read(body: bytes, **more: Any) -> Any:
    events = Twilio().read(RawWebhook(FORM, body, NOW, **more), settings())
    assert len(events) == 1
    return events[0]


# --- Signatures ------------------------------------------------------------------------------------------------------

CALL = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
REPEATED = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"


@pytest.mark.parametrize(
    ("address", "form", "signature"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ("https://mycompany.com:443/myapp.php?foo=1&bar=2", CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com:80/myapp.php?foo=1&bar=2", CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ],
)
def test_the_signatures_that_twilio_publishes(address: str, form: str, signature: str) -> None:
    given_token = settings(auth_token=["another", "12345"])
    assert Twilio().verify(webhook(form.encode(), signature, address), given_token) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        Twilio().verify(webhook(form.encode() + b"&x=", signature, address), given_token)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (T_1, "4w5BPZJE+JYZOW2PsV9E2/TDxpg="),
        (T_2, "8JcPDz097jxSfQ1cLqpE6jN+oUg="),
        (T_3, "5TAE3z5WTCRN91uBchEyua6rJdc="),
    ],
)
def test_white_space_and_other_letters_are_signed_as_they_came(body: bytes, signature: str) -> None:
    assert Twilio().verify(webhook(body, signature), settings()) == Proof.BODY_SIGNED


JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_ADDRESS = (
    "https://mycompany.com/myapp.php?foo=1&bar=2"
    "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)


def test_json_is_covered_by_its_hash_in_the_signed_address() -> None:
    def verify(body: bytes, address: str = JSON_ADDRESS) -> Proof:
        raw = webhook(body, "a9nBmqA0ju/hNViExpshrM61xv4=", address, content_type="application/json")
        return Twilio().verify(raw, settings(auth_token="12345"))

    assert verify(JSON_BODY) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="hash"):
        verify(JSON_BODY + b" ")
    with pytest.raises(Rejected, match="hash"):
        verify(JSON_BODY, JSON_ADDRESS.partition("&bodySHA256")[0])


@examples(max_examples=40)
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=20)), min_size=1, max_size=8),
    st.sampled_from([ADDRESS, "https://consent.example.org:443/w/?message=1", "http://[::1]:8000/w/é?x=%C3%A9"]),
)
def test_whatever_twilios_own_library_signs_is_verified(fields: list[tuple[str, str]], address: str) -> None:
    body = urlencode(fields, errors="replace").encode()
    signature = RequestValidator(TOKEN).compute_signature(address, QueryDict(body))
    assert Twilio().verify(webhook(body, signature, address), settings()) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        Twilio().verify(webhook(body, signature, address + "x"), settings())


def test_a_shared_key_verifies_by_sha256_and_no_header_makes_it_weaker() -> None:
    by_token = RequestValidator(TOKEN).compute_signature(ADDRESS, QueryDict(T_1))
    by_key_in_sha1 = RequestValidator(KEY).compute_signature(ADDRESS, QueryDict(T_1), "HMAC_SHA1")
    by_key = RequestValidator(KEY).compute_signature(ADDRESS, QueryDict(T_1), "HMAC_SHA256")
    told = "key=webhooks_sharedkey_1,algorithm="
    keyed = settings(shared_key=["an older one", KEY])

    assert (
        Twilio().verify(webhook(T_1, by_key, x_twilio_webhooks_signature_settings=told + "HMAC_SHA256"), keyed)
        == Proof.BODY_SIGNED
    )
    for signature, headers in [
        (by_token, {}),
        (by_token, {"x_twilio_webhooks_signature_settings": told + "HMAC_SHA1"}),
        (by_key_in_sha1, {"x_twilio_webhooks_signature_settings": told + "HMAC_SHA1"}),
    ]:
        with pytest.raises(Rejected):
            Twilio().verify(webhook(T_1, signature, **headers), keyed)


def test_the_shared_key_signature_of_the_example() -> None:
    raw = webhook(T_1, T_1_BY_KEY, x_twilio_webhooks_signature_settings="key=k,algorithm=HMAC_SHA256")
    assert Twilio().verify(raw, settings(shared_key=[TOKEN])) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="enter it as “shared_key”"):
        Twilio().verify(raw, settings())


def test_both_signatures_count_while_twilio_is_being_changed_over() -> None:
    by_token = RequestValidator(TOKEN).compute_signature(ADDRESS, QueryDict(T_1))
    both = settings(shared_key=[KEY], signed_with="either")
    assert Twilio().verify(webhook(T_1, by_token), both) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="takes the shared key alone"):
        Twilio().verify(webhook(T_1, by_token), both | {"signed_with": "shared_key"})


def test_a_refusal_tells_what_was_compared_and_no_secret() -> None:
    with pytest.raises(Rejected) as refused:
        Twilio().verify(webhook(T_1, "bm90IGl0"), settings())
    assert refused.value.checked["address"] == ADDRESS
    assert refused.value.checked["Body"] == "STOP"
    assert refused.value.checked["x-twilio-signature"] == "bm90IGl0"
    assert TOKEN not in str(refused.value.checked)
    assert "4w5BPZJE+JYZOW2PsV9E2/TDxpg=" not in str(refused.value.checked)


# --- Read ------------------------------------------------------------------------------------------------------------


def test_a_text_with_what_advanced_opt_out_read_in_it() -> None:
    assert read(T_1) == InboundText(
        event_key="SM00000000000000000000000000000001",
        sender="+12025550123",
        to="+12025550100",
        text="STOP",
        said=Said.OPT_OUT,
        replied=True,
    )
    assert read(T_2) == InboundText(
        "SM00000000000000000000000000000001", "+12025550123", "+12025550100", " Stop  please\n"
    )


@pytest.mark.parametrize("channel", ["rcs:", "whatsapp:"])
def test_a_text_by_another_channel_is_from_the_same_person(channel: str) -> None:
    body = urlencode(
        {"SmsSid": "SM1", "From": f"{channel}+12025550123", "To": f"{channel}+12025550100", "Body": "STOP"}
    )
    assert (read(body.encode()).sender, read(body.encode()).to) == ("+12025550123", "+12025550100")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", DeliveryState.SENT),
        ("sent", DeliveryState.SENT),
        ("delivered", DeliveryState.DELIVERED),
        ("read", DeliveryState.DELIVERED),
        ("undelivered", DeliveryState.FAILED),
        ("failed", DeliveryState.FAILED),
    ],
)
def test_a_status_names_our_text_and_theirs(word: str, state: DeliveryState) -> None:
    body = f"MessageSid=SM9&MessageStatus={word}&SmsStatus={word}&From=%2B12025550100&To=%2B12025550123".encode()
    update = read(body, kind=WebhookKind.STATUS, address="https://us.example/status?message=our-id")
    assert isinstance(update, StatusUpdate)
    assert (update.state, update.message_id, update.provider_message_id) == (state, "our-id", "SM9")
    kept = read(body, kind=WebhookKind.STATUS)
    assert (kept.message_id, kept.provider_message_id) == ("", "SM9")


def test_a_failed_status_says_why() -> None:
    failure = read(b"MessageSid=SM9&MessageStatus=failed&ErrorCode=21610").failure
    assert (failure.kind, failure.code, failure.by) == (FailureKind.OPTED_OUT, "21610", Blocker.PROVIDER)
    assert "MessageSid=SM9" in failure.raw
    blocked = read(b"MessageSid=SM9&MessageStatus=undelivered&ErrorCode=63033").failure
    assert (blocked.kind, blocked.by) == (FailureKind.OPTED_OUT, Blocker.CARRIER)
    assert read(b"MessageSid=SM9&MessageStatus=failed&ErrorCode=99999").failure.kind == FailureKind.OTHER


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"CallSid=CA1&CallStatus=ringing&From=%2B12025550123&To=%2B12025550100", "CallStatus ringing"),
        (b"EventType=onMessageAdded&ConversationSid=CH1", "EventType onMessageAdded"),
        (b"MessageSid=SM1&MessageStatus=teleported", "MessageStatus teleported"),
    ],
)
def test_other_webhooks_of_twilio_are_not_taken_for_texts(body: bytes, kind: str) -> None:
    assert read(body) == Unrecognized(kind)


def test_events_in_json_are_not_acted_on() -> None:
    raw = RawWebhook({"content-type": "application/json"}, b'[{"type": "com.twilio.x"}, 3]', NOW)
    assert Twilio().read(raw, settings()) == [Unrecognized("com.twilio.x"), Unrecognized("json")]


@pytest.mark.parametrize("body", [b"", b"Body=STOP", b"MessageStatus=sent", b"From=%2B12025550123"])
def test_what_lacks_its_parties_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="must name"):
        read(body)


def test_the_acknowledgement_texts_nobody() -> None:
    reply = Twilio().acknowledge(RawWebhook({}, b"", NOW))
    assert (reply.content_type, reply.body) == ("text/xml", "<Response/>")
