"""Texts that were sent elsewhere; those that broke an opt-out wait for a person."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts.admin_base import PageAdmin, SearchedByNumber, address_of, person_of, require
from accounts.admin_filters import OneOf
from accounts.admin_words import label, moment, number, quote
from messaging import incidents
from messaging.admin.texts import SentFromFilter
from messaging.models import OutsideText
from messaging.reading_record import note_looking_through, note_reading

SETTLE = "messaging.settle_outsidetext"


class IncidentFilter(OneOf):
    title = "opt-outs"
    parameter_name = "incident"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Past an opt-out, open"), ("settled", "Past an opt-out, settled"), ("none", "Fine")]

    def condition(self, value: str) -> Q:
        if value == "none":
            return Q(is_incident=False)
        return Q(is_incident=True, settled_at__isnull=value == "open")


@admin.register(OutsideText)
class OutsideTextAdmin(SearchedByNumber, PageAdmin):
    page_template = "admin/messaging/outsidetext/page.html"
    list_display = ("shown_number", "short", "state", "by", "company_number", "came_at")
    list_select_related = ("recipient", "conversation")
    ordering = ("-sent_at", "-id")
    list_filter = (IncidentFilter, SentFromFilter)
    empty_title = "Nothing was sent elsewhere"
    empty_text = (
        "Some providers tell which texts were sent by their own app or by other programs. "
        "Those are shown here and in their conversations."
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        note_looking_through(request, "Texts sent elsewhere")
        return answer

    @admin.display(description="text")
    def short(self, row: OutsideText) -> SafeString:
        return quote(row.body, 60)

    @admin.display(description="opt-outs")
    def state(self, row: OutsideText) -> SafeString:
        return incident_label(row)

    @admin.display(description="company number")
    def company_number(self, row: OutsideText) -> SafeString:
        return number(row.conversation.sender)

    @admin.display(description="sent")
    def came_at(self, row: OutsideText) -> SafeString:
        return moment(row.sent_at)

    def get_urls(self) -> list[Any]:
        return [self.door("<int:object_id>/settle/", require_POST(self.settle_view), "settle"), *super().get_urls()]

    def page_context(self, request: HttpRequest, row: OutsideText) -> dict[str, Any]:
        note_reading(person_of(request), row.conversation)
        is_open = row.is_incident and row.settled_at is None
        return {
            "label": incident_label(row),
            "may_settle": is_open and person_of(request).has_perm(SETTLE),
            "conversation_address": address_of(row.conversation, request),
            "recipient_address": address_of(row.recipient, request),
        }

    def settle_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, SETTLE)
        why = request.POST.get("why", "").strip()[:2000]
        if not why:
            messages.error(request, "Write what was done about it.")
        elif incidents.settle(row, person_of(request).display_name, why, timezone.now()):
            messages.success(request, "Noted.")
        else:
            messages.info(request, "Somebody has settled this already.")
        return self.go_to("change", row.pk)


def incident_label(row: OutsideText) -> SafeString:
    if not row.is_incident:
        return label("Fine", "green")
    return label("Settled", "grey") if row.settled_at else label("Past an opt-out", "red")
