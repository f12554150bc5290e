"""Every page of the admin, for every role, with rows of one's own business and of another's."""

from dataclasses import dataclass

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import User
from tests.admin_pages import PEOPLE, Rows, build_rows, log_in, page, person, registered
from tests.builders import World


@dataclass(frozen=True)
class Page:
    """Who may see a model's pages, add a row, change one: letters of PEOPLE."""

    sees: str
    adds: str = ""


# A page added without a line here fails.
PAGES = {
    "accounts.tenant": Page("TAP", adds="P"),
    "accounts.site": Page("TCSAP", adds="TP"),
    "accounts.user": Page("TCSAP", adds="TP"),
    "accounts.sendernumber": Page("TCSAP", adds="TP"),
    "accounts.provideraccount": Page("TAP"),
    "accounts.apikey": Page("TAP", adds="TP"),
    "compliance.optout": Page("TCSEAP"),
    "compliance.recipient": Page("TCSAP"),
    "compliance.reviewitem": Page("TCSAP"),
    "messaging.campaign": Page("TCSAP", adds="TP"),
    "messaging.conversation": Page("TCSEAP"),
    "messaging.inboundmessage": Page("TCSEAP"),
    "messaging.outboundmessage": Page("TCSEAP"),
    "messaging.webhookdelivery": Page("TCAP"),
}
OPERATORS_ALONE = {
    "django_celery_beat.periodictask",
    "django_celery_beat.intervalschedule",
    "django_celery_beat.crontabschedule",
    "django_celery_beat.solarschedule",
    "django_celery_beat.clockedschedule",
}
# Our own buttons: model, name, method, who may.
DOORS = (
    ("compliance.optout", "opt_back_in", "get", "TCP"),
    ("compliance.reviewitem", "answer", "post", "TCP"),
    ("messaging.webhookdelivery", "retry", "post", "TCP"),
)
CODES = sorted(PEOPLE)


@pytest.fixture
def own(world: World) -> Rows:
    return build_rows(world.acme)


@pytest.fixture
def foreign(world: World) -> Rows:
    return build_rows(world.globex)


def test_every_page_has_its_line() -> None:
    assert registered() == set(PAGES) | OPERATORS_ALONE


@pytest.mark.parametrize("code", CODES)
def test_lists_and_pages_open_for_whom_they_are_meant(world: World, own: Rows, foreign: Rows, code: str) -> None:
    client = log_in(person(world, code))
    for label, line in PAGES.items():
        sees = code in line.sees
        assert client.get(page(label, "changelist")).status_code == (200 if sees else 403), label
        assert client.get(page(label, "change", own[label].pk)).status_code == (200 if sees else 403), label
        expected = 403 if not sees else 200 if code == "P" else 404
        assert client.get(page(label, "change", foreign[label].pk)).status_code == expected, label
        assert client.get(page(label, "add")).status_code == (200 if code in line.adds else 403), label


@pytest.mark.parametrize("code", CODES)
def test_history_is_read_only_and_of_the_own_business(world: World, own: Rows, foreign: Rows, code: str) -> None:
    client = log_in(person(world, code))
    for label, line in PAGES.items():
        sees = code in line.sees
        history, theirs = page(label, "history", own[label].pk), page(label, "history", foreign[label].pk)
        assert client.get(history).status_code == (200 if sees else 403), label
        assert client.get(theirs).status_code == (403 if not sees else 200 if code == "P" else 404), label
        for address in (history, theirs):
            assert client.post(address, {"post": "yes"}).status_code == 405, label


@pytest.mark.parametrize("code", ["T", "A", "P"])
def test_nobody_deletes(world: World, own: Rows, code: str) -> None:
    client = log_in(person(world, code))
    for label in PAGES:
        assert client.get(page(label, "delete", own[label].pk)).status_code == 404, label
        assert client.post(page(label, "delete", own[label].pk), {"post": "yes"}).status_code == 404, label
        chosen = {"action": "delete_selected", "_selected_action": [own[label].pk], "post": "yes"}
        client.post(page(label, "changelist"), chosen)
        assert type(own[label]).objects.filter(pk=own[label].pk).exists(), label


