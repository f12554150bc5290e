"""The story of the first issue, walked by a real browser against a real server and a working queue."""

import os
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from messaging.demo.plan import SLUGS, load_plan
from tests.builders import deliver_all
from tests.demo_world import found_demo

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright keeps an event loop in this thread
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """Delivers what is queued, as a worker process does."""
    ends = threading.Event()

    def work() -> None:
        while not ends.wait(0.1):
            deliver_all()
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    ends.set()
    thread.join(10)


@pytest.fixture
def page(browser: Browser, transactional_db: None, live_server: LiveServer) -> Iterator[Page]:
    """The simulator as a stranger finds it at `/`. A page that complains on its console fails the test."""
    for slug in SLUGS:
        found_demo(slug)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(live_server.url)
    yield opened
    context.close()
    assert complaints == []


def chip(page: Page, word: str) -> None:
    page.get_by_role("button", name=word, exact=True).click()


def test_stop_one_confirmation_refusal_start_and_the_history(page: Page, worker: None) -> None:
    thread, numbers = page.get_by_role("log"), page.locator("#numbers .tile")
    expect(thread.get_by_role("listitem")).to_have_count(1)
    expect(thread).to_contain_text(load_plan(SLUGS[1]).handset_text)
    page.get_by_label("Text as the recipient").fill("a draft")

    chip(page, "STOP")
    expect(thread.get_by_text("You are unsubscribed")).to_have_count(1)
    expect(thread.locator(".automatic .status")).to_have_text("Delivered")
    expect(page.locator("#numbers .tile.stop")).to_have_count(10)
    expect(numbers).to_have_count(10)
    expect(page.locator(".standing")).to_contain_text("Opted out")
    expect(page.locator(".verdict")).to_contain_text("en.keyword.stop")
    expect(page.locator(".verdict")).to_contain_text(" ms")
    expect(page.get_by_label("Text as the recipient")).to_have_value("a draft")

    page.get_by_label("Send as the business").fill("Your driver is near.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(thread.locator(".refused")).to_contain_text("opted_out")

    chip(page, "STOP")
    expect(page.locator(".verdict")).to_contain_text("has had its one confirmation")
    expect(thread.get_by_text("You are unsubscribed")).to_have_count(1)

    chip(page, "START")
    expect(page.locator(".standing")).to_contain_text("May be texted")
    expect(page.locator("#numbers .tile.go")).to_have_count(10)

    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open the history").click()
    history = opened.value
    expect(history.get_by_text("Opted back in", exact=True).first).to_be_visible()
    expect(history.get_by_text("START", exact=True)).to_be_visible()
    expect(history.get_by_text("STOP", exact=True).first).to_be_visible()

    page.get_by_label("Text as the recipient").fill("still here after the log-in")
    page.keyboard.press("Enter")
    expect(thread).to_contain_text("still here after the log-in")


def test_the_number_is_on_the_central_list(page: Page, worker: None) -> None:
    page.get_by_role("link", name="Bright Smile Dental").click()
    chip(page, "ARRET")
    expect(page.get_by_role("log")).to_contain_text("Bright Smile Dental")
    expect(page.locator(".verdict")).to_contain_text("fr.keyword.arret")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Auditor").click()
    expect(opened.value.get_by_text("+1 614-555-0100").first).to_be_visible()


def test_typing_goes_on_while_the_thread_changes(page: Page) -> None:
    words = page.get_by_label("Text as the recipient")
    words.press_sequentially("stop pl", delay=150)
    words.press_sequentially("ease", delay=150)
    expect(words).to_be_focused()
    expect(words).to_have_value("stop please")
    words.press("Enter")
    expect(page.locator(".standing")).to_contain_text("Opted out")
    expect(words).to_have_value("")
    expect(words).to_be_focused()


@pytest.mark.parametrize("size", [(390, 844), (360, 640), (1280, 800), (900, 700)], ids=str)
def test_nothing_sticks_out_sideways(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    chip(page, "STOP")
    expect(page.locator(".standing")).to_contain_text("Opted out")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
