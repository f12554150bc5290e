"""Opting out a list: the same rules as for one, on sets, with a history row for every change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db import transaction

from accounts.models import OptOutScope, Tenant
from compliance.actors import Actor
from compliance.bulk_reads import among
from compliance.evidence import Proof, keep_evidence, seal
from compliance.models import OptOut
from compliance.opt_outs import staging
from compliance.opt_outs.opting_out import ask_again, is_earlier, opt_in_words
from compliance.opt_outs.writing import write_change


class Listed(StrEnum):
    """What becomes of one line of a list."""

    NEW = "new"
    ALREADY = "already"
    NEWER_OPT_IN = "newer_opt_in"


@dataclass(slots=True)
class Line:
    """One opt-out of a list. `number` is E.164; `sender` is "" for all company numbers.

    asks_again: whether its date says when the person asked: a later one counts where they are opted out already.
    """

    number: str
    proof: Proof
    reason: str = ""
    sender: str = ""
    language: str = ""
    requested_by: OptOut.RequestedBy | str = OptOut.RequestedBy.RECIPIENT
    asks_again: bool = False

    @property
    def scope(self) -> OptOutScope:
        return OptOutScope.NUMBER if self.sender else OptOutScope.TENANT

    @property
    def key(self) -> "Key":
        return self.number, self.sender, str(self.requested_by)

    @property
    def covering(self) -> tuple["Key", "Key"]:
        """What makes this line one too many: the same, or the same for all company numbers."""
        return (self.number, "", str(self.requested_by)), self.key


Key = tuple[str, str, str]  # recipient's number, company number or "", who asked


class _Row(NamedTuple):
    """An opt-out as it stands."""

    id: int
    is_active: bool
    asked_at: datetime
    episode: int


class _OptIn(NamedTuple):
    """An opt-in of a person's own; it is older than nothing that was asked before `outdates`."""

    outdates: datetime
    scope: str
    sender: str


@dataclass(slots=True)
class Scene:
    """What is on record of the recipients of a batch."""

    rows: dict[Key, _Row] = field(default_factory=dict)
    opt_ins: dict[str, list[_OptIn]] = field(default_factory=dict)

    def judge(self, line: Line) -> Listed:
        """What becomes of a line. Lines before it are not looked at."""
        if self.rows and any(key in self.rows and self.rows[key].is_active for key in line.covering):
            return Listed.ALREADY
        if self.opt_ins and line.requested_by == OptOut.RequestedBy.RECIPIENT and self._has_newer_opt_in(line):
            return Listed.NEWER_OPT_IN
        return Listed.NEW

    def _has_newer_opt_in(self, line: Line) -> bool:
        """Whether the person opted in later, for what this line would close."""
        return any(
            is_earlier(line.proof.occurred_at, opt_in.outdates)
            and (opt_in.scope == OptOutScope.TENANT or (opt_in.sender == line.sender != ""))
            for opt_in in self.opt_ins.get(line.number, ())
        )


@transaction.atomic
def record_many(tenant: Tenant, lines: Sequence[Line], actor: Actor, now: datetime) -> list[Listed]:
    """Apply one batch of a list, in one transaction: keep it to a few thousand lines, so that locks stay short.

    Nobody is texted and nobody is opted back in. A line whose recipient is opted out already changes nothing, so that
    a list can be imported twice; but a later date is kept, and no opt-in from before it lifts anything. One that is
    older than the person's own opt-in is reported and left.
    """
    ids, stood = staging.lock_recipients(tenant.pk, {line.number for line in lines}, now)
    scene = read_scene(tenant, stood)
    outcomes: list[Listed] = []
    fresh: dict[Key, Line] = {}
    again: dict[Key, Line] = {}
    for line in lines:
        repeats = any(key in fresh for key in line.covering)
        outcome = Listed.ALREADY if repeats else scene.judge(line)
        outcomes.append(outcome)
        if outcome == Listed.NEW:
            fresh[line.key] = line
        elif outcome == Listed.ALREADY and line.asks_again:
            _note_later(line, again, fresh, scene)
    rows = [_stage(tenant.pk, ids[line.number], line, scene.rows.get(key)) for key, line in fresh.items()]
    staging.write(rows, tenant.pk, actor, now)
    _ask_again(tenant, {(ids[key[0]], *key[1:]): line for key, line in again.items()}, actor, now)
    return outcomes


def _note_later(line: Line, again: dict[Key, Line], fresh: dict[Key, Line], scene: Scene) -> None:
    """Keep the latest of the lines that ask again, by the opt-out that covers it."""
    key = next(key for key in line.covering if key in fresh or (key in scene.rows and scene.rows[key].is_active))
    latest = again.get(key) or fresh.get(key)
    asked_at = latest.proof.occurred_at if latest else scene.rows[key].asked_at
    if line.proof.occurred_at > asked_at:
        again[key] = line


def _ask_again(tenant: Tenant, again: dict[tuple[int, str, str], Line], actor: Actor, now: datetime) -> None:
    """One by one, as they are few: who stands on two lists with different dates."""
    theirs = {recipient for recipient, _, _ in again}
    for row in OptOut.writes.filter(tenant=tenant, recipient__in=theirs, status=OptOut.Status.ACTIVE):
        if line := again.get((row.recipient_id, row.sender, row.requested_by)):
            ask_again(row, line.proof.occurred_at, "")
            evidence = keep_evidence(tenant.pk, row.recipient_id, line.proof, now)
            write_change(row, OptOut.Action.REPEATED, actor, evidence, line.reason, now)


def foresee_many(tenant: Tenant, lines: Sequence[Line], is_first: Callable[[Line], bool]) -> list[Listed]:
    """What would become of one batch of a list: nothing is locked, and nothing is written.

    is_first: whether no line before this one, in batches before it too, asks for the same.
    """
    scene = read_scene(tenant, list({line.number for line in lines}))
    outcomes = []
    for line in lines:
        outcome = scene.judge(line)
        repeats = outcome == Listed.NEW and not is_first(line)
        outcomes.append(Listed.ALREADY if repeats else outcome)
    return outcomes


def read_scene(tenant: Tenant, numbers: list[str]) -> Scene:
    """What is on record of those numbers. Who is about to write has locked them first."""
    scene = Scene()
    if not numbers:
        return scene
    theirs = {"recipient__tenant": tenant, "recipient__number__in": among(numbers)}
    rows = OptOut.objects.for_tenant(tenant).filter(**theirs)
    for number, sender, requested_by, pk, status, asked_at, episode in rows.values_list(
        "recipient__number", "sender", "requested_by", "id", "status", "asked_at", "episode"
    ):
        scene.rows[number, sender, requested_by] = _Row(pk, status == OptOut.Status.ACTIVE, asked_at, episode)
    for number, *opt_in in (
        opt_in_words().filter(**theirs).values_list("recipient__number", "outdates", "scope", "sender")
    ):
        scene.opt_ins.setdefault(number, []).append(_OptIn(*opt_in))
    return scene


def _stage(tenant_id: int, recipient_id: int, line: Line, standing: _Row | None) -> staging.Staged:
    proof, details = line.proof, line.proof.details_as_json
    return staging.Staged(
        recipient_id=recipient_id,
        scope=line.scope.value,
        sender=line.sender,
        requested_by=str(line.requested_by),
        way=str(proof.way),
        reason=line.reason,
        language=line.language,
        occurred_at=proof.occurred_at,
        words=proof.words,
        details=details,
        digest=seal(tenant_id, recipient_id, proof.way, proof.words, proof.occurred_at, details),
        episode=standing.episode + 1 if standing else 1,
        standing_id=standing.id if standing else None,
    )
