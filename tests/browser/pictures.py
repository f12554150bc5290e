"""Pictures of the main pages for the documents, from the demo on a fixed day: `make screenshots` writes docs/images/.

Not collected with the tests: pytest runs this file only where it is named.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from compliance.models import OptOut, ReviewItem
from messaging.models import Conversation, InboundMessage, OutboundMessage
from optout_project.env import BASE_DIR
from tests.browser.list_work import Work, work_on_lists
from tests.browser.opening import HEIGHT, PHONE, WIDE, Scheme, opened
from tests.browser.test_story import browser
from tests.builders import deliver_all
from tests.demo_world import run_demo

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
IMAGES = BASE_DIR / "docs" / "images"
THE_DAY = datetime(2026, 3, 12, 19, 40, tzinfo=UTC)  # early afternoon of a Thursday in Chicago
ADMIN = "admin@northwind-logistics.example"
COLOURS = 200
AT_MOST_BYTES = 150_000


def found(rows: Any) -> Any:
    """The id of the first row that a picture is about."""
    return rows.order_by("pk").values_list("pk", flat=True)[:1].get()


def drawn_by_a_campaign() -> Any:
    rows = OptOut.objects.filter(tenant__slug="northwind-logistics", status="active", source="keyword")
    return rows.exclude(preceding_campaign="")


def of_the_page(name: str, pick: Callable[[], Any] | None = None) -> Callable[[], str]:
    """The address of an admin page, with the row that shows most."""
    return lambda: reverse(f"admin:{name}", args=[pick()] if pick else [])


@dataclass(frozen=True)
class Picture:
    """One page, at a desk in the light where nothing else is said."""

    file: str
    address: Callable[[], str]
    scheme: Scheme = "light"
    width: int = WIDE
    height: int = HEIGHT
    logged_in: bool = True
    prepare: Callable[[Page], None] | None = None


def open_review() -> Any:
    return found(ReviewItem.objects.filter(tenant__slug="northwind-logistics", status="open", kind="unclear"))


def full_conversation() -> Any:
    """Somebody left after a campaign, was told so once, and was spared what came next."""
    blocked = OutboundMessage.objects.filter(tenant__slug="northwind-logistics", status="blocked", user__isnull=False)
    left = InboundMessage.objects.filter(outcome="opted_out").exclude(opt_out__preceding_campaign="")
    return found(Conversation.objects.filter(outbound__in=blocked, inbound__in=left))


def text_stop(page: Page) -> None:
    page.get_by_role("button", name="STOP", exact=True).click()
    expect(page.locator(".standing")).to_contain_text("Opted out")
    deliver_all()
    expect(page.locator(".automatic .status")).to_have_text("Delivered")


PICTURES = (
    Picture("start.png", of_the_page("index"), height=1480),
    Picture("start-dark.png", of_the_page("index"), "dark", height=1040),
    Picture("start-phone.png", of_the_page("index"), width=PHONE, height=1400),
    Picture("opt-outs.png", of_the_page("compliance_optout_changelist"), height=960),
    Picture("opt-out.png", of_the_page("compliance_optout_change", lambda: found(drawn_by_a_campaign())), height=960),
    Picture(
        "recipient.png",
        of_the_page("compliance_recipient_change", lambda: drawn_by_a_campaign().first().recipient_id),
        height=1040,
    ),
    Picture("conversations.png", of_the_page("messaging_conversation_changelist")),
    Picture("conversation.png", of_the_page("messaging_conversation_change", full_conversation)),
    Picture("reviews.png", of_the_page("compliance_reviewitem_changelist")),
    Picture("review.png", of_the_page("compliance_reviewitem_change", open_review)),
    Picture("connections.png", of_the_page("accounts_provideraccount_changelist"), height=560),
    Picture("connect.png", of_the_page("accounts_provideraccount_add"), height=1040),
    Picture("keywords.png", of_the_page("compliance_keyword_add")),
    Picture("replies.png", of_the_page("compliance_replytemplate_built_in")),
    Picture("log-in.png", of_the_page("login"), logged_in=False, height=640),
    Picture("simulator.png", lambda: reverse("handset"), logged_in=False, prepare=text_stop),
    Picture("public-page.png", lambda: "/stop/northwind-logistics/", logged_in=False),
    Picture("public-page-phone.png", lambda: "/stop/northwind-logistics/?lang=es", "dark", PHONE, 844, logged_in=False),
)


def pictures_of(work: Work) -> tuple[Picture, ...]:
    """Of work that was made for them."""
    return (
        Picture("import-preview.png", of_the_page("compliance_optoutimport_change", lambda: work.checked), height=1040),
        Picture("import.png", of_the_page("compliance_optoutimport_change", lambda: work.imported), height=720),
        Picture("exports.png", of_the_page("compliance_optoutexport_changelist"), height=560),
        Picture("cleaned-list.png", of_the_page("compliance_cleanedlist_change", lambda: work.cleaned), height=680),
        Picture(
            "scheduled-export.png",
            of_the_page("compliance_exportschedule_change", lambda: work.schedule),
            height=1500,
        ),
        Picture("who-read-what.png", of_the_page("accounts_accessrecord_changelist"), height=640),
    )


def test_take_pictures(browser: Browser, transactional_db: None, live_server: LiveServer) -> None:
    with time_machine.travel(THE_DAY, tick=True):
        run_demo()
        admin = User.objects.get(username=ADMIN)
        officer = User.objects.get(tenant=admin.tenant, role="compliance_officer")
        for picture in PICTURES:
            _take(browser, admin if picture.logged_in else None, live_server.url, picture)
        for picture in pictures_of(work_on_lists(officer)):
            _take(browser, admin, live_server.url, picture)


def _take(browser: Browser, person: User | None, url: str, picture: Picture) -> None:
    viewport = {"width": picture.width, "height": picture.height}
    with opened(browser, person, url, picture.scheme, viewport=viewport) as looker:
        looker.page.goto(url + picture.address())
        if picture.prepare:
            picture.prepare(looker.page)
        looker.page.wait_for_load_state("networkidle")
        assert looker.take_complaints() == [], picture.file
        image = _shrink(looker.page.screenshot())
    assert len(image) < AT_MOST_BYTES, f"{picture.file} has {len(image):,} bytes"
    (IMAGES / picture.file).write_bytes(image)


def _shrink(png: bytes) -> bytes:
    """Pages have few colours: a palette makes a third of the file."""
    out = io.BytesIO()
    palette = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    palette.save(out, "PNG", optimize=True)
    return out.getvalue()
