"""Campaigns: a name on texts, and on its page how many it sent and how many people it drove away."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_base import TenantAdmin, count_some, person_of
from compliance.models import OptOut
from compliance.sentences import when
from messaging.models import Campaign, OutboundMessage

COUNTED = 10_001  # the start page counts the rest


@admin.register(Campaign)
class CampaignAdmin(TenantAdmin):
    list_display = ("name", "made_at")
    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = "A name"
    fields = ("name", "made_at", "sent", "refused", "driven_away")
    readonly_fields = ("made_at", "sent", "refused", "driven_away")
    empty_title = "No campaigns yet"
    empty_text = "Name a campaign when you send, and you will see which one drives people away."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        return fields if obj is not None else [name for name in fields if name in ("tenant", "name")]

    @admin.display(description="created")
    def made_at(self, row: Campaign) -> str:
        return when(row.created_at)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row with its texts and opt-outs, as far as the reader may see them."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.texts = OutboundMessage.objects.visible_to(person_of(request)).filter(campaign=row)
            row.opt_outs = OptOut.objects.visible_to(person_of(request)).filter(preceding_campaign_id=row.pk)
        return row

    @admin.display(description="texts")
    def sent(self, row: Any) -> str:
        return count_some(row.texts.exclude(status=OutboundMessage.Status.BLOCKED), COUNTED)

    @admin.display(description="refused texts")
    def refused(self, row: Any) -> str:
        return count_some(row.texts.filter(status=OutboundMessage.Status.BLOCKED), COUNTED)

    @admin.display(description="opt-outs after it")
    def driven_away(self, row: Any) -> str:
        return count_some(row.opt_outs, COUNTED)
