"""Texts in and out, read-only, each with what was decided and why."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import ReadOnlyAdmin, person_of
from accounts.admin_filters import OneOf
from accounts.admin_words import label, moment, number, quote, search_numbers, two_lines
from messaging.admin.conversations import ThreadNumberFilter
from messaging.models import Campaign, InboundMessage, OutboundMessage
from messaging.threads import OUTCOME_COLOURS, STATUS_COLOURS, why_not


class SentFromFilter(ThreadNumberFilter):
    fields = ("sender_number__number",)


class TextCampaignFilter(OneOf):
    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = Campaign.objects.visible_to(person_of(request)).order_by("name")[:500]
        return [(str(row.pk), row.name) for row in rows]

    def condition(self, value: str) -> Q:
        return Q(campaign_id=value)


class TextAdmin(ReadOnlyAdmin):
    """What incoming and outgoing texts share."""

    search_fields = ("recipient__number",)
    search_help_text = "A number in any format, or its last digits"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return search_numbers(queryset, search_term, person_of(request), "recipient__"), False

    @admin.display(description="recipient")
    def shown_number(self, row: Any) -> SafeString:
        return number(row.recipient.number)

    @admin.display(description="company number")
    def company_number(self, row: Any) -> SafeString:
        return number(row.sender_number.number if row.sender_number else row.conversation.sender)

    @admin.display(description="text")
    def short(self, row: Any) -> SafeString:
        return quote(row.body, 60)


@admin.register(OutboundMessage)
class OutboundAdmin(TextAdmin):
    list_display = ("shown_number", "short", "state", "refused", "sent_for", "company_number", "made_at")
    list_select_related = ("recipient", "sender_number", "user", "campaign")
    ordering = ("-created_at", "-id")
    list_filter = (
        ("purpose", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        TextCampaignFilter,
        SentFromFilter,
    )
    fieldsets = (
        (None, {"fields": ("shown_number", "company_number", "body")}),
        ("What became of it", {"fields": ("state", "decided", "rule", "attempts", "error")}),
        ("Why it was sent", {"fields": ("purpose", "campaign", "sent_by", "requested_by", "emergency_reason")}),
        ("When", {"fields": ("created_at", "claimed_at", "sent_at", "delivered_at", "provider_message_id")}),
    )
    readonly_fields = ("shown_number", "company_number", "state", "decided", "rule", "sent_by")
    empty_title = "No texts yet"
    empty_text = "Texts that your programs and employees send appear here, refused ones included."

    @admin.display(description="status")
    def state(self, row: OutboundMessage) -> SafeString:
        return label(row.get_status_display(), STATUS_COLOURS.get(row.status, "grey"))

    @admin.display(description="decision", empty_value="–")
    def decided(self, row: OutboundMessage) -> str | None:
        return why_not(row) or row.decision.get("sentence") or None

    @admin.display(description="why not")
    def refused(self, row: OutboundMessage) -> SafeString:
        return format_html('<span class="oo-quote">{}</span>', why_not(row)) if why_not(row) else SafeString("–")

    @admin.display(description="purpose, employee")
    def sent_for(self, row: OutboundMessage) -> SafeString:
        return two_lines(row.get_purpose_display(), self.sent_by(row))

    @admin.display(description="rule", empty_value="–")
    def rule(self, row: OutboundMessage) -> str | None:
        return row.decision.get("rule") or None

    @admin.display(description="employee", empty_value="–")
    def sent_by(self, row: OutboundMessage) -> str | None:
        return row.user.display_name if row.user else None

    @admin.display(description="created")
    def made_at(self, row: OutboundMessage) -> SafeString:
        return moment(row.created_at)


@admin.register(InboundMessage)
class InboundAdmin(TextAdmin):
    list_display = ("shown_number", "short", "became", "explanation", "company_number", "came_at")
    list_select_related = ("recipient", "sender_number", "conversation")
    ordering = ("-received_at", "-id")
    list_filter = (("outcome", ChoicesDropdownFilter), SentFromFilter)
    fieldsets = (
        (None, {"fields": ("shown_number", "company_number", "body")}),
        ("What was decided", {"fields": ("became", "explanation", "intent", "rule", "language", "decided_in_ms")}),
        ("When", {"fields": ("received_at", "sent_at", "asked_at")}),
        ("Proof", {"fields": ("proof", "event_key")}),
    )
    readonly_fields = ("shown_number", "company_number", "became")
    empty_title = "No texts yet"
    empty_text = "Texts that recipients send to your company numbers appear here."

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw_body")

    @admin.display(description="decided as")
    def became(self, row: InboundMessage) -> SafeString:
        return label(row.get_outcome_display(), OUTCOME_COLOURS.get(row.outcome, "grey"))

    @admin.display(description="received")
    def came_at(self, row: InboundMessage) -> SafeString:
        return moment(row.received_at)
