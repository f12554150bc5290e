"""The list of opt-outs as people work with it: filters, saved filters, and many opted out at once."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from compliance.models import Evidence, OptOut, SavedFilter
from messaging.models import Campaign, InboundMessage, OutboundMessage
from tests.admin_pages import log_in, page, visit
from tests.builders import (
    Business,
    World,
    is_blocked,
    lift_by_staff,
    new_person,
    opt_out_by_staff,
    opt_out_of,
    send,
    text_in,
)

LIST = page("compliance.optout", "changelist")
RECIPIENTS = page("compliance.recipient", "changelist")
MANY = page("compliance.optout", "opt_out_many")
SAVE = page("compliance.optout", "save_filter")
BY_TEXT, BY_STAFF, LIFTED, JAPANESE = "+12125550181", "+12125550182", "+12125550183", "+12125550184"


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


def fill(business: Business) -> None:
    """One of each kind, in a business."""
    send(business, BY_TEXT, campaign=f"{business.tenant.slug} sale", user=business.user("employee"))
    OutboundMessage.objects.update(status="delivered")
    text_in(business, "STOP", from_=BY_TEXT)
    opt_out_by_staff(business, BY_STAFF, requested_by=OptOut.RequestedBy.BUSINESS)
    opt_out_by_staff(business, LIFTED, sender=business.second_long_code)
    lift_by_staff(business, opt_out_of(business, LIFTED))
    text_in(business, "配信停止", from_=JAPANESE, to=business.second_long_code)


def shown(client: Client, **query: Any) -> set[str]:
    """Whose rows the list shows."""
    answer = client.get(LIST, query)
    assert answer.status_code == 200, query
    return {row.recipient.number for row in answer.context["cl"].result_list}


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


# --- Filters ----------------------------------------------------------------------------------------------------------


def test_each_filter_shows_its_own_of_ones_own_business(world: World, boss: Client) -> None:
    fill(world.acme)
    fill(world.globex)
    acme = world.acme
    campaign = Campaign.objects.get(tenant=acme.tenant)
    day = timezone.localdate().isoformat()
    everybody = {BY_TEXT, BY_STAFF, LIFTED, JAPANESE}
    for query, wanted in (
        ({}, everybody),
        ({"status__exact": "lifted"}, {LIFTED}),
        ({"source__exact": "staff"}, {BY_STAFF, LIFTED}),
        ({"source__exact": "carrier"}, set()),
        ({"requested_by__exact": "business"}, {BY_STAFF}),
        ({"number": acme.long_code.number}, {BY_TEXT}),
        ({"number": acme.second_long_code.number}, {LIFTED, JAPANESE}),
        ({"number": acme.toll_free.number}, set()),
        ({"site": acme.headquarters.pk}, {BY_TEXT}),
        ({"site": acme.branch.pk}, {LIFTED, JAPANESE}),
        ({"employee": acme.user("employee").pk}, {BY_TEXT}),
        ({"employee": acme.user("auditor").pk}, set()),
        ({"campaign": campaign.pk}, {BY_TEXT}),
        ({"language": "ja"}, {JAPANESE}),
        ({"changed_at_from": "2001-01-01", "changed_at_to": "2001-01-02"}, set()),
        ({"opted_out_at_from": "2001-01-01"}, everybody),
        ({"status__exact": "active", "number": acme.second_long_code.number}, {JAPANESE}),
        ({"q": "0182", "requested_by__exact": "business"}, {BY_STAFF}),
        ({"q": "0181", "requested_by__exact": "business"}, set()),
    ):
        assert shown(boss, **query) == wanted, (query, day)


@pytest.mark.parametrize(
    "query",
    [
        {"status__exact": "asleep"},
        {"source__exact": "crystal ball"},
        {"requested_by__exact": "nobody"},
        {"language": "xx"},
        {"employee": "0"},
        {"employee": "x"},
        {"site": "9" * 40},
        {"campaign": "-1"},
        {"number": "+19995550100"},
        {"number": "\x00"},
        {"opted_out_at_from": "\x00"},
    ],
)
def test_what_is_no_choice_answers_404(world: World, boss: Client, query: dict[str, str]) -> None:
    assert boss.get(LIST, query).status_code == 404


def test_the_choices_of_another_business_answer_404(world: World, boss: Client) -> None:
    fill(world.globex)
    globex = world.globex
    for query in (
        {"number": globex.long_code.number},
        {"site": globex.headquarters.pk},
        {"employee": globex.user("employee").pk},
        {"campaign": Campaign.objects.get(tenant=globex.tenant).pk},
    ):
        assert boss.get(LIST, query).status_code == 404, query
    offered = boss.get(LIST).content.decode()
    assert "Globex" not in offered
    assert "globex" not in offered


def test_an_operator_narrows_to_a_business(world: World) -> None:
    fill(world.acme)
    fill(world.globex)
    visit(world, world.acme)
    visit(world, world.globex)
    operator = log_in(world.operator)
    assert len(operator.get(LIST).context["cl"].result_list) == 8
    theirs = {"tenant__id__exact": world.globex.tenant.pk}
    assert len(operator.get(LIST, theirs).context["cl"].result_list) == 4
    of_the_other = {**theirs, "site": world.acme.headquarters.pk}
    assert operator.get(LIST, of_the_other).status_code == 404


def test_a_choice_beyond_the_list_may_be_asked_for(world: World, boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.admin_filters import EmployeeFilter

    fill(world.acme)
    monkeypatch.setattr(EmployeeFilter, "at_most", 0)
    assert shown(boss, employee=world.acme.user("employee").pk) == {BY_TEXT}


def test_the_list_costs_the_same_however_many_there_are(
    world: World, boss: Client, django_assert_max_num_queries: Any
) -> None:
    fill(world.acme)
    for _ in range(10):
        opt_out_by_staff(world.acme, new_person())
    for query in ({}, {"campaign": Campaign.objects.get(tenant=world.acme.tenant).pk}, {"language": "ja"}):
        with django_assert_max_num_queries(12) as captured:
            boss.get(LIST, query)
        assert not [
            one["sql"] for one in captured.captured_queries if "DISTINCT" in one["sql"] or "COUNT(" in one["sql"]
        ]


# --- Saved filters ----------------------------------------------------------------------------------------------------


def save(client: Client, name: str, query: str, **more: str) -> Any:
    return client.post(SAVE, {"name": name, "query": query, **more})


def test_a_filter_is_kept_chosen_and_removed(world: World, boss: Client) -> None:
    fill(world.acme)
    answer = save(boss, "Ours", "q=0182&requested_by__exact=business&p=3&o=1")
    row = SavedFilter.objects.get()
    assert answer["Location"] == f"{LIST}?{row.query}"
    assert row.query == "q=0182&requested_by__exact=business"
    listed = boss.get(LIST).content.decode()
    assert "Ours" in listed
    assert {row.recipient.number for row in boss.get(f"{LIST}?{row.query}").context["cl"].result_list} == {BY_STAFF}
    save(boss, "Ours", "status__exact=lifted")
    assert SavedFilter.objects.get().query == "status__exact=lifted"
    boss.post(page("compliance.optout", "remove_filter", row.pk))
    assert not SavedFilter.objects.exists()


def test_what_can_not_be_asked_can_not_be_saved(world: World, boss: Client) -> None:
    assert save(boss, "Theirs", f"site={world.globex.headquarters.pk}").status_code == 404
    assert save(boss, "No letter", "number=%00").status_code == 404
    assert save(boss, "Letter by letter", "recipient__tenant__name__startswith=G").status_code == 400
    for name, query in (("Nothing", ""), ("Page two", "p=2"), ("", "status__exact=lifted")):
        answer = save(boss, name, query)
        assert answer.status_code == 302
        assert said(answer)
    assert not SavedFilter.objects.exists()


def test_colleagues_see_what_is_shared_and_nobody_else_does(world: World, boss: Client) -> None:
    officer, colleague = (log_in(world.acme.user(role)) for role in ("compliance_officer", "auditor"))
    stranger = log_in(world.globex.user("tenant_admin"))
    save(boss, "For us all", "status__exact=lifted", shared="on")
    save(boss, "For me alone", "status__exact=active")
    assert "For us all" in colleague.get(LIST).content.decode()
    assert "For me alone" not in colleague.get(LIST).content.decode()
    assert "For us all" not in stranger.get(LIST).content.decode()
    shared, mine = (SavedFilter.objects.get(name=name).pk for name in ("For us all", "For me alone"))
    for client, row in ((stranger, shared), (stranger, mine), (officer, mine), (colleague, shared), (boss, 0)):
        assert client.post(page("compliance.optout", "remove_filter", row)).status_code == 404
    assert boss.get(page("compliance.optout", "remove_filter", mine)).status_code == 405
    assert SavedFilter.objects.count() == 2
    assert officer.post(page("compliance.optout", "remove_filter", shared)).status_code == 302


def test_who_may_not_share_keeps_it_for_themselves(world: World) -> None:
    employee, operator = log_in(world.acme.user("employee")), log_in(world.operator)
    save(employee, "Mine", "status__exact=lifted", shared="on")
    save(operator, "All businesses", "status__exact=lifted", shared="on")
    assert set(SavedFilter.objects.values_list("name", "is_shared")) == {("Mine", False), ("All businesses", False)}
    assert "Mine" not in log_in(world.acme.user("tenant_admin")).get(LIST).content.decode()


# --- Many at once -----------------------------------------------------------------------------------------------------


def many(numbers: str, **more: Any) -> dict[str, Any]:
    now = timezone.localtime(timezone=ZoneInfo("America/New_York")).strftime("%Y-%m-%dT%H:%M")
    who = {"requested_by": "recipient", "source": "staff", "scope": "tenant"}
    return {"numbers": numbers, **who, "at": now, "reason": "A letter.", **more}


def test_many_are_opted_out_with_history_and_evidence(world: World, boss: Client) -> None:
    opt_out_by_staff(world.acme, BY_STAFF)
    typed = f"(212) 555-0181\n\n{BY_STAFF}; +44 20 7946 0958\n212-555-0181\n"
    answer = boss.post(MANY, many(typed))
    assert answer.status_code == 302, answer.context["form"].errors
    assert said(answer) == "1 was opted out already. 2 numbers are opted out for all numbers."
    row = opt_out_of(world.acme, "+442079460958")
    change = row.history.get()
    assert (change.history_change_reason, change.source, change.actor_kind) == ("A letter.", "staff", "user")
    assert change.actor_name == world.acme.user("tenant_admin").display_name
    assert change.evidence_digest == row.evidence.digest
    assert is_blocked(world.acme, BY_TEXT)
    assert not is_blocked(world.globex, BY_TEXT)


def test_one_bad_line_opts_nobody_out_and_is_named(world: World, boss: Client) -> None:
    ours = world.acme.long_code.number
    answer = boss.post(MANY, many(f"212 555 0181\nnobody\n{ours}\n+44 20 7946 0958, 12\n"))
    errors = " ".join(answer.context["form"].errors["numbers"])
    assert "Line 2: “nobody” is not a phone number" in errors
    assert "Line 3: +1 202-555-0100 is one of your company numbers." in errors
    assert "Line 4: “12”" in errors
    assert "Nobody was opted out." in errors
    assert not OptOut.objects.exists()
    assert not Evidence.objects.exists()


def test_many_wrong_lines_are_named_up_to_a_point(world: World, boss: Client) -> None:
    errors = list(boss.post(MANY, many("\n".join(["x"] * 50))).context["form"].errors["numbers"])
    assert (len(errors), *errors[-2:]) == (22, "And 30 more lines.", "Nobody was opted out.")


def test_a_reason_is_needed_and_a_number(world: World, boss: Client) -> None:
    for form, field in ((many(BY_TEXT, reason=" "), "reason"), (many("\n \n"), "numbers")):
        assert field in boss.post(MANY, form).context["form"].errors
    assert not OptOut.objects.exists()


def test_some_thousands_at_once_and_no_more(world: World, boss: Client, django_assert_max_num_queries: Any) -> None:
    numbers = [f"+1212{n:07d}" for n in range(2_000_000, 2_005_001)]
    answer = boss.post(MANY, many("\n".join(numbers)))
    assert "These are 5,001 numbers; at most 5,000 at once." in " ".join(answer.context["form"].errors["numbers"])
    with django_assert_max_num_queries(400):
        boss.post(MANY, many("\n".join(numbers[:2_000])))
    assert OptOut.objects.filter(tenant=world.acme.tenant, status="active").count() == 2_000


def test_only_one_company_number_of_ones_own_is_closed(world: World, boss: Client) -> None:
    theirs = many(BY_TEXT, scope="number", sender=world.globex.long_code.pk)
    assert "sender" in boss.post(MANY, theirs).context["form"].errors
    boss.post(MANY, many(BY_TEXT, scope="number", sender=world.acme.long_code.pk))
    assert (opt_out_of(world.acme, BY_TEXT).scope, opt_out_of(world.acme, BY_TEXT).sender) == (
        "number",
        world.acme.long_code.number,
    )


def tick(client: Client, address: str, *rows: Any) -> Any:
    ticked = [row.pk for row in rows]
    return client.post(address, {"action": "opt_out_ticked", "_selected_action": ticked}, follow=True)


def listed(client: Client, address: str) -> dict[str, Any]:
    """The rows of a list by whose they are."""
    rows = client.get(address).context["cl"].result_list
    return {getattr(row, "recipient", row).number: row for row in rows}


@pytest.mark.parametrize("address", [RECIPIENTS, LIST])
def test_ticked_rows_stand_in_the_form(world: World, boss: Client, address: str) -> None:
    fill(world.acme)
    fill(world.globex)
    before = OptOut.history.count()
    rows = listed(boss, address)
    answer = tick(boss, address, rows[BY_TEXT], rows[LIFTED])
    assert answer.context["form"].initial["numbers"].splitlines() == [BY_TEXT, LIFTED]
    assert f'action="{MANY}"' in answer.content.decode()
    assert OptOut.history.count() == before


def test_somebody_with_two_ticked_opt_outs_stands_in_the_form_once(world: World, boss: Client) -> None:
    for sender in (world.acme.long_code, world.acme.second_long_code):
        opt_out_by_staff(world.acme, BY_STAFF, sender=sender)
    answer = tick(boss, LIST, *OptOut.objects.filter(tenant=world.acme.tenant))
    assert answer.context["form"].initial["numbers"] == BY_STAFF


@pytest.mark.parametrize("address", [RECIPIENTS, LIST])
def test_what_another_business_has_can_not_be_ticked(world: World, boss: Client, address: str) -> None:
    fill(world.globex)
    foreign = listed(log_in(world.globex.user("tenant_admin")), address)[JAPANESE]
    answer = tick(boss, address, foreign)
    assert JAPANESE not in answer.content.decode()
    assert "one business at a time" in answer.content.decode()


def test_who_may_not_record_is_offered_nothing(world: World) -> None:
    text_in(world.acme, "Hello", from_=BY_TEXT)
    auditor = log_in(world.acme.user("auditor"))
    assert "Opt out the ticked" not in auditor.get(RECIPIENTS).content.decode()
    assert b"Opt out many numbers" not in tick(auditor, RECIPIENTS, listed(auditor, RECIPIENTS)[BY_TEXT]).content
    assert auditor.post(MANY, many(BY_TEXT)).status_code == 403
    assert not OptOut.objects.exists()


def test_a_number_that_is_not_listed_is_answered(world: World, boss: Client) -> None:
    fill(world.acme)
    body = boss.get(LIST, {"q": "+1 212-555-0199"}).content.decode()
    assert "Nothing is found under “+1 212-555-0199”" in body
    assert "No opt-out of such a number is on record" in body


def test_the_page_of_a_text_leads_to_its_conversation_in_plain_words(world: World, boss: Client) -> None:
    text_in(world.acme, "STOP")
    row = InboundMessage.objects.get()
    body = boss.get(page("messaging.inboundmessage", "change", row.pk)).content.decode()
    assert page("messaging.conversation", "change", row.conversation_id) in body
    assert "Wants no more texts" in body
    assert "English" in body
