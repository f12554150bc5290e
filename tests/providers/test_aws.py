"""What AWS posts through SNS and what may be believed of it; its reports, its list and its errors."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging.providers import aws_sns, calls
from messaging.providers.aws import AWS
from messaging.providers.base import (
    DeliveryState,
    Handshake,
    InboundText,
    NotTaken,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.failures import Failure
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_aws import (
    CERTIFICATE_ADDRESS,
    KIT,
    TOPIC,
    UNSIGNED,
    as_body,
    certificate,
    make_envelope,
    sign,
)

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
INBOUND = {
    "originationNumber": "+12025550123",
    "destinationNumber": "+12025550100",
    "messageKeyword": "KEYWORD_000000000000",
    "messageBody": "STOP",
    "inboundMessageId": "00000000-0000-4000-8000-0000000000d1",
    "previousPublishedMessageId": "00000000-0000-4000-8000-0000000000d0",
}
# As it stands in the documented example.
MESSAGE = json.dumps(INBOUND, separators=(",", ":"))
SUBSCRIBE = f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


@pytest.fixture(autouse=True)
def _certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    KIT.install(monkeypatch)


def settings(**more: Any) -> dict[str, Any]:
    return {**KIT.settings(), "secret_access_key": ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"], **more}


def webhook(body: bytes) -> RawWebhook:
    return RawWebhook({}, body, NOW)


def signed(message: object = MESSAGE, key: int = 1, **fields: Any) -> RawWebhook:
    envelope = make_envelope(message, **fields)
    return webhook(as_body(envelope).replace(UNSIGNED.encode(), sign(envelope, key).encode()))


def why_refused(raw: RawWebhook, **more: Any) -> str:
    with pytest.raises(Rejected) as refused:
        AWS().verify(raw, settings(**more))
    assert refused.value.status == 403
    assert set(refused.value.checked) >= {"TopicArn", "SigningCertURL"}
    return str(refused.value)


# --- What SNS signs --------------------------------------------------------------------------------------------------


def test_the_documented_example_is_signed_as_documented() -> None:
    text = aws_sns.text_to_sign(make_envelope(MESSAGE))
    assert hashlib.sha256(text).hexdigest() == "2b2a25dfdf78dfa21a3135833a3b5a5470e19fd53d6fdc2f8c1c62aa0f66db1e"
    assert hashlib.sha1(text).hexdigest() == "9cc4f0cd745e1d0ab4775c4c71833df2fc19b27d"  # noqa: S324 - as SNS does


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("more", [{}, {"Subject": "Hello"}, {"Subject": "Voilà 🎉"}])
def test_both_versions_are_taken(version: str, more: dict[str, Any]) -> None:
    assert AWS().verify(signed(SignatureVersion=version, **more), settings()) == Proof.BODY_SIGNED


def test_version_1_is_refused_once_that_is_set() -> None:
    assert "SignatureVersion" in why_refused(signed(SignatureVersion="1"), signature_version="2")
    assert AWS().verify(signed(), settings(signature_version="2")) == Proof.BODY_SIGNED
    for version in ("", "3", None):
        assert "SignatureVersion" in why_refused(signed(SignatureVersion=version))


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "Type", "Subject"])
def test_every_signed_field_counts(name: str) -> None:
    envelope = json.loads(signed(Subject="Hello").body)
    envelope[name] = "SubscriptionConfirmation" if name == "Type" else "x"
    why_refused(webhook(as_body(envelope)))


def test_a_signature_of_somebody_else_is_refused() -> None:
    assert "signature" in why_refused(signed(key=2))
    assert "signature" in why_refused(webhook(as_body(make_envelope(MESSAGE))))
    for signature in ("", "%", None, 3):
        assert "signature" in why_refused(webhook(as_body(make_envelope(MESSAGE, Signature=signature))))


def test_another_customers_topic_is_refused_though_aws_signed_it() -> None:
    other = TOPIC.replace("000000000000", "111111111111")
    assert "topic" in why_refused(signed(TopicArn=other))
    assert "topic" in why_refused(signed(TopicArn=other), topic_arn="")
    both = settings(topic_arn=f"{TOPIC} , {other}")
    assert AWS().verify(signed(TopicArn=other), both) == AWS().verify(signed(), both) == Proof.BODY_SIGNED


@pytest.mark.parametrize(
    "address",
    [
        "",
        CERTIFICATE_ADDRESS.replace("https:", "http:"),
        CERTIFICATE_ADDRESS.replace("us-east-1", "us-west-2"),
        CERTIFICATE_ADDRESS.replace("amazonaws.com", "amazonaws.com.evil.example"),
        CERTIFICATE_ADDRESS.replace("amazonaws.com/", "amazonaws.com:443/"),
        CERTIFICATE_ADDRESS.replace("https://", "https://user@"),
        CERTIFICATE_ADDRESS.replace("https://", "https://evil.example/https://"),
        CERTIFICATE_ADDRESS.replace("https://sns.", "https://s3."),
        CERTIFICATE_ADDRESS.replace("sns.us", "SNS.us"),
        CERTIFICATE_ADDRESS + "?x=1",
        CERTIFICATE_ADDRESS + "#x",
        CERTIFICATE_ADDRESS.replace(".pem", ".txt"),
        CERTIFICATE_ADDRESS.replace("/Simple", "/x/../Simple"),
        CERTIFICATE_ADDRESS.replace("/Simple", "//Simple"),
        CERTIFICATE_ADDRESS + "\n",
        CERTIFICATE_ADDRESS.removeprefix("https://sns.us-east-1.amazonaws.com"),
        "https://[::1",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(address: str) -> bytes:
        fetched.append(address)
        return certificate()

    monkeypatch.setattr(aws_sns, "CERTIFICATES", aws_sns.Certificates(fetch=fetch))
    why_refused(signed(SigningCertURL=address))
    assert not fetched


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"\xff", b'{"Type": "Notification"}', b'{"messageBody": "STOP"}']
)
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    why_refused(webhook(body))


# --- The certificate -------------------------------------------------------------------------------------------------


def test_a_certificate_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def fetch(address: str) -> bytes:
        fetched.append(address)
        return certificate()

    monkeypatch.setattr(aws_sns, "CERTIFICATES", aws_sns.Certificates(fetch=fetch, at_most=2))
    for _ in range(3):
        AWS().verify(signed(), settings())
    assert fetched == [CERTIFICATE_ADDRESS]
    for digit in "123":
        AWS().verify(signed(SigningCertURL=CERTIFICATE_ADDRESS.replace("0.pem", f"{digit}.pem")), settings())
    AWS().verify(signed(), settings())
    assert len(fetched) == 5


@pytest.mark.parametrize("served", [b"", b"<html>", certificate(1, datetime(2021, 1, 1, tzinfo=UTC))])
def test_a_certificate_that_does_not_hold_proves_nothing_and_is_asked_for_again(
    served: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_sns, "CERTIFICATES", aws_sns.Certificates(fetch=lambda address: served))
    with pytest.raises(Rejected) as refused:
        AWS().verify(signed(), settings())
    assert refused.value.status == 503


def test_a_certificate_comes_from_a_stand_in_over_http(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_sns, "CERTIFICATES", aws_sns.Certificates())
    here = settings(base_url=gateway.base_url + "/")
    gateway.then(500, Answer(body=b"x" * 20_000), Answer(body=certificate()))
    for _ in range(2):
        with pytest.raises(Rejected) as refused:
            AWS().verify(signed(), here)
        assert refused.value.status == 503
    for _ in range(2):
        AWS().verify(signed(), here)
    assert [taken.path for taken in gateway.taken] == [
        CERTIFICATE_ADDRESS.removeprefix("https://sns.us-east-1.amazonaws.com")
    ] * 3


# --- Subscribing -----------------------------------------------------------------------------------------------------


def confirmation(address: str = SUBSCRIBE) -> RawWebhook:
    return signed(
        "You have chosen to subscribe", Type="SubscriptionConfirmation", Token="2336412f37", SubscribeURL=address
    )


def test_a_subscription_is_confirmed(gateway: Gateway) -> None:
    here = settings(base_url=gateway.base_url)
    raw = confirmation()
    assert AWS().verify(raw, here) == Proof.BODY_SIGNED
    (handshake,) = AWS().read(raw, here)
    assert handshake == Handshake(SUBSCRIBE)
    AWS().confirm(handshake, here)
    assert [(taken.method, taken.path) for taken in gateway.taken] == [("GET", f"/?{SUBSCRIBE.partition('?')[2]}")]
    gateway.always(500)
    with pytest.raises(NotTaken):
        AWS().confirm(handshake, here)


def test_without_a_stand_in_sns_itself_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(calls, "call", lambda method, address, **options: called.append(address))
    AWS().confirm(Handshake(SUBSCRIBE), settings())
    assert called == [SUBSCRIBE]


@pytest.mark.parametrize(
    "address",
    [
        SUBSCRIBE.replace("https:", "http:"),
        SUBSCRIBE.replace("amazonaws.com", "evil.example"),
        SUBSCRIBE.replace("ConfirmSubscription", "Unsubscribe"),
        SUBSCRIBE.replace("000000000000", "111111111111"),
        SUBSCRIBE.replace("&Token=2336412f37", ""),
        SUBSCRIBE.replace(".com/?", ".com/x?"),
        "https://sns.us-east-1.amazonaws.com/",
    ],
)
def test_an_address_that_confirms_nothing_of_ours_is_never_called(address: str, gateway: Gateway) -> None:
    with pytest.raises(RefusedForGood):
        AWS().confirm(Handshake(address), settings(base_url=gateway.base_url))
    assert not gateway.taken


def test_the_end_of_a_subscription_is_told_to_a_person() -> None:
    raw = signed("You have chosen to deactivate", Type="UnsubscribeConfirmation", Token="1", SubscribeURL=SUBSCRIBE)
    with pytest.raises(Unreadable, match=r"has ended.*Subscribe again"):
        AWS().read(raw, settings())


# --- In --------------------------------------------------------------------------------------------------------------


def test_the_documented_example_is_read() -> None:
    assert AWS().read(signed(), settings()) == [
        InboundText(
            event_key="00000000-0000-4000-8000-0000000000d1",
            sender="+12025550123",
            to="+12025550100",
            text="STOP",
            sent_at=NOW,
        )
    ]


@pytest.mark.parametrize(
    ("keyword", "said"),
    [("STOP", Said.OPT_OUT), ("Arret", Said.OPT_OUT), ("HELP", Said.HELP), ("PIZZA", None), (None, None)],
)
def test_the_keyword_that_aws_found_is_told(keyword: str | None, said: Said | None) -> None:
    (text,) = AWS().read(signed({**INBOUND, "messageKeyword": keyword}), settings())
    assert isinstance(text, InboundText)
    assert text.said == said


def test_bytes_that_are_no_text_are_verified_as_they_came_and_then_replaced() -> None:
    body = KIT.inbound("STOP @@@", from_="+12025550123", to="+12025550100", id="1", at=NOW).replace(b"@@@", b"\xff")
    raw = webhook(KIT.seal(body, signed=body))
    assert AWS().verify(raw, settings()) == Proof.BODY_SIGNED
    (text,) = AWS().read(raw, settings())
    assert isinstance(text, InboundText)
    assert text.text == "STOP \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("message", ["Hello", "3", "[]", '{"a": 1}', '{"eventType": "MEDIA_DELIVERED"}', "[" * 5000])
def test_other_notifications_are_counted(message: str) -> None:
    (event,) = AWS().read(signed(message), settings())
    assert isinstance(event, Unrecognized)


def report(kind: str, description: str = "", **more: Any) -> StatusUpdate:
    event = {"eventType": kind, "messageId": "theirs", "messageStatusDescription": description, **more}
    (update,) = AWS().read(signed(event), settings())
    assert isinstance(update, StatusUpdate)
    return update


@pytest.mark.parametrize(
    ("kind", "is_final", "state"),
    [
        ("TEXT_QUEUED", False, "sent"),
        ("TEXT_SUCCESSFUL", False, "sent"),
        ("TEXT_SUCCESSFUL", True, "delivered"),
        ("TEXT_DELIVERED", True, "delivered"),
        ("TEXT_UNKNOWN", True, "unknown"),
    ],
)
def test_reports(kind: str, is_final: bool, state: str) -> None:
    update = report(kind, isFinal=is_final, context={"message": "ours"})
    assert (update.state, update.message_id, update.provider_message_id) == (state, "ours", "theirs")
    assert update.failure is None


@pytest.mark.parametrize(
    ("kind", "description", "meaning", "by"),
    [
        ("TEXT_BLOCKED", "Phone number is opted out", "opted_out", "provider"),
        ("TEXT_CARRIER_BLOCKED", "Phone number is opted out", "opted_out", "carrier"),
        ("TEXT_BLOCKED", "Phone is on a blocked list", "filtered", "provider"),
        ("TEXT_SPAM", "Blocked as spam by phone carrier", "filtered", "provider"),
        ("TEXT_INVALID", "Invalid phone number", "invalid_number", "provider"),
        ("TEXT_INVALID", "opted out", "invalid_number", "provider"),
        ("TEXT_UNREACHABLE", "Phone is currently unreachable", "unreachable", "provider"),
        ("TEXT_INVALID_MESSAGE", "", "other", "provider"),
    ],
)
def test_failures_in_reports(kind: str, description: str, meaning: str, by: str) -> None:
    update = report(kind, description, isFinal=True)
    assert isinstance(update.failure, Failure)
    assert (update.state, update.failure.kind, update.failure.by) == (DeliveryState.FAILED, meaning, by)
