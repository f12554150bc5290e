"""Bandwidth's peculiarities, beside the contract: credentials, groups, error codes, the answer to a challenge."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging.providers.bandwidth import Bandwidth
from messaging.providers.base import (
    DeliveryState,
    InboundText,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    StatusUpdate,
    Unauthenticated,
    Unreadable,
)
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Blocker, FailureKind
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_bandwidth import KIT

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
SETTINGS = {**KIT.settings(), "webhook_username": ["hooks", "old"], "webhook_password": ["new word", "old word"]}
# The example of Bandwidth's documentation.
EXAMPLE = b"""[{"type":"message-received","time":"2026-07-15T12:00:00.000Z","description":"Incoming message received",
"to":"+12025550100","message":{"id":"00000000-0000-4000-8000-0000000000a1","owner":"+12025550100",
"applicationId":"00000000-0000-4000-8000-0000000000b1","time":"2026-07-15T12:00:00.000Z","segmentCount":1,
"direction":"in","to":["+12025550100"],"from":"+12025550123","text":"STOP"}}]"""


def webhook(body: bytes = EXAMPLE, authorization: str | None = None) -> RawWebhook:
    return RawWebhook({"authorization": authorization} if authorization else {}, body, NOW)


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def failed(code: Any, **message: Any) -> StatusUpdate:
    event = {"type": "message-failed", "errorCode": code, "description": "why", "message": {"id": "bw-1", **message}}
    (update,) = Bandwidth().read(webhook(json.dumps([event]).encode()), SETTINGS)
    assert isinstance(update, StatusUpdate)
    return update


@pytest.mark.parametrize("pair", ["hooks:new word", "hooks:old word", "old:new word", "old:old word"])
def test_every_standing_pair_of_credentials_is_taken(pair: str) -> None:
    assert Bandwidth().verify(webhook(authorization=basic(pair)), SETTINGS) == Proof.SHARED_SECRET


@pytest.mark.parametrize(
    "authorization",
    [
        *(None, "", "Bearer x", "Basic", "Basic %%%"),
        *map(basic, ("hooks", "hooks:", ":new word", "x:new word", "hooks:new word ", "new word:hooks")),
    ],
)
def test_everything_else_is_challenged(authorization: str | None) -> None:
    with pytest.raises(Unauthenticated) as refused:
        Bandwidth().verify(webhook(authorization=authorization), SETTINGS)
    assert refused.value.status == 401
    assert refused.value.headers["www-authenticate"].startswith("Basic ")
    assert "word" not in json.dumps(refused.value.checked)


def test_a_connection_without_credentials_takes_nothing() -> None:
    bare = {**SETTINGS, "webhook_username": [""], "webhook_password": []}
    with pytest.raises(Unauthenticated):
        Bandwidth().verify(webhook(authorization=basic(":")), bare)


def test_the_documented_example_is_read() -> None:
    assert Bandwidth().read(webhook(), SETTINGS) == [
        InboundText(
            event_key="00000000-0000-4000-8000-0000000000a1:+12025550100",
            sender="+12025550123",
            to="+12025550100",
            text="STOP",
            sent_at=NOW,
        )
    ]


def test_a_group_text_is_read_once_for_each_company_number() -> None:
    (event,) = json.loads(EXAMPLE)
    event["message"]["to"] = ["+12025550100", "+12025550101"]
    other = {**event, "message": {**event["message"], "owner": "+12025550101"}}
    found = Bandwidth().read(webhook(json.dumps([event, other]).encode()), SETTINGS)
    assert [text.to for text in found if isinstance(text, InboundText)] == ["+12025550100", "+12025550101"]
    assert len({text.event_key for text in found if isinstance(text, InboundText)}) == 2


def test_what_can_not_be_read_does_not_hold_up_the_rest() -> None:
    (event,) = json.loads(EXAMPLE)
    broken = {"type": "message-received", "message": {"id": "1", "owner": "+12025550100"}}
    found = Bandwidth().read(webhook(json.dumps([broken, event, 7]).encode()), SETTINGS)
    assert [type(item) for item in found] == [Unreadable, InboundText, Unreadable]


@pytest.mark.parametrize(
    ("code", "kind", "by"),
    [
        (4775, FailureKind.OPTED_OUT, Blocker.CARRIER),
        ("4775", FailureKind.OPTED_OUT, Blocker.CARRIER),
        (4475, FailureKind.OPTED_OUT, Blocker.PROVIDER),
        (4482, FailureKind.OPTED_OUT, Blocker.PROVIDER),
        (4720, FailureKind.INVALID_NUMBER, Blocker.PROVIDER),
        (4721, FailureKind.INVALID_NUMBER, Blocker.CARRIER),
        (4770, FailureKind.FILTERED, Blocker.PROVIDER),
        (4780, FailureKind.RATE_LIMITED, Blocker.PROVIDER),
        (4403, FailureKind.SETTINGS, Blocker.PROVIDER),
        (5620, FailureKind.TEMPORARY, Blocker.PROVIDER),
        (1234, FailureKind.OTHER, Blocker.PROVIDER),
        (None, FailureKind.OTHER, Blocker.PROVIDER),
    ],
)
def test_error_codes(code: Any, kind: FailureKind, by: Blocker) -> None:
    update = failed(code, tag="our-id")
    assert update.failure is not None
    assert (update.state, update.failure.kind, update.failure.by) == (DeliveryState.FAILED, kind, by)
    assert (update.message_id, update.provider_message_id) == ("our-id", "bw-1")
    assert '"message-failed"' in update.failure.raw


def test_a_missing_receipt_is_no_failure() -> None:
    update = failed(9902)
    assert (update.state, update.failure) == (DeliveryState.UNKNOWN, None)
    assert update.error == "9902: why"


def test_a_text_goes_to_one_person_with_our_id_in_its_tag(gateway: Gateway) -> None:
    gateway.always(KIT.taken("bw-7"))
    settings = {**SETTINGS, "base_url": gateway.base_url}
    taken = Bandwidth().send(OutgoingText("our-id", "+12025550100", "+12025550123", "Hello"), settings)
    (request,) = gateway.taken
    assert taken.provider_message_id == "bw-7"
    assert request.headers["authorization"] == basic("api-user:api-password")
    assert request.text == {
        "applicationId": "93de2206-9669-4e07-948d-329f4b722ee2",
        "to": ["+12025550123"],
        "from": "+12025550100",
        "text": "Hello",
        "tag": "our-id",
    }


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, {"type": "unauthorized", "description": "Authentication Failed"}, FailureKind.SETTINGS),
        (403, {"type": "forbidden", "description": "Access Denied"}, FailureKind.SETTINGS),
        (400, {"type": "request-validation", "fieldErrors": [{"fieldName": "from"}]}, FailureKind.SETTINGS),
        (400, {"type": "request-validation", "fieldErrors": [{"fieldName": "text"}]}, FailureKind.OTHER),
        (400, {"type": "request-validation", "fieldErrors": "?"}, FailureKind.OTHER),
        (404, ["?"], FailureKind.OTHER),
    ],
)
def test_refusals_at_send(gateway: Gateway, status: int, said: Any, kind: FailureKind) -> None:
    gateway.always(Answer(status, body=json.dumps(said).encode()))
    with pytest.raises(RefusedForGood) as refused:
        Bandwidth().send(
            OutgoingText("1", "+12025550100", "+12025550123", "x"), {**SETTINGS, "base_url": gateway.base_url}
        )
    assert refused.value.failure is not None
    assert refused.value.failure.kind == kind


def test_the_connection_is_tested_without_texting_anybody(gateway: Gateway) -> None:
    settings = {**SETTINGS, "base_url": gateway.base_url}
    assert Bandwidth().test_connection(settings)
    (request,) = gateway.taken
    assert (request.method, request.path) == ("GET", "/users/5500001/media")
    gateway.always(Answer(401, body=b'{"type":"unauthorized"}'))
    with pytest.raises(CallFailed, match="401"):
        Bandwidth().test_connection(settings)
