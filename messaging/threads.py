"""A conversation as people read it: texts both ways in the order of time, each with what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.sentences import state_sentence
from compliance.state import read_state
from messaging.models import Conversation, InboundMessage, OutboundMessage

AT_ONCE = 200
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


def read_thread(conversation: Conversation, before: datetime | None = None, at_most: int = AT_ONCE) -> Thread:
    """The newest texts of a conversation, or those before a moment, in two queries."""
    rows: list[tuple[datetime, Any]] = [(row.received_at, row) for row in _incoming(conversation, before, at_most)]
    rows += [(row.created_at, row) for row in _outgoing(conversation, before, at_most)]
    rows.sort(key=lambda pair: pair[0])
    shown = rows[-at_most:]
    older = shown[0][0].isoformat() if len(rows) > at_most else ""
    return Thread([_bubble(row) for _, row in shown], older)


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


def _bubble(row: InboundMessage | OutboundMessage) -> Bubble:
    return _incoming_bubble(row) if isinstance(row, InboundMessage) else _outgoing_bubble(row)


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
        note=why_not(row),
    )


def why_not(row: OutboundMessage) -> str:
    """Why a text was refused, or what went wrong with it."""
    if row.status == OutboundMessage.Status.BLOCKED:
        return str(row.decision.get("sentence", ""))
    return row.error


def banners_of(conversation: Conversation) -> list[Banner]:
    """What closes or holds this thread now, in one query."""
    state = read_state(conversation.tenant_id, conversation.recipient.number)
    closed = [
        Banner("Opted out", "red", state_sentence(block, block.words))
        for block in state.active
        if block.covers(conversation.sender)
    ]
    held = [
        Banner("Held for review", "orange", f"“{hold.words[:160]}” may be an opt-out. Nothing automatic is sent.")
        for hold in state.holds
    ]
    return closed + held
