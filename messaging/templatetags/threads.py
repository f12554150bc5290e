"""Conversations on pages of other parts of the admin, as far as the reader may see them."""

from datetime import datetime
from typing import Any

from django import template

from compliance.models import Recipient
from messaging.models import Conversation, NumberTrouble
from messaging.reading_record import note_reading
from messaging.threads import read_around, read_thread, within_sight

register = template.Library()
BESIDE = 30
AT_MOST = 50


@register.inclusion_tag("admin/messaging/thread_beside.html", takes_context=True)
def thread_beside(
    context: dict[str, Any], recipient: Recipient, company_number: str, said_at: datetime | None = None
) -> dict[str, Any]:
    """The newest texts between a recipient and a company number, or those around the one of a moment."""
    rows = Conversation.objects.visible_to(context["request"].user).filter(
        tenant=recipient.tenant_id, recipient=recipient, sender=company_number
    )
    found = rows.first()
    if found is None:
        return {"conversation": None, "thread": None}
    note_reading(context["request"].user, found)
    thread = read_around(found, said_at) if said_at else read_thread(found, at_most=BESIDE)
    return {"conversation": found, "thread": within_sight(thread, context["request"].user)}


@register.inclusion_tag("admin/messaging/conversations_of.html", takes_context=True)
def conversations_of(context: dict[str, Any], recipient: Recipient) -> dict[str, Any]:
    """The conversations of a recipient, the newest first."""
    rows = Conversation.objects.visible_to(context["request"].user).filter(
        tenant=recipient.tenant_id, recipient=recipient
    )
    return {"conversations": rows.order_by("-last_message_at")[:AT_MOST]}


@register.inclusion_tag("admin/messaging/trouble_of.html", takes_context=True)
def trouble_of(context: dict[str, Any], recipient: Recipient) -> dict[str, Any]:
    """What providers say of a number that can't be reached, as long as it was not reached again."""
    person = context["request"].user
    if not person.has_perm("messaging.view_numbertrouble"):
        return {}
    rows = NumberTrouble.objects.visible_to(person).filter(recipient=recipient, ended_at=None)
    return {"trouble": rows.first()}
