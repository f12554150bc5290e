"""What each person finds in the sidebar: only what their role may open."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.admin_base import count_some, person_of
from accounts.models import User
from compliance.models import ReviewItem

REVIEWS = "compliance_reviewitem_changelist"
SETTINGS = "accounts_tenant_changelist"


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
            Link("Consents", "thumb_up", "compliance_consent_changelist"),
            Link("Reviews", "rule", "compliance_reviewitem_changelist"),
            Link("Conversations", "forum", "messaging_conversation_changelist"),
            Link("Recipients", "contacts", "compliance_recipient_changelist"),
            Link("Imports", "upload_file", "compliance_optoutimport_changelist"),
        ),
    ),
    (
        "Texts",
        (
            Link("Incoming texts", "call_received", "messaging_inboundmessage_changelist"),
            Link("Outgoing texts", "call_made", "messaging_outboundmessage_changelist"),
            Link("Campaigns", "campaign", "messaging_campaign_changelist"),
            Link("Texts sent elsewhere", "alt_route", "messaging_outsidetext_changelist"),
            Link("Numbers not reached", "phone_disabled", "messaging_numbertrouble_changelist"),
            Link("Failed deliveries", "report", "messaging_webhookdelivery_changelist"),
        ),
    ),
    (
        "Lists",
        (
            Link("Exports", "download", "compliance_optoutexport_changelist"),
            Link("Scheduled exports", "event_repeat", "compliance_exportschedule_changelist"),
            Link("Clean a list", "cleaning_services", "compliance_cleanedlist_changelist"),
        ),
    ),
    (
        "Business",
        (
            Link("Keywords", "key_visualizer", "compliance_keyword_changelist"),
            Link("Replies", "reply", "compliance_replytemplate_changelist"),
            Link("Company numbers", "dialpad", "accounts_sendernumber_changelist"),
            Link("Employees", "group", "accounts_user_changelist"),
            Link("Sites", "location_on", "accounts_site_changelist"),
            Link("API keys", "key", "accounts_apikey_changelist"),
            Link("Provider connections", "cable", "accounts_provideraccount_changelist"),
            Link("Providers' lists", "compare_arrows", "messaging_reconciliation_changelist"),
            Link("Who read what", "visibility", "accounts_accessrecord_changelist"),
            Link("Log-ins", "login", "accounts_login_changelist"),
            Link("Business settings", "settings", SETTINGS),
        ),
    ),
    (
        "Installation",
        (
            Link("Visit a business", "visibility_lock", "accounts_tenant_visits", OPERATOR),
            Link("Schedules", "schedule", "django_celery_beat_periodictask_changelist", OPERATOR),
            Link("Intervals", "timer", "django_celery_beat_intervalschedule_changelist", OPERATOR),
            Link("Crontabs", "calendar_month", "django_celery_beat_crontabschedule_changelist", OPERATOR),
        ),
    ),
)
# Pages whose address does not begin with that of their entry, or begins with that of another's.
OWN_ACCOUNT = ("account", "second_step", "connect_app", "remove_app", "recovery_codes")
BELONGS_TO = {
    **{f"admin:accounts_user_{page}": "" for page in OWN_ACCOUNT},
    "admin:messaging_difference_changelist": "admin:messaging_reconciliation_changelist",
    "admin:django_celery_beat_solarschedule_changelist": "admin:django_celery_beat_periodictask_changelist",
    "admin:django_celery_beat_clockedschedule_changelist": "admin:django_celery_beat_periodictask_changelist",
}


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """What stands below one's own name."""
    return [
        {"title": "Your account", "link": reverse("admin:accounts_user_account")},
        {"title": "Change password", "link": reverse("admin:password_change")},
    ]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the sidebar, without what this person may not open."""
    person = person_of(request)
    start: dict[str, Any] = {"title": "", "items": [{"title": "Start", "icon": "home", "link": reverse("admin:index")}]}
    groups = [{"title": title, "separator": True, "items": _items(links, person)} for title, links in GROUPS]
    shown = [start, *(group for group in groups if group["items"])]
    _mark_one([item for group in shown for item in group["items"]], request.path)
    return shown


def _mark_one(items: list[dict[str, Any]], path: str) -> None:
    """Mark the entry that a page belongs to: the longest address that the page's own begins with.

    Unfold marks every entry whose address is somewhere in the page's, so that a visit would mark the settings as well.
    """
    for prefix, page in BELONGS_TO.items():
        if path.startswith(reverse(prefix)):
            path = reverse(page) if page else ""
    within = [
        item["link"] for item in items if path.startswith(item["link"]) and item["link"] != reverse("admin:index")
    ]
    chosen = max(within, key=len, default=path)
    for item in items:
        item["active"] = item["link"] == chosen


def _items(links: Iterable[Link], person: User) -> list[dict[str, Any]]:
    shown = [link for link in links if link.opens_for(person)]
    return [{"title": _title(x, person), "icon": x.icon, "link": _link(x, person), **_badge(x, person)} for x in shown]


def _title(link: Link, person: User) -> str:
    """Everybody has the settings of one business; whoever runs the installation has a list of businesses."""
    return "Businesses" if link.page == SETTINGS and not person.tenant_id else link.title


def _badge(link: Link, person: User) -> dict[str, str]:
    """How many reviews wait, on every page; red once one is due soon."""
    if link.page != REVIEWS:
        return {}
    waiting = count_some(ReviewItem.objects.visible_to(person).filter(status=ReviewItem.Status.OPEN))
    if waiting == "0":
        return {}
    return {"badge": waiting, "badge_variant": "danger" if due_soon(person).exists() else "warning"}


def _link(link: Link, person: User) -> str:
    if link.page == SETTINGS and person.tenant_id:
        return reverse("admin:accounts_tenant_change", args=[person.tenant_id])
    return reverse(f"admin:{link.page}")


def due_soon(person: User) -> QuerySet[ReviewItem]:
    """The open reviews whose alert has come: two business days before they become opt-outs."""
    rows = ReviewItem.objects.visible_to(person).filter(status=ReviewItem.Status.OPEN, alert_at__lte=timezone.now())
    found: QuerySet[ReviewItem] = rows
    return found
