"""Webhooks that could not be applied: shown with their error, and tried again by a button."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import PageAdmin, person_of
from accounts.admin_filters import OneOf
from accounts.admin_words import label, moment
from compliance.admin.opt_outs import require
from messaging import webhooks
from messaging.models import WebhookDelivery

RETRY = "messaging.retry_webhookdelivery"
SHOWN_BYTES = 64 * 1024


class HandledFilter(OneOf):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("handled", "Applied")]

    def condition(self, value: str) -> Q:
        return Q(handled_at__isnull=value == "waiting")


@admin.register(WebhookDelivery)
class DeliveryAdmin(PageAdmin):
    page_template = "admin/messaging/webhookdelivery/page.html"
    list_display = ("came_at", "kind", "connection", "state", "short_error", "attempts", "next_try")
    list_select_related = ("account",)
    ordering = ("-received_at", "-id")
    list_filter = (HandledFilter, ("kind", ChoicesDropdownFilter))
    empty_title = "No failed deliveries"
    empty_text = "What a provider delivers and we cannot read or apply is kept here. Good: there is nothing."

    @admin.display(description="received")
    def came_at(self, row: WebhookDelivery) -> SafeString:
        return moment(row.received_at)

    @admin.display(description="connection")
    def connection(self, row: WebhookDelivery) -> str:
        return row.account.name

    @admin.display(description="state")
    def state(self, row: WebhookDelivery) -> SafeString:
        return state_label(row)

    @admin.display(description="error")
    def short_error(self, row: WebhookDelivery) -> str:
        return row.error if len(row.error) < 100 else f"{row.error[:99]}…"

    @admin.display(description="next try")
    def next_try(self, row: WebhookDelivery) -> SafeString:
        return moment(row.next_attempt_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("account__tenant")

    def get_urls(self) -> list[Any]:
        return [self.door("<int:object_id>/try-again/", self.retry_view, "retry"), *super().get_urls()]

    def page_context(self, request: HttpRequest, row: WebhookDelivery) -> dict[str, Any]:
        return {
            "state": state_label(row),
            "raw": bytes(row.raw_body[:SHOWN_BYTES]).decode("utf-8", "replace"),
            "may_retry": row.handled_at is None and person_of(request).has_perm(RETRY),
        }

    def retry_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.find(request, str(object_id))
        require(request, RETRY)
        if row.handled_at is not None:
            messages.info(request, "This was applied already.")
        elif webhooks.retry_delivery(row, timezone.now()):
            messages.success(request, "Applied. The text is in its conversation now.")
        else:
            messages.error(request, "It failed again; the new error is shown below.")
        return self.go_to("change", row.pk)


def state_label(row: WebhookDelivery) -> SafeString:
    if row.handled_at:
        return label("Applied", "green")
    return label("Waiting", "orange") if row.next_attempt_at else label("Needs a person", "red")
