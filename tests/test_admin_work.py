"""What people do in the admin: opt out, opt back in, answer reviews, try deliveries again, make keys and colleagues."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.models import ApiKey, SenderNumber, Site, User
from compliance.models import OptOut, Recipient, ReviewItem
from messaging.models import Campaign, InboundMessage
from optout_project.celery import SWEEPERS
from tests.admin_pages import UNCLEAR, Rows, build_rows, log_in, page
from tests.builders import (
    PASSWORD,
    PERSON,
    World,
    history_of,
    is_blocked,
    lift_by_staff,
    open_hold,
    opt_out_by_staff,
    opt_out_of,
    text_in,
)

MOMENT = "%Y-%m-%dT%H:%M"


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


@pytest.fixture
def rows(world: World) -> Rows:
    return build_rows(world.acme)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def minute_ago(minutes: int = 5) -> str:
    """A moment as a form writes it, in the time of the business."""
    return (timezone.now() - timedelta(minutes=minutes)).astimezone(ZoneInfo("America/New_York")).strftime(MOMENT)


def opt_out_form(**fields: Any) -> dict[str, Any]:
    usual = {
        "number": PERSON,
        "requested_by": "recipient",
        "source": "voice",
        "scope": "tenant",
        "reason": "Called us.",
    }
    return {**usual, "at": minute_ago(60 * 24), **fields}


# --- Opt out a number ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["(212) 555-0177", "+1 212 555 0177", "212.555.0177", PERSON])
def test_a_number_is_opted_out_however_it_is_written(world: World, boss: Client, written: str) -> None:
    answer = boss.post(page("compliance.optout", "opt_out"), opt_out_form(number=written, words="Please stop."))
    row = opt_out_of(world.acme)
    assert answer.url == page("compliance.optout", "change", row.pk)
    assert "is opted out for all numbers" in said(answer)
    assert is_blocked(world.acme)
    change = history_of(world.acme)[-1]
    assert (change.actor_kind, change.actor_name) == ("user", world.acme.user("tenant_admin").display_name)
    assert row.evidence.words == "Please stop."
    assert InboundMessage.objects.count() == 0


def test_one_company_number_can_be_closed(world: World, boss: Client) -> None:
    form = opt_out_form(scope="number", sender=world.acme.long_code.pk, requested_by="business")
    boss.post(page("compliance.optout", "opt_out"), form)
    row = opt_out_of(world.acme)
    assert (row.scope, row.sender, row.requested_by) == ("number", world.acme.long_code.number, "business")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "12"),
        ("number", "+12025550100"),  # their own
        ("reason", " "),
        ("source", "keyword"),
        ("at", "2999-01-01T10:00"),
        ("at", "yesterday"),
        ("scope", "galaxy"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(world: World, boss: Client, field: str, value: str) -> None:
    answer = boss.post(page("compliance.optout", "opt_out"), opt_out_form(**{field: value}))
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert not OptOut.objects.exists()


def test_another_businesss_number_can_not_be_chosen(world: World, boss: Client) -> None:
    form = opt_out_form(scope="number", sender=world.globex.long_code.pk)
    assert "sender" in boss.post(page("compliance.optout", "opt_out"), form).context["form"].errors
    missing = boss.post(page("compliance.optout", "opt_out"), opt_out_form(scope="number"))
    assert "sender" in missing.context["form"].errors


def test_a_platform_operator_names_the_business(world: World) -> None:
    client = log_in(world.operator)
    assert "business" in client.post(page("compliance.optout", "opt_out"), opt_out_form()).context["form"].errors
    client.post(page("compliance.optout", "opt_out"), opt_out_form(business=world.globex.tenant.pk))
    assert is_blocked(world.globex)
    assert not is_blocked(world.acme)


# --- Opt back in -----------------------------------------------------------------------------------------------------


def lift_form(**fields: Any) -> dict[str, Any]:
    return {"way": "voice", "words": "Text me again.", "at": minute_ago(0), "reason": "Called us.", **fields}


def test_a_person_is_opted_back_in_on_proof(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form())
    assert answer.url == page("compliance.optout", "change", row.pk)
    assert not is_blocked(world.acme)
    change = history_of(world.acme)[-1]
    assert (change.action, change.actor_kind, change.history_change_reason) == ("lifted", "user", "Called us.")


@pytest.mark.parametrize(
    ("field", "value"), [("words", ""), ("reason", " "), ("at", "2020-01-01T10:00"), ("at", "2999-01-01T10:00")]
)
def test_without_proof_nobody_is_opted_back_in(world: World, boss: Client, field: str, value: str) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form(**{field: value}))
    assert field in answer.context["form"].errors
    assert is_blocked(world.acme)


def test_who_is_opted_in_already_can_not_be_opted_in_again(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=2)).opt_out
    lift_by_staff(world.acme, row)
    answer = boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form())
    assert "not opted out any more" in answer.content.decode()
    assert len(history_of(world.acme)) == 2


def test_a_lift_of_another_businesss_row_answers_404(world: World, boss: Client) -> None:
    row = opt_out_by_staff(world.globex, at=timezone.now() - timedelta(hours=2)).opt_out
    assert boss.post(page("compliance.optout", "opt_back_in", row.pk), lift_form()).status_code == 404
    assert is_blocked(world.globex)


# --- Reviews ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "blocked"), [("opted_out", "opted_out", True), ("not_opt_out", "not_opt_out", False)]
)
def test_a_review_is_answered(world: World, boss: Client, answer: str, status: str, blocked: bool) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": answer, "note": "Read it."})
    item.refresh_from_db()
    assert (item.status, item.answer_reason) == (status, "Read it.")
    assert item.answered_by == world.acme.user("tenant_admin").display_name
    assert is_blocked(world.acme) is blocked


def test_decide_later_leaves_the_date(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "later"})
    due = item.due_at
    item.refresh_from_db()
    assert (item.status, item.due_at) == ("open", due)
    assert item.put_off_at is not None


def test_the_second_answer_is_told_that_it_came_late(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    address = page("compliance.reviewitem", "answer", item.pk)
    boss.post(address, {"answer": "not_opt_out"})
    answer = boss.post(address, {"answer": "opted_out"})
    assert "answered this review already" in said(answer)
    assert not is_blocked(world.acme)


@pytest.mark.parametrize("answer", ["", "closed", "nonsense"])
def test_only_the_answers_of_the_page_count(world: World, boss: Client, answer: str) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": answer})
    item.refresh_from_db()
    assert item.status == "open"


def test_who_wants_back_leads_to_the_form(world: World, boss: Client) -> None:
    row = opt_out_by_staff(
        world.acme, requested_by=OptOut.RequestedBy.BUSINESS, at=timezone.now() - timedelta(hours=2)
    ).opt_out
    text_in(world.acme, "START")
    item = ReviewItem.objects.get(kind="wants_back")
    body = boss.get(page("compliance.reviewitem", "change", item.pk)).content.decode()
    assert page("compliance.optout", "opt_back_in", row.pk) in body
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "closed"})
    item.refresh_from_db()
    assert item.status == "closed"
    assert is_blocked(world.acme)


def test_the_queue_shows_what_is_open(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    item = open_hold(world.acme)
    address = page("compliance.reviewitem", "changelist")
    assert UNCLEAR in boss.get(address).content.decode()
    boss.post(page("compliance.reviewitem", "answer", item.pk), {"answer": "not_opt_out"})
    assert "Nothing to review" in boss.get(address).content.decode()
    assert UNCLEAR in boss.get(address, {"state": "answered"}).content.decode()


# --- Pages that are read ---------------------------------------------------------------------------------------------


def test_the_page_of_an_opt_out_tells_the_whole_story(rows: Rows, boss: Client) -> None:
    row = rows["compliance.optout"]
    body = boss.get(page("compliance.optout", "change", row.pk)).content.decode()
    for words in ("Opted out for all numbers since", "because they texted “STOP”", "acme sale", "acme-employee"):
        assert words in body
    history = boss.get(page("compliance.optout", "history", row.pk)).content.decode()
    assert row.evidence_digest in history


def test_a_conversation_shows_both_ways_and_why_not(rows: Rows, boss: Client) -> None:
    body = boss.get(page("messaging.conversation", "change", rows["messaging.conversation"].pk)).content.decode()
    for words in ("Your parcel is on its way.", "STOP", "Blocked", "The recipient opted out on", "Opted out"):
        assert words in body


def test_a_raw_delivery_is_shown_escaped(rows: Rows, boss: Client) -> None:
    body = boss.get(page("messaging.webhookdelivery", "change", rows["messaging.webhookdelivery"].pk)).content.decode()
    assert "<script>alert(1)" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_a_failed_delivery_is_tried_again(world: World, rows: Rows, boss: Client) -> None:
    kept = rows["messaging.webhookdelivery"]
    address = page("messaging.webhookdelivery", "retry", kept.pk)
    assert "failed again" in said(boss.post(address))
    number = world.acme.long_code.number
    body = f'{{"id": "late", "from": "{PERSON}", "to": "{number}", "text": "STOP"}}'.encode()
    type(kept).objects.filter(pk=kept.pk).update(raw_body=body)
    assert "Applied." in said(boss.post(address))
    assert is_blocked(world.acme)
    assert "already" in said(boss.post(address))


# --- Searches and filters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["compliance.optout", "compliance.recipient", "messaging.conversation"])
@pytest.mark.parametrize("term", ["(212) 555-0177", "+1 212-555-0177", "12125550177", "5550177", "0177", "177"])
def test_any_way_of_writing_a_number_finds_it(world: World, boss: Client, label: str, term: str) -> None:
    text_in(world.acme, "STOP")
    text_in(world.acme, "STOP", from_="+13125550199")
    found = boss.get(page(label, "changelist"), {"q": term}).content.decode()
    assert "+1 212-555-0177" in found
    assert "+1 312-555-0199" not in found


def test_a_search_does_not_reach_another_business(world: World, boss: Client) -> None:
    text_in(world.globex, "STOP")
    for label in ("compliance.optout", "compliance.recipient", "messaging.conversation", "messaging.inboundmessage"):
        for term in (PERSON, "0177"):
            body = boss.get(page(label, "changelist"), {"q": term}).content.decode()
            assert "+1 212-555-0177" not in body, label


def test_filters_offer_and_accept_ones_own_alone(world: World, rows: Rows, boss: Client) -> None:
    theirs = build_rows(world.globex)
    number, campaign = world.globex.long_code.number, theirs["messaging.campaign"].pk
    for label in ("compliance.optout", "compliance.reviewitem", "messaging.conversation", "messaging.outboundmessage"):
        assert boss.get(page(label, "changelist"), {"number": number}).status_code == 404, label
        own = {"number": world.acme.long_code.number}
        assert boss.get(page(label, "changelist"), own).status_code == 200, label
    for label in ("compliance.optout", "messaging.outboundmessage"):
        assert boss.get(page(label, "changelist"), {"campaign": campaign}).status_code == 404, label


@pytest.mark.parametrize(
    ("label", "query"),
    [
        ("accounts.apikey", {"digest__startswith": "a"}),
        ("accounts.provideraccount", {"encrypted_settings__startswith": "g"}),
        ("accounts.user", {"password__startswith": "m"}),
        ("compliance.optout", {"tenant__id__exact": "2"}),
        ("compliance.optout", {"recipient__tenant__name__startswith": "G"}),
    ],
)
def test_an_address_can_not_ask_what_no_filter_asks(
    boss: Client, rows: Rows, label: str, query: dict[str, str]
) -> None:
    assert boss.get(page(label, "changelist"), query).status_code == 400


def test_dates_include_their_last_day(world: World, rows: Rows, boss: Client) -> None:
    today = timezone.localdate(timezone=ZoneInfo("America/New_York")).isoformat()
    address = page("compliance.optout", "changelist")
    for query in ({"opted_out_at_to": today}, {"opted_out_at_from": "nonsense"}, {"status__exact": "active"}):
        assert "STOP" in boss.get(address, query).content.decode(), query
    assert "Nothing fits" in boss.get(address, {"opted_out_at_to": "2020-01-01"}).content.decode()


@pytest.mark.parametrize(("label", "at_most"), [("compliance.optout", 8), ("messaging.conversation", 8)])
def test_lists_cost_the_same_however_long_and_count_nothing(
    world: World, boss: Client, django_assert_max_num_queries: Any, label: str, at_most: int
) -> None:
    for last in range(100, 130):
        text_in(world.acme, "STOP", from_=f"+13125550{last}")
    with django_assert_max_num_queries(at_most) as captured:
        first = boss.get(page(label, "changelist"))
    assert not [query["sql"] for query in captured.captured_queries if "COUNT(" in query["sql"]]
    assert "Next →" in first.content.decode()
    second = boss.get(page(label, "changelist"), {"p": 2}).content.decode()
    assert "Next →" not in second
    assert "← Previous" in second


# --- The business's own pages ----------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_never_again(world: World, boss: Client) -> None:
    answer = boss.post(page("accounts.apikey", "add"), {"name": "CRM", "scopes": ["read", "check"]})
    row = ApiKey.objects.get(name="CRM")
    assert answer.url == page("accounts.apikey", "change", row.pk)
    assert (row.tenant, row.scopes) == (world.acme.tenant, ["check", "read"])
    first = boss.get(answer.url)
    key = first.context["new_key"]
    assert ApiKey.digest_of(key) == row.digest
    assert key in first.content.decode()
    again = boss.get(answer.url).content.decode()
    assert key not in again
    assert row.digest not in again


def test_lift_and_emergency_are_unticked(boss: Client) -> None:
    form = boss.get(page("accounts.apikey", "add")).context["adminform"].form
    assert form["scopes"].value() == ["read", "check", "send", "write"]


def test_a_key_is_switched_off(world: World, rows: Rows, boss: Client) -> None:
    key = rows["accounts.apikey"]
    boss.post(page("accounts.apikey", "change", key.pk), {"name": "old", "scopes": ["read"]})
    key.refresh_from_db()
    assert (key.name, key.is_active, key.tenant) == ("old", False, world.acme.tenant)


def new_person(**fields: Any) -> dict[str, Any]:
    usual = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    return {**usual, "role": "employee", **fields}


def test_an_admin_makes_colleagues_in_the_own_business(world: World, boss: Client) -> None:
    forged = {"tenant": world.globex.tenant.pk, "is_superuser": "on"}
    boss.post(page("accounts.user", "add"), new_person(**forged))
    made = User.objects.get(username="new")
    assert (made.tenant, made.is_superuser, made.role) == (world.acme.tenant, False, "employee")


@pytest.mark.parametrize(
    ("field", "value"), [("role", "platform_operator"), ("username", "globex-employee"), ("username", "operator")]
)
def test_an_admin_can_not_make_operators_or_take_names(world: World, boss: Client, field: str, value: str) -> None:
    answer = boss.post(page("accounts.user", "add"), new_person(**{field: value}))
    assert field in answer.context["adminform"].form.errors
    assert not User.objects.filter(username="new").exists()


def test_an_admin_can_not_move_people_or_raise_them(world: World, boss: Client) -> None:
    employee = world.acme.user("employee")
    forged = {
        "tenant": world.globex.tenant.pk,
        "is_superuser": "on",
        "groups": "1",
        "is_staff": "on",
        "is_active": "on",
    }
    form = {"username": employee.username, "role": "auditor", **forged}
    boss.post(page("accounts.user", "change", employee.pk), form)
    employee.refresh_from_db()
    assert (employee.tenant, employee.is_superuser, employee.role) == (world.acme.tenant, False, "auditor")
    answer = boss.post(page("accounts.user", "change", employee.pk), {**form, "role": "platform_operator"})
    assert "role" in answer.context["adminform"].form.errors
    answer = boss.post(page("accounts.user", "change", employee.pk), {**form, "site": world.globex.branch.pk})
    assert "site" in answer.context["adminform"].form.errors


def test_nobody_locks_themselves_out(world: World, boss: Client) -> None:
    own = world.acme.user("tenant_admin")
    answer = boss.post(page("accounts.user", "change", own.pk), {"username": own.username, "role": "employee"})
    assert {"role", "is_active", "is_staff"} <= set(answer.context["adminform"].form.errors)


def test_passwords_are_changed_in_the_own_business_alone(world: World, boss: Client) -> None:
    form = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}
    own, theirs = world.acme.user("employee"), world.globex.user("employee")
    assert boss.post(f"/admin/accounts/user/{own.pk}/password/", form).status_code == 302
    assert boss.post(f"/admin/accounts/user/{theirs.pk}/password/", form).status_code == 404
    own.refresh_from_db()
    assert own.check_password("another long password")


def test_choices_of_a_form_are_ones_own(world: World, boss: Client) -> None:
    address = page("accounts.sendernumber", "change", world.acme.long_code.pk)
    for field, value in (("site", world.globex.branch.pk), ("users", world.globex.user("employee").pk)):
        answer = boss.post(address, {"label": "x", field: value})
        assert field in answer.context["adminform"].form.errors, field
    found = boss.get("/admin/autocomplete/", {
        "app_label": "accounts", "model_name": "sendernumber", "field_name": "users", "term": "employee",
    })  # fmt: skip
    assert [row["id"] for row in found.json()["results"]] == [str(world.acme.user("employee").pk)]


def test_a_company_number_is_read_and_stamped(world: World, boss: Client) -> None:
    boss.post(page("accounts.sendernumber", "add"), {"number": "(800) 555-0142", "is_active": "on"})
    made = SenderNumber.objects.get(number="+18005550142")
    assert (made.tenant, made.kind) == (world.acme.tenant, "toll_free")
    answer = boss.post(page("accounts.sendernumber", "add"), {"number": "+1 800 555 0142", "is_active": "on"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert (
        "number" in boss.post(page("accounts.sendernumber", "add"), {"number": "12"}).context["adminform"].form.errors
    )


def test_once_per_business_is_a_form_error(world: World, boss: Client) -> None:
    answer = boss.post(page("accounts.site", "add"), {"name": world.acme.branch.name, "is_active": "on"})
    assert answer.context["adminform"].form.errors
    boss.post(page("accounts.site", "add"), {"name": world.globex.branch.name, "is_active": "on"})
    assert Site.objects.filter(tenant=world.acme.tenant, name=world.globex.branch.name).exists()
    boss.post(page("messaging.campaign", "add"), {"name": "Spring"})
    assert Campaign.objects.get(name="Spring").tenant == world.acme.tenant


def test_an_operator_keeps_what_belongs_together(world: World) -> None:
    client = log_in(world.operator)
    form = {"tenant": world.acme.tenant.pk, "number": "+12025550188", "site": world.globex.branch.pk}
    answer = client.post(page("accounts.sendernumber", "add"), form)
    assert "site" in answer.context["adminform"].form.errors


def test_business_settings_are_the_own_business(world: World, boss: Client) -> None:
    tenant = world.acme.tenant
    form = {"name": "Acme", "brand_name": "Acme", "help_contact": "x@acme.example", "country": "US", "language": "en"}
    form |= {"time_zone": "America/Chicago", "opt_out_scope": "number", "slug": "stolen", "is_active": ""}
    boss.post(page("accounts.tenant", "change", tenant.pk), form)
    tenant.refresh_from_db()
    assert (tenant.opt_out_scope, tenant.slug, tenant.is_active) == ("number", "acme", True)


def test_times_are_those_of_the_business(world: World, boss: Client) -> None:
    world.acme.tenant.time_zone = "Pacific/Auckland"
    world.acme.tenant.save()
    text_in(world.acme, "STOP")
    Recipient.objects.update(created_at=timezone.now())
    answer = boss.get(page("compliance.optout", "change", opt_out_of(world.acme).pk))
    local = opt_out_of(world.acme).opted_out_at.astimezone(ZoneInfo("Pacific/Auckland"))
    assert f"{local.day}, {local.year}" in answer.content.decode()


# --- Schedules -------------------------------------------------------------------------------------------------------


def test_our_own_tasks_can_not_be_switched_off(world: World) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    own = PeriodicTask.objects.create(name=next(iter(SWEEPERS)), task="messaging.tasks.sweep_queued", interval=interval)
    other = PeriodicTask.objects.create(name="mine", task="x", interval=interval)
    client = log_in(world.operator)
    address = page("django_celery_beat.periodictask", "changelist")
    body = client.get(address).content.decode()
    assert "can't be switched off" in body
    assert own.name not in body
    for pk in (own.pk, other.pk):
        client.post(address, {"action": "disable_tasks", "_selected_action": [pk]})
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.enabled, other.enabled) == (True, False)
    assert client.get(page("django_celery_beat.periodictask", "change", own.pk)).status_code in (302, 404)
    assert client.get(page("django_celery_beat.intervalschedule", "change", interval.pk)).status_code in (302, 404)
    assert client.post(page("django_celery_beat.intervalschedule", "delete", interval.pk)).status_code in (
        302,
        403,
        404,
    )
    assert PeriodicTask.objects.filter(pk=own.pk).exists()
