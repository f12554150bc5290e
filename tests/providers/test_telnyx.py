"""Telnyx: its signature, what it reads, how it sends, and the lists that it keeps."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from telnyx.lib.webhook_verification import verify_webhook_signature

from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    InboundText,
    NotTaken,
    OutgoingText,
    Proof,
    RawWebhook,
    RefusedForGood,
    Rejected,
    Said,
    SendError,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.capabilities import CallFailed, SentText
from messaging.providers.failures import FailureKind
from messaging.providers.telnyx import Telnyx
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit_telnyx import KIT

NOW = datetime.fromtimestamp(1784116800, UTC)
PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
SIGNATURE = "X4cBrmEIiCBBgtuJHWb7Xu7UNyW8v6midkeVohIjchE2o0Gh2ncYq9RnQJI6Wf4Mtt7Qgu17g8qEktax2eqzDw=="
BODY = (
    b'{"data":{"event_type":"message.received","id":"00000000-0000-4000-8000-0000000000e1","payload":'
    b'{"id":"00000000-0000-4000-8000-0000000000a1","from":{"phone_number":"+12025550123"},'
    b'"to":[{"phone_number":"+12025550100"}],"text":"STOP","autoresponse_type":"STOP"}}}'
)
TEXT = OutgoingText("8d5b6d9e-0001", "+12025550100", "+12025550123", "Voilà", "https://us.example/s?message=8d5b")


def settings(**more: Any) -> dict[str, Any]:
    return {"api_key": ["KEY1", "KEY0"], "public_key": [KIT.settings(2)["public_key"], PUBLIC_KEY], **more}


def webhook(body: bytes = BODY, at: datetime = NOW, **headers: str) -> RawWebhook:
    signed = {"telnyx-timestamp": "1784116800", "telnyx-signature-ed25519": SIGNATURE}
    return RawWebhook(signed | {name.replace("_", "-"): value for name, value in headers.items()}, body, at)


def read(payload: dict[str, Any], event: str = "message.received", address: str = "") -> Any:
    body = json.dumps({"data": {"event_type": event, "id": "e1", "payload": payload}}).encode()
    return Telnyx().read(RawWebhook({}, body, NOW, address=address), settings())


# --- Signatures ------------------------------------------------------------------------------------------------------


def test_the_signature_of_the_example() -> None:
    assert Telnyx().verify(webhook(), settings()) == Proof.BODY_SIGNED
    for raw in (
        webhook(BODY.replace(b"STOP", b"STOp")),
        webhook(telnyx_timestamp="1784116801"),
        webhook(telnyx_signature_ed25519=base64.b64encode(bytes(64)).decode()),
        webhook(telnyx_signature_ed25519="no base64!"),
        webhook(telnyx_signature_ed25519=""),
        webhook(telnyx_timestamp="-1"),
        webhook(telnyx_timestamp="٣"),
    ):
        with pytest.raises(Rejected):
            Telnyx().verify(raw, settings())
    with pytest.raises(Rejected, match="No public key"):
        Telnyx().verify(webhook(), settings(public_key=KIT.settings(2)["public_key"]))


@pytest.mark.parametrize(("seconds", "is_taken"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_webhook_counts_for_five_minutes(seconds: int, is_taken: bool) -> None:
    raw = webhook(at=NOW + timedelta(seconds=seconds))
    if is_taken:
        assert Telnyx().verify(raw, settings()) == Proof.BODY_SIGNED
        return
    with pytest.raises(Rejected, match="five minutes") as refused:
        Telnyx().verify(raw, settings())
    assert refused.value.checked == {"telnyx-timestamp": "1784116800", "telnyx-signature-ed25519": SIGNATURE}


@pytest.mark.parametrize("secret", [1, 2])
def test_telnyxs_own_library_takes_what_we_take(secret: int) -> None:
    """It has nothing that signs, so it is the witness that the webhooks of these tests are as it wants them."""
    body = KIT.inbound("STOP 🛑", from_="+12025550123", to="+12025550100", id="1", at=NOW)
    headers = KIT.headers(body, address="", at=NOW, secret=secret)
    public_key = KIT.settings(secret)["public_key"]
    with time_machine.travel(NOW, tick=False):
        verify_webhook_signature(body, headers, public_key)
        verify_webhook_signature(BODY, webhook().headers, PUBLIC_KEY)
    assert Telnyx().verify(RawWebhook(headers, body, NOW), settings(public_key=public_key)) == Proof.BODY_SIGNED


@pytest.mark.parametrize("key", ["no base64!", "c2hvcnQ="])
def test_a_public_key_that_is_none_is_refused(key: str) -> None:
    Telnyx().check_settings(settings())
    with pytest.raises(ValueError, match="public_key"):
        Telnyx().check_settings(settings(public_key=[key]))


# --- Read ------------------------------------------------------------------------------------------------------------


def test_the_text_of_the_example() -> None:
    assert Telnyx().read(webhook(), settings()) == [
        InboundText(
            event_key="00000000-0000-4000-8000-0000000000a1",
            sender="+12025550123",
            to="+12025550100",
            text="STOP",
            said=Said.OPT_OUT,
            replied=True,
        )
    ]


PARTIES = {"id": "a1", "from": {"phone_number": "+12025550123"}, "to": [{"phone_number": "+12025550100"}]}


@pytest.mark.parametrize(
    ("more", "said", "replied"),
    [
        ({"autoresponse_type": None}, None, False),
        ({}, None, None),
        ({"autoresponse_type": "START"}, Said.OPT_IN, True),
        ({"autoresponse_type": "HELP"}, Said.HELP, True),
        ({"autoresponse_type": "JOKE"}, None, True),
    ],
)
def test_telnyx_says_of_each_text_whether_it_answered(
    more: dict[str, Any], said: Said | None, replied: bool | None
) -> None:
    text = read(PARTIES | more)[0]
    assert (text.said, text.replied) == (said, replied)


def test_a_text_without_words_or_in_a_group_is_read() -> None:
    group = [
        {"phone_number": "+12025550199", "status": "x"},
        {"phone_number": "+12025550100", "status": "webhook_delivered"},
    ]
    text = read(PARTIES | {"to": group, "text": None, "received_at": "2026-07-15T12:00:00.000+00:00"})[0]
    assert (text.to, text.text, text.sent_at) == ("+12025550100", "", NOW)
    assert read({"id": "a1", "from": "+12025550123", "to": "+12025550100", "text": "Hi"})[0].sender == "+12025550123"


def test_each_recipients_status_is_told() -> None:
    to = [{"status": "delivered"}, {"status": "delivery_failed"}, {"status": "odd"}]
    errors = [{"code": "40300", "title": "Blocked due to STOP message"}]
    address = "https://us.example/status?message=our-id"
    delivered, failed, odd = read({"id": "a1", "to": to, "errors": errors}, "message.finalized", address)
    assert delivered == StatusUpdate(DeliveryState.DELIVERED, "our-id", "a1")
    assert isinstance(failed, StatusUpdate)
    assert failed.failure is not None
    assert (failed.failure.kind, failed.error) == (FailureKind.OPTED_OUT, "40300: Blocked due to STOP message")
    assert "message.finalized" in failed.failure.raw
    assert odd == Unrecognized("status odd")


@pytest.mark.parametrize("word", ["queued", "sending", "sent", "delivery_unconfirmed"])
def test_what_left_and_was_not_confirmed_is_sent(word: str) -> None:
    assert read({"id": "a1", "to": [{"status": word}]}, "message.sent") == [StatusUpdate(DeliveryState.SENT, "", "a1")]


def test_other_events_are_not_acted_on_and_one_bad_event_holds_up_no_other() -> None:
    assert read({}, "message.link_clicked") == [Unrecognized("message.link_clicked")]
    both = Telnyx().read(RawWebhook({}, b'[{"data": 3}, ' + BODY + b"]", NOW), settings())
    assert [type(event) for event in both] == [Unreadable, InboundText]


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (PARTIES | {"from": {}}, "message.received"),
        (PARTIES | {"to": []}, "message.received"),
        ({"to": [{"status": "sent"}]}, "message.sent"),
        (PARTIES, ""),
    ],
)
def test_what_lacks_its_parties_is_unreadable(payload: dict[str, Any], event: str) -> None:
    with pytest.raises(Unreadable, match="must name"):
        read(payload, event)


# --- Send ------------------------------------------------------------------------------------------------------------


def test_a_text_goes_out_with_a_key_that_makes_repeats_safe(gateway: Gateway) -> None:
    gateway.always(KIT.taken("a7"))
    there = settings(base_url=gateway.base_url + "/", messaging_profile_id="p1")
    assert Telnyx().send(TEXT, there).provider_message_id == "a7"
    taken = gateway.taken[0]
    assert (taken.path, taken.headers["authorization"]) == ("/v2/messages", "Bearer KEY1")
    assert taken.headers["idempotency-key"] == TEXT.id
    assert taken.text == {
        "from": TEXT.sender,
        "to": TEXT.recipient,
        "text": TEXT.body,
        "messaging_profile_id": "p1",
        "webhook_url": TEXT.status_address,
    }


@pytest.mark.parametrize(
    ("status", "code", "error", "kind"),
    [
        (403, "40300", RefusedForGood, FailureKind.OPTED_OUT),
        (400, "40012", RefusedForGood, FailureKind.INVALID_NUMBER),
        (400, "40318", NotTaken, FailureKind.RATE_LIMITED),
        (401, "10009", RefusedForGood, FailureKind.SETTINGS),
        (422, "99999", RefusedForGood, FailureKind.OTHER),
    ],
)
def test_a_refusal_says_why(
    gateway: Gateway, status: int, code: str, error: type[SendError], kind: FailureKind
) -> None:
    gateway.always(Answer(status, body=json.dumps({"errors": [{"code": code, "title": "So it is"}]}).encode()))
    with pytest.raises(error) as refused:
        Telnyx().send(TEXT, settings(base_url=gateway.base_url))
    failure = refused.value.failure
    assert failure is not None
    assert (failure.kind, failure.code, failure.text) == (kind, code, "So it is")


# --- What else it can do ---------------------------------------------------------------------------------------------


def test_a_connection_is_tested_without_texting_anybody(gateway: Gateway) -> None:
    gateway.then(Answer(body=b'{"data": []}'), Answer(body=b'{"data": {"name": "Shop"}}'), Answer(401, body=b"{}"))
    there = settings(base_url=gateway.base_url)
    assert Telnyx().test_connection(there) == "The API key works."
    assert "“Shop”" in Telnyx().test_connection(there | {"messaging_profile_id": "p1"})
    with pytest.raises(CallFailed, match="401"):
        Telnyx().test_connection(there)
    assert {taken.method for taken in gateway.taken} == {"GET"}
    assert gateway.taken[1].path == "/v2/messaging_profiles/p1"


def test_its_list_is_read_page_by_page(gateway: Gateway) -> None:
    row = {
        "to": "+12025550123",
        "from": "+12025550100",
        "keyword": "STOP",
        "messaging_profile_id": "p1",
        "created_at": "2026-07-15T12:00:00Z",
    }
    meta = {"page_number": 1, "page_size": 100, "total_pages": 2, "total_results": 101}
    gateway.then(
        Answer(body=json.dumps({"data": [row, {"to": None}, 3], "meta": meta}).encode()),
        Answer(body=json.dumps({"data": [], "meta": meta | {"page_number": 2}}).encode()),
    )
    there = settings(base_url=gateway.base_url, messaging_profile_id="p1")
    first = Telnyx().read_list(there, "", ["+12025550100"])
    assert list(first.entries) == [
        ConsentChange(
            event_key="p1:+12025550100:+12025550123:2026-07-15T12:00:00Z",
            recipient="+12025550123",
            opted_out=True,
            sender="+12025550100",
            by="recipient",
            changed_at=NOW,
            raw=row,
        )
    ]
    assert first.next_page == "2"
    assert Telnyx().read_list(there, first.next_page, []).next_page == ""
    asked = [parse_qs(urlsplit(taken.path).query) for taken in gateway.taken]
    assert [query["page[number]"] for query in asked] == [["1"], ["2"]]
    assert asked[0]["filter[messaging_profile_id]"] == ["p1"]


def test_without_a_messaging_profile_only_the_list_of_our_numbers_is_read(gateway: Gateway) -> None:
    rows = [{"to": "+12025550123", "from": sender, "created_at": None} for sender in ("+12025550100", "+12025550999")]
    gateway.always(Answer(body=json.dumps({"data": rows, "meta": {}}).encode()))
    page = Telnyx().read_list(settings(base_url=gateway.base_url), "", ["+12025550100"])
    assert [entry.sender for entry in page.entries] == ["+12025550100"]
    assert page.next_page == ""


def test_a_list_that_is_cut_off_is_no_empty_list(gateway: Gateway) -> None:
    gateway.always(Answer(body=b'{"data": [{"to": "+1202'))
    with pytest.raises(CallFailed, match="can't be read"):
        Telnyx().read_list(settings(base_url=gateway.base_url), "", [])


def test_what_was_sent_is_read_and_its_words_are_asked_for(gateway: Gateway) -> None:
    row: dict[str, Any] = {
        "uuid": "a1",
        "cli": "+12025550100",
        "cld": "+12025550123",
        "sent_at": "2026-07-15T12:00:00Z",
    }
    others: tuple[dict[str, Any], ...] = (
        {"status": "gw_reject"},
        {"sent_at": None},
        {"cld": None},
        {"cli": "+12025550999"},
    )
    rows = [row, *(row | {"uuid": f"b{place}"} | other for place, other in enumerate(others))]
    meta = {"page_number": 1, "total_pages": 1}
    gateway.then(
        Answer(body=json.dumps({"data": rows, "meta": meta}).encode()),
        Answer(body=b'{"data": {"id": "a1", "text": "Hi"}}'),
        Answer(404, body=b'{"errors": []}'),
        Answer(500),
    )
    there = settings(base_url=gateway.base_url)
    page = Telnyx().read_sent(there, NOW, "", ["+12025550100"])
    text = SentText("a1", "+12025550100", "+12025550123", "", NOW)
    assert (list(page.texts), page.next_page) == ([text], "")
    query = parse_qs(urlsplit(gateway.taken[0].path).query)
    assert query["filter[created_at][gte]"] == ["2026-07-15T12:00:00Z"]
    assert query["filter[direction]"] == ["outbound"]

    assert Telnyx().complete(there, text).body == "Hi"
    assert Telnyx().complete(there, text) == text
    with pytest.raises(CallFailed):
        Telnyx().complete(there, text)
