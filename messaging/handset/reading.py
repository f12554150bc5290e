"""What the simulator shows: the thread, what the system decided, and what each company number may do now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from accounts.models import SenderNumber
from accounts.phone import NumberKind
from compliance import gate
from compliance.purposes import OUR_REPLIES, Purpose
from compliance.sentences import state_sentence
from compliance.state import Block, RecipientState, read_state
from messaging.handset.stage import Stage
from messaging.models import InboundMessage, OutboundMessage

LONGEST_THREAD = 60
WORKER_ANSWERS_WITHIN = timedelta(seconds=10)
INTENTS = {
    "opt_out": "Wants no more texts",
    "opt_in": "Wants texts again",
    "help": "Asks for help",
    "unclear": "May want no more texts",
    "other": "An ordinary text",
}
TONES = {
    "opted_out": "stop",
    "repeated": "stop",
    "superseded": "plain",
    "opted_in": "go",
    "not_lifted": "wait",
    "held": "wait",
    "recorded": "wait",
}
LABELS: dict[str, str] = {gate.Refusal.OPTED_OUT: "Opted out", gate.Refusal.HELD_FOR_REVIEW: "Held for review"}
TILE_TONES: dict[str, str] = {gate.Refusal.HELD_FOR_REVIEW: "wait"}
TILE_STATES: dict[str, str] = {gate.Refusal.OPTED_OUT: "blocked", gate.Refusal.HELD_FOR_REVIEW: "held"}
Status = OutboundMessage.Status


@dataclass(frozen=True, slots=True)
class Line:
    """One text of the thread."""

    key: str
    at: datetime
    body: str
    mine: bool  # from the handset
    purpose: str = ""
    automatic: bool = False
    status: str = ""
    label: str = ""
    note: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the recipient's last text."""

    words: str
    intent: str
    outcome: str
    tone: str
    rule: str
    explanation: str
    milliseconds: float | None
    texted: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the recipient stands now with the chosen company number, as the gate says."""

    label: str
    tone: str
    sentence: str
    due_at: datetime | None = None
    opt_out_address: str = ""
    review_address: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A company number: may it text the recipient?"""

    number: str
    label: str
    tone: str
    state: str
    chosen: bool
    address: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the guide."""

    words: str
    done: bool
    next: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that changes while somebody looks."""

    lines: list[Line]
    verdict: Verdict | None
    standing: Standing
    tiles: list[Tile]
    steps: list[Step]
    worker_is_missing: bool


def read_scene(stage: Stage, now: datetime) -> Scene:
    """Read it all, in four queries."""
    state = read_state(stage.tenant.pk, stage.recipient)
    incoming, outgoing = _read_incoming(stage, state), _read_outgoing(stage, state)
    standing = _standing(stage, state, now)
    lines = [_incoming_line(row) for row in incoming] + [_outgoing_line(row) for row in outgoing]
    lines.sort(key=lambda line: line.at)
    return Scene(
        lines[-LONGEST_THREAD:],
        _verdict(stage, state),
        standing,
        [_tile(stage, sender, state, now) for sender in stage.senders],
        _steps(stage, incoming, outgoing),
        any(_waits_too_long(row, now) for row in outgoing),
    )


def _read_incoming(stage: Stage, state: RecipientState) -> list[InboundMessage]:
    rows = InboundMessage.objects.filter(
        tenant=stage.tenant, recipient_id=state.id or 0, conversation__sender=stage.sender.number
    )
    return list(rows.defer("raw_body").order_by("-received_at", "-id")[:LONGEST_THREAD])


def _read_outgoing(stage: Stage, state: RecipientState) -> list[OutboundMessage]:
    rows = OutboundMessage.objects.filter(tenant=stage.tenant, recipient_id=state.id or 0, sender_number=stage.sender)
    return list(rows.order_by("-created_at", "-id")[:LONGEST_THREAD])


def _incoming_line(row: InboundMessage) -> Line:
    return Line(f"in-{row.pk}", row.received_at, row.body, mine=True)


