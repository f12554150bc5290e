"""Campaigns: a name on texts, and on its page how many it sent and how many people it drove away."""

from typing import Any

from django.contrib import admin

from accounts.admin_base import TenantAdmin
from compliance.models import OptOut
from compliance.sentences import when
from messaging.models import Campaign, OutboundMessage


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

    def get_fields(self, request: Any, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        return fields if obj is not None else [name for name in fields if name in ("tenant", "name")]

    @admin.display(description="created")
    def made_at(self, row: Campaign) -> str:
        return when(row.created_at)

    @admin.display(description="texts")
    def sent(self, row: Campaign) -> int:
        return int(texts_of(row).exclude(status=OutboundMessage.Status.BLOCKED).count())

    @admin.display(description="refused texts")
    def refused(self, row: Campaign) -> int:
        return int(texts_of(row).filter(status=OutboundMessage.Status.BLOCKED).count())

    @admin.display(description="opt-outs after it")
    def driven_away(self, row: Campaign) -> int:
        return OptOut.objects.for_tenant(row.tenant_id).filter(preceding_campaign_id=row.pk).count()


def texts_of(row: Campaign) -> Any:
    """The texts that carry a campaign's name."""
    return OutboundMessage.objects.for_tenant(row.tenant_id).filter(campaign=row)
