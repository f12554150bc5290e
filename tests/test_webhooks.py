"""The door for texts: who may knock, what is kept, and that nothing inbound is refused."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError
from django.test import Client, RequestFactory
from django.utils import timezone

from compliance.models import Evidence
from compliance.wording import wording_of
from messaging import receiving, sweeping, webhooks
from messaging.models import InboundMessage, WebhookDelivery
from tests import builders
from tests.builders import PERSON, Business, is_blocked, post_webhook, sign, text_in, webhook_address

STOP: dict[str, Any] = {"id": "in-1", "from": PERSON, "to": "+12025550100", "text": "STOP"}


def raw(**fields: Any) -> bytes:
    return json.dumps(STOP | fields).encode()


# --- Who may knock ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_unknown_token_is_not_found(client: Client) -> None:
    assert client.post("/webhooks/standard/nobody/inbound", raw(), "application/json").status_code == 404


def test_a_token_of_another_provider_is_not_found(acme: Business, client: Client) -> None:
    address = f"/webhooks/simulator/{acme.standard.token}/inbound"

    assert client.post(address, raw(), "application/json").status_code == 404
    assert not InboundMessage.objects.exists()


@pytest.mark.parametrize("kind", ["inbound", "status"])
def test_only_post_is_allowed(acme: Business, client: Client, kind: str) -> None:
    for method in (client.get, client.put, client.delete, client.patch, client.head):
        assert method(webhook_address(acme.standard, kind)).status_code == 405


def test_another_kind_of_webhook_is_not_found(acme: Business, client: Client) -> None:
    address = webhook_address(acme.simulator, "outbound")

    assert client.post(address, raw(), "application/json").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "wh-1", "webhook-timestamp": "now", "webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense without a comma", "webhook-id": "x", "webhook-timestamp": "1"},
    ],
)
def test_an_unsigned_text_is_refused_and_leaves_nothing(acme: Business, headers: dict[str, str]) -> None:
    assert post_webhook(acme.standard, raw(), headers=headers).status_code == 403
    assert not InboundMessage.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_a_signature_of_another_body_another_business_or_another_secret_is_refused(
    acme: Business, globex: Business
) -> None:
    wrong = [
        sign(acme.standard, raw(text="START")),
        sign(globex.standard, raw()),
        sign(acme.standard, raw(), secret=builders.make_secret()),
    ]

    assert [post_webhook(acme.standard, raw(), headers=headers).status_code for headers in wrong] == [403] * 3
    assert not is_blocked(acme)


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24])
def test_a_stale_or_premature_timestamp_is_refused(acme: Business, minutes: int) -> None:
    headers = sign(acme.standard, raw(), at=datetime.now(UTC) + timedelta(minutes=minutes))

    assert post_webhook(acme.standard, raw(), headers=headers).status_code == 403


def test_a_timestamp_within_five_minutes_is_taken(acme: Business) -> None:
    headers = sign(acme.standard, raw(), at=datetime.now(UTC) - timedelta(minutes=4))

    assert post_webhook(acme.standard, raw(), headers=headers).status_code == 200


def test_while_secrets_are_rotated_both_verify_and_a_removed_one_does_not(acme: Business) -> None:
    old, new = acme.standard.settings["secret"][0], builders.make_secret()
    acme.standard.settings = {**acme.standard.settings, "secret": [new, old]}
    acme.standard.save()
    for secret in (old, new):
        body = raw(id=f"in-{secret}")
        headers = sign(acme.standard, body, secret=secret)
        assert post_webhook(acme.standard, body, headers=headers).status_code == 200

    acme.standard.settings = {**acme.standard.settings, "secret": [new]}
    acme.standard.save()
    assert post_webhook(acme.standard, raw(), headers=sign(acme.standard, raw(), secret=old)).status_code == 403


def test_one_fitting_signature_among_several_is_enough(acme: Business) -> None:
    """The scheme lets a sender sign with several secrets at once, and with versions that we do not know."""
    headers = sign(acme.standard, raw())
    headers["webhook-signature"] = f"v2,AAAA v1,AAAA {headers['webhook-signature']}"

    assert post_webhook(acme.standard, raw(), headers=headers).status_code == 200


def test_the_simulator_is_not_found_where_it_is_off(acme: Business, settings: LazySettings) -> None:
    settings.SIMULATOR = False

    assert post_webhook(acme.simulator, raw()).status_code == 404


def test_the_simulator_is_not_found_for_a_real_business(acme: Business) -> None:
    acme.tenant.is_demo = False
    acme.tenant.save()

    assert post_webhook(acme.simulator, raw()).status_code == 404
    assert post_webhook(acme.standard, raw()).status_code == 200


@pytest.mark.parametrize("switched_off", ["account", "tenant", "number"])
def test_what_is_switched_off_still_hears_a_stop(acme: Business, switched_off: str) -> None:
    row: Any = {"account": acme.standard, "tenant": acme.tenant, "number": acme.gateway_number}[switched_off]
    row.is_active = False
    row.save()

    assert text_in(acme, "STOP", to=acme.gateway_number).status_code == 200
    assert builders.opt_out_of(acme).is_active


def test_the_answer_is_what_the_provider_expects(acme: Business) -> None:
    response = text_in(acme, "STOP")

    assert response.status_code == 200
    assert response.json() == {}


# --- Size and form ---------------------------------------------------------------------------------------------------


def test_sixty_four_kibibytes_are_the_limit(acme: Business) -> None:
    def body_of(size: int) -> bytes:
        empty = len(raw(text=""))
        return raw(text="x" * (size - empty))

    assert post_webhook(acme.standard, body_of(64 * 1024)).status_code == 200
    assert post_webhook(acme.standard, body_of(64 * 1024 + 1)).status_code == 413
    assert InboundMessage.objects.count() == 1


def test_a_declared_length_is_not_believed(acme: Business, client: Client) -> None:
    body = raw(text="x" * 70_000)
    response = client.post(
        webhook_address(acme.simulator), body, content_type="application/json", headers={"content-length": "10"}
    )

    assert response.status_code in (400, 413)
    assert not InboundMessage.objects.exists()


@pytest.mark.parametrize("length", ["", "abc", "-1"])
def test_an_odd_length_is_no_error_of_ours(acme: Business, length: str) -> None:
    request = RequestFactory().post(webhook_address(acme.simulator), raw(), "application/json")
    request.META["CONTENT_LENGTH"] = length

    response = webhooks.receive_webhook(WSGIRequest(request.environ), "simulator", acme.simulator.token, "inbound")

    assert response.status_code in (200, 400)


def test_a_chunked_body_is_read_whole(acme: Business) -> None:
    """Without Content-Length, as some gateways send. The web server ends the stream."""
    request = RequestFactory().post(webhook_address(acme.simulator), raw(), "application/json")
    del request.environ["CONTENT_LENGTH"]
    request.environ |= {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": BytesIO(raw()),
    }

    response = webhooks.receive_webhook(WSGIRequest(request.environ), "simulator", acme.simulator.token, "inbound")

    assert response.status_code == 200
    assert is_blocked(acme)


UNREADABLE = {
    "nothing": b"",
    "no JSON": b"from=%2B12125550177&text=STOP",
    "a number": b"7",
    "an empty list": b"[]",
    "a list of words": b'["STOP"]',
    "nobody": json.dumps({"id": "1", "to": "+12025550100", "text": "STOP"}).encode(),
    "no company number": json.dumps({"id": "1", "from": PERSON, "text": "STOP"}).encode(),
    "deep": b"[" * 30_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("provider", ["simulator", "standard"])
def test_what_cannot_be_read_answers_400_and_is_kept(acme: Business, provider: str, body: bytes) -> None:
    response = post_webhook(getattr(acme, provider), body)

    assert response.status_code == 400
    assert response["content-type"] == "application/problem+json"
    kept = WebhookDelivery.objects.get()
    assert bytes(kept.raw_body) == body
    assert kept.tenant == acme.tenant
    assert kept.error
    assert kept.next_attempt_at is None, "reading it again would not help"


def test_what_cannot_be_read_is_kept_once(acme: Business) -> None:
    for _ in range(3):
        assert post_webhook(acme.simulator, b"no JSON").status_code == 400

    assert WebhookDelivery.objects.count() == 1


# --- Nothing inbound is refused --------------------------------------------------------------------------------------

BODIES = {
    "NUL": ("ST\x00OP", "ST\ufffdOP"),
    "lone surrogate": ("hi \ud83d", "hi \ufffd"),
    "empty": ("", ""),
    "missing": (None, ""),
    "emoji": ("🛑", "🛑"),
    "long": ("x" * 5000, "x" * 5000),
}


@pytest.mark.parametrize(("text", "stored"), BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("provider", ["simulator", "standard"])
def test_any_text_is_stored_with_its_raw_bytes(acme: Business, provider: str, text: str | None, stored: str) -> None:
    body = raw(text=text)

    assert post_webhook(getattr(acme, provider), body).status_code == 200
    message = builders.last_inbound(acme)
    assert message.body == stored
    assert bytes(message.raw_body) == body


@pytest.mark.parametrize("provider", ["simulator", "standard"])
def test_invalid_utf8_is_stored_with_its_raw_bytes(acme: Business, provider: str) -> None:
    body = raw(text="BYTES").replace(b"BYTES", b"STOP \xff\xfe")

    assert post_webhook(getattr(acme, provider), body).status_code == 200
    message = builders.last_inbound(acme)
    assert message.body == "STOP \ufffd\ufffd"
    assert bytes(message.raw_body) == body


def test_a_picture_without_words_is_stored(acme: Business) -> None:
    body = {name: STOP[name] for name in ("id", "from", "to")} | {"media": [{"url": "https://example.org/cat.jpg"}]}

    assert post_webhook(acme.standard, body).status_code == 200
    assert builders.last_inbound(acme).body == ""
    assert not is_blocked(acme)


@pytest.mark.parametrize(
    "sender", ["12125550177", "(212) 555-0177", "anonymous", "9" * 60, "bank@example.org", 12125550177]
)
def test_any_sender_is_taken(acme: Business, sender: str | int) -> None:
    assert post_webhook(acme.simulator, STOP | {"from": sender}).status_code == 200
    assert InboundMessage.objects.get().outcome == "opted_out"


@pytest.mark.parametrize("written", ["+12125550177", "12125550177", "(212) 555-0177", "+1 212-555-0177", "2125550177"])
def test_one_person_is_one_person_however_the_number_is_written(acme: Business, written: str) -> None:
    assert post_webhook(acme.simulator, STOP | {"from": written}).status_code == 200
    assert is_blocked(acme, PERSON)


def test_an_unknown_company_number_is_recorded_and_reported(
    acme: Business, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("WARNING"):
        assert post_webhook(acme.simulator, STOP | {"to": "+12025550999"}).status_code == 200

    assert all(is_blocked(acme, sender=number) for number in acme.numbers)
    message = builders.last_inbound(acme)
    assert (message.sender_number, message.conversation.sender) == (None, "+12025550999")
    assert "unknown_company_number" in caplog.text + "".join(capsys.readouterr())


def test_another_businesss_number_is_unknown_here(acme: Business, globex: Business) -> None:
    post_webhook(acme.simulator, STOP | {"to": globex.long_code.number})

    assert is_blocked(acme)
    assert not is_blocked(globex)
    assert builders.last_inbound(acme).sender_number is None


def test_several_texts_in_one_webhook_are_all_applied(acme: Business) -> None:
    people = [builders.new_person() for _ in range(3)]
    body = [STOP | {"id": f"in-{person}", "from": person} for person in people]

    assert post_webhook(acme.standard, body).status_code == 200
    assert all(is_blocked(acme, person) for person in people)


def test_several_texts_without_ids_in_one_webhook_are_all_applied(acme: Business) -> None:
    people = [builders.new_person() for _ in range(3)]
    body = [{"from": person, "to": "+12025550100", "text": "STOP"} for person in people]
    headers = sign(acme.standard, json.dumps(body).encode())

    for _ in range(2):
        assert post_webhook(acme.standard, body, headers=headers).status_code == 200

    assert all(is_blocked(acme, person) for person in people)
    assert InboundMessage.objects.count() == 3


def test_the_evidence_leads_back_to_the_bytes(acme: Business) -> None:
    body = raw()
    post_webhook(acme.standard, body)

    evidence = Evidence.objects.get()
    assert evidence.words == "STOP"
    assert evidence.details["raw_sha256"] == sha256(body).hexdigest()
    assert evidence.details["provider"] == "standard"
    assert evidence.details["signature"] == "body_signed"
    assert evidence.details["event_key"] == "in-1"
    assert evidence.details["texted"] == "+12025550100"


# --- Our own faults --------------------------------------------------------------------------------------------------


def boom(*args: Any, **kwargs: Any) -> Any:
    raise ZeroDivisionError("a bug of ours")


def test_a_bug_of_ours_answers_503_and_keeps_the_delivery_alone(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "wording_of", boom)
    body = raw()

    response = post_webhook(acme.standard, body)

    assert response.status_code == 503
    kept = WebhookDelivery.objects.get()
    assert (bytes(kept.raw_body), kept.tenant, kept.kind) == (body, acme.tenant, "inbound")
    assert "a bug of ours" in kept.error
    assert kept.next_attempt_at is not None
    assert not InboundMessage.objects.exists()
    assert not Evidence.objects.exists()


def test_a_database_that_is_gone_answers_503(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any) -> Any:
        raise DatabaseError("the server closed the connection unexpectedly")

    monkeypatch.setattr(webhooks, "find_account", gone)

    assert post_webhook(acme.simulator, raw()).status_code == 503


def test_keys_that_no_longer_open_the_secrets_answer_503(acme: Business, settings: LazySettings) -> None:
    """A wrong ENCRYPTION_KEYS is our fault: the provider shall send it again."""
    from cryptography.fernet import Fernet

    headers = sign(acme.standard, raw())
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert post_webhook(acme.standard, raw(), headers=headers).status_code == 503


def test_one_bad_text_among_several_keeps_the_delivery_and_applies_the_others(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [builders.new_person() for _ in range(3)]
    body = [STOP | {"id": f"in-{person}", "from": person} for person in people]
    calls = iter([wording_of, boom, wording_of, wording_of, wording_of])
    monkeypatch.setattr(receiving, "wording_of", lambda *args: next(calls)(*args))  # noqa: PLW0108

    assert post_webhook(acme.standard, body).status_code == 503
    assert sweeping.retry_deliveries(timezone.now() + timedelta(minutes=1)) == 1

    assert all(is_blocked(acme, person) for person in people)
    assert InboundMessage.objects.count() == 3


def test_equal_bodies_of_two_webhooks_are_kept_as_two(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """STOP, START, STOP in the same words without ids: none of them stands for another."""
    body = {"from": PERSON, "to": "+12025550100", "text": "STOP"}
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "wording_of", boom)
        for webhook_id in ("wh-1", "wh-2", "wh-1"):
            content = json.dumps(body).encode()
            headers = sign(acme.standard, content, webhook_id=webhook_id)
            assert post_webhook(acme.standard, content, headers=headers).status_code == 503

    assert WebhookDelivery.objects.count() == 2
    assert sweeping.retry_deliveries(timezone.now() + timedelta(minutes=1)) == 2
    assert InboundMessage.objects.count() == 2


def test_a_refused_webhook_says_why_without_a_stack_trace(acme: Business) -> None:
    response = post_webhook(acme.standard, raw(), headers={})

    assert response["content-type"] == "application/problem+json"
    assert "Traceback" not in response.content.decode()
    assert response.json()["status"] == 403
