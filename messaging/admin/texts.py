"""Texts in and out, read-only, each with what was decided and why."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import READS, ReadOnlyAdmin, SearchedByNumber, person_of
from accounts.admin_filters import CompanyNumberFilter, OneOfRows, within_business
from accounts.admin_words import label, moment, number, quote, two_lines
from compliance.languages import language_name
from messaging.diagnosis import failure_said, proof_said
from messaging.models import Campaign, InboundMessage, OutboundMessage
from messaging.reading_record import note_looking_through, note_reading
from messaging.threads import OUTCOME_COLOURS, STATUS_COLOURS, warnings_of, why_not

SHOWN_BYTES = 64 * 1024
MEANT = {
    "opt_out": "Wants no more texts",
    "opt_in": "Wants texts again",
    "help": "Asks for help",
    "unclear": "May want no more texts",
    "other": "Nothing of opting out or in",
}


def evidence(raw: str) -> SafeString:
    """What a provider sent, to the letter."""
    return format_html('<pre class="oo-raw">{}</pre>', raw)


class SentFromFilter(CompanyNumberFilter):
    fields = ("sender_number__number",)


class TextCampaignFilter(OneOfRows):
    title = "campaign"
    parameter_name = "campaign"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return within_business(Campaign.objects.visible_to(person_of(request)), request).order_by("name", "pk")

    def condition(self, value: str) -> Q:
        return Q(campaign_id=value)


class TextAdmin(SearchedByNumber, ReadOnlyAdmin):
    """What incoming and outgoing texts share."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        note_looking_through(request, capfirst(str(self.opts.verbose_name_plural)))
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method in READS:
            note_reading(person_of(request), self.find(request, object_id).conversation)
        return super().change_view(request, object_id, form_url, extra_context)

    @admin.display(description="company number")
    def company_number(self, row: Any) -> SafeString:
        return number(row.sender_number.number if row.sender_number else row.conversation.sender)

    @admin.display(description="provider connection", empty_value="–")
    def connection(self, row: Any) -> str | None:
        return row.account.name if row.account else None

    @admin.display(description="conversation", empty_value="–")
    def thread(self, row: Any) -> SafeString | None:
        if not row.conversation_id:
            return None
        address = reverse("admin:messaging_conversation_change", args=[row.conversation_id])
        return format_html('<a class="oo-a" href="{}">Read the whole conversation</a>', address)

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
        (None, {"fields": ("shown_number", "company_number", "body", "to_know", "thread")}),
        ("What became of it", {"fields": ("state", "decided", "rule", "attempts", "error")}),
        ("What the provider answered", {"fields": ("connection", "failed_as", "raw_answer")}),
        ("Why it was sent", {"fields": ("purpose", "campaign", "sent_by", "requested_by", "emergency_reason")}),
        ("When", {"fields": ("created_at", "claimed_at", "sent_at", "delivered_at", "provider_message_id")}),
    )
    readonly_fields = (
        "shown_number",
        "company_number",
        "to_know",
        "thread",
        "state",
        "decided",
        "rule",
        "sent_by",
        "connection",
        "failed_as",
        "raw_answer",
    )
    empty_title = "No texts yet"
    empty_text = "Texts that your programs and employees send appear here, refused ones included."

    @admin.display(description="status")
    def state(self, row: OutboundMessage) -> SafeString:
        return label(row.get_status_display(), STATUS_COLOURS.get(row.status, "grey"))

    @admin.display(description="decision", empty_value="–")
    def decided(self, row: OutboundMessage) -> str | None:
        return why_not(row) or row.decision.get("sentence") or None

    @admin.display(description="refused because", empty_value="–")
    def failed_as(self, row: OutboundMessage) -> str | None:
        return failure_said(row.failure) or None

    @admin.display(description="in its own words", empty_value="–")
    def raw_answer(self, row: OutboundMessage) -> SafeString | None:
        return evidence(row.failure["raw"]) if row.failure.get("raw") else None

    @admin.display(description="why not")
    def refused(self, row: OutboundMessage) -> SafeString:
        said = why_not(row) or self.to_know(row)
        return format_html('<span class="oo-quote">{}</span>', said) if said else SafeString("–")

    @admin.display(description="to know", empty_value="–")
    def to_know(self, row: OutboundMessage) -> str | None:
        return " ".join(warnings_of(row)) or None

    @admin.display(description="sent for, by")
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
        (None, {"fields": ("shown_number", "company_number", "body", "thread")}),
        ("What was decided", {"fields": ("became", "explanation", "meant", "rule", "spoken", "decided_in_ms")}),
        ("When", {"fields": ("received_at", "sent_at", "asked_at")}),
        ("Proof", {"fields": ("proven", "connection", "event_key", "as_it_came")}),
    )
    readonly_fields = (
        "shown_number",
        "company_number",
        "thread",
        "became",
        "meant",
        "spoken",
        "proven",
        "connection",
        "as_it_came",
    )
    empty_title = "No texts yet"
    empty_text = "Texts that recipients send to your company numbers appear here."

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("raw_body")

    @admin.display(description="decided as")
    def became(self, row: InboundMessage) -> SafeString:
        return label(row.get_outcome_display(), OUTCOME_COLOURS.get(row.outcome, "grey"))

    @admin.display(description="read as")
    def meant(self, row: InboundMessage) -> str:
        return MEANT.get(row.intent, row.intent)

    @admin.display(description="language", empty_value="–")
    def spoken(self, row: InboundMessage) -> str | None:
        return language_name(row.language) if row.language else None

    @admin.display(description="proof", empty_value="–")
    def proven(self, row: InboundMessage) -> str | None:
        return proof_said(row.proof) or None

    @admin.display(description="as it came")
    def as_it_came(self, row: InboundMessage) -> SafeString:
        return evidence(bytes(row.raw_body[:SHOWN_BYTES]).decode("utf-8", "replace"))

    @admin.display(description="received")
    def came_at(self, row: InboundMessage) -> SafeString:
        return moment(row.received_at)
