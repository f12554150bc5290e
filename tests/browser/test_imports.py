"""A list goes in, in a real browser: chosen, its columns confirmed, looked at, imported, while the page follows."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from compliance.models import OptOut, OptOutImport
from compliance.transfer import working
from tests import builders
from tests.browser.test_story import browser
from tests.builders import PASSWORD

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = """Phone,Unsubscribed on,Status,Notes
(212) 555-0177,3/14/2026,unsubscribed,asked by mail
+44 20 7946 0958,3/15/2026,unsubscribed,
212-555-0178,3/16/2026,subscribed,
not a number,3/17/2026,unsubscribed,
212-555-0177,3/18/2026,unsubscribed,named twice
"""


@pytest.fixture
def acme(transactional_db: None) -> builders.Business:
    return builders.build_world().acme


@pytest.fixture
def page(browser: Browser, acme: builders.Business, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    opened = context.new_page()
    opened.goto(f"{live_server.url}/admin/login/")
    opened.fill("input[name=username]", "acme-compliance_officer")
    opened.fill("input[name=password]", PASSWORD)
    opened.press("input[name=password]", "Enter")
    opened.wait_for_url("**/admin/")
    yield opened
    context.close()


def test_a_list_goes_in_and_the_page_follows(
    page: Page, acme: builders.Business, live_server: LiveServer, tmp_path: Path
) -> None:
    file = tmp_path / "former system.csv"
    file.write_text(LIST)
    page.goto(f"{live_server.url}/admin/compliance/optout/")
    page.get_by_role("link", name="Import a list").click()
    show(page, "upload")
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", name="What do the columns mean?")).to_be_visible()
    page.get_by_label("Column 2").select_option("opted_out_at")
    show(page, "columns")
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    show(page, "checking")
    work()
    expect(page.get_by_text("Checked; nothing is imported yet")).to_be_visible()
    expect(page.get_by_text("will be opted out")).to_be_visible()
    show(page, "ready")
    page.get_by_role("button", name="Import 2 opt-outs").click()
    expect(page.get_by_text("The import has begun")).to_be_visible()
    work()
    with page.expect_download() as download:
        page.get_by_role("link", name="Result, line by line").click()
    assert "not a number" in Path(download.value.path()).read_text(encoding="utf-8")
    show(page, "ended")
    page.goto(f"{live_server.url}/admin/compliance/optoutimport/")
    expect(
        page.get_by_role("link", name="former system.csv").or_(page.get_by_text("former system.csv"))
    ).to_be_visible()
    show(page, "list")
    assert OptOut.objects.for_tenant(acme.tenant).count() == 2


def work() -> None:
    """What a worker does."""
    assert working.go_on(OptOutImport.objects.get().key) is not None


def show(page: Page, name: str) -> None:
    """Pictures for who looks the pages over: SCREENSHOTS names the folder."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
