"""A conversation as people read it: texts both ways in the order of time, each with what became of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from accounts.models import OptOutScope, User
from compliance.models import OptOut, ReviewItem
from compliance.purposes import Purpose
from compliance.reach import which_reach
from compliance.sentences import state_sentence
from compliance.state import Block, read_state
from messaging.models import Conversation, InboundMessage, OutboundMessage, OutsideText

AT_ONCE = 200
Page = tuple[type[Model], Any]  # the admin page of a row: its model and its key
STATUS_COLOURS = {
    "queued": "grey",
    "sending": "blue",
    "sent": "blue",
    "delivered": "green",
    "failed": "red",
    "blocked": "red",
    "unknown": "orange",
}
OUTCOME_COLOURS = {
    "opted_out": "red",
    "repeated": "orange",
    "superseded": "grey",
    "opted_in": "green",
    "not_lifted": "orange",
    "help": "blue",
    "answered": "blue",
    "held": "orange",
    "recorded": "grey",
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text of a thread."""

    incoming: bool
    body: str
    at: datetime
    by: str
    tag: str
    colour: str
    note: str
    marked: bool = False
    page: Page | None = None
    because: Page | None = None

    @property
    def link(self) -> str:
        """The address of the text's own page. Whoever reads the thread may open it."""
        return _address(self.page)

    @property
    def because_link(self) -> str:
        """The address of the opt-out or the review behind a refusal."""
        return _address(self.because)

    @property
    def because_words(self) -> str:
        """What that address leads to."""
        return "See the review" if self.because and self.because[0] is ReviewItem else "See the opt-out"


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of a conversation, the oldest text first. `older` is where the page before begins."""

    bubbles: list[Bubble]
    older: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands above a thread: opted out, or held."""

    title: str
    colour: str
    sentence: str
    page: Page | None = None


def _address(page: Page | None) -> str:
    if page is None:
        return ""
    opts = page[0]._meta  # noqa: SLF001 - Django's own name for it
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[page[1]])


def read_thread(conversation: Conversation, before: datetime | None = None, at_most: int = AT_ONCE) -> Thread:
    """The newest texts of a conversation, or those before a moment, in three queries."""
    rows: list[tuple[datetime, Any]] = [(row.received_at, row) for row in _incoming(conversation, before, at_most)]
    rows += [(row.created_at, row) for row in _outgoing(conversation, before, at_most)]
    rows += [(row.sent_at, row) for row in _sent_elsewhere(conversation, before, at_most)]
    rows.sort(key=lambda pair: pair[0])
    shown = rows[-at_most:]
    older = shown[0][0].isoformat() if len(rows) > at_most else ""
    return Thread([_bubble(row) for _, row in shown], older)


def read_around(conversation: Conversation, said_at: datetime, before: int = 20, after: int = 10) -> Thread:
    """The texts around the one that counts from a moment, which is marked, in six queries."""
    incoming = InboundMessage.objects.filter(conversation=conversation).defer("raw_body")
    outgoing = OutboundMessage.objects.filter(conversation=conversation).select_related("user", "campaign")
    elsewhere = OutsideText.objects.filter(conversation=conversation)
    rows: list[tuple[datetime, Any]] = []
    for texts, at in ((incoming, "received_at"), (outgoing, "created_at"), (elsewhere, "sent_at")):
        earlier = texts.filter(**{f"{at}__lte": said_at}).order_by(f"-{at}", "-pk")[:before]
        later = texts.filter(**{f"{at}__gt": said_at}).order_by(at, "pk")[:after]
        rows += [(getattr(row, at), row) for row in (*earlier, *later)]
    rows.sort(key=lambda pair: pair[0])
    split = sum(at <= said_at for at, _ in rows)
    shown = rows[max(split - before, 0) : split + after]
    return Thread([_mark(row, said_at) for _, row in shown], "")


def within_sight(thread: Thread, person: User) -> Thread:
    """The same texts, without the links to reviews that this person may not open."""
    pages = [bubble.because for bubble in thread.bubbles if bubble.because and bubble.because[0] is ReviewItem]
    if not pages:
        return thread
    seen = {(ReviewItem, key) for key in _reviews_seen_by(person, {page[1] for page in pages})}
    hidden = set(pages) - seen
    bubbles = [replace(bubble, because=None) if bubble.because in hidden else bubble for bubble in thread.bubbles]
    return replace(thread, bubbles=bubbles)


def _reviews_seen_by(person: User, keys: set[Any]) -> set[Any]:
    if not person.has_perm("compliance.view_reviewitem"):
        return set()
    return set(ReviewItem.objects.visible_to(person).filter(pk__in=keys).values_list("pk", flat=True))


