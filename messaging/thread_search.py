"""Finding conversations: by words of their texts, by who texted, by what stands for the recipient."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import OptOutScope
from compliance.models import OptOut, ReviewItem
from compliance.reach import revoke_all_applies
from messaging.models import InboundMessage, OutboundMessage, OutsideText

# Words are looked for by reading, so that no index of everybody's words has to be kept. This bounds the reading.
SEARCHED = 2_000
LONGEST_WORDS = 2_000  # longer than any text that is typed here; SQLite gives up on patterns much longer than that


def find_by_words(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Those of the newest conversations in one of whose texts the words stand, whatever their case."""
    if len(words) > LONGEST_WORDS:
        return rows.none()
    newest = rows.prefetch_related(None).order_by("-last_message_at", "-id").values_list("pk", flat=True)
    searched = list(newest[:SEARCHED])
    found: set[int] = set()
    for texts in (InboundMessage, OutboundMessage, OutsideText):
        said = texts.objects.filter(conversation__in=searched, body__icontains=words.strip())
        found.update(said.values_list("conversation", flat=True))
    return rows.filter(pk__in=found)


def texted_by(user_id: str) -> Q:
    """Conversations in which an employee has texted."""
    return Q(pk__in=OutboundMessage.objects.filter(user_id=user_id).values("conversation"))


def is_opted_out(now: datetime) -> Q:
    """Conversations whose company number may not text their recipient: `compliance.reach` as a condition."""
    reaching = Q(scope=OptOutScope.TENANT) | Q(sender=OuterRef("sender"))
    if revoke_all_applies(now):
        reaching |= Q(recipient__number__startswith="+1")
    closing = OptOut.objects.filter(reaching, recipient=OuterRef("recipient"), status=OptOut.Status.ACTIVE)
    return Q(Exists(closing))


def is_held() -> Q:
    """Conversations with a recipient one of whose texts waits for a review."""
    waits = {"status": ReviewItem.Status.OPEN, "kind": ReviewItem.Kind.UNCLEAR}
    return Q(Exists(ReviewItem.objects.filter(recipient=OuterRef("recipient"), **waits)))
