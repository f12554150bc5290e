"""An export as work in the background.

A stretch reads the list range by range of its ids into a draft and tells how far it is. One that ends before the list
does keeps its draft as a part; a worker that is killed has lost its own stretch alone, and the next one begins where
the last kept part ends. At the end the parts are put together: every row is in the file once.
"""

import io
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Tenant, User
from compliance.models import ActorKind, ExportSchedule, FileFormat, OptOutExport, StoredFile
from compliance.transfer import files, jobs
from compliance.transfer.asking import find_asker
from compliance.transfer.exporting import boundary, selecting
from compliance.transfer.exporting.writing import FORMS, write_xlsx
from compliance.transfer.jobs import CantGoOn, Interrupted, Turn

EXPORT = "compliance.export_optout"
PARTS_KEPT = timedelta(days=7)
TAKE_OVER = "Let somebody who may export save the schedule again: from then on it runs with their rights."
SMALL_BOOK = 20_000  # rows of an Excel file that are written in the stretch that read them


def start_export(
    person: User, tenant: Tenant, selection: selecting.Selection, file_format: str, reason: str, now: datetime
) -> OptOutExport:
    """Put an export on record and let a worker come for it."""
    job: OptOutExport = OptOutExport.objects.create(
        tenant=tenant,
        file_format=file_format,
        filters=selection.filters,
        filter_words=selection.words,
        reason=reason,
        actor_kind=ActorKind.USER,
        actor_id=str(person.pk),
        actor_name=person.display_name,
        created_at=now,
    )
    jobs.start(job, now)
    return job


def work_on_export(turn: Turn) -> None:
    """Go on with an export until the turn is over or the file is there."""
    job = _job_of(turn)
    rows = _rows_of(job)
    if not job.cursor:
        _plan(turn, rows)
    try:
        with files.scratch_file() as draft:
            if _read_on(turn, rows, draft):
                _finish(turn, draft)
            else:
                _leave_part(turn, draft)
    except files.FileGone:  # paused for longer than its parts are kept
        turn.note(cursor={}, rows_done=0)


def _job_of(turn: Turn) -> OptOutExport:
    assert isinstance(turn.job, OptOutExport)  # noqa: S101 - the sort of work says so
    return turn.job


def _rows_of(job: OptOutExport) -> QuerySet[Any]:
    """The rows as the person may see them now, of the job's business alone. Raises CantGoOn."""
    try:
        person = find_asker(job, EXPORT, selecting.VIEW)
        rows = selecting.select_rows(person, job.filters).rows.filter(tenant=job.tenant)
        find_asker(job, EXPORT)  # a visit that has ended in between leaves no rows, and a file that looks whole
    except (CantGoOn, selecting.WrongFilters) as error:
        raise CantGoOn(f"{error} {TAKE_OVER}" if job.schedule_id else str(error)) from None
    if job.changed_after is not None:
        rows = rows.filter(pk__in=boundary.changed_after(job.tenant, job.changed_after).values("pk"))
    return rows


