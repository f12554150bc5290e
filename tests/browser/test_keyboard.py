"""The admin by the keyboard alone: past the menu, into the account and the filters, and back to where one was."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.admin_pages import Rows
from tests.browser.opening import HEIGHT, PHONE, opened
from tests.browser.test_every_page import rows, world
from tests.browser.test_story import browser
from tests.builders import World

__all__ = ["browser", "rows", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/compliance/optout/"


def test_the_first_key_leads_past_the_menu(browser: Browser, world: World, live_server: LiveServer) -> None:
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "light") as walker:
        page = walker.page
        page.goto(live_server.url + LIST)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()


def test_somebody_can_log_out(browser: Browser, world: World, live_server: LiveServer) -> None:
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "light") as walker:
        page = walker.page
        page.goto(live_server.url + LIST)
        opener = page.get_by_role("button", name="Your account, theme and log-out")
        opener.press("Enter")
        expect(page.get_by_role("button", name="Light")).to_be_focused()
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        expect(page.get_by_role("button", name="Log out")).to_be_hidden()
        opener.press(" ")
        page.get_by_role("button", name="Log out").press("Enter")
        expect(page).to_have_title("Logged out | Opt-out")


def test_filters_hold_the_focus_and_give_it_back(
    browser: Browser, world: World, rows: Rows, live_server: LiveServer
) -> None:
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "light") as walker:
        page = walker.page
        page.goto(live_server.url + LIST)
        opener = page.get_by_role("button", name="Filters")
        opener.press("Enter")
        expect(page.locator("#changelist-filter")).to_be_visible()
        for _ in range(40):
            page.keyboard.press("Tab")
            assert focus_is_in(page, "#changelist-filter")
        page.keyboard.press("Escape")
        expect(page.locator("#changelist-filter")).to_be_hidden()
        expect(opener).to_be_focused()


def test_the_menu_of_a_phone(browser: Browser, world: World, live_server: LiveServer) -> None:
    size = {"width": PHONE, "height": HEIGHT}
    with opened(browser, world.acme.user("tenant_admin"), live_server.url, "dark", viewport=size) as walker:
        page = walker.page
        page.goto(live_server.url + LIST)
        opener = page.get_by_role("button", name="Open the menu")
        opener.press("Enter")
        expect(page.get_by_role("link", name="Consents")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Consents")).to_be_hidden()
        expect(opener).to_be_focused()


def focus_is_in(page: Page, where: str) -> bool:
    return bool(page.evaluate("where => !!document.activeElement.closest(where)", where))
