"""What each person finds in the sidebar and on the start page: only what their role may open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone

from accounts.admin_base import person_of
from accounts.models import User
from compliance.models import OptOut, ReviewItem
from compliance.sentences import reach
from messaging.models import WebhookDelivery

COUNT_AT_MOST = 100
SOON = timedelta(days=2)
RECENT = 6


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the admin: its words, its symbol, and the permission that opens it."""

    title: str
    icon: str
    page: str
    permission: str = ""

    def opens_for(self, person: User) -> bool:
        if not self.permission:
            app, model = self.page.split("_", 1)
            return person.has_perm(f"{app}.view_{model.removesuffix('_changelist')}")
        return person.has_perm(self.permission)


OPERATOR = "django_celery_beat.view_periodictask"
GROUPS: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        "Every day",
        (
            Link("Opt-outs", "do_not_disturb_on", "compliance_optout_changelist"),
            Link("Reviews", "rule", "compliance_reviewitem_changelist"),
            Link("Conversations", "forum", "messaging_conversation_changelist"),
            Link("Recipients", "contacts", "compliance_recipient_changelist"),
        ),
    ),
    (
        "Texts",
        (
            Link("Incoming texts", "call_received", "messaging_inboundmessage_changelist"),
            Link("Outgoing texts", "call_made", "messaging_outboundmessage_changelist"),
            Link("Campaigns", "campaign", "messaging_campaign_changelist"),
            Link("Failed deliveries", "report", "messaging_webhookdelivery_changelist"),
        ),
    ),
    (
        "Business",
        (
            Link("Company numbers", "dialpad", "accounts_sendernumber_changelist"),
            Link("Employees", "group", "accounts_user_changelist"),
            Link("Sites", "location_on", "accounts_site_changelist"),
            Link("API keys", "key", "accounts_apikey_changelist"),
            Link("Provider connections", "cable", "accounts_provideraccount_changelist"),
            Link("Business settings", "settings", "accounts_tenant_changelist"),
        ),
    ),
    (
        "Installation",
        (
            Link("Schedules", "schedule", "django_celery_beat_periodictask_changelist", OPERATOR),
            Link("Intervals", "timer", "django_celery_beat_intervalschedule_changelist", OPERATOR),
            Link("Crontabs", "calendar_month", "django_celery_beat_crontabschedule_changelist", OPERATOR),
        ),
    ),
)


def styles(request: HttpRequest) -> str:
    """Our own style sheet, beside unfold's."""
    return static("optout/admin.css")


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar, without what this person may not open."""
    person = person_of(request)
    start = {"title": "", "items": [{"title": "Start", "icon": "home", "link": reverse("admin:index")}]}
    groups = [{"title": title, "separator": True, "items": _items(links, person)} for title, links in GROUPS]
    return [start, *(group for group in groups if group["items"])]


def _items(links: Iterable[Link], person: User) -> list[dict[str, Any]]:
    return [{"title": x.title, "icon": x.icon, "link": _link(x, person)} for x in links if x.opens_for(person)]


def _link(link: Link, person: User) -> str:
    if link.page == "accounts_tenant_changelist" and person.tenant_id:
        return reverse("admin:accounts_tenant_change", args=[person.tenant_id])
    return reverse(f"admin:{link.page}")


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The start page: what waits, what happened, and where to go."""
    person = person_of(request)
    return {
        **context,
        "title": "Start",
        "person": person,
        "cards": [card for card in _cards(person) if card],
        "recent": _recent(person),
        "may_record": person.has_perm("compliance.record_optout"),
        "groups": [group for group in sidebar(request) if group["title"]],
    }


def _cards(person: User) -> list[dict[str, Any] | None]:
    return [_open_reviews(person), _due_soon(person), _failed(person)]


def _open_reviews(person: User) -> dict[str, Any] | None:
    if not person.has_perm("compliance.view_reviewitem"):
        return None
    rows = ReviewItem.objects.visible_to(person).filter(status=ReviewItem.Status.OPEN)
    return _card("Open reviews", "Texts that may be an opt-out", rows, "compliance_reviewitem_changelist", "orange")


def _due_soon(person: User) -> dict[str, Any] | None:
    if not person.has_perm("compliance.view_reviewitem"):
        return None
    soon = timezone.now() + SOON
    rows = ReviewItem.objects.visible_to(person).filter(status=ReviewItem.Status.OPEN, due_at__lte=soon)
    return _card(
        "Due within 2 days", "Unanswered, they become opt-outs", rows, "compliance_reviewitem_changelist", "red"
    )


def _failed(person: User) -> dict[str, Any] | None:
    if not person.has_perm("messaging.view_webhookdelivery"):
        return None
    rows = WebhookDelivery.objects.visible_to(person).filter(handled_at=None)
    words = "Delivered by a provider, not applied yet"
    return _card("Failed deliveries", words, rows, "messaging_webhookdelivery_changelist", "red")


def _card(title: str, words: str, rows: QuerySet[Any], page: str, colour: str) -> dict[str, Any]:
    """A number to act on. Counting stops early, so that it costs the same in every business."""
    count = len(rows.order_by().values_list("pk", flat=True)[:COUNT_AT_MOST])
    shown = f"{COUNT_AT_MOST - 1}+" if count == COUNT_AT_MOST else str(count)
    colour = colour if count else "grey"
    return {"title": title, "words": words, "count": shown, "link": reverse(f"admin:{page}"), "colour": colour}


def _recent(person: User) -> list[dict[str, Any]]:
    if not person.has_perm("compliance.view_optout"):
        return []
    rows = OptOut.objects.visible_to(person).select_related("recipient", "evidence").order_by("-changed_at", "-id")
    return [
        {
            "row": row,
            "reach": reach(row.scope, row.sender),
            "link": reverse("admin:compliance_optout_change", args=[row.pk]),
        }
        for row in rows[:RECENT]
    ]