def _plan(turn: Turn, rows: QuerySet[Any]) -> None:
    """Note what there is to read. For changes the boundary comes first: what is read later includes all up to it."""
    job = _job_of(turn)
    found = {}
    if job.schedule and job.schedule.changes_only:
        found["boundary"] = boundary.find_boundary()
    sums = rows.order_by().aggregate(first=Min("pk"), last=Max("pk"), rows=Count("pk"))
    first, last = sums["first"] or 1, sums["last"] or 0
    pieces = max(sums["rows"] // FORMS[job.file_format].rows_at_once, 1)
    step = max((last - first) // pieces + 1, 1)
    cursor = {"after": first - 1, "last": last, "step": step, "rows": 0, "parts": []}
    turn.note(cursor=cursor, rows_done=0, rows_total=sums["rows"], **found)


def _read_on(turn: Turn, rows: QuerySet[Any], draft: IO[bytes]) -> bool:
    """Read into the draft until the list ends or the turn is over. Returns whether the list has ended.

    Only `rows_done` moves in the database: the cursor does once the draft is kept.
    """
    job = _job_of(turn)
    cursor, form = job.cursor, FORMS[job.file_format]
    if not cursor["parts"]:
        draft.write(form.begin)
    while cursor["after"] < cursor["last"]:
        until = cursor["after"] + cursor["step"]
        piece = rows.filter(pk__gt=cursor["after"], pk__lte=until)
        count = form.write(piece, draft, cursor["rows"] > 0)
        cursor = {**cursor, "after": until, "rows": cursor["rows"] + count}
        job.cursor = cursor
        turn.note(rows_done=cursor["rows"])
        if turn.is_over:
            break
    return bool(cursor["after"] >= cursor["last"]) and not _is_long_book(turn, draft)


def _is_long_book(turn: Turn, draft: IO[bytes]) -> bool:
    """A long Excel file is written in a stretch of its own, so that what was read is kept first."""
    job = _job_of(turn)
    is_new = draft.tell() > (0 if job.cursor["parts"] else len(FORMS[job.file_format].begin))
    return job.file_format == FileFormat.XLSX and is_new and job.cursor["rows"] > SMALL_BOOK


def _leave_part(turn: Turn, draft: IO[bytes]) -> None:
    now = timezone.now()
    part = files.keep_file(turn.job.tenant, f"part of export {turn.job.pk}", draft, files.CSV, now, PARTS_KEPT)
    with files.dropped_when(Interrupted, part):
        turn.note(cursor={**turn.job.cursor, "parts": [*turn.job.cursor["parts"], part.pk]})


def _finish(turn: Turn, draft: IO[bytes]) -> None:
    job = _job_of(turn)
    form, now = FORMS[job.file_format], timezone.now()
    draft.seek(0, io.SEEK_END)
    draft.write(form.end)
    parts = list(StoredFile.objects.filter(pk__in=job.cursor["parts"]).order_by("pk"))
    with files.scratch_file() as whole:
        content = _put_together(turn, parts, draft, whole)
        result = files.keep_file(job.tenant, _name_of(job, now), content, form.content_type, now)
    with files.dropped_when(Interrupted, result):
        _note_result(turn, result, now)
    files.forget(parts, now)


def _put_together(turn: Turn, parts: list[StoredFile], draft: IO[bytes], whole: IO[bytes]) -> IO[bytes]:
    """The file out of its parts. One that came in a single stretch is its draft."""
    if _job_of(turn).file_format == FileFormat.XLSX:
        write_xlsx(_lines_of(parts, draft), whole, lambda count: _tell_written(turn, count))
        return whole
    if not parts:
        return draft
    for piece in _open_all(parts, draft):
        shutil.copyfileobj(piece, whole, files.CHUNK)
        turn.note()
    return whole


def _tell_written(turn: Turn, count: int) -> None:
    turn.note(cursor={**turn.job.cursor, "written": count})


def _open_all(parts: list[StoredFile], draft: IO[bytes]) -> Iterator[IO[bytes]]:
    for part in parts:
        with files.open_file(part) as content:
            yield content
    draft.seek(0)
    yield draft


def _lines_of(parts: list[StoredFile], draft: IO[bytes]) -> Iterator[str]:
    for piece in _open_all(parts, draft):
        text = io.TextIOWrapper(piece, encoding="utf-8", newline="")
        yield from text
        text.detach()


def _note_result(turn: Turn, result: StoredFile, now: datetime) -> None:
    """The job is done; what is to be done with its file is due, and its schedule goes on from its boundary.

    Not where it asks for other rows by now, or another run was quicker: that one's rows are not in this file.
    """
    job = _job_of(turn)
    rows = job.cursor["rows"]
    delivery = {"deliver_at": now} if job.mail_to or job.to_storage else {}
    with transaction.atomic():
        turn.finish(result=result, rows_done=rows, rows_total=rows, cursor={}, **delivery)
        if job.schedule_id and job.boundary is not None:
            as_it_was = ExportSchedule.objects.filter(filters=job.filters, boundary=job.changed_after)
            as_it_was.filter(pk=job.schedule_id).update(boundary=job.boundary)


def _name_of(job: OptOutExport, now: datetime) -> str:
    what = "opt-out-changes" if job.changed_after is not None else "opt-outs"
    schedule = f"-{slugify(job.schedule.name)}" if job.schedule else ""
    day = now.astimezone(ZoneInfo(job.tenant.time_zone)).date().isoformat()
    return f"{what}-{job.tenant.slug}{schedule}-{day}.{job.file_format}"
