"""Plivo's signatures against its own library and the vectors that it publishes, and its peculiarities."""

import base64
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.utils import validate_signature
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3, validate_v3_signature

from messaging.providers.base import (
    DeliveryState,
    InboundText,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    Said,
    StatusUpdate,
    WebhookKind,
)
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.plivo import Plivo
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_plivo import KIT

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TOKEN = "MjAyNTU1MDEyMzIwMjU1NTAxMjMyMDI1NTUwMTIz"
NONCE = "20260715120000000001"
ADDRESS = "https://consent.example.org/hooks/plivo/1/?k=7"
FORM = (
    b"From=12025550123&To=12025550100&Text=STOP&Type=sms&MessageUUID=00000000-0000-4000-8000-000000000001"
    b"&MessageIntent=optout&Units=1&TotalRate=0&TotalAmount=0&PowerpackUUID="
)
V3 = "6JsMnaaSjJGUrTfjj4ZThMITU6Aseok+WFbG7p5M8MU="
V3_WITHOUT_QUERY = "3U77MHyrUkewExWmvGtQgbhAVhGvigXQZA90RcMLios="


def settings(token: str = TOKEN, **more: Any) -> dict[str, Any]:
    return {"auth_id": "MA", "auth_token": [token], **more}


def webhook(address: str = ADDRESS, body: bytes = FORM, nonce: str = NONCE, **signatures: str) -> RawWebhook:
    """A webhook with signatures by scheme: v2=…, ma_v2=…, v3=…, ma_v3=…."""
    headers = {f"x-plivo-signature-{name.replace('_', '-')}": value for name, value in signatures.items()}
    nonces = {f"x-plivo-signature-{scheme}-nonce": nonce for scheme in ("v2", "v3")}
    return RawWebhook({**headers, **nonces}, body, NOW, WebhookKind.INBOUND, address)


def sign_v3(address: str, form: dict[str, Any], token: str = TOKEN) -> str:
    """As Plivo's own library does it."""
    signature: bytes = get_signature_v3(token.encode(), construct_post_url(address, form).decode(), NONCE)
    return signature.decode()


# --- Signatures ------------------------------------------------------------------------------------------------------


def test_the_published_v2_vector() -> None:
    raw = webhook("https://answer.url", nonce="12345", v2="ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=")
    assert Plivo().verify(raw, settings("my_auth_token")) == Proof.ADDRESS_SIGNED
    with pytest.raises(Rejected):
        Plivo().verify(raw, settings("my_auth_tokens"))


def test_an_address_is_signed_without_its_query_and_the_body_not_at_all() -> None:
    signature = "fPYnO2VEQvOWeG5hG+SRGMeVaSYUQvP2Rm7CRO7D/MM="
    for address in (ADDRESS, ADDRESS.replace("?k=7", "?message=other")):
        assert Plivo().verify(webhook(address, b"Text=other", v2=signature), settings()) == Proof.ADDRESS_SIGNED
    for raw in (
        webhook(ADDRESS.replace("/1/", "/2/"), v2=signature),
        webhook(nonce="20260715120000000002", v2=signature),
        webhook(nonce="", v2=signature),
        webhook(v2=""),
    ):
        with pytest.raises(Rejected):
            Plivo().verify(raw, settings())


def test_the_main_account_signs_for_a_subaccount() -> None:
    raw = webhook(ma_v2="fPYnO2VEQvOWeG5hG+SRGMeVaSYUQvP2Rm7CRO7D/MM=")
    with pytest.raises(Rejected):
        Plivo().verify(raw, settings("of the subaccount"))
    both = settings("of the subaccount", main_auth_token=[TOKEN])
    assert Plivo().verify(raw, both) == Proof.ADDRESS_SIGNED


