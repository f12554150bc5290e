"""What an address or a search box may hold: whatever it is, the answer is a page or a 404, never an error of ours."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from accounts.admin_filters import EmployeeFilter, OneOfRows
from accounts.models import Tenant
from accounts.roles import Role
from compliance.models import Recipient
from messaging.models import Campaign, Conversation
from tests.admin_pages import log_in, page, visit
from tests.builders import PASSWORD, PERSON, World, send, text_in

LONG_NUMBER = "9" * 5_000
ODD = ("\x00", LONG_NUMBER, "-1", "²", "٣", "'; DROP TABLE x; --", "\u202e0123", "1" * 30)
ODD_DAYS = ("9999-12-31", "0001-01-01", "2026-02-30", "x", "\x00")
SEARCHES = (*ODD, "o'neil", "שלום", "w" * 100_000, "+" * 10_000, "a " * 2_000, "🙂")


@pytest.fixture
def boss(world: World) -> Client:
    """East of Greenwich, where the first day of the calendar begins before there is one."""
    Tenant.objects.update(time_zone="Asia/Tokyo")
    text_in(world.acme, "hello 100%")
    return log_in(world.acme.user("tenant_admin"))


def lists() -> list[str]:
    """Every list of our own rows."""
    ours = ("accounts", "compliance", "messaging")
    return sorted(m._meta.label_lower for m in admin.site._registry if m._meta.app_label in ours)


def asked_of(client: Client, label: str) -> Iterator[dict[str, str]]:
    """Odd values of each filter that a list offers."""
    shown = client.get(page(label, "changelist")).context["cl"]
    names = {name for spec in shown.filter_specs for name in spec.expected_parameters()}
    for name in sorted(names):
        for value in ODD_DAYS if name.endswith(("_from", "_to")) else ODD:
            yield {name: value}


@pytest.mark.parametrize("label", lists())
def test_a_filter_takes_whatever_it_is_asked(boss: Client, label: str) -> None:
    for asked in asked_of(boss, label):
        assert boss.get(page(label, "changelist"), asked).status_code in (200, 302, 404), asked


@pytest.mark.parametrize("label", lists())
def test_a_search_takes_whatever_is_typed(boss: Client, label: str) -> None:
    for words in SEARCHES:
        assert boss.get(page(label, "changelist"), {"q": words}).status_code in (200, 302, 404), words[:40]


def test_a_chosen_business_is_a_number_that_there_is(world: World) -> None:
    visit(world, world.acme)
    client = log_in(world.operator)
    for value in (LONG_NUMBER, "²", "x", "9" * 30):
        for label in ("compliance.optout", "messaging.conversation"):
            answer = client.get(page(label, "changelist"), {"tenant__id__exact": value})
            assert answer.status_code in (200, 302, 404), (label, value[:20])


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "x", "2026-01-01T00:00"])
def test_older_texts_begin_at_a_moment_that_there_is(boss: Client, moment: str) -> None:
    thread = Conversation.objects.get()
    assert boss.get(page("messaging.conversation", "change", thread.pk), {"before": moment}).status_code == 200
    after = {"after": f"{moment}~text_in~1"}
    assert boss.get(page("compliance.recipient", "change", Recipient.objects.get().pk), after).status_code == 200


def test_what_is_asked_for_is_found_where_the_list_to_choose_from_is_cut_short(
    world: World, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for list_filter in (OneOfRows, EmployeeFilter):
        monkeypatch.setattr(list_filter, "at_most", 1)
    employee = world.acme.user(Role.EMPLOYEE)
    for name in ("Autumn", "Winter"):
        send(world.acme, PERSON, campaign=name, user=employee)
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("messaging.outboundmessage", {"campaign": Campaign.objects.get(name="Winter").pk}),
        ("messaging.conversation", {"employee": employee.pk}),
        ("accounts.login", {"person": employee.pk}),
        ("accounts.accessrecord", {"who": employee.pk}),
    )
    for label, query in asked:
        assert boss.get(page(label, "changelist"), query).status_code == 200, label
        theirs = {name: world.globex.user(Role.EMPLOYEE).pk for name in query}
        assert boss.get(page(label, "changelist"), theirs).status_code == 404, label


def test_words_are_looked_for_as_they_are(world: World, boss: Client) -> None:
    def found(words: str) -> int:
        shown = boss.get(page("messaging.conversation", "changelist"), {"q": words})
        return len(shown.context["cl"].result_list)

    text_in(world.acme, "hello 1000", from_="+12125550199")
    assert (found("hello 100%"), found("hello 100_"), found("hello 100")) == (1, 0, 2)


def test_a_person_of_the_longest_name_can_text(world: World) -> None:
    text_in(world.acme, "hello")
    employee = world.acme.user(Role.EMPLOYEE)
    employee.first_name, employee.last_name = "a" * 150, "b" * 150
    employee.save()
    message = send(world.acme, PERSON, requested_by=employee.display_name)
    assert len(message.requested_by) == 160


def test_a_log_in_takes_whatever_is_typed(world: World, settings: Any) -> None:
    settings.AXES_ENABLED = True
    for name in ("\x00", "n" * 10_000, "ａｃｍｅ-employee", "\u202e"):
        answer = Client().post("/admin/login/", {"username": name, "password": PASSWORD + "x"})
        assert answer.status_code == 200
