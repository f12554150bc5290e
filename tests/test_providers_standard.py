"""`standard`: what it signs, what it verifies, what it reads, and the settings that it refuses. Pure: no database."""

import base64
import json
import socket
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from messaging.providers import UnknownProvider, find_provider
from messaging.providers.base import (
    DeliveryState,
    InboundText,
    NotTaken,
    OutcomeUnknown,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    StatusUpdate,
    Unreadable,
    WebhookKind,
)
from messaging.providers.standard import Standard
from tests.builders import make_secret
from tests.fake_gateway import Answer, Gateway, Misbehaviour

SECRET = "whsec_" + base64.b64encode(b"a secret of these tests alone").decode()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT = OutgoingText("8d5b6d9e-0001", "+12025550100", "+12125550177", "Voilà: 50% off “today” 🎉")


def settings(url: str = "http://127.0.0.1:9/", **more: Any) -> dict[str, Any]:
    return {"secret": [SECRET], "base_url": url, **more}


def signed(body: bytes, *, secret: str = SECRET, at: datetime = NOW, webhook_id: str = "wh-1") -> RawWebhook:
    """A webhook signed by the scheme's own library: an independent witness of our verification."""
    signature = Webhook(secret).sign(webhook_id, at, body.decode())
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    return RawWebhook(headers, body, NOW)


# --- In --------------------------------------------------------------------------------------------------------------


def test_a_webhook_signed_by_the_schemes_own_library_is_verified() -> None:
    assert Standard().verify(signed('{"text": "Ça suffit"}'.encode()), settings()) == Proof.BODY_SIGNED


def test_the_schemes_published_example_is_verified() -> None:
    """From the reference of the scheme, with its secret, id, time and signature."""
    raw = RawWebhook(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )

    assert Standard().verify(raw, {"secret": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}) == Proof.BODY_SIGNED


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_")])
def test_a_secret_is_taken_with_and_without_its_prefix_and_as_one_or_a_list(secret: str) -> None:
    for value in (secret, [secret], [make_secret(), secret]):
        assert Standard().verify(signed(b"{}"), settings(secret=value)) == Proof.BODY_SIGNED


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "wh-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "٣"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,ünicode"},
    ],
)
def test_any_changed_header_is_refused(change: dict[str, str]) -> None:
    raw = signed(b"{}")
    with pytest.raises(Rejected):
        Standard().verify(RawWebhook({**raw.headers, **change}, raw.body, NOW), settings())


def test_a_changed_body_is_refused() -> None:
    raw = signed(b'{"text": "STOP"}')
    with pytest.raises(Rejected):
        Standard().verify(RawWebhook(raw.headers, b'{"text": "START"}', NOW), settings())


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_timestamp_off_by_more_than_five_minutes_is_refused(minutes: int) -> None:
    with pytest.raises(Rejected, match="five minutes"):
        Standard().verify(signed(b"{}", at=NOW + timedelta(minutes=minutes)), settings())


@pytest.mark.parametrize("secret", ["", [], [""], "whsec_", None])
def test_without_a_secret_nothing_is_verified(secret: Any) -> None:
    empty = base64.b64encode(b"").decode()
    headers = {**signed(b"{}").headers, "webhook-signature": f"v1,{empty}"}
    with pytest.raises((Rejected, TypeError)):
        Standard().verify(RawWebhook(headers, b"{}", NOW), {"secret": secret})


@pytest.mark.parametrize(
    ("sent_at", "read"),
    [
        ("2026-11-23T12:00:00Z", NOW),
        ("2026-11-23T07:00:00-05:00", NOW),
        ("2026-11-23T12:00:00", NOW),
        (NOW.timestamp(), NOW),
        ("soon", None),
        (None, None),
        ("", None),
    ],
)
def test_the_providers_time_is_read_in_its_usual_forms(sent_at: Any, read: datetime | None) -> None:
    body = json.dumps({"id": "1", "from": "+1", "to": "2", "text": "STOP", "sent_at": sent_at}).encode()
    (text,) = Standard().read(signed(body), {})

    assert isinstance(text, InboundText)
    assert text.sent_at == read


