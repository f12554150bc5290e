"""WCAG 2.2 AA, as axe sees it: log-in, simulator, error pages, and the main pages of the admin."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from messaging.demo.plan import SLUGS
from tests.admin_pages import Rows
from tests.browser.opening import CONTRAST, WCAG_AA, Scheme, opened, violations
from tests.browser.test_every_page import MAIN, pages, rows, world
from tests.browser.test_story import browser
from tests.builders import World
from tests.demo_world import found_demo

__all__ = ["browser", "rows", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
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


def test_the_main_pages(browser: Browser, world: World, rows: Rows, live_server: LiveServer) -> None:
    faults = []
    looks: tuple[tuple[Scheme, dict[str, Any]], ...] = (("light", WCAG_AA), ("dark", CONTRAST))
    for scheme, rules in looks:
        with opened(browser, world.acme.user("tenant_admin"), live_server.url, scheme) as admin:
            for name, address in pages("T", rows):
                if name in MAIN:
                    admin.page.goto(live_server.url + address)
                    faults += [f"{name}, {scheme}: {fault}" for fault in violations(admin.page, rules)]
    assert not faults, "\n".join(faults)