@pytest.mark.parametrize(("address", "signature"), [(ADDRESS, V3), (ADDRESS.replace("?k=7", ""), V3_WITHOUT_QUERY)])
def test_v3_covers_the_form(address: str, signature: str) -> None:
    assert Plivo().verify(webhook(address, v3=signature), settings()) == Proof.BODY_SIGNED
    assert Plivo().verify(webhook(address, v3=f"{'x' * 44},{signature}"), settings()) == Proof.BODY_SIGNED
    assert Plivo().verify(webhook(address, ma_v3=signature), settings()) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        Plivo().verify(webhook(address, FORM.replace(b"STOP", b"START"), v3=signature), settings())
    with pytest.raises(Rejected):
        Plivo().verify(webhook(address, v3=signature, nonce="1"), settings())


def test_v3_that_does_not_fit_leaves_what_v2_proves() -> None:
    raw = webhook(v2="fPYnO2VEQvOWeG5hG+SRGMeVaSYUQvP2Rm7CRO7D/MM=", v3="x" * 44)
    assert Plivo().verify(raw, settings()) == Proof.ADDRESS_SIGNED


def test_plivos_own_library_takes_what_our_kit_signs() -> None:
    address = "https://texts.example/webhooks/plivo/token/status?message=1"
    headers = KIT.headers(b"", address=address, at=NOW)
    signature, nonce = headers["x-plivo-signature-v2"], headers["x-plivo-signature-v2-nonce"]
    assert validate_signature(address, nonce, signature, "token number 1")


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.dictionaries(WORDS.filter(bool), WORDS, max_size=6),
    st.dictionaries(st.sampled_from("abkz"), st.sampled_from(["", "1", "x y"])),
)
def test_whatever_plivos_own_library_signs_is_taken(form: dict[str, str], query: dict[str, str]) -> None:
    address = "https://consent.example.org/hooks/plivo/1/" + (f"?{urlencode(query)}" if query else "")
    body = urlencode(form).encode()
    signature = sign_v3(address, form)
    assert validate_v3_signature("POST", address, NONCE, TOKEN, signature, dict(form))
    assert Plivo().verify(webhook(address, body, v3=signature), settings()) == Proof.BODY_SIGNED


def test_a_name_given_twice_is_signed_in_the_order_of_its_values() -> None:
    signature = sign_v3(ADDRESS, {"Media": ["b", "a"], "Text": "x"})
    raw = webhook(body=b"Media=b&Media=a&Text=x", v3=signature)
    assert Plivo().verify(raw, settings()) == Proof.BODY_SIGNED


def test_bytes_that_are_no_text_were_signed_as_they_came() -> None:
    signed = ADDRESS.encode() + b".Text\xff." + NONCE.encode()
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed, "sha256")).decode()
    assert Plivo().verify(webhook(body=b"Text=%FF", v3=signature), settings()) == Proof.BODY_SIGNED


def test_a_refusal_tells_what_was_compared_and_no_secret() -> None:
    with pytest.raises(Rejected) as refused:
        Plivo().verify(webhook(v2="wrong", v3="wrong"), settings())
    assert refused.value.checked["signed address"] == "https://consent.example.org/hooks/plivo/1/"
    assert refused.value.checked["x-plivo-signature-v2"] == "wrong"
    assert refused.value.checked["form Text"] == "STOP"
    with pytest.raises(Rejected) as refused:
        Plivo().verify(webhook(v2="wrong"), settings())
    assert "form Text" not in refused.value.checked
    assert TOKEN not in json.dumps(refused.value.checked)


# --- In --------------------------------------------------------------------------------------------------------------


def test_the_documented_example_is_read() -> None:
    assert Plivo().read(webhook(), settings()) == [
        InboundText(
            event_key="00000000-0000-4000-8000-000000000001",
            sender="+12025550123",
            to="+12025550100",
            text="STOP",
            said=Said.OPT_OUT,
        )
    ]


@pytest.mark.parametrize(
    ("ending", "said", "replied"),
    [
        (b"&MessageIntent=optin", Said.OPT_IN, None),
        (b"&MessageIntent=help", Said.HELP, None),
        (b"&MessageIntent=", None, False),
        (b"", None, None),
    ],
)
def test_what_plivo_read_is_told(ending: bytes, said: Said | None, replied: bool | None) -> None:
    (text,) = Plivo().read(webhook(body=b"From=1202&To=12345&Text=x&MessageUUID=1" + ending), settings())
    assert isinstance(text, InboundText)
    assert (text.said, text.replied, text.to) == (said, replied, "12345")


