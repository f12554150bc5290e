"""`POST` and `GET /api/v1/messages`: what is accepted, refused and shown (DESIGN 5)."""

import json
from typing import Any

import pytest

from accounts.models import SenderNumber, User
from compliance.models import Recipient
from messaging.models import Campaign, Conversation, OutboundMessage
from tests import builders
from tests.api import Caller, assert_problem, failing_statement
from tests.builders import PERSON, Business

ANSWERED = {
    "id",
    "sender",
    "recipient",
    "body",
    "purpose",
    "campaign",
    "user",
    "status",
    "reason",
    "created_at",
    "claimed_at",
    "sent_at",
}


@pytest.fixture
def caller(acme: Business) -> Caller:
    return Caller.of(acme, "read", "send")


def wanted(business: Business, **changes: Any) -> dict[str, Any]:
    """A request that is accepted as it stands."""
    return {
        "sender": business.long_code.number,
        "recipient": PERSON,
        "body": "Your table is ready.",
        "purpose": "transactional",
        **changes,
    }


def assert_nothing_stored() -> None:
    assert not OutboundMessage.objects.exists()
    assert not Recipient.objects.exists()
    assert not Conversation.objects.exists()
    assert not Campaign.objects.exists()


def test_an_accepted_text_is_stored_and_shown(acme: Business, caller: Caller) -> None:
    user = acme.user("employee")
    asked = wanted(acme, campaign="Spring", user=user.username)
    answer = caller.post("messages", asked)
    assert answer.status_code == 202
    accepted = answer.json()
    assert set(accepted) >= ANSWERED
    assert accepted | asked == accepted
    assert accepted["status"] == "queued"
    assert accepted["reason"] is accepted["claimed_at"] is accepted["sent_at"] is None
    assert accepted["created_at"].endswith("Z")
    assert caller.get(f"messages/{accepted['id']}").json() == accepted
    builders.deliver_all()
    shown = caller.get(f"messages/{accepted['id']}").json()
    assert shown["status"] == "delivered"
    assert shown["created_at"] <= shown["claimed_at"] <= shown["sent_at"]


@pytest.mark.parametrize("written", ["+1 (212) 555-0177", "212-555-0177", "12125550177", " +12125550177 "])
def test_numbers_are_read_in_any_usual_way_of_writing(acme: Business, caller: Caller, written: str) -> None:
    answer = caller.post("messages", wanted(acme, recipient=written, sender="(202) 555-0100"))
    assert answer.status_code == 202
    assert (answer.json()["recipient"], answer.json()["sender"]) == (PERSON, "+12025550100")


def test_a_short_code_may_send(acme: Business, caller: Caller) -> None:
    assert caller.post("messages", wanted(acme, sender=acme.short_code.number)).status_code == 202


def test_a_refusal_is_stored_and_explained(acme: Business, caller: Caller) -> None:
    builders.text_in(acme, "STOP")
    row = builders.opt_out_of(acme)
    answer = caller.post("messages", wanted(acme, purpose="marketing"))
    problem = assert_problem(answer, 409, "opted_out")
    assert problem["opt_out"] == row.pk
    assert problem["since"] == row.opted_out_at.isoformat().replace("+00:00", "Z")
    assert problem["rule"] == "en.keyword.stop"
    assert problem["scope"] == "scope.tenant"
    assert "“STOP”" in problem["detail"]
    stored = caller.get(f"messages/{problem['message']}").json()
    assert (stored["status"], stored["reason"]) == ("blocked", "opted_out")


def test_one_business_is_not_blocked_by_the_other(acme: Business, globex: Business, caller: Caller) -> None:
    builders.text_in(globex, "STOP")
    assert caller.post("messages", wanted(acme)).status_code == 202


def test_a_number_that_is_switched_off_is_refused(acme: Business, caller: Caller) -> None:
    SenderNumber.objects.filter(pk=acme.long_code.pk).update(is_active=False)
    assert_problem(caller.post("messages", wanted(acme)), 409, "sender_inactive")


