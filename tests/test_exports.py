"""Exports: what the list shows is what comes out, whole and once, with the rights of who asked, on record."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from accounts.models import User
from accounts.visits import end_visit
from compliance.list_files import RUNS_IN_A_SPREADSHEET, unescape
from compliance.models import OptOut, OptOutExport, StoredFile
from compliance.transfer import files, jobs, working
from compliance.transfer.exporting import export_opt_outs, running, selecting, writing
from compliance.transfer.exporting.selecting import Selection, WrongFilters, select_rows
from compliance.transfer.importing import import_opt_outs
from compliance.transfer.jobs import Turn
from tests.admin_pages import log_in, visit
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON, Business, World, staff, text_in


def export(
    business: Business,
    filters: str = "",
    file_format: str = "csv",
    role: str = "compliance_officer",
    person: User | None = None,
) -> OptOutExport:
    """Ask for an export, not worked on yet."""
    person = person or business.user(role)
    selection = select_rows(person, filters)
    return running.start_export(person, business.tenant, selection, file_format, "For the lawyer.", timezone.now())


def finish(job: OptOutExport) -> OptOutExport:
    """Work on it until it has ended."""
    for _ in range(50):
        working.go_on(job.key)
        job.refresh_from_db()
        if job.has_ended:
            return job
    raise AssertionError(f"It has not ended: {job.state}")


def content(job: OptOutExport) -> bytes:
    assert job.result is not None, job.error
    with files.open_file(job.result) as file:
        return file.read()


def numbers(job: OptOutExport) -> list[str]:
    return [line["recipient"] for line in csv.DictReader(io.StringIO(content(job).decode(), newline=""))]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of one id, so that three rows are a long list."""
    for name, form in writing.FORMS.items():
        monkeypatch.setitem(writing.FORMS, name, writing.Form(form.content_type, form.write, form.begin, form.end, 1))


# --- What comes out --------------------------------------------------------------------------------------------------


def test_what_is_filtered_is_what_comes_out(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "STOP", from_=OTHER_PERSON)
    text_in(acme, "START", from_=OTHER_PERSON)
    text_in(globex, "STOP", from_=THIRD_PERSON)
    assert numbers(finish(export(acme))) == [PERSON, OTHER_PERSON]
    lifted = finish(export(acme, "status__exact=lifted"))
    assert numbers(lifted) == [OTHER_PERSON]
    assert lifted.filter_words == "State: Opted back in"
    searched = finish(export(acme, f"q={PERSON[-4:]}&p=2&o=1"))
    assert numbers(searched) == [PERSON]
    assert (searched.filters, searched.filter_words) == (f"q={PERSON[-4:]}", f"Search: {PERSON[-4:]}")


def test_a_day_is_meant_in_the_businesss_own_time(acme: Business) -> None:
    import_some(acme, [PERSON, "2026-01-03T02:00:00+00:00", ""])  # still January 2 in New York
    second, third = (f"opted_out_at_from=2026-01-0{day}&opted_out_at_to=2026-01-0{day}" for day in (2, 3))
    assert numbers(finish(export(acme, second))) == [PERSON]
    job = finish(export(acme, third))
    assert numbers(job) == []
    assert "from 2026-01-03" in job.filter_words
    assert "to 2026-01-03" in job.filter_words


def import_some(business: Business, *rows: list[str]) -> None:
    """Opt people out by a list of numbers, dates and reasons."""
    path = Path(files.lists().path("some.csv"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["recipient", "opted_out_at", "reason"], *rows])
    import_opt_outs(path, business.tenant, staff(business), timezone.now())


@pytest.mark.parametrize(
    "filters",
    ["campaign=999999", "number=%2B14155550110", "evidence__digest__startswith=a", "status__exact=%00", "q=%00"],
)
def test_filters_that_the_list_refuses_are_refused(acme: Business, filters: str) -> None:
    with pytest.raises(WrongFilters, match=r"\.$"):
        select_rows(acme.user("compliance_officer"), filters)


def test_the_three_formats_hold_the_same_rows(acme: Business) -> None:
    text_in(acme, "ARRET")
    text_in(acme, 'STOP, "please"\nnow', from_=OTHER_PERSON)
    made = {name: finish(export(acme, file_format=name)) for name in ("csv", "xlsx", "json")}
    lines = list(csv.DictReader(io.StringIO(content(made["csv"]).decode(), newline="")))
    objects = json.loads(content(made["json"]))
    header, *cells = load_workbook(io.BytesIO(content(made["xlsx"]))).worksheets[0].iter_rows(values_only=True)
    sheet = [{name: cell or "" for name, cell in zip(header, row, strict=True)} for row in cells]
    assert lines == sheet == [{name: value or "" for name, value in row.items()} for row in objects]
    assert [job.rows_done for job in made.values()] == [len(lines)] * 3


