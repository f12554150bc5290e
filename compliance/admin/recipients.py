"""Recipients: what stands for a number, and everything that leads there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin_base import PageAdmin, person_of
from accounts.admin_words import label, moment, number, search_numbers
from compliance.admin.reviews import due_label
from compliance.models import Consent, OptOut, Recipient, ReviewItem
from compliance.sentences import reach, state_sentence

AT_MOST = 50


@admin.register(Recipient)
class RecipientAdmin(PageAdmin):
    page_template = "admin/compliance/recipient/page.html"
    list_display = ("shown_number", "state", "seen")
    ordering = ("-id",)
    search_fields = ("number",)
    search_help_text = "A number in any format, or its last digits"
    empty_title = "No recipients yet"
    empty_text = "Everybody whom you text, or who texts you, appears here by themselves."

    @admin.display(description="number")
    def shown_number(self, row: Recipient) -> SafeString:
        return number(row.number)

    @admin.display(description="state")
    def state(self, row: Recipient) -> SafeString:
        return state_label(list(row.opt_outs.all()), list(row.review_items.all()))

    @admin.display(description="last change or text from them")
    def seen(self, row: Recipient) -> SafeString:
        return moment(row.seen_at)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("opt_outs", "review_items")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return search_numbers(queryset, search_term, person_of(request)), False

    def page_context(self, request: HttpRequest, row: Recipient) -> dict[str, Any]:
        rows = list(OptOut.objects.filter(recipient=row).select_related("evidence").order_by("-changed_at")[:AT_MOST])
        items = list(
            ReviewItem.objects.filter(recipient=row)
            .select_related("evidence", "tenant")
            .order_by("-asked_at")[:AT_MOST]
        )
        consents = Consent.objects.filter(recipient=row).select_related("evidence")[:AT_MOST]
        return {
            "label": state_label(rows, items),
            "sentences": sentences_of(rows, items),
            "opt_outs": [(item, reach(item.scope, item.sender)) for item in rows],
            "reviews": [(item, due_label(item)) for item in items],
            "consents": [(item, reach(item.scope, item.sender)) for item in consents],
            "may_record": person_of(request).has_perm("compliance.record_optout"),
        }


def state_label(rows: list[OptOut], items: list[ReviewItem]) -> SafeString:
    """What stands for a number, in a word."""
    if any(row.is_active for row in rows):
        return label("Opted out", "red")
    if any(item.is_hold for item in items):
        return label("Held for review", "orange")
    return label("May be texted", "green")


def sentences_of(rows: list[OptOut], items: list[ReviewItem]) -> list[str]:
    """What stands for a number, in sentences."""
    said = [state_sentence(row, row.evidence.words) for row in rows if row.is_active]
    held = [item for item in items if item.is_hold]
    said += [f"“{item.evidence.words[:160]}” may be an opt-out; automatic texts wait for an answer." for item in held]
    return said or ["Nobody has asked to stop. This number may be texted."]
