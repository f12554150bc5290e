"""Consents from a file: CSV or XLSX. It texts nobody, and lifts nobody: whoever is opted out is reported and left."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path

from django.db import transaction

from accounts.models import OptOutScope, SenderNumber, Tenant
from accounts.phone import InvalidNumber
from compliance import opt_outs
from compliance.actors import Actor
from compliance.consents.recording import closing_blocks, record_consent
from compliance.consents.writing import Given
from compliance.evidence import Proof
from compliance.list_files import (
    BadLine,
    Reading,
    read_number,
    read_rows,
    read_sender,
    read_time,
    says_no,
    unescape,
)
from compliance.models import Consent, ConsentWay

BATCH = 500
PROBLEMS_KEPT = 1_000


class Taken(StrEnum):
    """What became of one line."""

    NEW = "new"
    ALREADY = "already"
    OPTED_OUT = "opted_out"
    INVALID = "invalid"


@dataclass(slots=True)
class ConsentReport:
    """Lines by what became of them, and the first that were not taken, with the reason."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def note(self, line: int, taken: Taken, sentence: str = "") -> None:
        self.counts[taken] += 1
        if sentence and len(self.problems) < PROBLEMS_KEPT:
            self.problems.append((line, sentence))


@dataclass(frozen=True, slots=True)
class Line:
    """One readable line of the file."""

    at: int
    number: str
    given: Given


def import_consents(path: Path, tenant: Tenant, actor: Actor, now: datetime, *, dry_run: bool = False) -> ConsentReport:
    """Record every consent of a list, batch by batch; a broken line is reported and the rest goes on.

    dry_run: says what would change and changes nothing. Raises UnreadableFile.
    """
    report = ConsentReport()
    lines = _read_lines(path, tenant, now, report)
    while batch := list(islice(lines, BATCH)):
        with transaction.atomic():
            for line in sorted(batch, key=lambda line: line.number):  # two lists can't wait for each other
                _take(line, tenant, actor, now, report)
            transaction.set_rollback(dry_run)
    report.problems.sort()
    return report


def _read_lines(path: Path, tenant: Tenant, now: datetime, report: ConsentReport) -> Iterator[Line]:
    senders = set(SenderNumber.objects.for_tenant(tenant).values_list("number", flat=True))
    for at, cells in read_rows(path):
        try:
            yield _read_line(at, cells, tenant, senders, path.name, now)
        except (BadLine, InvalidNumber) as error:
            report.note(at, Taken.INVALID, str(error))


def _read_line(at: int, cells: dict[str, str], tenant: Tenant, senders: set[str], file: str, now: datetime) -> Line:
    if says_no(cells):
        raise BadLine("invalid", "It says that this person did not agree.")
    number, sender = (
        read_number(cells.get("recipient", ""), tenant.country),
        read_sender(cells, tenant.country),
    )
    if number in senders or (sender and sender not in senders):
        wrong = f"“{number}” is one of your own" if number in senders else f"“{sender}” is none of your"
        raise BadLine("invalid", f"{wrong} company numbers.")
    given_at = read_time(cells.get("given_at", "") or cells.get("opted_out_at", ""), Reading.of(tenant))
    if given_at is None:
        raise BadLine("invalid", "The field “given_at” must say when they agreed; without a date it proves nothing.")
    proof = Proof(ConsentWay.IMPORT, unescape(cells.get("words", "")), min(given_at, now), {"file": file, "line": at})
    scope = OptOutScope.NUMBER if sender else OptOutScope.TENANT
    wording, campaign = unescape(cells.get("wording", "")), unescape(cells.get("campaign", ""))
    return Line(at, number, Given(ConsentWay.IMPORT, proof, scope, sender, wording, campaign))


def _take(line: Line, tenant: Tenant, actor: Actor, now: datetime, report: ConsentReport) -> None:
    state, given = opt_outs.lock_recipient(tenant.pk, line.number, now), line.given
    if closing_blocks(state, given, now):
        sentence = f"{line.number} is opted out, and an import opts nobody back in (REC-13)."
        report.note(line.at, Taken.OPTED_OUT, sentence)
        return
    same = Consent.objects.filter(
        recipient_id=state.locked_id, way=given.way, given_at=given.at, sender=given.sender, campaign=given.campaign
    )
    if same.exists():
        report.note(line.at, Taken.ALREADY)
        return
    record_consent(state, tenant, given, actor, now, answers_from="")
    report.note(line.at, Taken.NEW)
