"""A list as work in the background: each number is asked of the gate, as the API asks it of many at once.

It is read in one go, batch by batch, and tells how far it is. One that was killed or paused reads the list again, since
a spreadsheet can't be entered in the middle, and asks on from where it had stopped; see `answers`.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import PurePath
from typing import IO, Any

from django.utils import timezone

from accounts.models import SenderNumber, Tenant, User
from accounts.phone import InvalidNumber
from compliance.file_formats import BrokenRow, UnreadableFile, cell_text
from compliance.gate import Refusal, check_many
from compliance.list_files import read_number
from compliance.models import ActorKind, CleanedList, StoredFile
from compliance.transfer import files, jobs
from compliance.transfer.asking import find_asker
from compliance.transfer.cleaning import tables
from compliance.transfer.cleaning.answers import Answers, Refused, begin_or_go_on
from compliance.transfer.cleaning.tables import CsvTable, ExcelTable, table_like
from compliance.transfer.jobs import CantGoOn, Interrupted, Turn

CLEAN = "compliance.clean_list"
BATCH = 10_000
KEPT = "may_be_texted"
INVALID, OWN, DUPLICATE = "invalid_number", "own_number", "duplicate"
# What becomes of a line, in the words of the page and of the file.
OUTCOMES = {
    KEPT: "May be texted",
    Refusal.OPTED_OUT.value: "Opted out",
    Refusal.HELD_FOR_REVIEW.value: "Held for review",
    Refusal.NO_CONSENT.value: "No consent",
    Refusal.SENDER_INACTIVE.value: "Company number can't send",
    INVALID: "Not a phone number",
    OWN: "Your own number",
    DUPLICATE: "Duplicate",
}
ADDED = ("removed because", "why", "line")


@dataclass(slots=True)
class Line:
    """A line of the list, and what became of it: an outcome with a sentence."""

    place: int
    cells: Sequence[Any]
    number: str = ""
    outcome: str = KEPT
    why: str = ""

    def remove(self, outcome: str, why: str) -> None:
        self.outcome, self.why = outcome, why


@dataclass(slots=True)
class Sorted:
    """The two lists that come of one."""

    kept: CsvTable | ExcelTable
    removed: CsvTable | ExcelTable
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, lines: list[Line]) -> None:
        self.counts.update(line.outcome for line in lines)
        self.kept.add(line.cells for line in lines if line.outcome == KEPT)
        self.removed.add(
            [*line.cells, OUTCOMES[line.outcome], line.why, line.place] for line in lines if line.outcome != KEPT
        )


def take_list(
    person: User, tenant: Tenant, name: str, content: IO[bytes], asked: dict[str, Any], now: datetime
) -> CleanedList:
    """Keep an uploaded list, with the column that looks like the numbers. It waits for a person's word.

    asked: purpose and sender. Raises UnreadableFile.
    """
    guess = tables.guess_columns(tables.read_first_lines(content, name), tenant.country)
    content_type = files.XLSX if tables.is_excel(name) else files.CSV
    job: CleanedList = CleanedList.objects.create(
        tenant=tenant,
        state=CleanedList.State.DRAFT,
        source=files.keep_file(tenant, name, content, content_type, now),
        number_column=guess.number_column,
        has_header=guess.has_header,
        actor_kind=ActorKind.USER,
        actor_id=str(person.pk),
        actor_name=person.display_name,
        created_at=now,
        **asked,
    )
    return job


def start_cleaning(job: CleanedList, number_column: int, has_header: bool, now: datetime) -> bool:
    """Let a worker come for a list whose columns a person has confirmed."""
    return jobs.start(job, now, number_column=number_column, has_header=has_header)


def work_on_cleaning(turn: Turn) -> None:
    """Clean a list from its first line to its last."""
    assert isinstance(turn.job, CleanedList)  # noqa: S101 - the sort of work says so
    job = turn.job
    find_asker(job, CLEAN)
    files.forget(begin_or_go_on(turn), timezone.now())
    try:
        with ExitStack() as opened:
            content = opened.enter_context(files.open_file(job.source))
            kept, removed, draft = (opened.enter_context(files.scratch_file()) for _ in range(3))
            name = job.source.name
            lists = Sorted(table_like(name, content, kept), table_like(name, content, removed))
            _sort_lines(turn, job, content, lists, Answers(turn, draft))
            lists.kept.close()
            lists.removed.close()
            _finish(turn, job, lists, kept, removed)
    except (UnreadableFile, files.FileGone) as error:
        raise CantGoOn(str(error)) from None


def _sort_lines(turn: Turn, job: CleanedList, content: IO[bytes], lists: Sorted, answers: Answers) -> None:
    rows = tables.read_table(content, job.source.name)
    if job.has_header:
        _, header = next(rows, (0, []))
        lists.kept.add([header])
        lists.removed.add([[*header, *ADDED]])
    own = set(SenderNumber.objects.for_tenant(job.tenant).values_list("number", flat=True))
    done = 0
    with Seen() as seen:
        while batch := [Line(place, cells) for place, cells in islice(rows, BATCH)]:
            for line in batch:
                _read_number(line, job, own, seen)
            done += len(batch)
            _answer(job, batch, answers, done)
            lists.add(batch)
            turn.note(rows_done=max(done, job.cursor["done"]))


def _answer(job: CleanedList, batch: list[Line], answers: Answers, done: int) -> None:
    """Ask the gate about the lines of a batch that it was not asked about before."""
    fresh = []
    answers.note_read((line.number if line.outcome == KEPT else "" for line in batch), batch[-1].place)
    for line in batch:
        if line.outcome != KEPT:
            continue
        if not answers.is_known(line.place):
            fresh.append(line)
        elif said := answers.recall(line.place):
            line.remove(said.outcome, said.why)
    _ask_the_gate(job, fresh)
    refused = (Refused(line.place, line.outcome, line.why) for line in fresh if line.outcome != KEPT)
    answers.note(refused, batch[-1].place, done)


def _read_number(line: Line, job: CleanedList, own: set[str], seen: "Seen") -> None:
    if isinstance(line.cells, BrokenRow):
        return line.remove(INVALID, BrokenRow.why)
    written = cell_text(line.cells[job.number_column]) if job.number_column < len(line.cells) else ""
    if not written:
        return line.remove(INVALID, "This line has no number.")
    try:
        line.number = read_number(written, job.tenant.country)
    except InvalidNumber as error:
        return line.remove(INVALID, str(error))
    if line.number in own:
        return line.remove(OWN, "This is one of your company numbers.")
    if first := seen.note(line.number, line.place):
        line.remove(DUPLICATE, f"The same number stands in line {first} already.")
    return None


def _ask_the_gate(job: CleanedList, asked: list[Line]) -> None:
    """The one rule: what the API's check of many numbers says."""
    numbers = [line.number for line in asked]
    refusals = check_many(job.tenant, numbers, job.sender, job.purpose, timezone.now()) if numbers else {}
    for line in asked:
        if refusal := refusals.get(line.number):
            line.remove(str(refusal.reason), refusal.sentence)


