"""Twilio: its published signatures, its shared keys, what it reads and writes."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging.models import InboundMessage, OutboundMessage
from messaging.providers.base import (
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
    WebhookKind,
)
from messaging.providers.capabilities import CallFailed, ListItem
from messaging.providers.failures import Blocker, FailureKind
from messaging.providers.twilio import Twilio
from tests.builders import Business, deliver_all
from tests.fake_gateway import Answer, Gateway, Taken
from tests.providers.kit_twilio import ACCOUNT, KIT
from tests.providers.test_contract import connect_with, post, text_of

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"
KEY = "a shared key of these tests"
ADDRESS = "https://consent.example.org/hooks/twilio/1/"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
TEXT = OutgoingText("8d5b6d9e-0001", "+12025550100", "+12025550123", "Voilà & +1", "https://us.example/s?message=8d5b")
T_1 = (
    b"ToCountry=US&MessageSid=SM00000000000000000000000000000001&SmsSid=SM00000000000000000000000000000001"
    b"&SmsMessageSid=SM00000000000000000000000000000001&AccountSid=AC00000000000000000000000000000001"
    b"&MessagingServiceSid=MG00000000000000000000000000000001&From=%2B12025550123&To=%2B12025550100&Body=STOP"
    b"&NumMedia=0&NumSegments=1&SmsStatus=received&ApiVersion=2010-04-01&OptOutType=STOP"
)
T_2 = T_1.replace(b"&OptOutType=STOP", b"").replace(b"Body=STOP", b"Body=+Stop++please%0A")
T_3 = T_1.replace(b"&OptOutType=STOP", b"").replace(b"Body=STOP", b"Body=STOP+%F0%9F%9B%91+arr%C3%AAt")
T_1_BY_KEY = "QZOxQr5lKwxheFmzkm2RuJ7AI4skPcKo2jIr2ysXk1w="


def settings(**more: Any) -> dict[str, Any]:
    return {"account_sid": ACCOUNT, "auth_token": [TOKEN], **more}


def webhook(body: bytes, signature: str, address: str = ADDRESS, **headers: str) -> RawWebhook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawWebhook({**FORM, "x-twilio-signature": signature, **named}, body, NOW, address=address)


def read(body: bytes, **more: Any) -> Any:
    events = Twilio().read(RawWebhook(FORM, body, NOW, **more), settings())
    assert len(events) == 1
    return events[0]


# --- Signatures ------------------------------------------------------------------------------------------------------

CALL = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
REPEATED = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"


@pytest.mark.parametrize(
    ("address", "form", "signature"),
    [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ("https://mycompany.com:443/myapp.php?foo=1&bar=2", CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("https://mycompany.com/myapp.php?foo=1&bar=2", CALL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        ("http://mycompany.com:80/myapp.php?foo=1&bar=2", CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("http://mycompany.com/myapp.php?foo=1&bar=2", CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    ],
)
def test_the_signatures_that_twilio_publishes(address: str, form: str, signature: str) -> None:
    given_token = settings(auth_token=["another", "12345"])
    assert Twilio().verify(webhook(form.encode(), signature, address), given_token) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        Twilio().verify(webhook(form.encode() + b"&x=", signature, address), given_token)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (T_1, "4w5BPZJE+JYZOW2PsV9E2/TDxpg="),
        (T_2, "8JcPDz097jxSfQ1cLqpE6jN+oUg="),
        (T_3, "5TAE3z5WTCRN91uBchEyua6rJdc="),
    ],
)
def test_white_space_and_other_letters_are_signed_as_they_came(body: bytes, signature: str) -> None:
    assert Twilio().verify(webhook(body, signature), settings()) == Proof.BODY_SIGNED


JSON_BODY = b'{"property": "value", "boolean": true}'
JSON_ADDRESS = (
    "https://mycompany.com/myapp.php?foo=1&bar=2"
    "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)


def test_json_is_covered_by_its_hash_in_the_signed_address() -> None:
    def verify(body: bytes, address: str = JSON_ADDRESS) -> Proof:
        raw = webhook(body, "a9nBmqA0ju/hNViExpshrM61xv4=", address, content_type="application/json")
        return Twilio().verify(raw, settings(auth_token="12345"))

    assert verify(JSON_BODY) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="hash"):
        verify(JSON_BODY + b" ")
    with pytest.raises(Rejected, match="hash"):
        verify(JSON_BODY, JSON_ADDRESS.partition("&bodySHA256")[0])


@examples(max_examples=40)
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=20)), min_size=1, max_size=8),
    st.sampled_from([ADDRESS, "https://consent.example.org:443/w/?message=1", "http://[::1]:8000/w/é?x=%C3%A9"]),
)
def test_whatever_twilios_own_library_signs_is_verified(fields: list[tuple[str, str]], address: str) -> None:
    body = urlencode(fields, errors="replace").encode()
    signature = RequestValidator(TOKEN).compute_signature(address, QueryDict(body))
    assert Twilio().verify(webhook(body, signature, address), settings()) == Proof.BODY_SIGNED
    with pytest.raises(Rejected):
        Twilio().verify(webhook(body, signature, address + "x"), settings())


def test_a_shared_key_verifies_by_sha256_and_no_header_makes_it_weaker() -> None:
    by_token = RequestValidator(TOKEN).compute_signature(ADDRESS, QueryDict(T_1))
    by_key_in_sha1 = RequestValidator(KEY).compute_signature(ADDRESS, QueryDict(T_1), "HMAC_SHA1")
    by_key = RequestValidator(KEY).compute_signature(ADDRESS, QueryDict(T_1), "HMAC_SHA256")
    told = "key=webhooks_sharedkey_1,algorithm="
    keyed = settings(shared_key=["an older one", KEY])

    assert (
        Twilio().verify(webhook(T_1, by_key, x_twilio_webhooks_signature_settings=told + "HMAC_SHA256"), keyed)
        == Proof.BODY_SIGNED
    )
    for signature, headers in [
        (by_token, {}),
        (by_token, {"x_twilio_webhooks_signature_settings": told + "HMAC_SHA1"}),
        (by_key_in_sha1, {"x_twilio_webhooks_signature_settings": told + "HMAC_SHA1"}),
    ]:
        with pytest.raises(Rejected):
            Twilio().verify(webhook(T_1, signature, **headers), keyed)


def test_the_shared_key_signature_of_the_example() -> None:
    raw = webhook(T_1, T_1_BY_KEY, x_twilio_webhooks_signature_settings="key=k,algorithm=HMAC_SHA256")
    assert Twilio().verify(raw, settings(shared_key=[TOKEN])) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="enter it as “shared_key”"):
        Twilio().verify(raw, settings())


def test_both_signatures_count_while_twilio_is_being_changed_over() -> None:
    by_token = RequestValidator(TOKEN).compute_signature(ADDRESS, QueryDict(T_1))
    both = settings(shared_key=[KEY], signed_with="either")
    assert Twilio().verify(webhook(T_1, by_token), both) == Proof.BODY_SIGNED
    with pytest.raises(Rejected, match="takes the shared key alone"):
        Twilio().verify(webhook(T_1, by_token), both | {"signed_with": "shared_key"})


def test_a_refusal_tells_what_was_compared_and_no_secret() -> None:
    with pytest.raises(Rejected) as refused:
        Twilio().verify(webhook(T_1, "bm90IGl0"), settings())
    assert refused.value.checked["address"] == ADDRESS
    assert refused.value.checked["Body"] == "STOP"
    assert refused.value.checked["x-twilio-signature"] == "bm90IGl0"
    assert TOKEN not in str(refused.value.checked)
    assert "4w5BPZJE+JYZOW2PsV9E2/TDxpg=" not in str(refused.value.checked)


# --- Read ------------------------------------------------------------------------------------------------------------


def test_a_text_with_what_advanced_opt_out_read_in_it() -> None:
    assert read(T_1) == InboundText(
        event_key="SM00000000000000000000000000000001",
        sender="+12025550123",
        to="+12025550100",
        text="STOP",
        said=Said.OPT_OUT,
        replied=True,
    )
    assert read(T_2) == InboundText(
        "SM00000000000000000000000000000001", "+12025550123", "+12025550100", " Stop  please\n"
    )


@pytest.mark.parametrize("channel", ["rcs:", "whatsapp:"])
def test_a_text_by_another_channel_is_from_the_same_person(channel: str) -> None:
    body = urlencode(
        {"SmsSid": "SM1", "From": f"{channel}+12025550123", "To": f"{channel}+12025550100", "Body": "STOP"}
    )
    assert (read(body.encode()).sender, read(body.encode()).to) == ("+12025550123", "+12025550100")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", DeliveryState.SENT),
        ("sent", DeliveryState.SENT),
        ("delivered", DeliveryState.DELIVERED),
        ("read", DeliveryState.DELIVERED),
        ("undelivered", DeliveryState.FAILED),
        ("failed", DeliveryState.FAILED),
    ],
)
def test_a_status_names_our_text_and_theirs(word: str, state: DeliveryState) -> None:
    body = f"MessageSid=SM9&MessageStatus={word}&SmsStatus={word}&From=%2B12025550100&To=%2B12025550123".encode()
    update = read(body, kind=WebhookKind.STATUS, address="https://us.example/status?message=our-id")
    assert isinstance(update, StatusUpdate)
    assert (update.state, update.message_id, update.provider_message_id) == (state, "our-id", "SM9")
    kept = read(body, kind=WebhookKind.STATUS)
    assert (kept.message_id, kept.provider_message_id) == ("", "SM9")


def test_a_failed_status_says_why() -> None:
    failure = read(b"MessageSid=SM9&MessageStatus=failed&ErrorCode=21610").failure
    assert (failure.kind, failure.code, failure.by) == (FailureKind.OPTED_OUT, "21610", Blocker.PROVIDER)
    assert "MessageSid=SM9" in failure.raw
    blocked = read(b"MessageSid=SM9&MessageStatus=undelivered&ErrorCode=63033").failure
    assert (blocked.kind, blocked.by) == (FailureKind.OPTED_OUT, Blocker.CARRIER)
    assert read(b"MessageSid=SM9&MessageStatus=failed&ErrorCode=99999").failure.kind == FailureKind.OTHER


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"CallSid=CA1&CallStatus=ringing&From=%2B12025550123&To=%2B12025550100", "CallStatus ringing"),
        (b"EventType=onMessageAdded&ConversationSid=CH1", "EventType onMessageAdded"),
        (b"MessageSid=SM1&MessageStatus=teleported", "MessageStatus teleported"),
    ],
)
def test_other_webhooks_of_twilio_are_not_taken_for_texts(body: bytes, kind: str) -> None:
    assert read(body) == Unrecognized(kind)


def test_events_in_json_are_not_acted_on() -> None:
    raw = RawWebhook({"content-type": "application/json"}, b'[{"type": "com.twilio.x"}, 3]', NOW)
    assert Twilio().read(raw, settings()) == [Unrecognized("com.twilio.x"), Unrecognized("json")]


@pytest.mark.parametrize("body", [b"", b"Body=STOP", b"MessageStatus=sent", b"From=%2B12025550123"])
def test_what_lacks_its_parties_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="must name"):
        read(body)


def test_the_acknowledgement_texts_nobody() -> None:
    reply = Twilio().acknowledge(RawWebhook({}, b"", NOW))
    assert (reply.content_type, reply.body) == ("text/xml", "<Response/>")


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
