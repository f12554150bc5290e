"""RingCentral's webhooks, its sign-in and its answers to texts.

It publishes no test vectors, for it signs nothing; the bodies are those of its guides, with reserved numbers.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import ProviderAccount
from compliance.models import OptOut, Source
from messaging.models import InboundMessage, OutboundMessage
from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    InboundText,
    OutgoingText,
    RawWebhook,
    Rejected,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.failures import FailureKind
from messaging.providers.ringcentral import RingCentral
from tests.builders import PERSON, Business, is_blocked, webhook_address
from tests.providers.fake_ringcentral import FakeRingCentral
from tests.providers.kit import COMPANY
from tests.providers.kit_ringcentral import INSTANT, KIT, envelope, instant_text
from tests.providers.test_contract import connect_with, post

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT = OutgoingText("8d5b6d9e-0001", COMPANY, PERSON, "Voilà: 50% off “today” 🎉")
A2P = "/restapi/v1.0/account/400000000/a2p-sms"
CONSENTS = "/restapi/v2/accounts/400000000/sms/consents"
Status = OutboundMessage.Status


@pytest.fixture
def account(acme: Business) -> ProviderAccount:
    return connect_with(KIT, acme, "http://127.0.0.1:9")


def settings(cloud: FakeRingCentral | None = None, **more: Any) -> dict[str, Any]:
    base_url = cloud.base_url if cloud else "http://127.0.0.1:9"
    given = {name: [value] for name, value in KIT.settings().items() if name != "client_id"}
    return {"client_id": "client", **given, "base_url": base_url, **more}


def read(event: str, body: Any) -> list[Any]:
    raw = RawWebhook({}, envelope(event, body, at=NOW), NOW)
    return list(RingCentral().read(raw, settings()))


# --- The handshake ---------------------------------------------------------------------------------------------------


def test_the_handshake_is_answered_before_anything_is_verified_and_stays_small(account: ProviderAccount) -> None:
    token = "4d9f7a86-5f3a-4b39-9b1d-3e8c1f7a2c55"
    answer = Client().post(
        webhook_address(account), b"", content_type="application/json", headers={"validation-token": token}
    )

    assert (answer.status_code, answer["Validation-Token"], answer["Content-Type"]) == (200, token, "application/json")
    size = len(answer.content) + sum(len(name) + len(value) + 4 for name, value in answer.items())
    assert size < 900, "RingCentral refuses more than 1,024 bytes, the web server's own headers included"


@pytest.mark.django_db
def test_an_unknown_address_answers_404_to_a_handshake() -> None:
    answer = Client().post(
        "/webhooks/ringcentral/nobodys/inbound",
        b"",
        content_type="application/json",
        headers={"validation-token": "4d9f7a86"},
    )
    assert answer.status_code == 404
    assert "Validation-Token" not in answer


@pytest.mark.parametrize("token", ["", "x" * 257, "with space", "with\ttab", "naïve"])
def test_what_does_not_fit_into_a_header_is_not_echoed(token: str) -> None:
    assert RingCentral().handshake(RawWebhook({"validation-token": token}, b"", NOW), settings()) is None


def test_a_stop_that_carries_a_validation_token_is_no_handshake(account: ProviderAccount, acme: Business) -> None:
    body = KIT.inbound("STOP", from_=PERSON, to=COMPANY, id="1", at=NOW)
    headers = {"validation-token": "4d9f7a86"}
    answer = Client().post(webhook_address(account), body, content_type="application/json", headers=headers)
    assert answer.status_code == 403

    headers |= KIT.headers(body, address="", at=NOW)
    answer = Client().post(webhook_address(account), body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert is_blocked(acme)


# --- In --------------------------------------------------------------------------------------------------------------


def test_a_refusal_shows_nothing_of_the_token_that_came() -> None:
    raw = RawWebhook({"verification-token": "a token of long ago"}, b"{}", NOW)
    with pytest.raises(Rejected) as refused:
        RingCentral().verify(raw, settings())
    assert refused.value.checked == {"Verification-Token": "19 characters"}
    assert "long ago" not in str(refused.value)


def test_no_token_set_lets_nobody_in() -> None:
    for given in ({}, {"verification-token": ""}):
        with pytest.raises(Rejected):
            RingCentral().verify(RawWebhook(given, b"{}", NOW), settings(verification_token=[]))


def test_a_text_in_a_persons_mailbox() -> None:
    body = instant_text("Hi advisor", from_=PERSON, to=COMPANY, id="3062991514017", at=NOW)
    assert read(INSTANT, body) == [
        InboundText("message:3062991514017", PERSON, COMPANY, "Hi advisor", NOW, said=None, replied=None)
    ]


def test_the_company_number_among_several_recipients_is_the_one_that_is_marked() -> None:
    body = instant_text("STOP", from_=PERSON, to=COMPANY, id="1", at=NOW)
    body["to"].insert(0, {"phoneNumber": "+12025550111"})
    assert read(INSTANT, body)[0].to == COMPANY
    with pytest.raises(Unreadable, match=r"“body\.from” and “body\.to”"):
        read(INSTANT, body | {"to": []})


def test_a_picture_without_words_is_a_text_all_the_same() -> None:
    body = instant_text(None, from_=PERSON.removeprefix("+"), to=COMPANY, id="1", at=NOW)
    assert (read(INSTANT, body)[0].text, read(INSTANT, body)[0].sender) == ("", PERSON)


def test_a_text_to_a_high_volume_number() -> None:
    body = {"id": "52511", "from": PERSON, "to": [COMPANY], "text": "stop", "direction": "Inbound"}
    found = read(f"{A2P}/messages?direction=Inbound", body | {"creationTime": "2026-11-23T12:00:00.436491Z"})[0]
    assert (found.event_key, found.sender, found.to, found.text) == ("message:52511", PERSON, COMPANY, "stop")
    assert found.sent_at == NOW.replace(microsecond=436491)


@pytest.mark.parametrize(
    ("status", "code", "state", "kind"),
    [
        ("Queued", None, DeliveryState.SENT, None),
        ("Sent", None, DeliveryState.SENT, None),
        ("Delivered", None, DeliveryState.DELIVERED, None),
        ("SendingFailed", "SMS-RC-413", DeliveryState.FAILED, FailureKind.OPTED_OUT),
        ("DeliveryFailed", "SMS-CAR-413", DeliveryState.FAILED, FailureKind.OPTED_OUT),
        ("DeliveryFailed", "SMS-CAR-412", DeliveryState.FAILED, FailureKind.UNREACHABLE),
        ("DeliveryFailed", "SMS-CAR-104", DeliveryState.UNKNOWN, FailureKind.AMBIGUOUS),
        ("DeliveryFailed", "SMS-CAR-199", DeliveryState.UNKNOWN, FailureKind.AMBIGUOUS),
        ("SendingFailed", None, DeliveryState.FAILED, FailureKind.OTHER),
    ],
)
def test_what_became_of_a_high_volume_text(
    status: str, code: str | None, state: DeliveryState, kind: FailureKind | None
) -> None:
    body = {"id": "52485", "batchId": "batch-7", "direction": "Outbound", "messageStatus": status, "errorCode": code}
    update = read(f"{A2P}/messages?direction=Outbound", body)[0]
    assert isinstance(update, StatusUpdate)
    assert (update.state, update.provider_message_id) == (state, "batch-7")
    assert (update.failure.kind if update.failure else None) == kind


def test_a_word_of_an_outgoing_text_that_we_do_not_know_is_counted_and_refuses_nothing() -> None:
    """What we refuse, RingCentral counts as failed, and then switches the subscription off."""
    body = {"id": "52485", "direction": "Outbound", "messageStatus": "Rerouted"}
    assert read(f"{A2P}/messages?direction=Outbound", body) == [Unrecognized("messageStatus Rerouted")]


def test_a_consent_that_can_not_be_read_holds_up_no_other() -> None:
    records = [{"from": COMPANY, "to": PERSON, "optStatus": "Maybe"}, 7]
    good = {"from": COMPANY, "to": PERSON, "optStatus": "OptOut"}
    told = read(CONSENTS, {"records": [*records, good]})
    assert [type(event) for event in told] == [Unreadable, Unreadable, ConsentChange]


def test_an_entry_of_the_high_volume_list_comes_or_goes() -> None:
    body = {"from": COMPANY, "to": PERSON, "active": True}
    out, back = (read(f"{A2P}/opt-outs", body | {"active": active})[0] for active in (True, False))
    assert (out.recipient, out.sender, out.opted_out, out.by) == (PERSON, COMPANY, True, "")
    assert not back.opted_out


@pytest.mark.parametrize(
    ("source", "by"),
    [("Recipient", "recipient"), ("Api", "business"), ("Upstream", "carrier"), ("Carrier", "carrier"), ("?", "")],
)
def test_consents_tell_who_asked_for_them(source: str, by: str) -> None:
    record = {
        "from": COMPANY,
        "to": PERSON,
        "optStatus": "OptOut",
        "source": source,
        "lastModifiedTime": "2026-11-23T12:00:00.473705035Z",
    }
    everywhere = record | {"from": "*", "optStatus": "OptIn"}
    first, second = read(CONSENTS, {"records": [record, everywhere]})
    assert isinstance(first, ConsentChange)
    assert (first.by, first.sender, first.opted_out, first.raw) == (by, COMPANY, True, record)
    assert first.changed_at == NOW.replace(microsecond=473705)
    assert (second.sender, second.opted_out) == ("", False)


def test_a_stop_and_its_consent_event_are_one_opt_out(account: ProviderAccount, acme: Business) -> None:
    post(KIT, account, KIT.inbound("STOP", from_=PERSON, to=COMPANY, id="1", at=datetime.now(UTC)))
    record = {"from": COMPANY, "to": PERSON, "optStatus": "OptOut", "source": "Recipient"}
    for _ in range(2):
        assert post(KIT, account, envelope(CONSENTS, {"records": [record]}, at=NOW)).status_code == 200
    assert OptOut.history.count() == 1
    assert InboundMessage.objects.get().explanation


def test_a_carriers_block_that_we_did_not_know_becomes_ours(
    account: ProviderAccount, acme: Business, globex: Business
) -> None:
    record = {"from": COMPANY, "to": PERSON, "optStatus": "OptOut", "source": "Carrier"}
    assert post(KIT, account, envelope(CONSENTS, {"records": [record]}, at=NOW)).status_code == 200
    assert OptOut.objects.get().source == Source.CARRIER
    assert is_blocked(acme)
    assert not is_blocked(globex)


def test_one_consent_that_can_not_be_read_does_not_cost_the_others(account: ProviderAccount, acme: Business) -> None:
    good = envelope(f"{A2P}/opt-outs", {"from": COMPANY, "to": PERSON, "active": True}, at=NOW)
    bad = envelope(f"{A2P}/opt-outs", {"from": COMPANY, "to": PERSON}, at=NOW)
    assert post(KIT, account, b"[" + bad + b"," + good + b"]").status_code == 400
    assert is_blocked(acme)


def test_other_events_are_named_without_their_numbers() -> None:
    assert read("/restapi/v1.0/subscription/~?threshold=60&interval=15", {}) == [
        Unrecognized("/restapi/v1.0/subscription/~")
    ]
    assert read("/restapi/v1.0/account/123/extension/456/presence", {}) == [
        Unrecognized("/restapi/v1.0/account/~/extension/~/presence")
    ]


# --- Settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says_what"),
    [
        ({"mode": "fax"}, "“mode” must be one of sms, a2p"),
        ({"extension": "101a"}, "“extension”"),
        ({"verification_token": ["x" * 256]}, "“verification_token”"),
        ({"verification_token": ["sixteen letters with spaces"]}, "“verification_token”"),
        ({"jwt": []}, "“jwt” is missing"),
        ({"colour": "blue"}, "“colour” is not a setting"),
    ],
)
def test_wrong_settings_are_named(changed: dict[str, Any], says_what: str) -> None:
    with pytest.raises(ValueError, match=says_what):
        RingCentral().check_settings(settings(**changed))


def test_right_settings_pass() -> None:
    RingCentral().check_settings(settings(mode="a2p", extension="~"))
    RingCentral().check_settings(settings(extension="400000001,400000002"))
