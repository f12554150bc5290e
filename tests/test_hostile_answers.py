"""What a provider says is not always what it should be: no secret is told, and nobody's opt-out is lost to it."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber
from messaging import connections, delivery, health, outside, reconciling
from messaging.models import OutboundMessage, OutsideReading, WebhookDelivery
from messaging.providers import calls, find_provider
from messaging.providers.base import DeliveryState, StatusUpdate
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Failure, FailureKind
from messaging.storable import clean_json
from tests.builders import PERSON, Business, deliver_all, is_blocked, opt_out_of, send
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import Kit, kits
from tests.providers.test_contract import connect_with, post

BY_SLUG = {kit.slug: kit for kit in kits()}
MARK = "TOP-SECRET"
NO_WORDS_IN_A_HEADER = ("private_key", "public_key", "secret")  # what must be read as a key before it is used


def spoil(account: ProviderAccount, ending: str) -> None:
    """Give a connection secrets as somebody pastes them who caught a character too many."""
    names = set(find_provider(account.provider).facts.secrets).difference(NO_WORDS_IN_A_HEADER)
    account.settings = {**account.settings, **{name: [f"{MARK}-{name}{ending}"] for name in names}}
    account.save()


@pytest.mark.parametrize("ending", ["\n", " ", "\u200b", "é"], ids=ascii)
@pytest.mark.parametrize("slug", ["telnyx", "ringcentral", "twilio"])
def test_no_error_tells_the_secret_that_could_not_be_sent(
    acme: Business, gateway: Gateway, slug: str, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    BY_SLUG[slug].prepare(gateway)
    account = connect_with(BY_SLUG[slug], acme, gateway.base_url)
    spoil(account, ending)
    message = send(acme, sender=SenderNumber.objects.get(account=account))
    deliver_all()
    message.refresh_from_db()
    connections.try_connection(account, timezone.now())
    outside.read_outside_texts(account.pk)
    told = [message.error, message.failure, health.health_of(account).test_said]
    told += [reading.error for reading in OutsideReading.objects.filter(account=account)]
    assert MARK not in repr(told)
    assert MARK not in "".join(capfd.readouterr())


def test_a_key_that_no_header_can_carry_is_refused_by_name_and_reaches_nobody(acme: Business, gateway: Gateway) -> None:
    account = connect_with(BY_SLUG["telnyx"], acme, gateway.base_url)
    spoil(account, "\n")
    message = send(acme, sender=SenderNumber.objects.get(account=account))
    deliver_all()
    message.refresh_from_db()
    assert (message.status, message.reason) == (OutboundMessage.Status.FAILED, "provider_settings")
    assert "authorization" in message.error
    assert not gateway.taken
    assert not connections.try_connection(account, timezone.now())


def refuse(message: OutboundMessage, failure: Failure) -> None:
    update = StatusUpdate(DeliveryState.FAILED, str(message.pk), failure=failure)
    assert message.sender_number.account is not None
    delivery.apply_status(message.sender_number.account, update, timezone.now())


@pytest.mark.parametrize("field", ["code", "text", "raw"])
@pytest.mark.parametrize("words", ["half \ud83d of an emoji", "a\x00b", "x" * 50_000], ids=["half", "nul", "long"])
def test_a_refusal_is_learned_from_whatever_its_words(acme: Business, field: str, words: str) -> None:
    message = send(acme)
    deliver_all()
    OutboundMessage.objects.update(status="sent")
    said: dict[str, Any] = {"kind": FailureKind.OPTED_OUT, "code": "21610", field: words}
    refuse(message, Failure(**said))
    assert is_blocked(acme)
    row = opt_out_of(acme)
    assert "\x00" not in row.reason + row.rule + json.dumps(row.evidence.details, ensure_ascii=False)


def consents(**more: Any) -> bytes:
    record = {"from": "*", "to": PERSON, "optStatus": "OptOut", "source": "Recipient"}
    record |= {"lastModifiedTime": "2026-01-01T00:00:00Z", **more}
    envelope = {"uuid": "u", "event": "/restapi/v2/accounts/~/sms/consents", "body": {"records": [record]}}
    return json.dumps(envelope).encode()


@pytest.fixture
def cloud(acme: Business) -> ProviderAccount:
    return connect_with(BY_SLUG["ringcentral"], acme, "http://127.0.0.1:9")


ODD = [{"a": "\x00"}, {"a": "\ud83d"}, {"a": [float("nan")]}, {"\ud83d": 1}, {"a": 10**400}]


@pytest.mark.parametrize("more", ODD, ids=ascii)
def test_an_entry_of_a_list_is_taken_over_whatever_else_it_holds(
    acme: Business, cloud: ProviderAccount, more: dict[str, Any]
) -> None:
    kit: Kit = BY_SLUG["ringcentral"]
    for _ in range(2):
        assert post(kit, cloud, consents(**more)).status_code == 200
    assert is_blocked(acme)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize("year", ["0001", "1970", "9999"])
def test_a_date_that_can_t_be_is_not_believed(
    acme: Business, cloud: ProviderAccount, year: str, client: Client
) -> None:
    assert post(BY_SLUG["ringcentral"], cloud, consents(lastModifiedTime=f"{year}-01-01T00:00:00Z")).status_code == 200
    row = opt_out_of(acme)
    assert abs(row.asked_at - timezone.now()) < timedelta(minutes=1)
    client.force_login(acme.user("compliance_officer"))
    assert client.get(f"/admin/compliance/optout/{row.pk}/change/").status_code == 200


def test_what_is_nested_without_end_is_cut(acme: Business) -> None:
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    assert len(json.dumps(clean_json({"a": value}))) < 200


@pytest.mark.parametrize("header", ["9" * 30, "9" * 400, "315576000000"])
def test_no_pause_is_longer_than_can_be_counted(acme: Business, gateway: Gateway, header: str) -> None:
    gateway.always(Answer(429, {"retry-after": header, "x-rate-limit-window": header}, b"{}"))
    account = connect_with(BY_SLUG["telnyx"], acme, gateway.base_url)
    run = reconciling.go_on(reconciling.start_comparison(account, "Ada", timezone.now()).pk)
    outside.read_outside_texts(account.pk)
    assert run is not None
    waiting = [run.not_before, OutsideReading.objects.get(account=account).not_before]
    assert all(timedelta(0) < moment - timezone.now() <= timedelta(days=1) for moment in waiting)


def test_records_that_fail_for_days_are_still_asked_for_every_hour(acme: Business, gateway: Gateway) -> None:
    gateway.always(Answer(500, {}, b"\x00"))
    account = connect_with(BY_SLUG["telnyx"], acme, gateway.base_url)
    outside.read_outside_texts(account.pk)
    OutsideReading.objects.update(failures=5_000)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        outside.read_outside_texts(account.pk)
        reading = OutsideReading.objects.get(account=account)
        assert reading.failures == 5_001
        assert reading.not_before > timezone.now() + timedelta(minutes=50)
        assert "\x00" not in reading.error


def test_an_answer_in_binary_is_shown_without_what_can_t_be_stored(gateway: Gateway) -> None:
    gateway.always(Answer(400, {}, b"\x1f\x8b\x00\xff"))
    with pytest.raises(CallFailed) as failed:
        calls.call("GET", gateway.url)
    assert "\x00" not in str(failed.value)
