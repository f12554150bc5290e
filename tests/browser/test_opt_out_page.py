"""The public opt-out page in a real browser: without scripts, with the keyboard alone, and looked at by axe."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import builders
from tests.browser.opening import Scheme, opened, sticks_out, violations
from tests.browser.test_story import browser
from tests.builders import is_blocked

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@pytest.fixture
def acme(transactional_db: None) -> builders.Business:
    return builders.build_world().acme


@pytest.fixture
def page(browser: Browser, acme: builders.Business, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}, locale="en-US")
    opened = context.new_page()
    opened.goto(f"{live_server.url}/stop/acme/")
    yield opened
    context.close()


def test_a_number_is_opted_out_with_the_keyboard_and_without_scripts(page: Page, acme: builders.Business) -> None:
    page.get_by_label("Phone number").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Enter your phone number.")
    page.get_by_role("link", name="Enter your phone number.").click()
    page.keyboard.press("Tab")
    page.get_by_label("Phone number").fill("(212) 555-0177")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert is_blocked(acme)
    page.get_by_role("link", name="Español").click()
    expect(page.get_by_role("heading", name="Listo")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("en", 390), ("de", 390), ("es", 1280), ("pl", 390)])
def test_axe_finds_nothing_wrong(
    browser: Browser, acme: builders.Business, live_server: LiveServer, language: str, width: int, scheme: Scheme
) -> None:
    """As it opens, after a mistake, and when it is done."""
    viewport = {"width": width, "height": 800}
    with opened(browser, None, live_server.url, scheme, viewport=viewport) as visitor:
        page = visitor.page
        page.goto(f"{live_server.url}/stop/acme/?lang={language}")
        assert violations(page) == []
        page.locator("form button").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert violations(page) == []
        page.locator("#number").fill("+12125550177")
        page.locator("form button").click()
        expect(page.get_by_role("status")).to_be_visible()
        assert violations(page) == []
        assert not sticks_out(page)
        assert all("400" in said for said in visitor.take_complaints()), "nothing but the mistake"
