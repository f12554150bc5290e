"""What people find in the admin beside the table of who may open what (test_access_table.py)."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import User
from tests.access_table import read_table
from tests.admin_pages import PEOPLE, Rows, build_rows, log_in, page, person
from tests.builders import World

CODES = sorted(PEOPLE)
LABELS = [label for label, entry in read_table().items() if label != "site" and "installation" not in entry]


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