@pytest.mark.parametrize(
    ("microsecond", "written"), [(0, "12:48:01+00:00"), (292_070, "12:48:01.29207+00:00"), (7, "12:48:01.000007+00:00")]
)
def test_a_moment_is_written_alike_whatever_its_fraction(acme: Business, microsecond: int, written: str) -> None:
    with time_machine.travel(datetime(2026, 11, 27, 12, 48, 1, microsecond, tzinfo=UTC), tick=False):
        text_in(acme, "STOP")
        made = [content(finish(export(acme, file_format=name))).decode() for name in ("csv", "json")]
    assert all(f"2026-11-27T{written}" in text for text in made)


def test_rows_checksum_and_reason_are_on_record(acme: Business) -> None:
    text_in(acme, "STOP")
    job = finish(export(acme))
    assert job.result is not None
    assert job.result.sha256 == hashlib.sha256(content(job)).hexdigest()
    assert (job.rows_done, job.reason, job.actor_name) == (1, "For the lawyer.", "acme-compliance_officer")
    files.delete_file(job.result, timezone.now())
    page = log_in(acme.user("auditor")).get(reverse("admin:compliance_optoutexport_change", args=[job.pk]))
    assert job.result.sha256 in page.content.decode()


def test_a_platform_operators_export_holds_one_business(world: World) -> None:
    text_in(world.acme, "STOP")
    text_in(world.globex, "STOP", from_=OTHER_PERSON)
    visit(world, world.globex)
    assert numbers(finish(export(world.globex, person=world.operator))) == [OTHER_PERSON]


def test_an_empty_list_is_a_file_all_the_same(acme: Business) -> None:
    assert numbers(finish(export(acme))) == []
    assert json.loads(content(finish(export(acme, file_format="json")))) == []
    assert load_workbook(io.BytesIO(content(finish(export(acme, file_format="xlsx"))))).worksheets[0].max_row == 1


