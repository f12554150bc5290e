"""`/api/v1/opt-outs`: recording, listing, lifting and history (DESIGN 4 and 5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Tenant
from compliance.models import Evidence, OptOut, Recipient
from messaging.models import OutboundMessage
from tests import builders
from tests.api import Caller, assert_problem
from tests.builders import OTHER_PERSON, PERSON, Business

ROW = {
    "id",
    "recipient",
    "scope",
    "sender",
    "requested_by",
    "status",
    "source",
    "reason",
    "opted_out_at",
    "lifted_at",
    "changed_at",
}
MISSING = "99999999"


@pytest.fixture
def caller(acme: Business) -> Caller:
    return Caller.of(acme, "read", "write", "lift")


def wanted(**changes: Any) -> dict[str, Any]:
    return {"recipient": PERSON, "source": "voice", "reason": "Called to be left alone.", **changes}


def lifting(at: datetime | str | None = None, **changes: Any) -> dict[str, Any]:
    moment = at or timezone.now()
    text = moment.isoformat() if isinstance(moment, datetime) else moment
    return {
        "reason": "Wants reminders again.",
        "evidence": {"way": "in_person", "words": "Please text me again.", "at": text},
        **changes,
    }


def assert_nothing_stored() -> None:
    assert not OptOut.objects.exists()
    assert not Recipient.objects.exists()
    assert not Evidence.objects.exists()


# --- Recording -------------------------------------------------------------------------------------------------------


def test_a_recorded_opt_out_blocks_and_texts_nobody(acme: Business, globex: Business, caller: Caller) -> None:
    answer = caller.post("opt-outs", wanted(recipient="212-555-0177"))
    assert answer.status_code == 201
    row = answer.json()
    assert set(row) == ROW
    assert row | wanted() == row
    assert (row["scope"], row["sender"], row["requested_by"], row["status"]) == ("tenant", None, "recipient", "active")
    assert row["lifted_at"] is None
    assert builders.is_blocked(acme)
    assert not builders.is_blocked(globex)
    assert not OutboundMessage.objects.exists()


def test_a_repeat_is_recorded_in_history(caller: Caller) -> None:
    first = caller.post("opt-outs", wanted()).json()
    again = caller.post("opt-outs", wanted(reason="Called once more."))
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    history = caller.get(f"opt-outs/{first['id']}/history").json()["results"]
    assert [(change["action"], change["reason"]) for change in history] == [
        ("opted_out", "Called to be left alone."),
        ("repeated", "Called once more."),
    ]


def test_after_lifting_it_is_new_again(caller: Caller) -> None:
    first = caller.post("opt-outs", wanted()).json()
    assert caller.post(f"opt-outs/{first['id']}/lift", lifting()).status_code == 200
    again = caller.post("opt-outs", wanted())
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (201, first["id"], "active")


def test_the_business_s_own_block_stands_beside_the_recipient_s(caller: Caller) -> None:
    ids = {caller.post("opt-outs", wanted(requested_by=who)).json()["id"] for who in ("recipient", "business")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("policy", "asked", "scope"),
    [
        ("tenant", {}, "tenant"),
        ("number", {}, "tenant"),
        ("tenant", {"sender": "(202) 555-0100"}, "tenant"),
        ("number", {"sender": "(202) 555-0100"}, "number"),
        ("tenant", {"sender": "+12025550100", "scope": "number"}, "number"),
        ("number", {"scope": "tenant"}, "tenant"),
        ("number", {"scope": "tenant", "sender": None}, "tenant"),
    ],
)
def test_the_scope_is_what_is_said_else_the_policy(
    acme: Business, caller: Caller, policy: str, asked: dict[str, Any], scope: str
) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(opt_out_scope=policy)
    row = caller.post("opt-outs", wanted(**asked)).json()
    assert (row["scope"], row["sender"]) == (scope, "+12025550100" if scope == "number" else None)
    if asked.get("sender"):
        evidence = caller.get(f"opt-outs/{row['id']}/history").json()["results"][0]["evidence"]
        assert evidence["details"]["sender"] == "+12025550100"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": "12"}, "recipient"),
        ({"recipient": "+12025550100"}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"source": "pigeon"}, "source"),
        ({"source": None}, "source"),
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": "a\x00"}, "reason"),
        ({"reason": "a\ud800"}, "reason"),
        ({"requested_by": "neighbour"}, "requested_by"),
        ({"scope": "program"}, "scope"),
        ({"scope": "number"}, "sender"),
        ({"scope": "tenant", "sender": "+12025550100"}, "sender"),
        ({"sender": "no number at all"}, "sender"),
        ({"status": "lifted"}, "status"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(caller: Caller, changes: dict[str, Any], field: str) -> None:
    problem = assert_problem(caller.post("opt-outs", wanted(**changes)), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert_nothing_stored()


def test_another_business_s_sender_is_not_there(globex: Business, caller: Caller) -> None:
    asked = wanted(scope="number", sender=globex.long_code.number)
    assert_problem(caller.post("opt-outs", asked), 404, "not_found")
    assert_nothing_stored()


# --- Listing ---------------------------------------------------------------------------------------------------------


def ids(caller: Caller, query: str) -> list[int]:
    return [row["id"] for row in caller.get(f"opt-outs?{query}").json()["results"]]


def test_the_list_shows_this_business_alone_last_changed_first(
    acme: Business, globex: Business, caller: Caller
) -> None:
    first = builders.opt_out_by_staff(acme).opt_out.pk
    second = builders.opt_out_by_staff(acme, OTHER_PERSON).opt_out.pk
    builders.opt_out_by_staff(globex)
    assert ids(caller, "") == [second, first]
    builders.opt_out_by_staff(acme)
    assert ids(caller, "") == [first, second]
    assert set(caller.get("opt-outs").json()["results"][0]) == ROW


def test_filters(acme: Business, globex: Business, caller: Caller) -> None:
    by_number = builders.opt_out_by_staff(acme, sender=acme.long_code).opt_out
    builders.text_in(acme, "STOP", from_=OTHER_PERSON)
    texted = builders.opt_out_of(acme, OTHER_PERSON)
    builders.opt_out_by_staff(globex)
    between = (by_number.changed_at + (texted.changed_at - by_number.changed_at) / 2).isoformat()
    builders.lift_by_staff(acme, texted)
    answers: dict[str, list[OptOut]] = {
        "recipient=212-555-0177": [by_number],
        "recipient=+12125550178": [texted],
        "status=active": [by_number],
        "status=lifted": [texted],
        "source=keyword": [texted],
        "sender=202-555-0100": [by_number],
        "sender=%2B14155550110": [],
        f"since={between}": [texted],
        f"until={between.replace('+', '%2B')}": [by_number],
        f"since={between}&status=active": [],
        "since=2020-01-01": [texted, by_number],
        "until=2020-01-01T00:00:00": [],
    }
    for query, expected in answers.items():
        assert ids(caller, query) == [row.pk for row in expected], query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("recipient=nobody", "recipient"),
        ("status=open", "status"),
        ("source=pigeon", "source"),
        ("sender=no number at all", "sender"),
        ("since=yesterday", "since"),
        ("until=2026-13-01", "until"),
        ("until=0001-01-01T00:00:00%2B23:59", "until"),
        ("campaign=Spring", "campaign"),
        ("cursor=%00", "cursor"),
    ],
)
def test_a_filter_that_is_wrong_is_named(caller: Caller, query: str, field: str) -> None:
    problem = assert_problem(caller.get(f"opt-outs?{query}"), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_pages_show_every_row_once_even_of_one_moment(acme: Business, caller: Caller) -> None:
    now = timezone.now()
    rows = [builders.opt_out_by_staff(acme, builders.new_person(), at=now).opt_out.pk for _ in range(7)]
    OptOut.writes.filter(pk__in=rows[:5]).update(changed_at=now)
    everything = ids(caller, "")
    seen, pages = [], []
    address: str | None = "/api/v1/opt-outs?page_size=2&status=active"
    while address:
        page = caller.client.get(address, headers=caller.headers()).json()
        seen += [row["id"] for row in page["results"]]
        pages.append(page)
        address = page["next"]
    assert seen == everything
    assert pages[0]["previous"] is None
    back = caller.client.get(pages[-1]["previous"], headers=caller.headers()).json()
    assert back["results"] == pages[-2]["results"]
    first = caller.client.get(pages[1]["previous"], headers=caller.headers()).json()
    assert first == pages[0]


def test_a_foreign_cursor_shows_nothing_foreign(acme: Business, globex: Business, caller: Caller) -> None:
    for _ in range(3):
        builders.opt_out_by_staff(globex, builders.new_person())
    cursor = Caller.of(globex).get("opt-outs?page_size=1").json()["next"].partition("cursor=")[2].partition("&")[0]
    assert caller.get(f"opt-outs?cursor={cursor}").json()["results"] == []


def test_the_list_takes_two_queries(acme: Business, caller: Caller, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        builders.opt_out_by_staff(acme, builders.new_person())
    caller.get("opt-outs")
    with django_assert_num_queries(2):
        assert len(ids(caller, "")) == 5


# --- One, its history, and what is not there -------------------------------------------------------------------------


def test_history_tells_who_how_why_and_on_which_evidence(acme: Business, caller: Caller) -> None:
    sent = builders.send(acme, campaign="Spring", user=acme.user("employee"))
    builders.deliver_all()
    builders.text_in(acme, "STOP")
    row = builders.opt_out_of(acme)
    caller.post(f"opt-outs/{row.pk}/lift", lifting())
    assert caller.get(f"opt-outs/{row.pk}").json()["status"] == "lifted"
    stop, lift = caller.get(f"opt-outs/{row.pk}/history").json()["results"]
    assert (stop["action"], stop["status"], stop["source"]) == ("opted_out", "active", "keyword")
    assert stop["actor"] == {"kind": "recipient", "id": None, "name": "Recipient"}
    assert (stop["evidence"]["way"], stop["evidence"]["words"]) == ("keyword", "STOP")
    assert stop["evidence"]["digest"] == Evidence.objects.get(pk=stop["evidence"]["id"]).digest
    assert stop["evidence"]["details"]["texted"] == acme.long_code.number
    assert stop["preceding"]["id"] == str(sent.pk)
    assert stop["preceding"]["campaign"] == "Spring"
    assert stop["preceding"]["user"] == acme.user("employee").display_name
    assert (lift["action"], lift["status"], lift["reason"]) == ("lifted", "lifted", "Wants reminders again.")
    assert lift["actor"] == {"kind": "api_key", "id": str(caller.row.pk), "name": "API key Integration"}
    assert lift["evidence"]["words"] == "Please text me again."
    assert stop["at"] < lift["at"]


def test_history_takes_three_queries(acme: Business, caller: Caller, django_assert_num_queries: Any) -> None:
    for _ in range(4):
        row = builders.opt_out_by_staff(acme).opt_out
    caller.get("opt-outs")
    with django_assert_num_queries(3):
        assert len(caller.get(f"opt-outs/{row.pk}/history").json()["results"]) == 4


@pytest.mark.parametrize("opt_out_id", [MISSING, "0", "-1", "nonsense", "9" * 19, "9" * 5000, "1.0", "²", "%00"])
def test_an_id_that_is_none_is_not_there(caller: Caller, opt_out_id: str) -> None:
    for answer in (
        caller.get(f"opt-outs/{opt_out_id}"),
        caller.get(f"opt-outs/{opt_out_id}/history"),
        caller.post(f"opt-outs/{opt_out_id}/lift", lifting()),
    ):
        assert_problem(answer, 404, "not_found")


def test_another_business_s_opt_out_is_like_none(acme: Business, globex: Business, caller: Caller) -> None:
    foreign = builders.opt_out_by_staff(globex).opt_out
    for path in ("{}", "{}/history"):
        theirs, nobody_s = (caller.get(f"opt-outs/{path.format(pk)}").json() for pk in (foreign.pk, MISSING))
        assert theirs == nobody_s
    theirs, nobody_s = (caller.post(f"opt-outs/{pk}/lift", lifting()).json() for pk in (foreign.pk, MISSING))
    assert theirs == nobody_s
    assert theirs["status"] == 404
    assert builders.is_blocked(globex)


# --- Lifting ---------------------------------------------------------------------------------------------------------


def test_lifting_opens_and_texts_nobody(acme: Business, caller: Caller) -> None:
    row = builders.opt_out_by_staff(acme).opt_out
    answer = caller.post(f"opt-outs/{row.pk}/lift", lifting())
    assert answer.status_code == 200
    assert set(answer.json()) == ROW
    assert (answer.json()["status"], answer.json()["id"]) == ("lifted", row.pk)
    assert not builders.is_blocked(acme)
    assert not OutboundMessage.objects.exists()


def test_lifting_needs_its_own_scope(acme: Business) -> None:
    row = builders.opt_out_by_staff(acme).opt_out
    answer = Caller.of(acme).post(f"opt-outs/{row.pk}/lift", lifting())
    assert "“lift”" in assert_problem(answer, 403, "missing_scope")["detail"]
    assert builders.is_blocked(acme)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": None}, "reason"),
        ({"evidence": None}, "evidence"),
        ({"evidence": "She said so."}, "evidence"),
        ({"words": " "}, "evidence.words"),
        ({"words": "a\ud800"}, "evidence.words"),
        ({"way": "pigeon"}, "evidence.way"),
        ({"way": None}, "evidence.way"),
        ({"at": "yesterday"}, "evidence.at"),
        ({"at": 1_700_000_000}, "evidence.at"),
        ({"at": "2020-01-01T00:00:00Z"}, "evidence.at"),
        ({"at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "evidence.at"),
        ({"by": "Ada"}, "evidence.by"),
        ({"note": "none"}, "note"),
    ],
)
def test_what_a_lift_lacks_is_named_and_the_block_stands(
    acme: Business, caller: Caller, changes: dict[str, Any], field: str
) -> None:
    row = builders.opt_out_by_staff(acme).opt_out
    asked = lifting()
    for name, value in changes.items():
        if name in ("reason", "evidence", "note"):
            asked[name] = value
        else:
            asked["evidence"][name] = value
    problem = assert_problem(caller.post(f"opt-outs/{row.pk}/lift", asked), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert len(builders.history_of(acme)) == 1
    assert Evidence.objects.count() == 1
    assert builders.is_blocked(acme)


def test_what_is_lifted_already_is_told(acme: Business, caller: Caller) -> None:
    row = builders.opt_out_by_staff(acme).opt_out
    caller.post(f"opt-outs/{row.pk}/lift", lifting())
    assert_problem(caller.post(f"opt-outs/{row.pk}/lift", lifting()), 409, "not_active")
    assert len(builders.history_of(acme)) == 2


def test_words_without_an_offset_are_of_utc(acme: Business, caller: Caller) -> None:
    row = builders.opt_out_by_staff(acme, at=timezone.now() - timedelta(hours=1)).opt_out
    said = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    lifted = caller.post(f"opt-outs/{row.pk}/lift", lifting(said.isoformat())).json()
    assert lifted["lifted_at"] == f"{said.isoformat()}Z"


def test_words_dated_a_little_ahead_do_not_outlive_the_next_opt_out(acme: Business, caller: Caller) -> None:
    row = builders.opt_out_by_staff(acme).opt_out
    ahead = timezone.now() + timedelta(seconds=50)
    assert caller.post(f"opt-outs/{row.pk}/lift", lifting(ahead)).status_code == 200
    assert caller.post("opt-outs", wanted()).status_code == 201
    assert builders.is_blocked(acme)
