"""Looking at a list before anything is imported: what would become of each line, counted, with samples and in full.

A check changes nothing on the list, so one that was stopped begins again. It goes on past the worker's stretch, because
a spreadsheet can't be entered in the middle; its lease is held batch by batch.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import PurePath
from typing import IO

from django.utils import timezone

from compliance.file_formats import format_of
from compliance.models import OptOutImport, StoredFile
from compliance.opt_outs.bulk import foresee_many
from compliance.transfer import files
from compliance.transfer.importing.options import Options
from compliance.transfer.importing.outcomes import OUTCOMES, header_line, shown, write_lines
from compliance.transfer.importing.reading import ListReader
from compliance.transfer.importing.seen import Seen
from compliance.transfer.importing.staged import Entry, dump
from compliance.transfer.jobs import Interrupted, Turn

BATCH = 5_000
SAMPLES = 5
STAGED = "application/x-ndjson"


class Check:
    """One look at a list: what it writes down, and what it counts."""

    def __init__(self, run: OptOutImport, staged: IO[bytes], preview: IO[bytes]) -> None:
        self.run, self._staged, self._preview = run, staged, preview
        self.counts: Counter[str] = Counter()
        self.samples: dict[str, list[list[object]]] = {}
        preview.write(files.BOM + header_line().encode())

    def note(self, entries: Sequence[Entry], keys: Sequence[str]) -> None:
        """Write down the lines of one batch, with what would become of each."""
        outcomes = [OUTCOMES[key] for key in keys]
        self._staged.writelines(map(dump, entries))
        said = write_lines(zip(entries, outcomes, strict=True), foreseen=True)
        self._preview.writelines(line.encode() for line in said)
        self.counts.update(keys)
        for entry, outcome in zip(entries, outcomes, strict=True):
            sample = self.samples.setdefault(outcome.key, [])
            if len(sample) < SAMPLES:
                sample.append([entry.line, shown(entry), entry.problem or outcome.why])

    def keep(self, now: datetime) -> tuple[StoredFile, StoredFile]:
        tenant, stem = self.run.tenant, PurePath(self.run.source.name).stem
        staged = files.keep_file(tenant, f"{stem}.ndjson", self._staged, STAGED, now)
        return staged, files.keep_file(tenant, f"{stem} checked.csv", self._preview, files.CSV, now)


def check_list(turn: Turn) -> None:
    """Read the whole list, and leave it to a person to import it. Raises UnreadableFile and FileGone."""
    run = turn.job
    assert isinstance(run, OptOutImport)  # noqa: S101 - `running` hands over nothing else
    old = [stored for stored in (run.staged, run.preview) if stored and stored.deleted_at is None]
    now = timezone.now()
    with ExitStack() as opened:
        file = opened.enter_context(files.open_file(run.source))
        seen = opened.enter_context(Seen())
        check = Check(run, opened.enter_context(files.scratch_file()), opened.enter_context(files.scratch_file()))
        shape = format_of(run.source.name)
        turn.note(rows_done=0, rows_total=shape.count(file))
        reader = ListReader(run.tenant, Options.from_json(run.options), run.source.name)
        entries = reader.read(shape.read(file))
        while batch := list(islice(entries, BATCH)):
            lines = [reader.line_of(entry, now) for entry in batch if entry.listed]
            outcomes = iter(foresee_many(run.tenant, lines, seen.add))
            check.note(batch, [entry.kind or next(outcomes) for entry in batch])
            turn.note(rows_done=check.counts.total())
        staged, preview = check.keep(timezone.now())
    with files.dropped_when(Interrupted, staged, preview):
        _hand_back(turn, check, staged, preview)
    for stored in old:
        files.delete_file(stored, timezone.now())


def _hand_back(turn: Turn, check: Check, staged: StoredFile, preview: StoredFile) -> None:
    turn.hand_back(
        stage=OptOutImport.Stage.READY,
        staged=staged,
        preview=preview,
        foreseen=dict(check.counts),
        samples=check.samples,
        rows_done=0,
        rows_total=check.counts.total(),
    )
