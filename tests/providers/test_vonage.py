"""Vonage's tokens against its own library and the vectors that it publishes, and its peculiarities."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from vonage_jwt import JwtClient, verify_signature

from messaging.providers.base import (
    DeliveryState,
    InboundText,
    NotTaken,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    StatusUpdate,
    Unrecognized,
    WebhookKind,
)
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import FailureKind
from messaging.providers.vonage import Vonage
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_vonage import APPLICATION, KIT, make_token, private_key, private_pem

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
SECRET = "qwertyuiopasdfghjklzxcvbnm123456"
EXAMPLE = (
    b'{"channel":"sms","message_uuid":"00000000-0000-4000-8000-0000000000b1","to":"12025550100","from":"12025550123",'
    b'"timestamp":"2026-07-15T12:00:00Z","text":"STOP","message_type":"text",'
    b'"sms":{"num_messages":"1","keyword":"STOP"}}'
)
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3ODQxMTY4MDAsImp0aSI6IjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDA"
    "wMDBjMSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6IjYwYzc4MzUxMGFjNGE0ODQyYTBjMmVlN2Q5ZDcyM2RhOGQwYjA4MzYzOTM1OTg"
    "3ZjcxZjM3NGM3ZjU2ODkwOTAiLCJhcGlfa2V5IjoiYWJjZDEyMzQiLCJhcHBsaWNhdGlvbl9pZCI6IjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTA"
    "wMDAwMDAwMDBkMSJ9.Gy3pecxY7lWNcMBYN-uEvaZc4DYPbHSICeSOr7KXPLs"
)
# Of Vonage's own tests: signed with the secret above, without a digest of any body.
BARE_TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1aWxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMyNTQ1"
    "NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88vJc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM"
)


def settings(*secrets: str, **more: Any) -> dict[str, Any]:
    return {
        "application_id": APPLICATION,
        "private_key": [private_pem()],
        "signature_secret": list(secrets or [SECRET]),
        **more,
    }


def webhook(token: str = TOKEN, body: bytes = EXAMPLE, at: datetime = NOW, address: str = "") -> RawWebhook:
    return RawWebhook({"authorization": f"Bearer {token}"}, body, at, WebhookKind.INBOUND, address)


# --- Signatures ------------------------------------------------------------------------------------------------------


def test_the_documented_example_is_verified_as_the_library_does() -> None:
    assert hashlib.sha256(EXAMPLE).hexdigest() == "60c783510ac4a4842a0c2ee7d9d723da8d0b08363935987f71f374c7f5689090"
    assert verify_signature(TOKEN, SECRET)
    assert Vonage().verify(webhook(), settings()) == Proof.BODY_SIGNED
    assert Vonage().verify(webhook(), settings("another secret that is long enough", SECRET)) == Proof.BODY_SIGNED


def test_the_published_token_is_genuine_but_proves_no_body() -> None:
    assert verify_signature(BARE_TOKEN, SECRET)
    issued = datetime.fromtimestamp(1697634680, UTC)
    with pytest.raises(Rejected, match="payload_hash"):
        Vonage().verify(webhook(BARE_TOKEN, b"", issued), settings())


def test_vonages_own_library_takes_what_our_kit_signs() -> None:
    header = KIT.headers(EXAMPLE, address="", at=NOW)["authorization"]
    assert verify_signature(header.removeprefix("Bearer "), KIT.settings()["signature_secret"])


def test_what_the_library_lets_pass_is_refused() -> None:
    assert verify_signature(TOKEN, SECRET)
    with pytest.raises(Rejected, match="payload_hash"):
        Vonage().verify(webhook(body=EXAMPLE.replace(b"STOP", b"MORE")), settings())
    for minutes in (-6, 6):
        with pytest.raises(Rejected, match="five minutes"):
            Vonage().verify(webhook(at=NOW + timedelta(minutes=minutes)), settings())


@pytest.mark.parametrize("issued", [None, "1784116800", True, [1]])
def test_a_token_without_a_time_is_refused(issued: Any) -> None:
    with pytest.raises(Rejected):
        Vonage().verify(webhook(make_token(EXAMPLE, NOW, SECRET, iat=issued)), settings())


def test_only_hs256_counts() -> None:
    claims = json.loads(base64.urlsafe_b64decode(TOKEN.split(".")[1] + "=="))
    others = [
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, SECRET * 2, algorithm="HS512"),
        jwt.encode(claims, private_key(), algorithm="RS256"),
        _sign_with_public_key(claims),
        "no.token.here",
        "",
        "\x00",
    ]
    for token in others:
        with pytest.raises(Rejected) as refused:
            Vonage().verify(webhook(token), settings(SECRET, SECRET * 2))
        assert refused.value.status == 403


def _sign_with_public_key(claims: dict[str, Any]) -> str:
    """The old trick: HS256 with the public half of an RSA key as its secret."""
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    digest = hmac.digest(private_pem().encode(), header + b"." + payload, "sha256")
    return b".".join([header, payload, base64.urlsafe_b64encode(digest).rstrip(b"=")]).decode()


def test_an_unsigned_webhook_is_asked_for_again() -> None:
    for headers in ({}, {"authorization": ""}, {"authorization": "Basic eDp5"}):
        with pytest.raises(Rejected, match="signed webhooks") as refused:
            Vonage().verify(RawWebhook(headers, EXAMPLE, NOW), settings())
        assert refused.value.status == 503


def test_what_is_no_secret_verifies_nothing() -> None:
    for secret in ("", private_pem()):
        with pytest.raises(Rejected):
            Vonage().verify(webhook(), settings(secret))


def test_a_refusal_tells_what_the_token_says_of_itself() -> None:
    with pytest.raises(Rejected) as refused:
        Vonage().verify(webhook(), settings("another secret that is long enough"))
    assert refused.value.checked["api_key"] == "abcd1234"
    assert TOKEN.rpartition(".")[2] not in json.dumps(refused.value.checked)


# --- In --------------------------------------------------------------------------------------------------------------


def test_the_documented_example_is_read() -> None:
    assert Vonage().read(webhook(), settings()) == [
        InboundText("00000000-0000-4000-8000-0000000000b1", "+12025550123", "+12025550100", "STOP", NOW)
    ]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"text": None, "message_type": "image", "image": {"url": "https://x.example/1", "caption": "Stop"}}, "Stop"),
        ({"text": None, "message_type": "image", "image": {"url": "https://x.example/1"}}, ""),
        ({"text": None, "message_type": "image", "image": "?"}, ""),
        ({"channel": "rcs"}, "STOP"),
        ({"timestamp": "yesterday"}, "STOP"),
    ],
)
def test_other_kinds_of_texts(more: dict[str, Any], text: str) -> None:
    body = json.dumps(json.loads(EXAMPLE) | more).encode()
    (found,) = Vonage().read(webhook(body=body), settings())
    assert isinstance(found, InboundText)
    assert found.text == text


def status(address: str = "", **more: Any) -> Any:
    said = {"message_uuid": "theirs", "to": "12025550123", "from": "12025550100", "channel": "sms", **more}
    (found,) = Vonage().read(webhook(body=json.dumps(said).encode(), address=address), settings())
    return found


@pytest.mark.parametrize(
    ("word", "state"),
    [("submitted", "sent"), ("delivered", "delivered"), ("read", "delivered"), ("rejected", "failed"),
     ("undeliverable", "failed")],
)  # fmt: skip
def test_states(word: str, state: str) -> None:
    update = status(status=word, client_ref="ours")
    assert isinstance(update, StatusUpdate)
    assert (update.state, update.message_id, update.provider_message_id) == (state, "ours", "theirs")


def test_our_id_is_found_in_the_called_address_too() -> None:
    update = status(status="delivered", address="https://x.example/status?message=ours")
    assert update.message_id == "ours"


def test_an_unknown_status_is_none_of_ours() -> None:
    assert status(status="teleported") == Unrecognized("status teleported")


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        ({"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "1240"}, "1240", "opted_out"),
        ({"type": "https://developer.nexmo.com/api-errors/messages-olympus#1240"}, "1240", "opted_out"),
        ({"title": 1240, "detail": "Illegal number"}, "1240", "opted_out"),
        ({"title": "1190"}, "1190", "invalid_number"),
        ({"title": "1180"}, "1180", "unreachable"),
        ({"title": "1210"}, "1210", "filtered"),
        ({"title": "9999"}, "9999", "other"),
        ({}, "", "other"),
        (None, "", "other"),
        ("?", "", "other"),
    ],
)
def test_error_codes(error: Any, code: str, kind: str) -> None:
    update = status(status="rejected", error=error)
    assert (update.state, update.failure.kind, update.failure.code) == (DeliveryState.FAILED, kind, code)
    assert '"rejected"' in update.failure.raw


# --- Out -------------------------------------------------------------------------------------------------------------


def test_a_text_is_sent_with_a_token_like_the_librarys(gateway: Gateway) -> None:
    gateway.always(KIT.taken("theirs"))
    text = OutgoingText("our-id", "+12025550100", "+12025550123", "Hello", "https://x.example/status?message=our-id")
    assert Vonage().send(text, settings(base_url=gateway.base_url)).provider_message_id == "theirs"
    (request,) = gateway.taken
    assert request.text == {
        "channel": "sms", "message_type": "text", "from": "12025550100", "to": "12025550123", "text": "Hello",
        "client_ref": "our-id", "webhook_url": "https://x.example/status?message=our-id", "webhook_version": "v1",
    }  # fmt: skip
    ours = request.headers["authorization"].removeprefix("Bearer ")
    theirs = JwtClient(APPLICATION, private_pem()).generate_application_jwt().decode()
    opened = [jwt.decode(token, private_key().public_key(), algorithms=["RS256"]) for token in (ours, theirs)]
    assert opened[0].keys() == opened[1].keys()
    assert [claims["exp"] - claims["iat"] for claims in opened] == [900, 900]
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(theirs)


@pytest.mark.parametrize(
    ("http", "kind"),
    [
        (Answer(401, body=b'{"type": "https://developer.vonage.com/api-errors#unauthorized"}'), "settings"),
        (Answer(402, body=b'{"type": "https://developer.vonage.com/api-errors#low-balance"}'), "settings"),
        (Answer(422, body=b'{"type": "https://developer.vonage.com/api-errors/messages#1120"}'), "settings"),
        (Answer(422, body=b'{"type": "https://developer.vonage.com/api-errors/messages#1240"}'), "opted_out"),
        (Answer(422, body=b'{"title": "?"}'), "other"),
        (Answer(400, body=b"[]"), "other"),
    ],
)
def test_refusals_at_send(gateway: Gateway, http: Answer, kind: str) -> None:
    gateway.always(http)
    with pytest.raises(RefusedForGood) as refused:
        Vonage().send(OutgoingText("1", "+12025550100", "+12025550123", "x"), settings(base_url=gateway.base_url))
    assert refused.value.failure is not None
    assert refused.value.failure.kind == kind


def test_a_throttled_text_was_not_taken(gateway: Gateway) -> None:
    gateway.always(Answer(422, {"retry-after": "3"}, b'{"type": "https://x.example/messages#1000"}'))
    with pytest.raises(NotTaken) as refused:
        Vonage().send(OutgoingText("1", "+12025550100", "+12025550123", "x"), settings(base_url=gateway.base_url))
    assert refused.value.retry_after_seconds == 3
    assert refused.value.failure is not None
    assert refused.value.failure.kind == FailureKind.RATE_LIMITED


def test_the_connection_is_tested_without_texting_anybody(gateway: Gateway) -> None:
    assert Vonage().test_connection(settings(base_url=gateway.base_url))
    assert [(taken.method, taken.path) for taken in gateway.taken] == [("GET", "/users?page_size=1")]
    gateway.always(Answer(401))
    with pytest.raises(CallFailed):
        Vonage().test_connection(settings(base_url=gateway.base_url))


@pytest.mark.parametrize("key", ["private.key", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_refused_with_a_sentence(key: str) -> None:
    with pytest.raises(ValueError, match="“private_key” must be the RSA key"):
        Vonage().check_settings(settings(private_key=[key]))