@pytest.mark.parametrize("code", ["T", "A", "P"])
def test_read_only_pages_refuse_a_post(world: World, own: Rows, code: str) -> None:
    client = log_in(person(world, code))
    for label, line in PAGES.items():
        if not line.adds:
            assert client.post(page(label, "change", own[label].pk), {"status": "lifted"}).status_code == 405, label


@pytest.mark.parametrize("code", CODES)
def test_buttons_work_for_whom_they_are_meant(world: World, own: Rows, foreign: Rows, code: str) -> None:
    client = log_in(person(world, code))
    for label, name, method, may in DOORS:
        allowed, sees = code in may, code in PAGES[label].sees
        usual = 302 if method == "post" else 200
        theirs = 403 if not sees or not (allowed or method == "post") else 404
        if code == "P":
            theirs = usual
        assert getattr(client, method)(page(label, name, foreign[label].pk)).status_code == theirs, (label, name)
        answer = getattr(client, method)(page(label, name, own[label].pk))
        assert answer.status_code == (usual if allowed else 403), (label, name)


@pytest.mark.parametrize("code", CODES)
def test_the_form_to_opt_out_opens_for_whom_it_is_meant(world: World, code: str) -> None:
    client = log_in(person(world, code))
    assert client.get(page("compliance.optout", "opt_out")).status_code == (403 if code == "A" else 200)


@pytest.mark.parametrize("code", CODES)
def test_schedules_are_the_platform_operators_alone(world: World, code: str) -> None:
    client = log_in(person(world, code))
    for label in OPERATORS_ALONE:
        assert client.get(page(label, "changelist")).status_code == (200 if code == "P" else 403), label
        assert client.get(page(label, "add")).status_code == (200 if code == "P" else 403), label


@pytest.mark.parametrize("code", CODES)
def test_the_start_page_links_to_what_opens(world: World, own: Rows, code: str) -> None:
    client = log_in(person(world, code))
    answer = client.get("/admin/")
    assert answer.status_code == 200
    links = [item["link"] for group in answer.context["groups"] for item in group["items"]]
    links += [card["link"] for card in answer.context["cards"]]
    assert links
    for link in links:
        assert client.get(link).status_code == 200, link


def test_nothing_of_another_business_is_on_any_page(world: World, own: Rows, foreign: Rows) -> None:
    client = log_in(world.acme.user("tenant_admin"))
    secrets = ["Globex", "globex", world.globex.long_code.number, foreign["compliance.recipient"].number[1:]]
    for label in PAGES:
        for address in (page(label, "changelist"), page(label, "change", own[label].pk)):
            body = client.get(address).content.decode()
            assert not [secret for secret in secrets if secret in body], address


def test_a_stranger_is_asked_to_log_in(own: Rows) -> None:
    for label in PAGES:
        assert Client().get(page(label, "change", own[label].pk)).status_code == 302, label


def test_an_inactive_business_is_locked_out_at_once(world: World, own: Rows) -> None:
    client = log_in(world.acme.user("tenant_admin"))
    assert client.get("/admin/").status_code == 200
    world.acme.tenant.is_active = False
    world.acme.tenant.save()
    assert client.get("/admin/").status_code == 302


def test_employees_see_the_threads_of_their_numbers_alone(world: World, own: Rows) -> None:
    """Colleagues' texts on a shared number included; other numbers' answer 404."""
    conversation = own["messaging.conversation"]
    employee = world.acme.user("employee")
    assert log_in(employee).get(page("messaging.conversation", "change", conversation.pk)).status_code == 200
    world.acme.long_code.users.remove(employee)
    client = log_in(employee)
    for label in ("messaging.conversation", "messaging.inboundmessage", "messaging.outboundmessage"):
        assert client.get(page(label, "change", own[label].pk)).status_code == 404, label
        assert own["compliance.recipient"].number[-4:] not in _list(client, label)


def test_site_managers_see_the_threads_of_their_site_alone(world: World, own: Rows) -> None:
    manager: User = world.acme.user("site_manager")
    manager.site = world.acme.branch
    manager.save()
    client = log_in(manager)
    for label in ("messaging.conversation", "messaging.inboundmessage", "messaging.outboundmessage"):
        assert client.get(page(label, "change", own[label].pk)).status_code == 404, label


def _list(client: Client, label: str) -> str:
    answer = client.get(page(label, "changelist"))
    assert not list(get_messages(answer.wsgi_request))
    return answer.content.decode()
