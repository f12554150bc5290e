"""What we ask of Twilio: texts, opt-outs written, and what was sent read back."""

import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from messaging.models import InboundMessage, OutboundMessage
from messaging.providers.base import (
    NotTaken,
    RefusedForGood,
    SendError,
)
from messaging.providers.capabilities import CallFailed, ListItem
from messaging.providers.failures import FailureKind
from messaging.providers.twilio import Twilio
from tests.builders import Business, deliver_all
from tests.fake_gateway import Answer, Gateway, Taken
from tests.providers.kit_twilio import ACCOUNT, KIT
from tests.providers.test_contract import connect_with, post, text_of
from tests.providers.test_twilio import NOW, TEXT, TOKEN, settings

# --- Send ------------------------------------------------------------------------------------------------------------


def test_a_text_goes_out_with_the_newest_token_and_the_address_to_report_to(gateway: Gateway) -> None:
    gateway.always(KIT.taken("SM7"))
    service = settings(auth_token=["newest", TOKEN], base_url=gateway.base_url, messaging_service_sid="MG1")
    assert Twilio().send(TEXT, service).provider_message_id == "SM7"

    taken = gateway.taken[0]
    assert taken.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert taken.headers["authorization"] == "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTpuZXdlc3Q="
    assert dict(parse_qsl(taken.raw.decode())) == {
        "To": TEXT.recipient,
        "From": TEXT.sender,
        "Body": TEXT.body,
        "StatusCallback": TEXT.status_address,
        "MessagingServiceSid": "MG1",
    }


@pytest.mark.parametrize(
    ("status", "said", "error", "kind"),
    [
        (400, {"code": 21610}, RefusedForGood, FailureKind.OPTED_OUT),
        (400, {"code": 21614}, RefusedForGood, FailureKind.INVALID_NUMBER),
        (400, {"code": 21611}, NotTaken, FailureKind.RATE_LIMITED),
        (401, {"code": 20003}, RefusedForGood, FailureKind.SETTINGS),
        (400, {"code": 12345}, RefusedForGood, FailureKind.OTHER),
        (400, ["no object"], RefusedForGood, FailureKind.OTHER),
        (201, {"sid": "SM1", "status": "failed", "error_code": 21610}, RefusedForGood, FailureKind.OPTED_OUT),
    ],
)
def test_a_refusal_says_why(
    gateway: Gateway, status: int, said: Any, error: type[SendError], kind: FailureKind
) -> None:
    gateway.always(Answer(status, body=json.dumps(said).encode()))
    with pytest.raises(error) as refused:
        Twilio().send(TEXT, settings(base_url=gateway.base_url))
    failure = refused.value.failure
    assert failure is not None
    assert (failure.kind, failure.raw) == (kind, json.dumps(said))


def test_too_many_texts_at_once_wait_as_long_as_twilio_says(gateway: Gateway) -> None:
    gateway.always(Answer(429, {"retry-after": "7"}, b'{"code": 20429}'))
    with pytest.raises(NotTaken) as refused:
        Twilio().send(TEXT, settings(base_url=gateway.base_url))
    assert refused.value.retry_after_seconds == 7


# --- What else it can do ---------------------------------------------------------------------------------------------


def test_a_connection_is_tested_by_looking_at_the_account(gateway: Gateway) -> None:
    gateway.then(
        Answer(body=b'{"friendly_name": "Acme", "status": "active"}'),
        Answer(body=b'{"friendly_name": "Acme", "status": "suspended"}'),
        Answer(401, body=b'{"code": 20003}'),
    )
    there = settings(base_url=gateway.base_url)
    assert "Acme" in Twilio().test_connection(there)
    with pytest.raises(CallFailed, match="suspended"):
        Twilio().test_connection(there)
    with pytest.raises(CallFailed, match="401"):
        Twilio().test_connection(there)
    assert {(taken.method, taken.path) for taken in gateway.taken} == {("GET", f"/2010-04-01/Accounts/{ACCOUNT}.json")}


def test_opt_outs_are_written_in_one_call_and_each_has_its_answer(gateway: Gateway) -> None:
    items = [ListItem("+12025550123", "+12025550100", NOW), ListItem("+12025550124", "+12025550100")]
    written: list[dict[str, str]] = []

    def answer(taken: Taken) -> Answer:
        rows = [json.loads(row) for row in parse_qs(taken.raw.decode())["Items"]]
        written.extend(rows)
        said = [
            {"correlation_id": rows[1]["correlation_id"], "error_code": 30646, "error_messages": ["bad contact"]},
            {"correlation_id": rows[0]["correlation_id"], "error_code": 0, "error_messages": []},
        ]
        return Answer(201, body=json.dumps({"items": said}).encode())

    gateway.answer_with(answer)
    results = Twilio().add_to_list(settings(base_url=gateway.base_url), [*items, ListItem("+12025550125")])

    assert [(result.item.recipient, result.error) for result in results[:2]] == [
        ("+12025550123", ""),
        ("+12025550124", "30646: bad contact"),
    ]
    assert "messaging_service_sid" in results[2].error
    assert gateway.taken[0].path == "/v1/Consents/Bulk"
    assert [(row["contact_id"], row["sender_id"], row["status"]) for row in written] == [
        ("+12025550123", "+12025550100", "opt-out"),
        ("+12025550124", "+12025550100", "opt-out"),
    ]
    assert written[0]["date_of_consent"] == "2026-07-15T12:00:00Z"
    assert all(len(row["correlation_id"]) == 32 for row in written)