def test_another_business_s_sender_is_not_there(acme: Business, globex: Business, caller: Caller) -> None:
    answers = [
        caller.post("messages", wanted(acme, sender=number)).json()
        for number in (globex.long_code.number, globex.short_code.number, "+12025550999", "99999")
    ]
    assert {(answer["status"], answer["detail"]) for answer in answers} == {(404, answers[0]["detail"])}
    assert_nothing_stored()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": "12"}, "recipient"),
        ({"recipient": "nobody"}, "recipient"),
        ({"recipient": ""}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"recipient": 12125550177}, "recipient"),
        ({"recipient": "+12025550100"}, "recipient"),
        ({"recipient": "+12025550101"}, "recipient"),
        ({"sender": "no number at all"}, "sender"),
        ({"sender": ["+12025550100"]}, "sender"),
        ({"purpose": "newsletter"}, "purpose"),
        ({"purpose": "opt_out_confirmation"}, "purpose"),
        ({"purpose": "opt_in_confirmation"}, "purpose"),
        ({"purpose": "help_reply"}, "purpose"),
        ({"body": ""}, "body"),
        ({"body": " \n "}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "a\ud800b"}, "body"),
        ({"body": "a" * 1601}, "body"),
        ({"body": {"text": "a"}}, "body"),
        ({"user": "globex-employee"}, "user"),
        ({"user": "nobody"}, "user"),
        ({"campaign": "a" * 121}, "campaign"),
        ({"campaign": "a\ud800"}, "campaign"),
        ({"priority": "high"}, "priority"),
        ({"\ud800": 1}, "?"),
        ({"emergency_reason": "Fire"}, "emergency_reason"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    acme: Business, globex: Business, caller: Caller, changes: dict[str, Any], field: str
) -> None:
    problem = assert_problem(caller.post("messages", wanted(acme, **changes)), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert field in problem["detail"]
    assert_nothing_stored()


@pytest.mark.parametrize("field", ["sender", "recipient", "body", "purpose"])
def test_what_is_missing_is_named(acme: Business, caller: Caller, field: str) -> None:
    asked = wanted(acme)
    del asked[field]
    problem = assert_problem(caller.post("messages", asked), 400, "invalid")
    assert problem["errors"] == [{"field": field, "message": "This field is required."}]
    assert_nothing_stored()


def test_the_longest_body_passes(acme: Business, caller: Caller) -> None:
    assert caller.post("messages", wanted(acme, body="é" * 1600)).status_code == 202


def test_an_employee_who_left_sends_nothing(acme: Business, caller: Caller) -> None:
    User.objects.filter(pk=acme.user("employee").pk).update(is_active=False)
    answer = caller.post("messages", wanted(acme, user="acme-employee"))
    assert assert_problem(answer, 400)["errors"][0]["field"] == "user"


# --- Emergencies (US-19) ---------------------------------------------------------------------------------------------


def test_an_emergency_needs_its_own_scope(acme: Business, caller: Caller) -> None:
    for asked in (wanted(acme, purpose="emergency"), wanted(acme, purpose="emergency", emergency_reason="Gas leak")):
        assert "emergency" in assert_problem(caller.post("messages", asked), 403, "missing_scope")["detail"]
    assert_nothing_stored()


def test_an_emergency_needs_a_written_reason(acme: Business) -> None:
    caller = Caller.of(acme, "send", "emergency")
    for reason in (None, "", "  "):
        answer = caller.post("messages", wanted(acme, purpose="emergency", emergency_reason=reason))
        assert assert_problem(answer, 400)["errors"][0]["field"] == "emergency_reason"
    assert_nothing_stored()


def test_an_emergency_passes_an_opt_out_and_keeps_its_reason(acme: Business) -> None:
    caller = Caller.of(acme, "send", "emergency")
    builders.text_in(acme, "STOP")
    answer = caller.post("messages", wanted(acme, purpose="emergency", emergency_reason="Gas leak on your street"))
    assert answer.status_code == 202
    message = OutboundMessage.objects.get(pk=answer.json()["id"])
    assert message.emergency_reason == "Gas leak on your street"
    assert message.decision["rule"] == "US-19"


# --- The same request again ------------------------------------------------------------------------------------------


def test_the_same_request_again_answers_the_same(acme: Business, caller: Caller) -> None:
    asked = wanted(acme)
    first = caller.post("messages", asked, idempotency_key="order-1")
    again = caller.post("messages", dict(reversed(asked.items())), idempotency_key="order-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert OutboundMessage.objects.count() == 1


def test_a_refusal_again_answers_the_same(acme: Business, caller: Caller) -> None:
    builders.opt_out_by_staff(acme)
    first = caller.post("messages", wanted(acme), idempotency_key="order-1")
    builders.lift_by_staff(acme, builders.opt_out_of(acme))
    again = caller.post("messages", wanted(acme), idempotency_key="order-1")
    assert assert_problem(first, 409, "opted_out") == assert_problem(again, 409, "opted_out")
    assert OutboundMessage.objects.count() == 1


def test_what_was_accepted_stays_accepted_when_the_hand_over_was_refused(acme: Business, caller: Caller) -> None:
    first = caller.post("messages", wanted(acme), idempotency_key="order-1").json()
    builders.opt_out_by_staff(acme)
    builders.deliver_all()
    again = caller.post("messages", wanted(acme), idempotency_key="order-1")
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert (again.json()["status"], again.json()["reason"]) == ("blocked", "opted_out")


def test_a_repeat_is_known_even_when_its_employee_has_left(acme: Business, caller: Caller) -> None:
    asked = wanted(acme, user="acme-employee")
    first = caller.post("messages", asked, idempotency_key="order-1").json()
    User.objects.filter(username="acme-employee").update(is_active=False)
    again = caller.post("messages", asked, idempotency_key="order-1")
    assert (again.status_code, again.json()["id"]) == (202, first["id"])


def test_a_key_with_another_body_is_refused(acme: Business, caller: Caller) -> None:
    caller.post("messages", wanted(acme), idempotency_key="order-1")
    answer = caller.post("messages", wanted(acme, body="Another text"), idempotency_key="order-1")
    assert_problem(answer, 422, "idempotency_key_reused")
    assert OutboundMessage.objects.count() == 1


def test_two_businesses_may_use_the_same_key(acme: Business, globex: Business, caller: Caller) -> None:
    first = caller.post("messages", wanted(acme), idempotency_key="order-1").json()
    second = Caller.of(globex).post("messages", wanted(globex), idempotency_key="order-1").json()
    assert first["id"] != second["id"]


@pytest.mark.parametrize("key", ["", "a" * 256, "a b", "é", "a\tb"])
def test_a_key_that_is_none_is_named(acme: Business, caller: Caller, key: str) -> None:
    answer = caller.post("messages", wanted(acme), idempotency_key=key)
    assert assert_problem(answer, 400)["errors"][0]["field"] == "Idempotency-Key"
    assert_nothing_stored()


# --- When the state can't be read ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_without_the_database_nothing_is_sent(acme: Business, caller: Caller) -> None:
    """Whichever statement of a send fails, the one that reads the key included."""
    for failing in range(100):
        with failing_statement(failing):
            answer = caller.post("messages", wanted(acme))
        if answer.status_code == 202:
            break
        assert_problem(answer, 503, "state_unavailable")
        assert answer.headers["Retry-After"]
        assert_nothing_stored()
    assert failing >= 6


# --- The list --------------------------------------------------------------------------------------------------------


def test_the_list_shows_this_business_alone_newest_first(acme: Business, globex: Business, caller: Caller) -> None:
    ids = [str(builders.send(acme, builders.new_person()).pk) for _ in range(3)]
    foreign = builders.send(globex)
    listed = caller.get("messages").json()
    assert [row["id"] for row in listed["results"]] == ids[::-1]
    assert listed["next"] is listed["previous"] is None
    assert_problem(caller.get(f"messages/{foreign.pk}"), 404, "not_found")


def test_filters(acme: Business, globex: Business, caller: Caller) -> None:
    builders.opt_out_by_staff(acme, builders.OTHER_PERSON)
    spring = builders.send(acme, campaign="Spring", purpose="marketing")
    refused = builders.send(acme, builders.OTHER_PERSON)
    builders.send(globex, campaign="Spring")
    found = {
        query: [row["id"] for row in caller.get(f"messages?{query}").json()["results"]]
        for query in (
            "recipient=%2B12125550177",
            "recipient=+12125550177",
            "recipient=212-555-0177",
            "purpose=marketing",
            "status=queued",
            "campaign=Spring",
        )
    }
    assert found == {query: [str(spring.pk)] for query in found}
    assert [row["id"] for row in caller.get("messages?status=blocked").json()["results"]] == [str(refused.pk)]
    assert caller.get("messages?campaign=Autumn").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("recipient=nobody", "recipient"),
        ("recipient=", "recipient"),
        ("purpose=newsletter", "purpose"),
        ("status=lost", "status"),
        ("campaign=%00", "campaign"),
        ("colour=red", "colour"),
        ("status=queued&status=sent", "status"),
        ("cursor=nonsense", "cursor"),
        ("cursor=WzEsICIyMDI2LTExLTIwIiwgMV0", "cursor"),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=many", "page_size"),
    ],
)
def test_a_filter_that_is_wrong_is_named(caller: Caller, query: str, field: str) -> None:
    problem = assert_problem(caller.get(f"messages?{query}"), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize("message_id", ["7f3b7f3e-4b0e-4a4e-9a53-3d7c2c0f2f11", "17", "nonsense", "a" * 300, "%00"])
def test_an_id_that_is_none_is_not_there(caller: Caller, message_id: str) -> None:
    assert_problem(caller.get(f"messages/{message_id}"), 404, "not_found")


# --- What it costs ---------------------------------------------------------------------------------------------------


def test_a_send_stays_within_its_queries(acme: Business, caller: Caller, django_assert_max_num_queries: Any) -> None:
    caller.post("messages", wanted(acme))
    with django_assert_max_num_queries(8):
        caller.post("messages", wanted(acme))


def test_the_list_takes_two_queries(acme: Business, caller: Caller, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        builders.send(acme, builders.new_person(), campaign="Spring", user=acme.user("employee"))
    caller.get("messages")
    with django_assert_num_queries(2):
        assert len(json.loads(caller.get("messages").content)["results"]) == 5