def _outgoing_line(row: OutboundMessage) -> Line:
    return Line(
        f"out-{row.pk}",
        row.created_at,
        row.body,
        mine=False,
        purpose=row.get_purpose_display(),
        automatic=row.purpose in OUR_REPLIES,
        status=row.status,
        label=row.get_status_display(),
        note=str(row.decision.get("sentence", "")) if row.status == Status.BLOCKED else row.error,
        reason=row.reason,
    )


def _verdict(stage: Stage, state: RecipientState) -> Verdict | None:
    """The decision on the last text from this handset, to whichever company number."""
    rows = InboundMessage.objects.filter(tenant=stage.tenant, recipient_id=state.id or 0).select_related("conversation")
    row = rows.defer("raw_body").order_by("-received_at", "-id").first()
    if row is None:
        return None
    return Verdict(
        words=row.body,
        intent=INTENTS.get(row.intent, row.intent),
        outcome=row.get_outcome_display(),
        tone=TONES.get(row.outcome, "plain"),
        rule=row.rule,
        explanation=row.explanation,
        milliseconds=row.decided_in_ms,
        texted=row.conversation.sender,
    )


def _decide(stage: Stage, sender: SenderNumber, state: RecipientState, now: datetime) -> gate.Decision:
    question = gate.Question(stage.tenant, stage.recipient, Purpose.TRANSACTIONAL, sender)
    return gate.decide(question, state, now)


def _standing(stage: Stage, state: RecipientState, now: datetime) -> Standing:
    decision = _decide(stage, stage.sender, state, now)
    block = _block_behind(decision, state)
    history = reverse("admin:compliance_optout_history", args=[block.id]) if block else ""
    if decision.allowed:
        sentence = state_sentence(block, block.first_words) if block and not block.is_active else decision.sentence
        return Standing("May be texted", "go", sentence, opt_out_address=history)
    if decision.reason == gate.Refusal.HELD_FOR_REVIEW:
        hold = state.holds[0]
        review = reverse("admin:compliance_reviewitem_change", args=[hold.id])
        return Standing(LABELS[decision.reason], "wait", decision.sentence, hold.due_at, history, review)
    sentence = state_sentence(block, block.first_words) if block else decision.sentence
    return Standing(LABELS.get(decision.reason, "Switched off"), "stop", sentence, opt_out_address=history)


def _block_behind(decision: gate.Decision, state: RecipientState) -> Block | None:
    """The opt-out that a decision names, else the newest one there was."""
    named = next((block for block in state.blocks if block.id == decision.opt_out_id), None)
    return named or max(state.blocks, key=lambda block: block.opted_out_at, default=None)


def _tile(stage: Stage, sender: SenderNumber, state: RecipientState, now: datetime) -> Tile:
    decision = _decide(stage, sender, state, now)
    return Tile(
        number=str(sender).removeprefix("+1 "),
        label=sender.site.name if sender.site else sender.label,
        tone=TILE_TONES.get(decision.reason, "stop") if decision.reason else "go",
        state="open" if decision.allowed else TILE_STATES.get(decision.reason, "off"),
        chosen=sender.pk == stage.sender.pk,
        address=stage.address(number=sender.number),
    )


def _steps(stage: Stage, incoming: list[InboundMessage], outgoing: list[OutboundMessage]) -> list[Step]:
    """How far somebody is in the story that the simulator is there to tell."""
    intents = {row.intent for row in incoming}
    confirmed = any(row.purpose == Purpose.OPT_OUT_CONFIRMATION for row in outgoing)
    by_network = stage.sender.kind == NumberKind.TOLL_FREE and "opt_out" in intents  # NET-01: no text of ours
    facts = [
        ("Text STOP", "opt_out" in intents),
        ("See the one confirmation", confirmed or by_network),
        ("Send as the business: refused", any(row.status == Status.BLOCKED for row in outgoing)),
        ("Text START", "opt_in" in intents),
        ("Open the history", False),
    ]
    first_open = next(place for place, (_, done) in enumerate(facts) if not done)
    return [Step(words, done, place == first_open) for place, (words, done) in enumerate(facts)]


def _waits_too_long(row: OutboundMessage, now: datetime) -> bool:
    return row.status == Status.QUEUED and now - max(row.created_at, row.not_before) > WORKER_ANSWERS_WITHIN
