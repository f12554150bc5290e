"""What people find in the admin beside the table of who may open what (test_access_table.py)."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.access_table import read_table
from tests.admin_pages import PEOPLE, UNCLEAR, Rows, build_rows, log_in, page, person, visit
from tests.builders import World, new_person, send, text_in

CODES = sorted(PEOPLE)
LABELS = [label for label, entry in read_table().items() if label != "site" and "installation" not in entry]

TALKED = (
    "accounts.user",
    "accounts.sendernumber",
    "compliance.optout",
    "compliance.recipient",
    "compliance.reviewitem",
    "compliance.consent",
    "messaging.campaign",
    "messaging.conversation",
    "messaging.inboundmessage",
    "messaging.outboundmessage",
)


@pytest.fixture
def own(world: World) -> Rows:
    return build_rows(world.acme)


@pytest.fixture
def foreign(world: World) -> Rows:
    return build_rows(world.globex)


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
    for label in LABELS:
        for address in (page(label, "changelist"), page(label, "change", own[label].pk)):
            body = client.get(address).content.decode()
            assert not [secret for secret in secrets if secret in body], address


def test_a_stranger_is_asked_to_log_in(own: Rows) -> None:
    for label in LABELS:
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


@pytest.mark.parametrize("code", ["T", "S", "P"])
def test_a_list_costs_the_same_however_many_rows_it_shows(world: World, code: str) -> None:
    visit(world, world.acme)
    client = log_in(person(world, code))

    def queries_of(label: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page(label, "changelist")).status_code == 200
        return len(queries)

    def talk() -> None:
        stopped = new_person()
        send(world.acme, stopped, campaign=f"Campaign {stopped}", user=world.acme.user("employee"))
        for words, number in (("STOP", stopped), ("START", new_person()), (UNCLEAR, new_person())):
            text_in(world.acme, words, from_=number)
        send(world.acme, stopped, campaign=f"Campaign {stopped}")

    talk()
    for label in TALKED:
        queries_of(label)  # what is put on record of a reader the first time is no part of it
    few = {label: queries_of(label) for label in TALKED}
    for _ in range(4):
        talk()
    assert {label: queries_of(label) for label in TALKED} == few


def test_recipients_of_one_business_are_read_in_its_own_order(world: World) -> None:
    """By key the database would walk past all the others' rows, to an operator's visit as to the business itself."""
    client, address = log_in(world.operator), page("compliance.recipient", "changelist")

    def first_in_order() -> str:
        return str(client.get(address).context["cl"].queryset.query.order_by[0])

    visit(world, world.acme)
    assert first_in_order() == "-created_at"
    visit(world, world.globex)
    assert first_in_order() == "-id"
