"""RingCentral's webhooks, its sign-in and its answers to texts.

It publishes no test vectors, for it signs nothing; the bodies are those of its guides, with reserved numbers.
"""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import ProviderAccount, SenderNumber
from compliance.models import OptOut, Source
from messaging.models import InboundMessage, OutboundMessage
from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    InboundText,
    NotTaken,
    OutcomeUnknown,
    OutgoingText,
    RawWebhook,
    RefusedForGood,
    Rejected,
    SendError,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.failures import FailureKind
from messaging.providers.ringcentral import RingCentral, api
from tests.builders import PERSON, Business, deliver_all, is_blocked, send, webhook_address
from tests.fake_gateway import Answer, Misbehaviour
from tests.providers.fake_ringcentral import FakeRingCentral, refusal, says
from tests.providers.kit import COMPANY
from tests.providers.kit_ringcentral import INSTANT, KIT, envelope, instant_text
from tests.providers.test_contract import connect_with, post

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXT = OutgoingText("8d5b6d9e-0001", COMPANY, PERSON, "Voilà: 50% off “today” 🎉")
A2P = "/restapi/v1.0/account/400000000/a2p-sms"
CONSENTS = "/restapi/v2/accounts/400000000/sms/consents"
Status = OutboundMessage.Status


@pytest.fixture
def cloud() -> Iterator[FakeRingCentral]:
    api.forget_sessions()
    with FakeRingCentral() as running:
        yield running


@pytest.fixture
def account(acme: Business) -> ProviderAccount:
    return connect_with(KIT, acme, "http://127.0.0.1:9")


