"""The start page: what waits, the day at a glance, which campaigns drive people away, and the first steps."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts.admin_base import count_some, person_of
from accounts.models import Currency, ProviderAccount, User
from accounts.roles import Role
from accounts.scoping import businesses_open_to
from compliance.models import ExportSchedule, OptOut, ReviewItem
from compliance.sentences import reach
from messaging import diagnosis
from messaging.figures import reading
from messaging.figures.reading import Order, Sums
from messaging.models import OutsideText, WebhookDelivery
from optout_project.first_steps import steps_of
from optout_project.installation import connections_of
from optout_project.navigation import REVIEWS, due_soon, sidebar

RECENT = 6
SPANS = (30, 90)
CONNECTIONS_READ, CONNECTIONS_SHOWN = 100, 6
WORST_FIRST = ("red", "orange", "grey", "green")
SIGNS = {Currency.USD: "$", Currency.CAD: "CA$", Currency.EUR: "€", Currency.GBP: "£", Currency.AUD: "A$"}


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page shows to a person."""
    person = person_of(request)
    is_open = bool(businesses_open_to(person))  # to a platform operator only in a visit
    return {
        **context,
        "title": "Start",
        "person": person,
        "is_open": is_open,
        "steps": steps_of(person),
        "cards": [card for card in _cards(person) if card and is_open],
        "recent": _recent(person),
        "may_record": is_open and person.has_perm("compliance.record_optout"),
        "connections": _connections(person),
        "installation": connections_of(person),
        "groups": [group for group in sidebar(request) if group["title"]],
        **_figures(request, person),
    }


# --- What waits -------------------------------------------------------------------------------------------------------


def _cards(person: User) -> list[dict[str, Any] | None]:
    return [_open_reviews(person), _due_soon(person), _incidents(person), _failed(person), _failing_exports(person)]


def _open_reviews(person: User) -> dict[str, Any] | None:
    if not person.has_perm("compliance.view_reviewitem"):
        return None
    rows = ReviewItem.objects.visible_to(person).filter(status=ReviewItem.Status.OPEN)
    return _card("Open reviews", "Texts that may be an opt-out", rows, REVIEWS, "orange")


def _due_soon(person: User) -> dict[str, Any] | None:
    if not person.has_perm("compliance.view_reviewitem"):
        return None
    words = "Unanswered, they become opt-outs"
    return _card("Due within 2 business days", words, due_soon(person), REVIEWS, "red")


def _incidents(person: User) -> dict[str, Any] | None:
    if not person.has_perm("messaging.settle_outsidetext"):
        return None
    rows = OutsideText.objects.visible_to(person).filter(is_incident=True, settled_at=None)
    words = "By another way than this system"
    return _card("Sent past an opt-out", words, rows, "messaging_outsidetext_changelist", "red", "?incident=open")


def _failed(person: User) -> dict[str, Any] | None:
    if not person.has_perm("messaging.view_webhookdelivery"):
        return None
    rows = WebhookDelivery.objects.visible_to(person).waiting()
    words = "Delivered by a provider, not applied yet"
    return _card("Failed deliveries", words, rows, "messaging_webhookdelivery_changelist", "red")


def _failing_exports(person: User) -> dict[str, Any] | None:
    if not person.has_perm("compliance.view_exportschedule"):
        return None
    rows = ExportSchedule.objects.visible_to(person).failing()
    words = "Schedules whose last run failed"
    return _card("Failed exports", words, rows, "compliance_exportschedule_changelist", "red")


def _card(title: str, words: str, rows: QuerySet[Any], page: str, colour: str, query: str = "") -> dict[str, Any]:
    """A number to act on. Counting stops early, so that it costs the same in every business."""
    shown = count_some(rows)
    colour = colour if shown != "0" else "grey"
    return {"title": title, "words": words, "count": shown, "link": reverse(f"admin:{page}") + query, "colour": colour}


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


def _connections(person: User) -> list[dict[str, Any]]:
    """How the provider connections are, the worst first. Platform operators see those of the installation."""
    if person.is_platform_operator or not person.has_perm("accounts.view_provideraccount"):
        return []
    rows = diagnosis.with_signs(ProviderAccount.objects.visible_to(person).order_by("name", "pk"))[:CONNECTIONS_READ]
    now = timezone.now()
    found = [
        {
            "row": row,
            "verdict": diagnosis.verdict_of(row, now),
            "link": reverse("admin:accounts_provideraccount_change", args=[row.pk]),
        }
        for row in rows
    ]
    found.sort(key=lambda one: WORST_FIRST.index(one["verdict"].colour))
    return found[:CONNECTIONS_SHOWN]