def test_an_entry_for_every_number_goes_to_the_messaging_service(gateway: Gateway) -> None:
    gateway.always(Answer(201, body=b'{"items": []}'))
    there = settings(base_url=gateway.base_url, messaging_service_sid="MG1")
    results = Twilio().remove_from_list(there, [ListItem("+12025550123")])
    row = json.loads(parse_qs(gateway.taken[0].raw.decode())["Items"][0])
    assert (row["sender_id"], row["status"]) == ("MG1", "opt-in")
    assert "said nothing" in results[0].error


def test_what_was_sent_is_read_page_by_page(gateway: Gateway) -> None:
    def row(sid: str, **more: Any) -> dict[str, Any]:
        usual = {"direction": "outbound-api", "status": "delivered", "date_sent": "Wed, 15 Jul 2026 12:00:00 +0000"}
        return {"sid": sid, "from": "+12025550100", "to": "+12025550123", "body": "Hi", **usual, **more}

    rows = [
        row("SM1"),
        row("SM2", direction="inbound"),
        row("SM3", status="failed"),
        row("SM4", date_sent=None),
        row(
            "SM5",
            direction="outbound-reply",
            body="You have successfully been unsubscribed. You will not receive any more",
        ),
        row("SM7", **{"from": "+12025550999"}),
        {},
    ]
    following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?PageSize=200&Page=1&PageToken=PASM5"
    gateway.then(
        Answer(body=json.dumps({"messages": rows, "next_page_uri": following}).encode()),
        Answer(body=json.dumps({"messages": [row("SM6")], "next_page_uri": None}).encode()),
    )
    there = settings(base_url=gateway.base_url)
    first = Twilio().read_sent(there, NOW, "", ["+12025550100"])
    last = Twilio().read_sent(there, NOW, first.next_page, ["+12025550100"])

    assert [(text.provider_message_id, text.by) for text in first.texts] == [("SM1", ""), ("SM5", "Twilio")]
    assert (first.texts[0].body, first.texts[0].sent_at) == ("Hi", NOW)
    assert [text.provider_message_id for text in last.texts] == ["SM6"]
    assert last.next_page == ""
    assert parse_qs(urlsplit(gateway.taken[0].path).query)["DateSent>"] == ["2026-07-15T12:00:00Z"]
    assert gateway.taken[1].path == following


def test_a_list_that_begins_before_the_moment_asked_for_is_at_its_end(gateway: Gateway) -> None:
    row = {"sid": "SM1", "direction": "outbound-api", "status": "sent", "date_sent": "Wed, 15 Jul 2026 11:59:59 +0000"}
    gateway.always(Answer(body=json.dumps({"messages": [row], "next_page_uri": "/more"}).encode()))
    page = Twilio().read_sent(settings(base_url=gateway.base_url), NOW, "", [])
    assert (list(page.texts), page.next_page) == ([], "")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"auth_token": []}, "“auth_token” is missing"),
        ({"signed_with": "nothing"}, "“signed_with” must be one of shared_key, either"),
        ({"base_url": "twilio"}, "“base_url” must be an address"),
        ({"signing_key": "x"}, "“signing_key” is not a setting of twilio"),
    ],
)
def test_a_wrong_setting_is_named(more: dict[str, Any], words: str) -> None:
    Twilio().check_settings(settings())
    with pytest.raises(ValueError, match=words):
        Twilio().check_settings(settings(**more))


@pytest.mark.parametrize("page", ["https://elsewhere.example/", "//elsewhere.example/", "@elsewhere.example/"])
def test_the_credentials_go_to_no_other_host(gateway: Gateway, page: str) -> None:
    gateway.always(Answer(body=json.dumps({"messages": [], "next_page_uri": page}).encode()))
    with pytest.raises(CallFailed, match="no path of its own"):
        Twilio().read_sent(settings(base_url=gateway.base_url), NOW, "", [])


# --- Who answers -----------------------------------------------------------------------------------------------------


def test_twilio_is_left_to_answer_what_it_read(acme: Business, gateway: Gateway) -> None:
    """With Advanced Opt-Out it says that it did; without, nobody can tell, and we stay silent; else we answer."""
    gateway.always(KIT.taken("SM7"))
    account = connect_with(KIT, acme, gateway.base_url)
    bodies = {
        "said": text_of(KIT, "Adios", from_="+12125550171") + b"&OptOutType=STOP",
        "word": text_of(KIT, "CANCEL", from_="+12125550172"),
        "phrase": text_of(KIT, "STOP PLEASE", from_="+12125550173"),
    }
    for body in bodies.values():
        assert post(KIT, account, body).status_code == 200
    deliver_all()

    assert InboundMessage.objects.filter(account=account, outcome="opted_out").count() == 3
    answered = OutboundMessage.objects.filter(purpose="opt_out_confirmation").values_list(
        "recipient__number", flat=True
    )
    assert list(answered) == ["+12125550173"]
