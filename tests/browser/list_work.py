"""Work on lists for the pictures: imports that wait and that ended, exports, a schedule, a cleaned list."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice

from django.utils import timezone

from accounts.models import User
from compliance.admin.opt_outs import actor_of
from compliance.evidence_pack import make_pack
from compliance.models import ExportSchedule, ListJob, OptOut, OptOutImport, Recipient
from compliance.transfer import working
from compliance.transfer.cleaning.running import start_cleaning, take_list
from compliance.transfer.exporting import schedules
from compliance.transfer.exporting.links import note_download
from compliance.transfer.exporting.running import start_export
from compliance.transfer.exporting.selecting import select_rows
from compliance.transfer.importing import starting
from compliance.transfer.importing.options import Options

NEW, KNOWN = 214, 38
HEADER = "Mobile,Unsubscribed on,Status,Notes\n"


@dataclass(frozen=True, slots=True)
class Work:
    """What the pictures are about, by their ids."""

    checked: int
    imported: int
    cleaned: int
    schedule: int


def work_on_lists(officer: User) -> Work:
    """A few days of a compliance officer."""
    now = timezone.now()
    _export_some(officer, now)
    schedule = _schedule(officer, now)
    _run(schedule, now - timedelta(days=2))
    imported = _import(officer, "former system, spring.csv", _mixed_lines(1, NEW), now - timedelta(days=2))
    _run(schedule, now - timedelta(days=1))
    _import(officer, "calls of the week.csv", _new_lines(2 * NEW + 1, 7), now - timedelta(days=1))
    _run(schedule, now)
    checked = _check(officer, "booking system.csv", _mixed_lines(NEW + 1, NEW), now)
    made = Work(checked.pk, imported.pk, _clean(officer, now).pk, schedule.pk)
    row = Recipient.objects.filter(tenant=officer.tenant, opt_outs__status="active").order_by("pk")[0]
    make_pack(row, officer, "Complaint 2026-114, for our counsel.", now)
    return made


def _finish(job: ListJob) -> None:
    job.refresh_from_db()
    while job.is_under_way:
        working.go_on(job.key)
        job.refresh_from_db()


def _import(officer: User, name: str, lines: Iterable[str], at: datetime) -> OptOutImport:
    run = _check(officer, name, lines, at)
    starting.begin(run, run.staged_id or 0, actor_of(officer), at)
    _finish(run)
    return run


def _check(officer: User, name: str, lines: Iterable[str], at: datetime) -> OptOutImport:
    """A list that was looked at: nothing is imported yet."""
    assert officer.tenant is not None
    content = io.BytesIO((HEADER + "".join(lines)).encode())
    run = starting.take_file(officer.tenant, name, content, actor_of(officer), at)
    starting.confirm_columns(run, Options.from_json(run.options), at)
    _finish(run)
    return run


def _new_lines(first: int, count: int) -> Iterator[str]:
    for place in range(first, first + count):
        yield _line(f"(614) 3{place % 100:02d}-{2000 + place}")


def _line(number: str, status: str = "unsubscribed", note: str = "") -> str:
    return f"{number},3/{1 + len(note) % 9}/2026,{status},{note}\n"


def _mixed_lines(first: int, count: int) -> Iterator[str]:
    """Such as real lists are: news, what stands already, people who stayed, and cells that nobody can read."""
    yield from _new_lines(first, count)
    known = OptOut.objects.filter(tenant__slug="northwind-logistics", status="active").order_by("pk")
    yield from (_line(number) for number in islice(known.values_list("recipient__number", flat=True), KNOWN))
    back = OptOut.objects.filter(tenant__slug="northwind-logistics", status="lifted").order_by("-lifted_at")
    yield from (_line(number) for number in islice(back.values_list("recipient__number", flat=True), 3))
    yield from (_line(f"(614) 555-01{place}", "subscribed") for place in range(10, 16))
    yield _line("see notes", note="asked the driver")
    yield _line("614-555", note="cut off")


def _clean(officer: User, now: datetime) -> ListJob:
    assert officer.tenant is not None
    numbers = Recipient.objects.filter(tenant=officer.tenant).order_by("pk").values_list("number", flat=True)[:400]
    lines = "".join(f"Customer {place},{number},Chicago\n" for place, number in enumerate(numbers, 1))
    content = io.BytesIO(f"Name,Mobile,City\n{lines}Customer 401,see notes,Chicago\n".encode())
    asked = {"purpose": "marketing", "sender": None}
    job = take_list(officer, officer.tenant, "spring campaign.csv", content, asked, now)
    start_cleaning(job, job.number_column, job.has_header, now)
    _finish(job)
    return job


def _export_some(officer: User, now: datetime) -> None:
    assert officer.tenant is not None
    for days, filters, file_format, reason in (
        (9, "", "csv", "Quarterly copy for the archive."),
        (4, "status__exact=active", "xlsx", "For our counsel: who must not be texted."),
    ):
        at = now - timedelta(days=days)
        job = start_export(officer, officer.tenant, select_rows(officer, filters), file_format, reason, at)
        _finish(job)
        assert job.result is not None
        note_download(job.result, officer.display_name, at, actor_id=str(officer.pk))


def _schedule(officer: User, now: datetime) -> ExportSchedule:
    row = ExportSchedule(
        tenant=officer.tenant,
        name="Changes for the CRM",
        reason="Keeps the CRM in step with the list.",
        changes_only=True,
        at=time(6),
        filter_words=select_rows(officer, "").words,
    )
    schedules.take_over(row, officer, now)
    row.save()
    return row


def _run(schedule: ExportSchedule, day: datetime) -> None:
    """One run of a morning, as the beat starts it."""
    schedule.refresh_from_db()
    _finish(schedules.start_run(schedule, day - timedelta(hours=8, minutes=40)))