# --- Figures ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure of today, and what the span brought."""

    title: str
    today: str
    note: str
    link: str = ""


def _figures(request: HttpRequest, person: User) -> dict[str, Any]:
    today = timezone.localdate()
    days, order = _asked(request)
    rows = reading.figures_of(person, today, days)
    by_day = reading.sum_by_day(rows, today, days)
    total = sum(by_day.values(), Sums())
    sees_campaigns = person.has_perm("messaging.view_campaign")
    return {
        "today": today,
        "counted_until": reading.counted_until(person, today),
        "whose": _whose(person),
        "tiles": [*_tiles(by_day[today], total, days), *_money(person, by_day[today], total, days)],
        "total": total,
        "names_damages": sees_campaigns and _may_name_damages(person, total),
        "is_quiet": total == Sums(),
        "days": days,
        "spans": SPANS,
        "order": order.value,
        "chart": _chart(by_day),
        "by_day": list(reversed(by_day.items())),
        "sees_campaigns": sees_campaigns,
        "campaigns": reading.sum_by_campaign(rows, order) if sees_campaigns else [],
        "watch_from": f"{reading.WATCH_FROM:.0%}",
        "high_from": f"{reading.HIGH_FROM:.0%}",
        "sources": _shares(reading.sum_by_source(rows)),
    }


def _asked(request: HttpRequest) -> tuple[int, Order]:
    """The span and the order that the address asks for; what it can't ask for counts as not asked."""
    days = next((span for span in SPANS if request.GET.get("days") == str(span)), SPANS[0])
    order = next((order for order in Order if request.GET.get("sort") == order.value), Order.RATE)
    return days, order


def _whose(person: User) -> str:
    """Whose figures these are, where they are not all of the business's."""
    if person.role == Role.EMPLOYEE:
        return "of the company numbers that you send from"
    if person.role == Role.SITE_MANAGER:
        return f"of {person.site}" if person.site else "of no site: ask an admin to give you one"
    return "of all businesses in your sight" if person.is_platform_operator else ""


def _may_name_damages(person: User, total: Sums) -> bool:
    """Only where the law of US-25 holds, and where a text was stopped that it is about."""
    return total.blocked_opted_out > 0 and person.tenant is not None and person.tenant.country == "US"


def _tiles(today: Sums, total: Sums, days: int) -> list[Tile]:
    by_list = f", and {total.by_list:,} by lists" if total.by_list else ""
    failed = f", {total.failed:,} failed" if total.failed else ""
    opted_out = f", {total.blocked_opted_out:,} to people who had opted out" if total.blocked_opted_out else ""
    in_days = f"in {days} days"
    return [
        Tile("Texts sent", f"{today.texts_out:,}", f"{total.texts_out:,} {in_days}{failed}"),
        Tile("Texts received", f"{today.texts_in:,}", f"{total.texts_in:,} {in_days}"),
        Tile("Opted out", f"{today.opt_outs:,}", f"{total.opt_outs:,} {in_days}{by_list}"),
        Tile("Opted back in", f"{today.opted_back_in:,}", f"{total.opted_back_in:,} {in_days}"),
        Tile("Blocked sends", f"{today.blocked:,}", f"{total.blocked:,} {in_days}{opted_out}"),
    ]


def _money(person: User, today: Sums, total: Sums, days: int) -> list[Tile]:
    """What blocked texts would have cost, for those who see campaigns; where no price is set, how to set one."""
    tenant = person.tenant
    if tenant is None or person.role == Role.EMPLOYEE:
        return []
    if tenant.segment_price is None:
        may_set = person.has_perm("accounts.change_tenant")
        link = reverse("admin:accounts_tenant_change", args=[tenant.pk]) if may_set else ""
        return [Tile("Saved", "–", "Set what a segment costs you, and see what blocked texts saved", link)]

    sign = SIGNS.get(Currency(tenant.currency), f"{tenant.currency} ")
    spared, worth = total.blocked_segments, total.blocked_segments * tenant.segment_price
    note = f"{sign}{worth:,.2f} in {days} days, {spared:,} segments not sent"
    return [Tile("Saved", f"{sign}{today.blocked_segments * tenant.segment_price:,.2f}", note)]


def _chart(by_day: dict[date, Sums]) -> str:
    """What static/optout/figures.js draws."""
    return json.dumps(
        {
            "days": [date_format(day, "N j") for day in by_day],
            "opt_outs": [sums.opt_outs for sums in by_day.values()],
            "texts": [sums.texts_out for sums in by_day.values()],
        }
    )


def _shares(sources: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """Each way of opting out, with its share of all."""
    total = sum(times for _, times in sources)
    return [{"label": label, "times": times, "share": times / total} for label, times in sources]
