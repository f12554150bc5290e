"""WCAG 2.2 AA, as axe sees it: log-in, simulator, error pages, and every page of the admin."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect
from pytest_django.live_server_helper import LiveServer

from messaging.demo.plan import SLUGS
from tests.admin_pages import Rows
from tests.browser.opening import CONTRAST, FRAMED, WCAG_AA, Scheme, opened, violations
from tests.browser.test_every_page import pages, rows, world
from tests.browser.test_story import browser
from tests.builders import World
from tests.demo_world import found_demo

__all__ = ["browser", "rows", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHOICES_STAND = "!document.querySelector('.admin-autocomplete') || !!document.querySelector('[id^=label-of-]')"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_log_in(browser: Browser, world: World, live_server: LiveServer, scheme: Scheme) -> None:
    with opened(browser, None, live_server.url, scheme) as stranger:
        page = stranger.page
        page.goto(f"{live_server.url}/admin/login/")
        assert violations(page, WCAG_AA) == []
        page.locator("[name=username]").fill("nobody")
        page.locator("[name=password]").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_text("don't belong together").first).to_be_visible()
        assert violations(page, WCAG_AA) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_simulator(browser: Browser, transactional_db: None, live_server: LiveServer, scheme: Scheme) -> None:
    for slug in SLUGS:
        found_demo(slug)
    with opened(browser, None, live_server.url, scheme) as stranger:
        page = stranger.page
        page.goto(f"{live_server.url}/simulator/")
        assert violations(page, WCAG_AA) == []
        page.get_by_role("button", name="STOP", exact=True).click()
        expect(page.locator(".standing")).to_contain_text("Opted out")
        page.get_by_label("Send as the business").fill("Your driver is near.")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_role("log").locator(".refused").first).to_be_visible()
        assert violations(page, WCAG_AA) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pages_that_say_what_is_wrong(
    browser: Browser, transactional_db: None, live_server: LiveServer, scheme: Scheme
) -> None:
    with opened(browser, None, live_server.url, scheme) as stranger:
        for address in ("/no/such/page", "/stop/nobody/", "/simulator/"):
            stranger.page.goto(live_server.url + address)
            assert violations(stranger.page) == [], address


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_of_the_admin(
    browser: Browser, world: World, rows: Rows, live_server: LiveServer, scheme: Scheme
) -> None:
    rules = FRAMED if scheme == "light" else CONTRAST
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, scheme) as admin:
        faults = [
            fault for _, address in pages("T", rows) for fault in look(admin.page, live_server.url + address, rules)
        ]
    assert not faults, "\n".join(faults)


def look(page: Page, address: str, rules: dict[str, Any]) -> list[str]:
    """What axe finds on one page; of a download nothing."""
    try:
        page.goto(address)
    except Error as error:
        return [] if "Download is starting" in str(error) else [f"{address}: {error}"]
    page.wait_for_function(CHOICES_STAND)
    return [f"{address}: {fault}" for fault in violations(page, rules)]
