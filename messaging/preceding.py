"""The outgoing text that came before an incoming one: which campaign's, and whose."""

from datetime import datetime

from accounts.prepared import PreparedSelect
from compliance import opt_outs
from compliance.purposes import ASKED_FOR
from messaging.models import OutboundMessage

LOOK_BACK = 20  # texts: a request that arrives later than that many is taken to follow none
REACHED_A_PHONE = ("sending", "sent", "delivered", "unknown")
_SENT_BEFORE = PreparedSelect(
    lambda conversation_id: (
        OutboundMessage.objects.filter(
            conversation_id=conversation_id, status__in=REACHED_A_PHONE, purpose__in=ASKED_FOR
        )
        .order_by("-created_at")
        .values_list(
            "id",
            "created_at",
            "sent_at",
            "user_id",
            "user__first_name",
            "user__last_name",
            "user__username",
            "campaign_id",
            "campaign__name",
        )[:LOOK_BACK]
    ),
    "conversation_id",
)


def find_preceding(conversation_id: int, asked_at: datetime) -> opt_outs.Preceding:
    """The last text of a conversation that this company number sent before a moment."""
    sent = _SENT_BEFORE.run(conversation_id=conversation_id)
    row = next((row for row in sent if row[1] <= asked_at), None)
    if row is None:
        return opt_outs.Preceding()
    pk, created_at, sent_at, user_id, first_name, last_name, username, campaign_id, campaign = row
    user = f"{first_name or ''} {last_name or ''}".strip() or username or ""
    return opt_outs.Preceding(str(pk), sent_at or created_at, user_id, user, campaign_id, campaign or "")
