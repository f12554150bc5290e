"""What a worker does for an import, stretch by stretch: first the check, then, at a person's word, the list."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, zip_longest
from pathlib import PurePath

from django.db import connection, transaction
from django.utils import timezone

from compliance.actors import Actor
from compliance.file_formats import UnreadableFile
from compliance.models import ActorKind, ImportedBatch, OptOutImport
from compliance.opt_outs.bulk import record_many
from compliance.transfer import files
from compliance.transfer.importing.checking import check_list
from compliance.transfer.importing.options import Options
from compliance.transfer.importing.outcomes import BY_LETTER, NOT_YET, OUTCOMES, header_line, write_lines
from compliance.transfer.importing.reading import ListReader
from compliance.transfer.importing.staged import Entry, read_batch, read_entries
from compliance.transfer.jobs import CantGoOn, Interrupted, Turn

# Lines whose locks are held together, at most; fewer where that takes longer than HOLDS_LOCKS, in seconds.
BATCH = {"postgresql": 4_000, "sqlite": 1_000}
FIRST, LEAST = 1_000, 100
HOLDS_LOCKS = 0.4
# SQLite has one writer at a time, and who waits looks again every tenth of a second: a STOP must find its turn.
LETS_OTHERS_WRITE = {"postgresql": 0.0, "sqlite": 0.15}
LINES_BETWEEN_NOTES = 100_000
Stage = OptOutImport.Stage


def work_on_import(turn: Turn) -> None:
    """Go on with an import until the turn is over."""
    run = turn.job
    assert isinstance(run, OptOutImport)  # noqa: S101 - of the sort that `working` names
    try:
        if run.stage == Stage.CHECKING:
            check_list(turn)
        elif run.stage == Stage.IMPORTING:
            _import(turn, run)
    except (UnreadableFile, files.FileGone) as error:
        raise CantGoOn(str(error)) from None


def begin_cursor(now: datetime) -> dict[str, object]:
    """Where an import begins: bytes and lines of the staged list, lines in a batch, and what “today” means in it."""
    return {"offset": 0, "line": 0, "size": min(BATCH[connection.vendor], FIRST), "began": now.isoformat()}


def _import(turn: Turn, run: OptOutImport) -> None:
    assert run.staged is not None  # noqa: S101 - the check left it
    reader = ListReader(run.tenant, Options.from_json(run.options), run.source.name)
    size = run.cursor["size"]
    with files.open_file(run.staged) as file:
        file.seek(run.cursor["offset"])
        while not turn.is_over:
            batch = read_batch(file, size)
            if not batch:
                _finish(turn, run)
                return
            began = time.monotonic()
            take_batch(turn, run, reader, batch, file.tell())
            size = _next_size(len(batch), time.monotonic() - began)
            time.sleep(LETS_OTHERS_WRITE[connection.vendor])


def _next_size(lines: int, seconds: float) -> int:
    """As many lines as this machine writes in the time that locks may be held."""
    fits = int(lines * HOLDS_LOCKS / max(seconds, 0.001))
    return min(max(fits, LEAST), 2 * lines + LEAST, BATCH[connection.vendor])


def take_batch(turn: Turn, run: OptOutImport, reader: ListReader, batch: list[Entry], offset: int) -> None:
    """One batch, what became of its lines, and the place where to go on, in one transaction."""
    cursor = run.cursor
    began = datetime.fromisoformat(cursor["began"])
    lines = [reader.line_of(entry, began) for entry in batch if entry.listed]
    actor = Actor(ActorKind(run.actor_kind), run.actor_id, run.actor_name)
    with transaction.atomic():
        outcomes = iter(record_many(run.tenant, lines, actor, timezone.now()))
        keys = [entry.kind or str(next(outcomes)) for entry in batch]
        letters = "".join(OUTCOMES[key].letter for key in keys)
        ImportedBatch.objects.create(run=run, first=cursor["line"], outcomes=letters)
        turn.note(
            cursor={**cursor, "offset": offset, "line": cursor["line"] + len(batch), "size": len(batch)},
            counts=dict(Counter(run.counts) + Counter(keys)),
            rows_done=run.rows_done + len(batch),
        )


def _finish(turn: Turn, run: OptOutImport) -> None:
    """Keep the result, and let the staged list go: everything of it is in the result and on the list."""
    with files.scratch_file() as draft:
        for count, line in enumerate(result_lines(run)):
            draft.write(line)
            if count % LINES_BETWEEN_NOTES == 0:
                turn.note()
        name = f"{PurePath(run.source.name).stem} result.csv"
        result = files.keep_file(run.tenant, name, draft, files.CSV, timezone.now())
    with files.dropped_when(Interrupted, result):
        turn.finish(stage=Stage.ENDED, result=result)
    if run.staged is not None:
        files.delete_file(run.staged, timezone.now())


def result_lines(run: OptOutImport) -> Iterator[bytes]:
    """The result as a CSV file, a line for each of the list; those that were not come to say so. Raises FileGone."""
    assert run.staged is not None  # noqa: S101 - the check left it
    yield files.BOM + header_line().encode()
    batches = ImportedBatch.objects.filter(run=run).order_by("first").values_list("outcomes", flat=True)
    letters = chain.from_iterable(batches.iterator(chunk_size=100))
    with files.open_file(run.staged) as file:
        pairs = zip_longest(read_entries(file), letters)
        for line in write_lines((entry, BY_LETTER.get(letter, NOT_YET)) for entry, letter in pairs):
            yield line.encode()
