"""What we ask of AWS: texts and the signatures of calls, its refusals, and the list that it keeps."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from messaging.providers.aws import AWS
from messaging.providers.aws_sigv4 import Signer
from messaging.providers.base import (
    NotTaken,
    OutgoingText,
    RefusedForGood,
)
from messaging.providers.capabilities import CallFailed, ListItem
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_aws import (
    KIT,
    TOPIC,
)
from tests.providers.test_aws import NOW, settings


@pytest.fixture(autouse=True)
def _certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    KIT.install(monkeypatch)


# --- Out -------------------------------------------------------------------------------------------------------------


@given(
    body=st.binary(max_size=50),
    path=st.sampled_from(["", "/", "/stand-in", "/a b/c"]),
    host=st.sampled_from(["https://sms-voice.us-east-1.amazonaws.com", "http://127.0.0.1:8080"]),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - hypothesis wants them so
)
def test_calls_are_signed_as_botocore_signs_them(body: bytes, path: str, host: str, secret: str, now: datetime) -> None:
    moment = now.replace(tzinfo=UTC, microsecond=0)
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "PinpointSMSVoiceV2.SendTextMessage"}
    request = AWSRequest("POST", host + path, dict(headers), body)
    with time_machine.travel(moment, tick=False):
        SigV4Auth(Credentials("AKIA", secret), "sms-voice", "us-east-1").add_auth(request)
    ours = Signer("AKIA", secret, "us-east-1", "sms-voice").sign(host + path, headers, body, moment)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]


def send(gateway: Gateway, **more: Any) -> str:
    text = OutgoingText("our-id", "+12025550100", "+12025550123", "Hello")
    return AWS().send(text, settings(base_url=gateway.base_url, **more)).provider_message_id


def test_a_text_carries_our_id_in_its_context(gateway: Gateway) -> None:
    gateway.always(KIT.taken("theirs"))
    assert send(gateway) == "theirs"
    assert send(gateway, configuration_set="reports") == "theirs"
    plain, with_set = gateway.taken
    assert plain.text == {
        "OriginationIdentity": "+12025550100",
        "DestinationPhoneNumber": "+12025550123",
        "MessageBody": "Hello",
        "Context": {"message": "our-id"},
    }
    assert with_set.text == {**plain.text, "ConfigurationSetName": "reports"}
    assert plain.headers["x-amz-target"] == "PinpointSMSVoiceV2.SendTextMessage"
    assert plain.headers["content-type"] == "application/x-amz-json-1.0"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target," in plain.headers["authorization"]
    assert plain.headers["host"] == gateway.base_url.removeprefix("http://")


def test_the_first_of_the_secrets_signs(gateway: Gateway) -> None:
    here = settings(base_url=gateway.base_url, secret_access_key=["new", "old"])
    with time_machine.travel(NOW, tick=False):
        AWS().test_connection(here)
        (taken,) = gateway.taken
        headers = {name: taken.headers[name] for name in ("content-type", "x-amz-target")}
        signer = Signer("AKIAIOSFODNN7EXAMPLE", "new", "us-east-1", "sms-voice")
        expected = signer.sign(f"{gateway.base_url}/", headers, taken.raw, NOW)
    assert taken.headers["authorization"] == expected["authorization"]


def test_the_region_names_the_endpoint() -> None:
    assert AWS().base_url(settings(region="eu-west-1")) == "https://sms-voice.eu-west-1.amazonaws.com"
    assert AWS().base_url(settings(base_url="http://127.0.0.1:1/")) == "http://127.0.0.1:1"


def refusal(name: str, reason: str = "", field: str = "") -> Answer:
    said: dict[str, Any] = {"__type": f"com.amazonaws.pinpointsmsvoicev2#{name}", "Message": "why"}
    if reason:
        said["Reason"] = reason
    if field:
        said["Fields"] = [{"Name": field, "Message": "?"}]
    return Answer(400, body=json.dumps(said).encode())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"), "opted_out"),
        (refusal("OptedOutException"), "opted_out"),
        (refusal("ConflictException", "RESOURCE_NOT_ACTIVE"), "settings"),
        (refusal("ConflictException", "MESSAGE_TYPE_MISMATCH"), "settings"),
        (refusal("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"), "filtered"),
        (refusal("ValidationException", "INVALID_PARAMETER", "DestinationPhoneNumber"), "invalid_number"),
        (refusal("ValidationException", "INVALID_PARAMETER", "OriginationIdentity"), "settings"),
        (refusal("ValidationException", "INVALID_PARAMETER", "MessageBody"), "other"),
        (refusal("ValidationException", "DESTINATION_COUNTRY_BLOCKED"), "settings"),
        (refusal("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"), "settings"),
        (refusal("AccessDeniedException"), "settings"),
        (Answer(403, {"x-amzn-errortype": "InvalidSignatureException:"}, b"{}"), "settings"),
        (Answer(400, body=b"[]"), "other"),
    ],
)
def test_refusals_at_send(gateway: Gateway, answer: Answer, kind: str) -> None:
    gateway.always(answer)
    with pytest.raises(RefusedForGood) as refused:
        send(gateway)
    assert refused.value.failure is not None
    assert refused.value.failure.kind == kind


def test_a_throttled_text_was_not_taken(gateway: Gateway) -> None:
    gateway.always(refusal("ThrottlingException"))
    with pytest.raises(NotTaken):
        send(gateway)


# --- The list at AWS -------------------------------------------------------------------------------------------------


def test_the_list_is_read_page_by_page(gateway: Gateway) -> None:
    rows = [
        {"OptedOutNumber": "+12025550123", "OptedOutTimestamp": 1784116800.5, "EndUserOptedOut": True},
        {"OptedOutNumber": "+12025550124", "OptedOutTimestamp": 1784116800, "EndUserOptedOut": False},
        {"OptedOutNumber": None},
        "?",
    ]
    page = {"OptOutListName": "Default", "OptedOutNumbers": rows, "NextToken": "more"}
    gateway.then(Answer(body=json.dumps(page).encode()), Answer(body=b'{"OptedOutNumbers": []}'))
    here = settings(base_url=gateway.base_url)
    first = AWS().read_list(here, "", [])
    assert [(entry.recipient, entry.by, entry.opted_out) for entry in first.entries] == [
        ("+12025550123", "recipient", True),
        ("+12025550124", "business", True),
    ]
    assert first.entries[1].changed_at == NOW
    assert first.next_page == "more"
    last = AWS().read_list({**here, "opt_out_list_name": "Marketing"}, first.next_page, [])
    assert (list(last.entries), last.next_page) == ([], "")
    asked = [taken.text for taken in gateway.taken]
    assert asked == [
        {"OptOutListName": "Default", "MaxResults": 100},
        {"OptOutListName": "Marketing", "MaxResults": 100, "NextToken": "more"},
    ]
    assert {taken.headers["x-amz-target"] for taken in gateway.taken} == {"PinpointSMSVoiceV2.DescribeOptedOutNumbers"}


def test_entries_are_put_and_taken_away(gateway: Gateway) -> None:
    here, item = settings(base_url=gateway.base_url), ListItem("+12025550123")
    gateway.always(Answer(body=b"{}"))
    assert [result.error for result in AWS().add_to_list(here, [item])] == [""]
    assert [result.error for result in AWS().remove_from_list(here, [item])] == [""]
    assert [taken.headers["x-amz-target"].partition(".")[2] for taken in gateway.taken] == [
        "PutOptedOutNumber",
        "DeleteOptedOutNumber",
    ]
    assert all(taken.text == {"OptOutListName": "Default", "OptedOutNumber": "+12025550123"} for taken in gateway.taken)


def test_what_aws_says_of_one_number_is_told_with_it(gateway: Gateway) -> None:
    here, item = settings(base_url=gateway.base_url), ListItem("+12025550123")
    gateway.then(
        refusal("ValidationException", "PHONE_NUMBER_CANNOT_BE_OPTED_IN"),
        refusal("ConflictException", "SOMETHING_NEW"),
        Answer(400, body=b'{"__type": "ResourceNotFoundException", "ResourceType": "opted-out-number"}'),
    )
    too_early, other, gone = (AWS().remove_from_list(here, [item])[0].error for _ in range(3))
    assert "once in 30 days" in too_early
    assert other == "ConflictException: why"
    assert gone == ""


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (refusal("ThrottlingException"), 1.0),
        (refusal("AccessDeniedException"), None),
        (Answer(400, body=b'{"__type": "ResourceNotFoundException", "ResourceType": "opt-out-list"}'), None),
        (Answer(500, body=b"oops"), None),
    ],
)
def test_what_concerns_no_single_number_fails_the_call(gateway: Gateway, answer: Answer, pause: float | None) -> None:
    gateway.always(answer)
    here = settings(base_url=gateway.base_url)
    for ask in (
        lambda: AWS().remove_from_list(here, [ListItem("+12025550123")]),
        lambda: AWS().read_list(here, "", []),
        lambda: AWS().test_connection(here),
    ):
        with pytest.raises(CallFailed) as failed:
            ask()
        assert failed.value.retry_after_seconds == pause
        assert failed.value.status == answer.status


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"region": "Virginia"}, "region"),
        ({"region": "us-east-1.evil.example/"}, "region"),
        ({"topic_arn": "sms-inbound"}, "topic_arn"),
        ({"topic_arn": f"{TOPIC},x"}, "topic_arn"),
        ({"signature_version": "3"}, "signature_version"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(wrong: dict[str, Any], name: str) -> None:
    AWS().check_settings(settings())
    with pytest.raises(ValueError, match=f"“{name}”"):
        AWS().check_settings(settings(**wrong))
