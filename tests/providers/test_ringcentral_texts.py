"""Texts that go out by RingCentral, and the sign-in that they share."""

import json
import threading

import pytest

from accounts.models import ProviderAccount, SenderNumber
from messaging.providers.base import (
    NotTaken,
    OutcomeUnknown,
    RefusedForGood,
    SendError,
)
from messaging.providers.failures import FailureKind
from messaging.providers.ringcentral import RingCentral, api
from tests.builders import PERSON, Business, deliver_all, is_blocked, send
from tests.fake_gateway import Answer, Misbehaviour
from tests.providers.fake_ringcentral import FakeRingCentral, refusal, says
from tests.providers.kit import COMPANY
from tests.providers.kit_ringcentral import KIT, envelope
from tests.providers.test_contract import connect_with, post
from tests.providers.test_ringcentral import A2P, NOW, TEXT, Status, settings


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
