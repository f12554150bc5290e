"""A walk through every page of the admin in a real browser, as tests/data/access.toml names them."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Error, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from messaging.figures import keeping
from tests import builders
from tests.access_table import Line, lines, row_of
from tests.admin_pages import Rows, build_rows
from tests.browser.opening import HEIGHT, PHONE, WIDE, Opened, opened, sticks_out
from tests.browser.test_story import browser
from tests.builders import World

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NO_PAGES = ("search", "jsi18n", "_progress", "_file")  # parts of pages, data and downloads, by how their names end
MAIN = {
    "index",
    "compliance_optout_changelist",
    "compliance_optout_change",
    "compliance_recipient_change",
    "compliance_reviewitem_change",
    "messaging_conversation_changelist",
    "messaging_conversation_change",
    "accounts_provideraccount_change",
    "accounts_tenant_change",
}


@pytest.fixture
def world(transactional_db: None) -> World:
    return builders.build_world()


@pytest.fixture
def rows(world: World) -> Rows:
    found = build_rows(world.acme)
    keeping.sweep(timezone.now())
    return found


def pages(letter: str, rows: Rows) -> Iterator[tuple[str, str]]:
    """Each page that a role may open, with its address."""
    for line in lines():
        if line.method == "get" and line.statuses.get(letter) == (200,) and not line.name.endswith(NO_PAGES):
            yield line.name, line.address(row_of(rows, line) if line.wants_row else None)


def only(letter: str, without: str) -> set[str]:
    """The names of what one role may open and another may not."""

    def opens(line: Line, role: str) -> bool:
        return line.method == "get" and line.statuses.get(role) == (200,)

    return {line.name for line in lines() if opens(line, letter) and not opens(line, without)}


def test_every_page_of_an_admin(browser: Browser, world: World, rows: Rows, live_server: LiveServer) -> None:
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "light") as walker:
        faults = [fault for _, address in pages("T", rows) for fault in look(walker, live_server.url + address)]
    assert not faults, "\n".join(faults)


def test_the_operators_own_pages(browser: Browser, world: World, rows: Rows, live_server: LiveServer) -> None:
    theirs = only("P", without="T") | {"index"}
    with opened(browser, world.operator, live_server.url, "light") as walker:
        wanted = [address for name, address in pages("P", rows) if name in theirs]
        faults = [fault for address in wanted for fault in look(walker, live_server.url + address)]
    assert not faults, "\n".join(faults)


def test_the_main_pages_in_the_dark(browser: Browser, world: World, rows: Rows, live_server: LiveServer) -> None:
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "dark") as walker:
        wanted = [address for name, address in pages("T", rows) if name in MAIN]
        faults = [fault for address in wanted for fault in look(walker, live_server.url + address)]
        assert walker.page.evaluate("document.documentElement.classList.contains('dark')")
    assert not faults, "\n".join(faults)
    assert len(wanted) >= len(MAIN), "a main page has another name now"


def test_a_number_of_many_people_fits_a_phone(browser: Browser, world: World, live_server: LiveServer) -> None:
    person = world.acme.user("employee")
    names = [f"somebody.with.a.long.name.{place}@northwind-logistics.example" for place in range(12)]
    many = User.objects.bulk_create(User(username=name, tenant=person.tenant) for name in names)
    world.acme.long_code.users.add(*many)
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "light") as walker:
        walker.page.set_viewport_size({"width": PHONE, "height": HEIGHT})
        walker.page.goto(f"{live_server.url}/admin/accounts/sendernumber/{world.acme.long_code.pk}/change/")
        expect(walker.page.locator(".select2-selection__choice").first).to_be_visible()
        assert not sticks_out(walker.page)


def look(walker: Opened, address: str) -> list[str]:
    """Open a page at a desk, then hold it like a phone. Returns what is wrong with it."""
    page = walker.page
    try:
        answer = page.goto(address)
    except Error as error:
        return [] if "Download is starting" in str(error) else [f"{address}: {error}"]
    assert answer is not None
    if "text/html" not in answer.headers.get("content-type", ""):
        return [f"{address}: {fault}" for fault in walker.take_complaints()]
    faults = walker.take_complaints()
    if not page.title().strip() or not page.locator("h1").first.is_visible():
        faults.append("no title to be seen")
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if sticks_out(page):
            faults.append(f"it can be pushed sideways at {width} pixels")
    page.set_viewport_size({"width": WIDE, "height": HEIGHT})
    return [f"{address}: {fault}" for fault in [*faults, *walker.take_complaints()]]
