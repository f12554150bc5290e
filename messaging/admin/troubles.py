"""Numbers that providers could not reach. It says nothing of consent, and blocks nothing."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import ReadOnlyAdmin, SearchedByNumber
from accounts.admin_filters import DayFilter, OneOf
from accounts.admin_words import label, moment, number
from messaging.models import NumberTrouble


class ReachedFilter(OneOf):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("standing", "Not reached since"), ("ended", "Reached again")]

    def condition(self, value: str) -> Q:
        return Q(ended_at__isnull=value == "standing")


@admin.register(NumberTrouble)
class TroubleAdmin(SearchedByNumber, ReadOnlyAdmin):
    list_display = ("shown_number", "kind_label", "said", "times", "state", "last")
    list_select_related = ("recipient",)
    ordering = ("-last_at", "-id")
    list_filter = (ReachedFilter, ("kind", ChoicesDropdownFilter), ("last_at", DayFilter))
    fields = ("person", "kind_label", "state", "code", "text", "times", "first_at", "last_at", "ended_at")
    readonly_fields = ("person", "kind_label", "state")
    empty_title = "Every number could be reached"
    empty_text = (
        "Where a provider or carrier says that a number is none, or can't be reached, it is noted here. "
        "That is no opt-out: such a number may still be texted, and is taken off this list once a text arrives."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recipient")

    @admin.display(description="number")
    def shown_number(self, row: NumberTrouble) -> SafeString:
        return number(row.recipient.number)

    @admin.display(description="recipient")
    def person(self, row: NumberTrouble) -> SafeString:
        address = reverse("admin:compliance_recipient_change", args=[row.recipient_id])
        return format_html('<a class="oo-a" href="{}">{}</a>', address, number(row.recipient.number))

    @admin.display(description="what is wrong")
    def kind_label(self, row: NumberTrouble) -> SafeString:
        return label(row.get_kind_display(), "red" if row.kind == NumberTrouble.Kind.INVALID else "orange")

    @admin.display(description="as the provider says")
    def said(self, row: NumberTrouble) -> SafeString:
        told = ": ".join(part for part in (row.code, row.text) if part)
        return format_html('<span class="oo-quote">{}</span>', told or "–")

    @admin.display(description="state")
    def state(self, row: NumberTrouble) -> SafeString:
        return label("Reached again", "green") if row.ended_at else label("Not reached since", "grey")

    @admin.display(description="last time")
    def last(self, row: NumberTrouble) -> SafeString:
        return moment(row.last_at)
