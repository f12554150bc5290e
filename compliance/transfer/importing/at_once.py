"""A whole list at once, as the command line takes it: read, judged and written batch by batch.

An import never opts anyone back in: a line that says so is refused and reported (REC-13).
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from accounts.models import Tenant
from compliance.actors import Actor
from compliance.file_formats import UnreadableFile, format_of
from compliance.opt_outs.bulk import foresee_many, record_many
from compliance.transfer.importing.outcomes import OUTCOMES
from compliance.transfer.importing.reading import ListReader
from compliance.transfer.importing.seen import Seen
from compliance.transfer.importing.staged import Entry

BATCH = 2_000
PROBLEMS_KEPT = 1_000


@dataclass(slots=True)
class ImportReport:
    """How an import went: lines by outcome, and the first lines that were not taken, with the reason.

    doubts: what its columns may mean instead.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[int, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    def note(self, entry: Entry, outcome: str) -> None:
        self.counts[outcome] += 1
        sentence = entry.problem or (OUTCOMES[outcome].why if outcome == "newer_opt_in" else "")
        if sentence and len(self.problems) < PROBLEMS_KEPT:
            self.problems.append((entry.line, sentence))


def import_opt_outs(path: Path, tenant: Tenant, actor: Actor, now: datetime, *, dry_run: bool = False) -> ImportReport:
    """Opt out everybody on a list, batch by batch; a broken line is reported and the rest goes on.

    dry_run: says what would change and changes nothing. Raises UnreadableFile.
    """
    report = ImportReport()
    with ExitStack() as opened:
        try:
            file = opened.enter_context(path.open("rb"))
        except OSError as error:
            raise UnreadableFile(f"The file can't be read: {error}") from None
        seen = opened.enter_context(Seen())
        reader, rows = ListReader.guessing(tenant, format_of(path.name).read(file), path.name)
        report.doubts = reader.doubts
        entries = reader.read(rows)
        while batch := list(islice(entries, BATCH)):
            lines = [reader.line_of(entry, now) for entry in batch if entry.listed]
            outcomes = iter(
                foresee_many(tenant, lines, seen.add) if dry_run else record_many(tenant, lines, actor, now)
            )
            for entry in batch:
                report.note(entry, entry.kind or next(outcomes))
    return report