def _mark(row: InboundMessage | OutboundMessage | OutsideText, said_at: datetime) -> Bubble:
    is_it = isinstance(row, InboundMessage) and row.asked_at == said_at
    return replace(_bubble(row), marked=is_it)


def _incoming(conversation: Conversation, before: datetime | None, at_most: int) -> list[InboundMessage]:
    rows = InboundMessage.objects.filter(conversation=conversation).defer("raw_body")
    if before:
        rows = rows.filter(received_at__lt=before)
    return list(rows.order_by("-received_at", "-id")[: at_most + 1])


def _outgoing(conversation: Conversation, before: datetime | None, at_most: int) -> list[OutboundMessage]:
    rows = OutboundMessage.objects.filter(recipient_id=conversation.recipient_id, conversation=conversation)
    if before:
        rows = rows.filter(created_at__lt=before)
    return list(rows.select_related("user", "campaign").order_by("-created_at", "-id")[: at_most + 1])


def _sent_elsewhere(conversation: Conversation, before: datetime | None, at_most: int) -> list[OutsideText]:
    rows = OutsideText.objects.filter(conversation=conversation)
    if before:
        rows = rows.filter(sent_at__lt=before)
    return list(rows.order_by("-sent_at", "-id")[: at_most + 1])


def _bubble(row: InboundMessage | OutboundMessage | OutsideText) -> Bubble:
    match row:
        case InboundMessage():
            return _incoming_bubble(row)
        case OutboundMessage():
            return _outgoing_bubble(row)
        case _:
            return _outside_bubble(row)


def _outside_bubble(row: OutsideText) -> Bubble:
    return Bubble(
        incoming=False,
        body=row.body,
        at=row.sent_at,
        by=row.by,
        tag=elsewhere_tag(row),
        colour="red" if row.is_incident else "grey",
        note=row.explanation,
        page=(OutsideText, row.pk),
    )


def elsewhere_tag(row: OutsideText) -> str:
    """What a text that did not pass through us is called."""
    return "Sent elsewhere, past an opt-out" if row.is_incident else "Sent elsewhere"


def _incoming_bubble(row: InboundMessage) -> Bubble:
    plain = row.outcome == InboundMessage.Outcome.NONE
    return Bubble(
        incoming=True,
        body=row.body,
        at=row.received_at,
        by="",
        tag="" if plain else row.get_outcome_display(),
        colour=OUTCOME_COLOURS.get(row.outcome, "grey"),
        note="" if plain else row.explanation,
        page=(InboundMessage, row.pk),
    )


def _outgoing_bubble(row: OutboundMessage) -> Bubble:
    by = [row.user.display_name if row.user else row.get_purpose_display(), row.campaign.name if row.campaign else ""]
    return Bubble(
        incoming=False,
        body=row.body,
        at=row.created_at,
        by=" · ".join(part for part in by if part),
        tag=row.get_status_display(),
        colour=STATUS_COLOURS.get(row.status, "grey"),
        note=" ".join(filter(None, (why_not(row), *warnings_of(row)))),
        page=(OutboundMessage, row.pk),
        because=_cause_of(row),
    )


def _cause_of(row: OutboundMessage) -> Page | None:
    """What refused a text: a review, or an opt-out of all numbers or of this one. Others' readers may not see those."""
    if row.status != OutboundMessage.Status.BLOCKED:
        return None
    if review := row.decision.get("review_id"):
        return (ReviewItem, review)
    is_ours = row.decision.get("scope") in ("scope.tenant", "scope.number")
    opt_out = row.decision.get("opt_out_id")
    return (OptOut, opt_out) if opt_out and is_ours else None


def why_not(row: OutboundMessage) -> str:
    """Why a text was refused, or what went wrong with it."""
    if row.status == OutboundMessage.Status.BLOCKED:
        return str(row.decision.get("sentence", ""))
    return row.error


def warnings_of(row: OutboundMessage) -> list[str]:
    """What the sender of a text should know of its words."""
    return [str(warning["detail"]) for warning in row.warnings]


def banners_of(conversation: Conversation) -> list[Banner]:
    """What closes or holds this thread now, in one query."""
    state, now = read_state(conversation.tenant_id, conversation.recipient.number), timezone.now()
    closed = [
        Banner("Opted out", "red", state_sentence(block, block.first_words), _page_of(block, conversation))
        for block in which_reach(state.active, conversation.sender, Purpose.TRANSACTIONAL, state.number, now)
    ]
    held = [
        Banner(
            "Held for review",
            "orange",
            f"“{hold.words[:160]}” may be an opt-out. Nothing automatic is sent.",
            (ReviewItem, hold.id),
        )
        for hold in state.holds
    ]
    return closed + held


def _page_of(block: Block, conversation: Conversation) -> Page | None:
    is_ours = block.scope == OptOutScope.TENANT or block.sender == conversation.sender
    return (OptOut, block.id) if is_ours else None
