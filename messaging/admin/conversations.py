"""Conversations as threads: for admins all, for employees those of the numbers that they send from."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from accounts.admin_base import PageAdmin, address_of, person_of
from accounts.admin_filters import CompanyNumberFilter
from accounts.admin_words import label, moment, number, quote, search_numbers
from accounts.models import OptOutScope, SenderNumber
from accounts.roles import Role
from compliance.models import OptOut, ReviewItem
from messaging.models import Conversation
from messaging.threads import banners_of, read_thread


class ThreadNumberFilter(CompanyNumberFilter):
    """The company numbers whose conversations this person may read."""

    fields = ("sender",)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        choices = super().lookups(request, model_admin)
        own = numbers_of(request)
        return choices if own is None else [choice for choice in choices if choice[0] in own]


def numbers_of(request: HttpRequest) -> set[str] | None:
    """The numbers of an employee or a site; None where all of the business are open."""
    person = person_of(request)
    rows = SenderNumber.objects.visible_to(person)
    if person.role == Role.EMPLOYEE:
        return set(rows.filter(users=person).values_list("number", flat=True))
    if person.role == Role.SITE_MANAGER:
        return set(rows.filter(site=person.site_id).exclude(site=None).values_list("number", flat=True))
    return None


@admin.register(Conversation)
class ConversationAdmin(PageAdmin):
    page_template = "admin/messaging/conversation/page.html"
    list_display = ("shown_number", "company_number", "last", "state", "last_at")
    list_select_related = ("recipient",)
    ordering = ("-last_message_at", "-id")
    search_fields = ("recipient__number",)
    search_help_text = "A number in any format, or its last digits"
    list_filter = (ThreadNumberFilter,)
    empty_title = "No conversations yet"
    empty_text = "A conversation begins with the first text to or from a recipient."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        closes = Q(scope=OptOutScope.TENANT) | Q(sender=OuterRef("sender"))
        closed = OptOut.objects.filter(closes, recipient=OuterRef("recipient"), status=OptOut.Status.ACTIVE)
        rows: QuerySet[Any] = super().get_queryset(request).select_related("recipient")
        held = ReviewItem.objects.filter(
            recipient=OuterRef("recipient"), status=ReviewItem.Status.OPEN, kind=ReviewItem.Kind.UNCLEAR
        )
        annotated: QuerySet[Any] = rows.annotate(is_opted_out=Exists(closed), is_held=Exists(held))
        return annotated

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return search_numbers(queryset, search_term, person_of(request), "recipient__"), False

    @admin.display(description="recipient")
    def shown_number(self, row: Conversation) -> SafeString:
        return number(row.recipient.number)

    @admin.display(description="company number")
    def company_number(self, row: Conversation) -> SafeString:
        return number(row.sender)

    @admin.display(description="last text")
    def last(self, row: Conversation) -> SafeString:
        return quote(row.last_text)

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        if row.is_opted_out:
            return label("Opted out", "red")
        return label("Held for review", "orange") if row.is_held else label("May be texted", "green")

    @admin.display(description="last text at")
    def last_at(self, row: Conversation) -> SafeString:
        return moment(row.last_message_at)

    def page_context(self, request: HttpRequest, row: Conversation) -> dict[str, Any]:
        before = parse_moment(request.GET.get("before", ""))
        return {
            "banners": banners_of(row),
            "thread": read_thread(row, before),
            "is_older_page": before is not None,
            "recipient_address": address_of(row.recipient, request),
        }


def parse_moment(text: str) -> Any:
    """A moment out of an address, or None for anything else."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
