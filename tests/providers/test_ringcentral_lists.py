"""RingCentral's own lists, its records of what was sent, and the subscription that it calls us by."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from messaging.providers.base import DeliveryState
from messaging.providers.capabilities import CallFailed, ItemResult, ListItem, SentText, Upkeep
from messaging.providers.ringcentral import RingCentral
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON
from tests.fake_gateway import Answer, Misbehaviour, Taken
from tests.providers.fake_ringcentral import FakeRingCentral, refusal, says
from tests.providers.kit import COMPANY
from tests.providers.kit_ringcentral import KIT, iso

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADDRESSES = {
    "inbound": "https://texts.example/webhooks/ringcentral/t0ken/inbound",
    "status": "https://texts.example/webhooks/ringcentral/t0ken/status",
}
SECOND = "+12025550143"
RC = RingCentral()


def settings(cloud: FakeRingCentral, **more: Any) -> dict[str, Any]:
    given = {name: [value] for name, value in KIT.settings().items() if name != "client_id"}
    return {"client_id": "client", **given, "base_url": cloud.base_url, **more}


def query_of(taken: Taken) -> dict[str, list[str]]:
    return parse_qs(urlsplit(taken.path).query)


def consent(to: str, **more: str) -> dict[str, str]:
    return {
        "from": COMPANY,
        "to": to,
        "optStatus": "OptOut",
        "source": "Recipient",
        "lastModifiedTime": iso(NOW),
        **more,
    }


# --- Test ------------------------------------------------------------------------------------------------------------


def test_the_test_says_who_is_signed_in(cloud: FakeRingCentral) -> None:
    cloud.pages["/extension/~"] = [{"id": 400000001, "name": "Dana Price", "extensionNumber": "101"}]
    assert RC.test_connection(settings(cloud)) == "Signed in to RingCentral as Dana Price, extension 101."
    assert {taken.method for taken in cloud.taken[1:]} == {"GET"}


@pytest.mark.parametrize(
    ("where", "answer", "words"),
    [
        ("/oauth/token", says({"error": "invalid_client"}, 401), "invalid_client"),
        ("/extension/~", refusal(403, "CMN-401", "In order to call this API, ReadAccounts is needed"), "ReadAccounts"),
        ("/extension/~", Misbehaviour.CLOSE, "can't be reached"),
    ],
)
def test_a_test_that_fails_says_why(
    cloud: FakeRingCentral, where: str, answer: Answer | Misbehaviour, words: str
) -> None:
    cloud.instead[where] = [answer]
    with pytest.raises(CallFailed, match=words):
        RC.test_connection(settings(cloud))


# --- The lists -------------------------------------------------------------------------------------------------------


def test_the_consents_are_read_page_by_page(cloud: FakeRingCentral) -> None:
    records = [consent(PERSON), consent(OTHER_PERSON, **{"from": "*"}), consent(THIRD_PERSON, optStatus="OptIn")]
    cloud.pages["/sms/consents"] = [
        {"records": [*records, {"optStatus": "OptOut"}], "paging": {"nextPageToken": "p2"}},
        {"records": [consent(THIRD_PERSON, source="Carrier")], "paging": {"pageToken": "p2"}},
    ]
    first = RC.read_list(settings(cloud), "", [COMPANY])
    second = RC.read_list(settings(cloud), first.next_page, [COMPANY])

    assert [(entry.recipient, entry.sender) for entry in first.entries] == [(PERSON, COMPANY), (OTHER_PERSON, "")]
    assert [(entry.recipient, entry.by) for entry in second.entries] == [(THIRD_PERSON, "carrier")]
    assert (first.next_page, second.next_page) == ("p2", "")
    queries = [query_of(taken) for taken in cloud.asked("GET /restapi/v2")]
    assert queries[0] == {"optStatus": ["OptOut"], "perPage": ["1000"]}
    assert queries[1]["pageToken"] == ["p2"]


def test_the_newer_search_is_used_where_the_older_reading_is_gone(cloud: FakeRingCentral) -> None:
    cloud.has_get_consents = False
    cloud.pages["/sms/consents/search"] = [
        {"records": [consent(PERSON)], "paging": {"nextPageToken": "p2"}},
        {"records": [consent(OTHER_PERSON)]},
    ]
    first = RC.read_list(settings(cloud), "", [])
    second = RC.read_list(settings(cloud), first.next_page, [])

    assert [entry.recipient for entry in (*first.entries, *second.entries)] == [PERSON, OTHER_PERSON]
    assert len(cloud.asked("GET /restapi/v2")) == 1, "it is not asked the old way again"
    sought = [taken.text for taken in cloud.asked("POST /restapi/v2")]
    assert sought == [
        {"optStatus": "OptOut", "perPage": 1000},
        {"optStatus": "OptOut", "perPage": 1000, "pageToken": "p2"},
    ]


def test_a_list_that_may_not_be_read_is_not_searched_either(cloud: FakeRingCentral) -> None:
    cloud.instead["/sms/consents"] = [refusal(403, "CMN-408", "In order to call this API, [SMS] is needed")]
    with pytest.raises(CallFailed, match=r"\[SMS\]"):
        RC.read_list(settings(cloud), "", [])
    assert not cloud.asked("POST /restapi/v2")


def test_an_event_and_its_entry_on_the_list_have_one_key(cloud: FakeRingCentral) -> None:
    cloud.pages["/sms/consents"] = [{"records": [consent(PERSON, lastModifiedTime="2026-11-23T12:00:00.473Z")]}]
    listed = RC.read_list(settings(cloud), "", []).entries[0]
    assert listed.event_key == f"consent:{COMPANY}:{PERSON}:out:2026-11-23T12:00:00+00:00"


def test_the_high_volume_list_is_read_page_by_page(cloud: FakeRingCentral) -> None:
    cloud.pages["/a2p-sms/opt-outs"] = [
        {"records": [{"from": COMPANY, "to": PERSON}], "paging": {"nextPageToken": "p2"}},
        {"records": [{"from": COMPANY, "to": OTHER_PERSON, "status": "OptOut", "source": "Account"}]},
    ]
    first = RC.read_list(settings(cloud, mode="a2p"), "", [])
    second = RC.read_list(settings(cloud, mode="a2p"), first.next_page, [])
    assert [(entry.recipient, entry.opted_out, entry.by) for entry in (*first.entries, *second.entries)] == [
        (PERSON, True, ""),
        (OTHER_PERSON, True, "business"),
    ]


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"records": {}}'])
def test_an_answer_that_is_no_list_is_none(cloud: FakeRingCentral, body: bytes) -> None:
    cloud.instead["/sms/consents"] = [Answer(200, body=body)]
    with pytest.raises(CallFailed, match="without a list"):
        RC.read_list(settings(cloud), "", [])


def test_the_pause_that_a_list_asks_for_is_passed_on_and_kept(cloud: FakeRingCentral) -> None:
    cloud.instead["/sms/consents"] = [refusal(429, "CMN-301", "Request rate exceeded", retry_after="58")]
    for _ in range(2):
        with pytest.raises(CallFailed) as failed:
            RC.read_list(settings(cloud), "", [])
        assert failed.value.retry_after_seconds == pytest.approx(58, abs=2)
    assert len(cloud.asked("/sms/consents")) == 1


@pytest.mark.parametrize("opts_out", [True, False])
def test_consents_are_written_in_one_call_and_each_refusal_is_told(cloud: FakeRingCentral, opts_out: bool) -> None:
    items = [ListItem(PERSON, COMPANY), ListItem(OTHER_PERSON), ListItem(THIRD_PERSON, COMPANY)]
    refused = {"from": "*", "to": OTHER_PERSON, "error": {"errorCode": "CMN-101", "message": "Not a mobile"}}
    cloud.pages["/sms/consents"] = [{"failedRecords": [refused]}]
    write = RC.add_to_list if opts_out else RC.remove_from_list

    assert write(settings(cloud), items) == [
        ItemResult(items[0]),
        ItemResult(items[1], "CMN-101 Not a mobile"),
        ItemResult(items[2]),
    ]
    status = "OptOut" if opts_out else "OptIn"
    (asked,) = cloud.asked("PATCH /restapi/v2/accounts/~/sms/consents")
    assert asked.text["records"][:2] == [
        {"from": COMPANY, "to": PERSON, "optStatus": status, "source": "Api"},
        {"from": "*", "to": OTHER_PERSON, "optStatus": status, "source": "Api"},
    ]


def test_the_high_volume_list_is_written_number_by_number(cloud: FakeRingCentral) -> None:
    items = [
        ListItem(PERSON, COMPANY),
        ListItem(OTHER_PERSON, SECOND),
        ListItem(THIRD_PERSON, COMPANY),
        ListItem(PERSON),
    ]
    failed = [{"to": THIRD_PERSON, "errorMessage": "Unexpected issue"}]
    cloud.pages["/opt-outs/bulk-assign"] = [{"optOuts": {"successful": [PERSON], "failed": failed}}]
    results = RC.add_to_list(settings(cloud, mode="a2p"), items)

    assert {(result.item, result.error) for result in results} == {
        (items[0], ""),
        (items[1], ""),
        (items[2], "Unexpected issue"),
        (items[3], ""),
    }
    assert [taken.text for taken in cloud.asked("bulk-assign")] == [
        {"from": COMPANY, "optOuts": [PERSON, THIRD_PERSON]},
        {"from": SECOND, "optOuts": [OTHER_PERSON]},
    ]
    assert cloud.asked("PATCH")[0].text["records"][0]["from"] == "*"
    RC.remove_from_list(settings(cloud, mode="a2p"), items[:1])
    assert cloud.asked("bulk-assign")[-1].text == {"from": COMPANY, "optIns": [PERSON]}


# --- What was sent ---------------------------------------------------------------------------------------------------


def stored(id_: int, to: list[str], **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "from": {"phoneNumber": COMPANY, "name": "Dana Price", "extensionNumber": "101"},
        "to": [{"phoneNumber": number} for number in to],
        "type": "SMS",
        "creationTime": iso(NOW),
        "direction": "Outbound",
        "subject": " See you at 3. ",
        "messageStatus": "Delivered",
        **more,
    }


def test_the_message_stores_of_all_extensions_are_read(cloud: FakeRingCentral) -> None:
    failed = {"messageStatus": "SendingFailed", "deliveryErrorCode": "SMS-RC-413"}
    cloud.pages["/extension/1/message-store"] = [
        {"records": [stored(11, [PERSON])], "paging": {"page": 1, "totalPages": 2}, "navigation": {"nextPage": {}}},
        {"records": [stored(12, [OTHER_PERSON], **failed)], "paging": {"page": 2, "totalPages": 2}},
    ]
    cloud.pages["/extension/2/message-store"] = [{"records": [stored(21, [PERSON, OTHER_PERSON])]}]
    texts, pages = _read_all(cloud, extension="1,2")

    assert pages == ["", "0:2", "1:1"]
    assert [text.provider_message_id for text in texts] == ["11", "12", "21", f"21:{OTHER_PERSON}"]
    assert texts[0] == SentText(
        "11", COMPANY, PERSON, " See you at 3. ", NOW, "Dana Price, extension 101", "11", texts[0].status
    )
    told = [text.status.state if text.status else None for text in texts]
    assert told == [DeliveryState.DELIVERED, DeliveryState.FAILED, None, None]
    asked = query_of(cloud.asked("message-store")[0])
    assert asked["direction"] == ["Outbound"]
    assert asked["dateFrom"] == ["2026-11-22T12:00:00.000Z"]
    assert "Deleted" in asked["availability"]


def _read_all(cloud: FakeRingCentral, **more: Any) -> tuple[list[SentText], list[str]]:
    texts: list[SentText] = []
    pages = [""]
    while True:
        found = RC.read_sent(settings(cloud, **more), NOW - timedelta(days=1), pages[-1], [COMPANY])
        texts += found.texts
        if not found.next_page:
            return texts, pages
        pages.append(found.next_page)


def test_the_high_volume_records_name_the_batch_that_a_hand_over_answered(cloud: FakeRingCentral) -> None:
    record = {
        "id": 52511,
        "batchId": "batch-1",
        "from": COMPANY,
        "to": [PERSON],
        "text": "Sale!",
        "creationTime": "2026-11-23T12:00:00.436491Z",
        "messageStatus": "Sent",
        "direction": "Outbound",
    }
    cloud.pages["/a2p-sms/messages"] = [
        {"records": [record], "paging": {"nextPageToken": "p2"}},
        {"records": [record | {"id": 52512, "direction": "Inbound"}, {"id": 1}]},
    ]
    texts, pages = _read_all(cloud, mode="a2p")
    assert pages == ["", "p2"]
    (text,) = texts
    assert (text.provider_message_id, text.handed_over_as, text.body, text.by) == ("52511", "batch-1", "Sale!", "")
    assert query_of(cloud.asked("a2p-sms/messages")[1])["pageToken"] == ["p2"]


# --- The subscription ------------------------------------------------------------------------------------------------


def keep_up(cloud: FakeRingCentral, remembered: dict[str, Any] | None = None, **more: Any) -> Upkeep:
    return RC.keep_up(settings(cloud, **more), ADDRESSES, remembered or {})


def test_a_subscription_is_made_with_our_address_and_token(cloud: FakeRingCentral) -> None:
    kept = keep_up(cloud)
    (asked,) = cloud.asked("POST /restapi/v1.0/subscription")
    assert asked.text == {
        "eventFilters": [
            "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS",
            "/restapi/v2/accounts/~/sms/consents",
        ],
        "deliveryMode": {
            "transportType": "WebHook",
            "address": ADDRESSES["inbound"],
            "verificationToken": "verification-token-number-1",
        },
        "expiresIn": 30 * 86400,
    }
    assert kept.remembered["id"] in cloud.subscriptions
    assert "reports to us until" in kept.says
    assert kept.due_at is not None
    assert kept.due_at < datetime.now(UTC) + timedelta(hours=1)
    assert "verification-token" not in str(kept.remembered)


def test_high_volume_and_several_extensions_are_subscribed_to(cloud: FakeRingCentral) -> None:
    keep_up(cloud, mode="a2p")
    keep_up(cloud, extension="7,8")
    first, second = (taken.text["eventFilters"] for taken in cloud.asked("POST /restapi/v1.0/subscription"))
    assert first == [
        "/restapi/v1.0/account/~/a2p-sms/messages?direction=Inbound",
        "/restapi/v1.0/account/~/a2p-sms/messages?direction=Outbound",
        "/restapi/v1.0/account/~/a2p-sms/opt-outs",
        "/restapi/v2/accounts/~/sms/consents",
    ]
    assert [name for name in second if "/extension/7/" in name or "/extension/8/" in name] == second[:2]


def test_it_is_left_alone_while_it_stands_and_renewed_before_it_runs_out(cloud: FakeRingCentral) -> None:
    kept = keep_up(cloud)
    again = keep_up(cloud, dict(kept.remembered))
    assert again.remembered == kept.remembered
    assert len(cloud.asked("POST /restapi/v1.0/subscription")) == 1

    with time_machine.travel(datetime.now(UTC) + timedelta(days=20), tick=False):
        renewed = keep_up(cloud, dict(again.remembered))
    assert [taken.path for taken in cloud.asked("/renew")] == [
        f"/restapi/v1.0/subscription/{kept.remembered['id']}/renew"
    ]
    assert renewed.remembered["id"] == kept.remembered["id"]
    assert renewed.remembered["expires_at"] > kept.remembered["expires_at"]


@pytest.mark.parametrize("status", ["Blacklisted", "Suspended"])
def test_one_that_was_switched_off_is_made_anew_and_told(cloud: FakeRingCentral, status: str) -> None:
    kept = keep_up(cloud)
    cloud.subscriptions[kept.remembered["id"]]["status"] = status
    made = keep_up(cloud, dict(kept.remembered))
    assert list(cloud.subscriptions) == [made.remembered["id"]]
    assert made.remembered["id"] != kept.remembered["id"]
    rotated = {"verification_token": ["another-verification-token"]}
    for later, told in ((timedelta(), True), (timedelta(days=6), True), (timedelta(days=8), False)):
        with time_machine.travel(datetime.now(UTC) + later, tick=False):
            for changed in ({}, rotated):
                says_now = keep_up(cloud, dict(made.remembered), **changed).says
                assert ("had switched its reports off" in says_now) is told
    assert "switched" not in kept.says


def test_one_that_ran_out_or_went_is_made_anew(cloud: FakeRingCentral) -> None:
    kept = keep_up(cloud)
    cloud.subscriptions[kept.remembered["id"]]["expirationTime"] = iso(NOW - timedelta(days=900))
    expired = keep_up(cloud, dict(kept.remembered))
    assert list(cloud.subscriptions) == [expired.remembered["id"]]
    cloud.subscriptions.clear()
    gone = keep_up(cloud, dict(expired.remembered))
    assert list(cloud.subscriptions) == [gone.remembered["id"]]


def test_a_rotated_token_or_another_mode_makes_it_anew(cloud: FakeRingCentral) -> None:
    kept = keep_up(cloud)
    tokens = ["a-newer-verification-token", "verification-token-number-1"]
    rotated = keep_up(cloud, dict(kept.remembered), verification_token=tokens)
    assert list(cloud.subscriptions) == [rotated.remembered["id"]]
    asked = cloud.asked("POST /restapi/v1.0/subscription")[-1].text
    assert asked["deliveryMode"]["verificationToken"] == "a-newer-verification-token"
    keep_up(cloud, dict(rotated.remembered), verification_token=tokens, mode="a2p")
    assert len(cloud.asked("POST /restapi/v1.0/subscription")) == 3


def test_one_under_an_address_that_we_had_before_is_dropped(cloud: FakeRingCentral) -> None:
    kept = keep_up(cloud)
    moved = {kind: address.replace("texts.example", "new.example") for kind, address in ADDRESSES.items()}
    RC.keep_up(settings(cloud), moved, kept.remembered)
    (standing,) = cloud.subscriptions.values()
    assert standing["deliveryMode"]["address"] == moved["inbound"]


def test_the_new_one_stands_before_the_old_one_goes(cloud: FakeRingCentral) -> None:
    keep_up(cloud)
    cloud.instead["POST /restapi/v1.0/subscription"] = [
        refusal(400, "SUB-525", "WebHook server response is invalid")
    ] * 2
    with pytest.raises(CallFailed, match="SUB-525"):
        keep_up(cloud)
    assert len(cloud.subscriptions) == 1


def test_subscriptions_of_others_are_left_alone(cloud: FakeRingCentral) -> None:
    other = cloud.add_subscription({"deliveryMode": {"address": "https://crm.example/hook"}})
    dead = cloud.add_subscription({"deliveryMode": {"address": "https://crm.example/hook"}}, "Blacklisted")
    kept = keep_up(cloud)
    keep_up(cloud, dict(kept.remembered))
    assert set(cloud.subscriptions) == {other["id"], dead["id"], kept.remembered["id"]}


def test_two_workers_at_once_leave_one_in_the_end(cloud: FakeRingCentral) -> None:
    """Both see none and make one; the next upkeep, by whatever was remembered last, drops the other."""
    nothing = says({"records": []})
    cloud.instead["GET /restapi/v1.0/subscription"] = [nothing, nothing]
    first, second = keep_up(cloud), keep_up(cloud)
    assert len(cloud.subscriptions) == 2
    for last in (first, second):
        assert last.remembered["id"] in cloud.subscriptions
    kept = keep_up(cloud, dict(second.remembered))
    assert list(cloud.subscriptions) == [kept.remembered["id"]] == [second.remembered["id"]]


def test_one_that_another_worker_dropped_already_is_dropped(cloud: FakeRingCentral) -> None:
    keep_up(cloud)
    cloud.instead["DELETE"] = [refusal(404, "CMN-102", "Resource is not found")]
    assert keep_up(cloud).remembered["id"]


def test_incoming_texts_are_subscribed_to_even_where_the_rest_is_refused(cloud: FakeRingCentral) -> None:
    cloud.instead["POST /restapi/v1.0/subscription"] = [refusal(403, "CMN-408", "[A2PSMS] permission required")]
    kept = keep_up(cloud)
    asked = cloud.asked("POST /restapi/v1.0/subscription")[-1].text
    assert asked["eventFilters"] == ["/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS"]
    assert "[A2PSMS] permission required" in kept.says
    assert "[A2PSMS] permission required" in keep_up(cloud, dict(kept.remembered)).says


def test_events_that_ringcentral_leaves_out_are_told(cloud: FakeRingCentral) -> None:
    made = cloud.add_subscription({"deliveryMode": {"address": ADDRESSES["inbound"]}})
    left_out = {"filter": "/restapi/v2/accounts/~/sms/consents", "reason": "SUB-408", "message": "No permission"}
    cloud.instead["POST /restapi/v1.0/subscription"] = [says(made | {"disabledFilters": [left_out]})]
    assert re.search(r"does not report /restapi/v2/.*No permission", keep_up(cloud).says)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(refusal(429, "CMN-301", "Request rate exceeded", retry_after="60"), 60), (Answer(503, body=b""), None)],
)
def test_an_upkeep_that_fails_says_so_and_loses_nothing(
    cloud: FakeRingCentral, answer: Answer, seconds: float | None
) -> None:
    kept = keep_up(cloud)
    cloud.instead["GET /restapi/v1.0/subscription"] = [answer]
    with pytest.raises(CallFailed) as failed:
        keep_up(cloud, dict(kept.remembered))
    assert failed.value.retry_after_seconds == seconds
    assert list(cloud.subscriptions) == [kept.remembered["id"]]
