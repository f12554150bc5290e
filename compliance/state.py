"""What is known of a recipient, read in one query: the gate and `opt_outs` decide from the same facts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, FilteredRelation, Q, QuerySet

from accounts.models import OptOutScope
from accounts.prepared import PreparedSelect
from compliance.models import ALL_NUMBERS, OptOut, Recipient, ReviewItem


@dataclass(frozen=True, slots=True)
class Block:
    """One opt-out row, active or lifted, with the words behind it."""

    id: int
    scope: str
    sender: str
    requested_by: str
    status: str
    action: str
    source: str
    rule: str
    texted: str
    opted_out_at: datetime
    asked_at: datetime
    episode: int
    confirmation_asked_at: datetime | None
    confirmation_claimed_at: datetime | None
    words: str

    @property
    def is_active(self) -> bool:
        return self.status == OptOut.Status.ACTIVE

    @property
    def by_recipient(self) -> bool:
        return self.requested_by == OptOut.RequestedBy.RECIPIENT

    @property
    def first_words(self) -> str:
        """The words that began it. Whoever asks again leaves other words: those say nothing of the first day."""
        return "" if self.action == OptOut.Action.REPEATED else self.words

    def says(self, scope: str, sender: str) -> bool:
        """Whether this row says already what a request for a scope and a company number would."""
        return self.scope == OptOutScope.TENANT or (self.scope, self.sender) == (scope, sender)


@dataclass(frozen=True, slots=True)
class Hold:
    """An unclear text that nobody has answered yet."""

    id: int
    asked_at: datetime
    due_at: datetime | None
    texted: str
    words: str


@dataclass(frozen=True, slots=True)
class RecipientState:
    """A recipient as the decisions need it. `id` is None for a number that was never seen."""

    tenant_id: int
    number: str
    id: int | None = None
    opted_in_at: datetime | None = None
    opted_in_for: tuple[str, ...] = ()
    texted_at: datetime | None = None
    blocks: tuple[Block, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def locked_id(self) -> int:
        """The row's id. Writers lock first, and locking makes the row."""
        assert self.id is not None, "lock the recipient first"  # noqa: S101
        return self.id

    def has_consented(self, sender: str) -> bool:
        """Whether a consent is on record for a company number ("" asks for all of them)."""
        return ALL_NUMBERS in self.opted_in_for or (sender != "" and sender in self.opted_in_for)

    @property
    def active(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.is_active)


BLOCK_COLUMNS = tuple(name for name in Block.__slots__ if name != "words")
_OWN = ("id", "opted_in_at", "opted_in_for", "texted_at")
_COLUMNS = (
    *_OWN,
    *(f"opt_outs__{name}" for name in BLOCK_COLUMNS),
    "opt_outs__evidence__words",
    "hold__id",
    "hold__asked_at",
    "hold__due_at",
    "hold__texted",
    "hold__evidence__words",
)
_BLOCK_AT = len(_OWN)
_HOLD_AT = _BLOCK_AT + len(BLOCK_COLUMNS) + 1
_HELD = Q(review_items__status=ReviewItem.Status.OPEN, review_items__kind=ReviewItem.Kind.UNCLEAR)


def _rows_of(tenant_id: int, number: object) -> QuerySet[Recipient, Any]:
    rows: QuerySet[Recipient, Any] = (
        Recipient.objects.filter(tenant_id=tenant_id, number=number)
        .annotate(hold=FilteredRelation("review_items", condition=_HELD))
        .values_list(*_COLUMNS)
        .order_by(F("opt_outs__id"), F("hold__id"))
    )
    return rows


_READ = PreparedSelect(_rows_of, "tenant_id", "number")


def read_state(tenant_id: int, number: str) -> RecipientState:
    """The state of one number of a business, in one query.

    To rely on it, hold the recipient's lock first and read afterwards, in a statement of its own.
    """
    rows = _READ.run(tenant_id=tenant_id, number=number)
    if not rows:
        return RecipientState(tenant_id, number)
    blocks = {row[_BLOCK_AT]: Block(*row[_BLOCK_AT:_HOLD_AT]) for row in rows if row[_BLOCK_AT] is not None}
    holds = {row[_HOLD_AT]: Hold(*row[_HOLD_AT:]) for row in rows if row[_HOLD_AT] is not None}
    pk, opted_in_at, opted_in_for, texted_at = rows[0][:_BLOCK_AT]
    return RecipientState(
        tenant_id,
        number,
        pk,
        opted_in_at,
        tuple(opted_in_for),
        texted_at,
        blocks=tuple(blocks.values()),
        holds=tuple(holds.values()),
    )


def state_after(state: RecipientState, rows: Iterable[OptOut]) -> RecipientState:
    """The state once those rows were written, without reading it again."""
    changed = {row.pk: block_of(row) for row in rows}
    kept = (block for block in state.blocks if block.id not in changed)
    return replace(state, blocks=(*kept, *changed.values()))


def block_of(row: OptOut) -> Block:
    """A row as the decisions see it."""
    return Block(**{name: getattr(row, name) for name in BLOCK_COLUMNS}, words=row.evidence.words)
