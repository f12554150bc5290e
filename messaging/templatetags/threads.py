"""Conversations on pages of other parts of the admin, as far as the reader may see them."""

from typing import Any

from django import template

from compliance.models import Recipient
from messaging.models import Conversation
from messaging.threads import read_thread

register = template.Library()
BESIDE = 30
AT_MOST = 50


@register.inclusion_tag("admin/messaging/thread_beside.html", takes_context=True)
def thread_beside(context: dict[str, Any], recipient: Recipient, company_number: str) -> dict[str, Any]:
    """The newest texts between a recipient and a company number."""
    rows = Conversation.objects.visible_to(context["request"].user).filter(
        tenant=recipient.tenant_id, recipient=recipient, sender=company_number
    )
    found = rows.first()
    return {"conversation": found, "thread": read_thread(found, at_most=BESIDE) if found else None}


@register.inclusion_tag("admin/messaging/conversations_of.html", takes_context=True)
def conversations_of(context: dict[str, Any], recipient: Recipient) -> dict[str, Any]:
    """The conversations of a recipient, the newest first."""
    rows = Conversation.objects.visible_to(context["request"].user).filter(
        tenant=recipient.tenant_id, recipient=recipient
    )
    return {"conversations": rows.order_by("-last_message_at")[:AT_MOST]}