def test_a_status_is_read_by_our_id_and_by_theirs() -> None:
    body = b'[{"message_id": "a", "status": "sent"}, {"provider_message_id": "b", "status": "failed", "error": "x"}]'
    first, second = Standard().read(replace(signed(body), kind=WebhookKind.STATUS), {})

    assert isinstance(first, StatusUpdate)
    assert isinstance(second, StatusUpdate)
    assert (first.state, first.message_id) == (DeliveryState.SENT, "a")
    assert (second.state, second.provider_message_id, second.error) == (DeliveryState.FAILED, "b", "x")


@pytest.mark.parametrize("body", [b"{}", b'{"from": "+1"}', b'{"from": true, "to": "+1"}', b"[[]]"])
def test_what_is_no_text_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        Standard().read(RawWebhook({}, body, NOW), {})


# --- Out -------------------------------------------------------------------------------------------------------------


def test_what_goes_out_is_signed_so_that_the_schemes_own_library_verifies_it(gateway: Gateway) -> None:
    taken = Standard().send(TEXT, settings(gateway.url))

    (request,) = gateway.taken
    Webhook(SECRET).verify(request.raw, request.headers)
    assert request.text == {"id": TEXT.id, "from": TEXT.sender, "to": TEXT.recipient, "text": TEXT.body}
    assert request.headers["webhook-id"] == TEXT.id
    assert taken.provider_message_id == f"gw-{TEXT.id}"
    assert not taken.delivered


def test_the_first_of_several_secrets_signs(gateway: Gateway) -> None:
    new = make_secret()
    Standard().send(TEXT, settings(gateway.url, secret=[new, SECRET]))

    Webhook(new).verify(gateway.taken[0].raw, gateway.taken[0].headers)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (429, NotTaken),
        (503, NotTaken),
        (400, RefusedForGood),
        (404, RefusedForGood),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (Misbehaviour.CLOSE, OutcomeUnknown),
        (Misbehaviour.HANG, OutcomeUnknown),
    ],
)
def test_each_answer_becomes_its_typed_error(
    gateway: Gateway, short_timeouts: None, answer: Any, error: type[Exception]
) -> None:
    gateway.then(answer)

    with pytest.raises(error):
        Standard().send(TEXT, settings(gateway.url))
    assert len(gateway.taken) == 1


@pytest.mark.parametrize(("header", "seconds"), [("120", 120), ("", None), ("soon", None), ("-5", None)])
def test_the_pause_that_is_asked_for_is_read(gateway: Gateway, header: str, seconds: int | None) -> None:
    gateway.then(Answer(429, {"retry-after": header}))

    with pytest.raises(NotTaken) as raised:
        Standard().send(TEXT, settings(gateway.url))
    assert raised.value.retry_after_seconds == seconds


def test_a_refused_connection_is_not_taken() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(NotTaken):
            Standard().send(TEXT, settings(f"http://127.0.0.1:{unused.getsockname()[1]}/"))


def test_a_redirect_is_not_followed(gateway: Gateway) -> None:
    """A text must not go where its connection does not point."""
    gateway.then(Answer(307, {"location": gateway.url}))

    with pytest.raises(RefusedForGood):
        Standard().send(TEXT, settings(gateway.url))
    assert len(gateway.taken) == 1


def test_a_long_answer_is_cut_in_the_error(gateway: Gateway) -> None:
    gateway.then(Answer(400, {}, b"x" * 100_000))

    with pytest.raises(RefusedForGood) as raised:
        Standard().send(TEXT, settings(gateway.url))
    assert len(str(raised.value)) < 1000


# --- Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"secret": "", "base_url": "https://x.example/"}, "secret"),
        ({"secret": "not base64!", "base_url": "https://x.example/"}, "secret"),
        ({"secret": SECRET}, "base_url"),
        ({"secret": SECRET, "base_url": "x.example/texts"}, "base_url"),
        ({"secret": SECRET, "base_url": "file:///etc/passwd"}, "base_url"),
        ({"secret": SECRET, "base_url": "https://x.example/", "region": "eu"}, "region"),
    ],
)
def test_a_wrong_setting_is_named(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Standard().check_settings(wrong)


def test_right_settings_pass() -> None:
    Standard().check_settings(settings("https://gateway.example/texts"))


def test_an_unknown_provider_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownProvider, match=r"carrier-pigeon.*simulator.*standard"):
        find_provider("carrier-pigeon")


@pytest.mark.parametrize("slug", ["simulator", "standard"])
def test_every_provider_carries_its_own_slug(slug: str) -> None:
    assert find_provider(slug).slug == slug
