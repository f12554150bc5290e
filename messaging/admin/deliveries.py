"""Webhooks that could not be applied: shown with their error, tried again by a button, or put aside with a reason."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import PageAdmin, person_of, require
from accounts.admin_filters import OneOf
from accounts.admin_words import label, moment
from messaging import webhooks
from messaging.diagnosis import proof_said
from messaging.models import WebhookDelivery
from messaging.reading_record import note_looking_through
from messaging.storable import clean

RETRY = "messaging.retry_webhookdelivery"
SHOWN_BYTES = 64 * 1024
SHOWN_NOTES = 20
LONGEST_WHY = 2000


class HandledFilter(OneOf):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("aside", "Put aside"), ("handled", "Applied")]

    def condition(self, value: str) -> Q:
        if value == "handled":
            return Q(handled_at__isnull=False)
        return Q(handled_at=None, put_aside_at__isnull=value == "waiting")


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
        return moment(None if row.put_aside_at else row.next_attempt_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("account__tenant")

    def get_urls(self) -> list[Any]:
        own = [
            self.door("<int:object_id>/try-again/", require_POST(self.retry_view), "retry"),
            self.door("<int:object_id>/put-aside/", require_POST(self.put_aside_view), "put_aside"),
            self.door("<int:object_id>/take-up-again/", require_POST(self.take_up_view), "take_up"),
        ]
        return [*own, *super().get_urls()]

    def page_context(self, request: HttpRequest, row: WebhookDelivery) -> dict[str, Any]:
        note_looking_through(request, "Failed deliveries", row.tenant_id)
        return {
            "proof": proof_said(row.proof),
            "state": state_label(row),
            "raw": bytes(row.raw_body[:SHOWN_BYTES]).decode("utf-8", "replace"),
            "may_retry": row.handled_at is None and person_of(request).has_perm(RETRY),
            "noted": noted_of(row),
        }

    def retry_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, RETRY)
        if row.handled_at is not None:
            messages.info(request, "This was applied already.")
        elif webhooks.retry_delivery(row, timezone.now()):
            messages.success(request, "Applied. The text is in its conversation now.")
        else:
            messages.error(request, "It failed again; the new error is shown below.")
        return self.go_to("change", row.pk)

    def put_aside_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, RETRY)
        person, why = person_of(request), clean(request.POST.get("why", "")).strip()[:LONGEST_WHY]
        if not why:
            messages.error(request, "Write why nothing is to be done about it.")
        elif webhooks.put_aside(row, person.display_name, why, timezone.now()):
            self.log_change(request, row, f"Put aside: {why}")
            messages.success(request, "Put aside. It is kept, and can be taken up again.")
        else:
            messages.info(request, "This does not wait any more.")
        return self.go_to("change", row.pk)

    def take_up_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, RETRY)
        if webhooks.take_up_again(row):
            self.log_change(request, row, f"Taken up again. It had been put aside: {row.put_aside_why}")
            messages.success(request, "It waits again.")
        else:
            messages.info(request, "This was not put aside.")
        return self.go_to("change", row.pk)


def noted_of(row: WebhookDelivery) -> QuerySet[LogEntry]:
    """Who put it aside or took it up again, the newest first."""
    kind = ContentType.objects.get_for_model(WebhookDelivery)
    rows = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    return rows.order_by("-action_time", "-pk")[:SHOWN_NOTES]


def state_label(row: WebhookDelivery) -> SafeString:
    if row.handled_at:
        return label("Applied", "green")
    if row.put_aside_at:
        return label("Put aside")
    return label("Waiting", "orange") if row.next_attempt_at else label("Needs a person", "red")