class Clock:
    """The seconds that a session counts."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(api, "monotonic", made)
    return made


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


# --- Out -------------------------------------------------------------------------------------------------------------


def test_a_text_goes_out_as_the_chosen_extension(cloud: FakeRingCentral) -> None:
    taken = RingCentral().send(TEXT, settings(cloud, extension="400000009, 400000001"))
    asked = cloud.asked("/sms")[0]
    assert asked.path == "/restapi/v1.0/account/~/extension/400000009/sms"
    assert asked.text == {"from": {"phoneNumber": COMPANY}, "to": [{"phoneNumber": PERSON}], "text": TEXT.body}
    assert taken.provider_message_id.isdigit()


def test_a_text_goes_out_as_a_batch_of_one(cloud: FakeRingCentral) -> None:
    taken = RingCentral().send(TEXT, settings(cloud, mode="a2p"))
    asked = cloud.asked("/a2p-sms/batches")[0]
    assert asked.text == {"from": COMPANY, "text": TEXT.body, "messages": [{"to": [PERSON]}]}
    assert taken.provider_message_id.startswith("batch-")


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        ("SMS-RC-410", RefusedForGood, FailureKind.INVALID_NUMBER),
        ("SMS-RC-413", RefusedForGood, FailureKind.OPTED_OUT),
        ("SMS-RC-403", NotTaken, FailureKind.RATE_LIMITED),
        ("SMS-CAR-199", OutcomeUnknown, FailureKind.AMBIGUOUS),
        ("SMS-RC-999", RefusedForGood, FailureKind.OTHER),
    ],
)
def test_a_rejected_recipient_is_told_by_the_answer_to_the_batch_alone(
    cloud: FakeRingCentral, code: str, error: type[SendError], kind: FailureKind
) -> None:
    rejected = [{"index": 1, "to": [PERSON], "errorCode": code, "description": "The recipient number is invalid"}]
    cloud.instead["/a2p-sms/batches"] = [says({"id": "batch-1", "batchSize": 0, "rejected": rejected})]
    with pytest.raises(error) as failed:
        RingCentral().send(TEXT, settings(cloud, mode="a2p"))
    assert failed.value.failure is not None
    assert (failed.value.failure.kind, failed.value.failure.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "CMN-101", "Parameter [to.phoneNumber] value [+1] is invalid", FailureKind.INVALID_NUMBER),
        (400, "CMN-101", "Parameter [text] value is invalid", FailureKind.OTHER),
        (400, "MSG-243", "Parameter [to] value is invalid [Phone number is blocked]", FailureKind.FILTERED),
        (400, "MSG-245", "Cannot find the phone number which belongs to user", FailureKind.SETTINGS),
        (403, "MSG-304", "Phone number doesn't belong to extension", FailureKind.SETTINGS),
        (403, "CMN-999", "Something new", FailureKind.SETTINGS),
        (404, "CMN-102", "Resource for parameter [extensionId] is not found", FailureKind.OTHER),
    ],
)
def test_refusals_are_explained(
    cloud: FakeRingCentral, status: int, code: str, message: str, kind: FailureKind
) -> None:
    cloud.instead["/sms"] = [refusal(status, code, message)]
    with pytest.raises(RefusedForGood) as failed:
        RingCentral().send(TEXT, settings(cloud))
    assert failed.value.failure is not None
    assert (failed.value.failure.kind, failed.value.failure.code) == (kind, code)


def test_a_text_that_fails_at_once_is_not_sent(cloud: FakeRingCentral) -> None:
    said = {"id": 5, "messageStatus": "SendingFailed", "deliveryErrorCode": "SMS-RC-413"}
    cloud.instead["/sms"] = [says(said)]
    with pytest.raises(RefusedForGood, match="SMS-RC-413"):
        RingCentral().send(TEXT, settings(cloud))


def test_a_high_volume_batch_gets_its_status_by_the_batchs_id(
    cloud: FakeRingCentral, acme: Business, globex: Business
) -> None:
    account = connect_with(KIT, acme, cloud.base_url)
    account.settings = {**account.settings, "mode": "a2p"}
    account.save()
    number = SenderNumber.objects.select_related("account", "tenant").get(account=account)
    message = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    body = {
        "id": "52485",
        "batchId": message.provider_message_id,
        "direction": "Outbound",
        "messageStatus": "SendingFailed",
        "errorCode": "SMS-RC-413",
    }
    assert post(KIT, account, envelope(f"{A2P}/messages?direction=Outbound", body, at=NOW)).status_code == 200
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.FAILED, "opted_out_at_provider")
    assert is_blocked(acme)
    assert not is_blocked(globex)


# --- The session -----------------------------------------------------------------------------------------------------


def test_one_sign_in_serves_until_its_token_runs_out(cloud: FakeRingCentral, clock: Clock) -> None:
    for _ in range(3):
        RingCentral().send(TEXT, settings(cloud))
    assert cloud.sign_ins == 1
    clock.seconds += 3600 - 30
    RingCentral().send(TEXT, settings(cloud))
    assert cloud.sign_ins == 2
    assert cloud.asked("oauth")[0].headers["authorization"].startswith("Basic ")
    assert len(cloud.asked("/sms")) == 4


def test_a_token_that_ended_early_is_replaced_once_and_the_text_sent_once(cloud: FakeRingCentral) -> None:
    RingCentral().send(TEXT, settings(cloud))
    cloud.forget_tokens()
    RingCentral().send(TEXT, settings(cloud))
    assert (cloud.sign_ins, len(cloud.asked("/sms"))) == (2, 3)

    cloud.instead["/sms"] = [refusal(401, "OAU-128", "Access token expired.") for _ in range(2)]
    with pytest.raises(RefusedForGood) as failed:
        RingCentral().send(TEXT, settings(cloud))
    assert cloud.sign_ins == 3
    assert failed.value.failure is not None
    assert failed.value.failure.kind == FailureKind.SETTINGS


def test_threads_share_one_sign_in(cloud: FakeRingCentral) -> None:
    threads = [threading.Thread(target=RingCentral().send, args=(TEXT, settings(cloud))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (cloud.sign_ins, len(cloud.asked("/sms"))) == (1, 6)


def test_two_connections_and_changed_credentials_have_sessions_of_their_own(cloud: FakeRingCentral) -> None:
    for changed in ({}, {"jwt": ["another"]}, {"client_secret": ["new", "old"]}, {"client_id": "other"}, {}):
        RingCentral().send(TEXT, settings(cloud, **changed))
    assert cloud.sign_ins == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says({"error": "invalid_grant", "error_description": "Token not found"}, 400), RefusedForGood),
        (refusal(401, "OAU-146", "Invalid client credentials"), RefusedForGood),
        (refusal(429, "CMN-301", "Request rate exceeded", retry_after="33"), NotTaken),
        (Answer(503, body=b""), NotTaken),
        (says({"token_type": "bearer"}), NotTaken),
        (Misbehaviour.CLOSE, NotTaken),
    ],
    ids=str,
)
def test_a_sign_in_that_fails_leaves_no_text_in_doubt(
    cloud: FakeRingCentral, answer: Answer | Misbehaviour, error: type[SendError]
) -> None:
    cloud.instead["/oauth/token"] = [answer]
    with pytest.raises(error) as failed:
        RingCentral().send(TEXT, settings(cloud))
    assert not cloud.asked("/sms")
    if isinstance(failed.value, NotTaken) and isinstance(answer, Answer) and answer.status == 429:
        assert failed.value.retry_after_seconds == 33


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry-after": "7"}, 7), ({"x-rate-limit-window": "45"}, 45), ({}, 60)]
)
def test_the_pause_is_kept_because_a_call_within_it_would_start_it_anew(
    cloud: FakeRingCentral, clock: Clock, headers: dict[str, str], seconds: int
) -> None:
    cloud.instead["/sms"] = [Answer(429, headers, json.dumps({"errorCode": "CMN-301"}).encode())]
    for waited in (0, seconds - 1):
        clock.seconds += waited
        with pytest.raises(NotTaken) as failed:
            RingCentral().send(TEXT, settings(cloud))
        assert failed.value.retry_after_seconds == pytest.approx(seconds - waited)
    assert len(cloud.asked("/sms")) == 1
    clock.seconds += 2
    RingCentral().send(TEXT, settings(cloud))
    assert len(cloud.asked("/sms")) == 2


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