def test_more_rows_than_a_sheet_holds_fill_another(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ROWS_A_SHEET", 2)
    for number in (PERSON, OTHER_PERSON, THIRD_PERSON):
        text_in(acme, "STOP", from_=number)
    book = load_workbook(io.BytesIO(content(finish(export(acme, file_format="xlsx")))))
    assert [sheet.max_row for sheet in book.worksheets] == [3, 2]
    monkeypatch.setattr(writing, "ROWS_A_SHEET", 3)
    assert len(load_workbook(io.BytesIO(content(finish(export(acme, file_format="xlsx"))))).worksheets) == 1
    assert {sheet["A1"].value for sheet in book.worksheets} == {"recipient"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
BEGINNINGS, APOSTROPHES = st.sampled_from(("", *RUNS_IN_A_SPREADSHEET)), st.sampled_from(("", "'", "''"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(texts=st.tuples(*[st.builds("".join, st.tuples(APOSTROPHES, BEGINNINGS, TEXTS))] * 3))
def test_no_text_runs_in_a_spreadsheet_and_each_comes_back(acme: Business, texts: tuple[str, ...]) -> None:
    people = (PERSON, OTHER_PERSON, THIRD_PERSON)
    if not OptOut.objects.exists():
        import_some(acme, *([number, "", ""] for number in people))
    for number, text in zip(people, texts, strict=True):
        OptOut.writes.filter(recipient__number=number).update(reason=text)
    made, book = io.BytesIO(), io.BytesIO()
    export_opt_outs(acme.tenant, "csv", made)
    lines = list(csv.DictReader(io.StringIO(made.getvalue().decode(), newline="")))
    assert [line["recipient"] for line in lines] == list(people)
    for line, text in zip(lines, texts, strict=True):
        assert not line["reason"].startswith(RUNS_IN_A_SPREADSHEET)
        assert unescape(line["reason"]) == text
    export_opt_outs(acme.tenant, "xlsx", book)
    rows = list(load_workbook(book).worksheets[0])
    assert all(cell.data_type != "f" for row in rows for cell in row)


# --- Interrupted -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("file_format", ["csv", "json", "xlsx"])
def test_a_list_read_in_many_stretches_is_whole_and_nothing_is_left_behind(
    acme: Business, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [PERSON, OTHER_PERSON, THIRD_PERSON]
    for number in people:
        text_in(acme, "STOP", from_=number)
    whole = content(finish(export(acme, file_format=file_format)))
    monkeypatch.setattr(working, "AT_A_STRETCH_SECONDS", 0.0)
    monkeypatch.setattr(working.go_on, "__defaults__", (0.0,))
    job = export(acme, file_format=file_format)
    working.go_on(job.key)
    assert StoredFile.objects.filter(name__startswith="part of").count() == 1
    job = finish(job)
    if file_format == "xlsx":
        pairs = [
            load_workbook(io.BytesIO(one)).worksheets[0].iter_rows(values_only=True) for one in (whole, content(job))
        ]
        assert list(pairs[0]) == list(pairs[1])
    else:
        assert content(job) == whole
    assert not StoredFile.objects.filter(name__startswith="part of").exists()


@pytest.mark.usefixtures("small_pieces")
def test_a_killed_worker_loses_its_own_stretch_alone(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (PERSON, OTHER_PERSON, THIRD_PERSON):
        text_in(acme, "STOP", from_=number)
    monkeypatch.setattr(working.go_on, "__defaults__", (0.0,))
    job = export(acme)
    working.go_on(job.key)
    job.refresh_from_db()
    cursor = job.cursor

    class Killed(BaseException):
        """As if the process were gone: nothing below it runs."""

    real = writing.FORMS["csv"]

    def dies(rows: Any, to: Any, follows: bool) -> int:
        real.write(rows, to, follows)
        raise Killed

    monkeypatch.setitem(writing.FORMS, "csv", writing.Form(real.content_type, dies, real.begin, real.end, 1))
    with pytest.raises(Killed):
        working.go_on(job.key)
    job.refresh_from_db()
    assert job.cursor == cursor
    monkeypatch.setitem(writing.FORMS, "csv", real)
    assert numbers(finish(job)) == [PERSON, OTHER_PERSON, THIRD_PERSON]


@pytest.mark.usefixtures("small_pieces")
def test_paused_it_goes_on_from_there_even_when_its_parts_are_gone(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (PERSON, OTHER_PERSON, THIRD_PERSON):
        text_in(acme, "STOP", from_=number)
    monkeypatch.setattr(working.go_on, "__defaults__", (0.0,))
    job = export(acme)
    working.go_on(job.key)
    assert jobs.pause(job)
    assert working.go_on(job.key) is None
    part = StoredFile.objects.get(name__startswith="part of")
    files.delete_file(part, timezone.now())
    assert jobs.resume(job, timezone.now())
    assert numbers(finish(job)) == [PERSON, OTHER_PERSON, THIRD_PERSON]


def test_cancelled_at_the_last_moment_it_leaves_no_file(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    text_in(acme, "STOP")
    job = export(acme)
    real = running._note_result

    def too_late(turn: Turn, result: StoredFile, now: datetime) -> None:
        jobs.cancel(job, now)
        real(turn, result, now)

    monkeypatch.setattr(running, "_note_result", too_late)
    working.go_on(job.key)
    job.refresh_from_db()
    assert (job.state, job.result) == ("cancelled", None)
    assert StoredFile.objects.get().deleted_at is not None


# --- Rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"is_active": False}, "switched off"),
        ({"role": "employee"}, "may no longer"),
    ],
)
def test_who_lost_the_right_gets_a_sentence_and_no_file(acme: Business, change: dict[str, Any], says: str) -> None:
    text_in(acme, "STOP")
    job = export(acme)
    User.objects.filter(pk=job.actor_id).update(**change)
    job = finish(job)
    assert (job.state, job.result) == ("failed", None)
    assert says in job.error


def test_who_moved_to_another_business_exports_nothing_of_either(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    job = export(acme)
    User.objects.filter(pk=job.actor_id).update(tenant=globex.tenant, site=None)
    job = finish(job)
    assert (job.state, job.result) == ("failed", None)


def test_an_operators_export_ends_with_their_visit_and_is_no_file_that_looks_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(writing.FORMS, "csv", replace(writing.FORMS["csv"], rows_at_once=1))
    for number in (PERSON, OTHER_PERSON, THIRD_PERSON):
        text_in(world.acme, "STOP", from_=number)
    visit(world, world.acme)
    job = export(world.acme, person=world.operator)
    working.go_on(job.key, at_most_seconds=0)
    end_visit(world.operator, world.acme.tenant, timezone.now())
    job = finish(job)
    assert (job.state, job.result) == ("failed", None)
    assert "visit of" in job.error


def test_a_visit_that_ends_while_the_rows_are_chosen_makes_no_empty_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_in(world.acme, "STOP")
    visit(world, world.acme)
    job = export(world.acme, person=world.operator)

    def select(person: User, filters: str) -> Selection:
        end_visit(world.operator, world.acme.tenant, timezone.now())
        return select_rows(person, filters)

    monkeypatch.setattr(selecting, "select_rows", select)
    job = finish(job)
    assert (job.state, job.result) == ("failed", None)
