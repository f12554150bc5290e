"""What tests in a real browser share: Chromium, somebody who is logged in, and what a page complains of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

from accounts.models import User
from tests.admin_pages import log_in

Scheme = Literal["light", "dark"]
WIDE, PHONE = 1280, 390
HEIGHT = 800
WCAG_AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Beside WCAG AA, what readers of a screen jump by: one main part, headings without a gap.
FRAMED = {
    "runOnly": {"type": "tag", "values": WCAG_AA["runOnly"]["values"]},
    "rules": {rule: {"enabled": True} for rule in ("landmark-one-main", "heading-order", "page-has-heading-one")},
}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}  # all that the dark can change


@dataclass
class Opened:
    """A page, and everything that went wrong on it since it was last asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", self._miss)
        self.page.on("response", self._see)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(f"console: {said.text}")

    def _miss(self, request: Request) -> None:
        self.complaints.append(f"not loaded: {request.url} ({request.failure})")

    def _see(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def take_complaints(self) -> list[str]:
        found, self.complaints = self.complaints, []
        return found


@contextmanager
def opened(browser: Browser, person: User | None, address: str, scheme: Scheme, **more: Any) -> Iterator[Opened]:
    """A browser of somebody who is logged in, or of a stranger."""
    viewport = more.pop("viewport", {"width": WIDE, "height": HEIGHT})
    context = browser.new_context(
        color_scheme=scheme, locale="en-US", reduced_motion="reduce", viewport=viewport, **more
    )
    if person is not None:
        _carry_session(context, person, address)
    yield Opened(context.new_page())
    context.close()


def _carry_session(context: BrowserContext, person: User, address: str) -> None:
    session = log_in(person).cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": address}])


def sticks_out(page: Page) -> bool:
    """Whether the page can be pushed sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds: the rule, its words, and the first places."""
    found = Axe().run(page, options=options or {}).response["violations"]
    return [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]