def status(**form: str) -> StatusUpdate:
    body = urlencode({"MessageUUID": "part-2", "From": "1", "To": "2", **form}).encode()
    (update,) = Plivo().read(webhook("https://x.example/status?message=our-id", body), settings())
    assert isinstance(update, StatusUpdate)
    return update


def test_the_code_200_is_an_opt_out_and_no_success() -> None:
    update = status(Status="failed", ErrorCode="200")
    assert update.failure is not None
    assert (update.state, update.failure.kind) == (DeliveryState.FAILED, FailureKind.OPTED_OUT)
    assert json.loads(update.failure.raw)["ErrorCode"] == "200"


def test_the_parts_of_a_long_text_are_one_text() -> None:
    parts = [
        status(Status="delivered", ParentMessageUUID="part-1", PartInfo=f"{part} of 3", ErrorCode="000")
        for part in (1, 2, 3)
    ]
    assert {(update.message_id, update.provider_message_id) for update in parts} == {("our-id", "part-1")}
    assert [str(update.state) for update in parts] == ["sent", "sent", "delivered"]
    assert status(Status="undelivered", PartInfo="1 of 3", ErrorCode="30").state == DeliveryState.FAILED


@pytest.mark.parametrize(
    ("code", "kind"),
    [("50", "invalid_number"), ("70", "invalid_number"), ("80", "unreachable"), ("30", "filtered"), ("20", "temporary"),
     ("900", "settings"), ("1000", "ambiguous"), ("12345", "other"), ("", "other")],
)  # fmt: skip
def test_error_codes(code: str, kind: str) -> None:
    failure = status(Status="undelivered", ErrorCode=code).failure
    assert isinstance(failure, Failure)
    assert failure.kind == kind


# --- Out -------------------------------------------------------------------------------------------------------------


def test_a_text_carries_the_address_for_its_reports(gateway: Gateway) -> None:
    gateway.always(KIT.taken("theirs"))
    reports = "https://texts.example/webhooks/plivo/token/status?message=our-id"
    text = OutgoingText("our-id", "+12025550100", "+12025550123", "Hello", reports)
    assert Plivo().send(text, settings(base_url=gateway.base_url)).provider_message_id == "theirs"
    (request,) = gateway.taken
    assert request.path == "/Account/MA/Message/"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"MA:{TOKEN}".encode()).decode()
    assert request.text == {
        "src": "12025550100", "dst": "12025550123", "text": "Hello", "type": "sms", "url": reports, "method": "POST",
    }  # fmt: skip


@pytest.mark.parametrize(("http", "kind"), [(400, "other"), (401, "settings"), (402, "settings"), (404, "settings")])
def test_an_http_status_is_never_taken_for_a_code_of_plivos(gateway: Gateway, http: int, kind: str) -> None:
    gateway.always(Answer(http, body=b'{"api_id": "1", "error": "no such dst"}'))
    with pytest.raises(RefusedForGood) as refused:
        Plivo().send(OutgoingText("1", "+12025550100", "+12025550123", "x"), settings(base_url=gateway.base_url))
    assert refused.value.failure is not None
    assert refused.value.failure.kind == kind


def test_the_connection_is_tested_without_texting_anybody(gateway: Gateway) -> None:
    assert Plivo().test_connection(settings(base_url=gateway.base_url))
    assert [(taken.method, taken.path) for taken in gateway.taken] == [("GET", "/Account/MA/")]
    gateway.always(Answer(401))
    with pytest.raises(CallFailed):
        Plivo().test_connection(settings(base_url=gateway.base_url))


def test_the_kit_speaks_as_the_documentation_does() -> None:
    body = KIT.inbound("STOP", from_="+12025550123", to="+12025550100", id="1", at=NOW)
    documented = dict(parse_qsl(FORM.decode(), keep_blank_values=True))
    assert dict(parse_qsl(body.decode(), keep_blank_values=True)) == documented | {"MessageUUID": "1"}