class Seen:
    """The numbers that have come already, in a database on disk that goes by itself: memory stays flat."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._rows = self._stack.enter_context(closing(sqlite3.connect("", isolation_level=None)))
        self._rows.execute("PRAGMA synchronous=OFF")
        self._rows.execute("CREATE TABLE seen (number TEXT PRIMARY KEY, place INTEGER) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def __enter__(self) -> "Seen":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def note(self, number: str, place: int) -> int:
        """Note a number. Returns the line in which it stood before, or 0."""
        if self._rows.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (number, place)).rowcount:
            return 0
        return int(self._rows.execute("SELECT place FROM seen WHERE number = ?", (number,)).fetchone()[0])


def _finish(turn: Turn, job: CleanedList, lists: Sorted, kept: IO[bytes], removed: IO[bytes]) -> None:
    now = timezone.now()
    stem = PurePath(job.source.name).stem
    made: dict[str, StoredFile] = {}
    for name, words, table, content in (
        ("kept", "may be texted", lists.kept, kept),
        ("removed", "removed", lists.removed, removed),
    ):
        named = f"{stem} - {words}.{table.ending}"
        made[name] = files.keep_file(job.tenant, named, content, table.content_type, now)
    parts = list(StoredFile.objects.filter(pk__in=job.cursor["parts"]))
    with files.dropped_when(Interrupted, *made.values()):
        turn.finish(counts=dict(lists.counts), rows_total=job.rows_done, cursor={}, **made)
    files.forget(parts, now)


def places_of(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    """How many lines became what, in words, in the order of OUTCOMES."""
    return ((words, counts[outcome]) for outcome, words in OUTCOMES.items() if counts.get(outcome))
