"""Lists in, in the background: looked at first, then imported line by line, each once, whatever comes between."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import Workbook

from compliance import audit
from compliance.actors import SYSTEM, Actor
from compliance.evidence import Proof
from compliance.file_formats import UnreadableFile
from compliance.models import ActorKind, ImportedBatch, OptOut, OptOutImport, Recipient, StoredFile
from compliance.opt_outs.bulk import Line, record_many
from compliance.transfer import export_opt_outs, files, jobs, working
from compliance.transfer.importing import running, starting
from compliance.transfer.importing.options import Options, known_sources, recognise
from tests.admin_pages import log_in, page, visit
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON, Business, World, opt_out_of, text_in
from tests.lists import COLUMNS, check_list, import_list, read_file, upload_list, work

SOMEBODY = Actor(ActorKind.USER, "1", "Ada")


def rows_of(run: OptOutImport, which: str = "result") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read_file(run, which))))


def numbers(count: int) -> list[str]:
    return [f"+1303{2_000_000 + n}" for n in range(count)]


def active(business: Business) -> set[str]:
    rows = OptOut.objects.for_tenant(business.tenant).filter(status="active")
    return set(rows.values_list("recipient__number", flat=True))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", dict.fromkeys(running.BATCH, 7))
    monkeypatch.setattr(running, "LETS_OTHERS_WRITE", dict.fromkeys(running.LETS_OTHERS_WRITE, 0))


# --- The check --------------------------------------------------------------------------------------------------------


def test_a_check_shows_what_would_change_and_changes_nothing(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP", from_=OTHER_PERSON)
    text_in(acme, "START", from_=THIRD_PERSON)
    text_in(globex, "STOP", from_=PERSON)
    lines = [
        "Phone,Date,Status",
        f"{PERSON},,",
        f"{PERSON},,",
        f"{OTHER_PERSON},,opted out",
        f"{THIRD_PERSON},2020-05-01,",
        "+12125550180,,subscribed",
        "12,,",
        "+12125550181,the other day,",
    ]
    before = Recipient.objects.count()
    run = check_list(upload_list(acme, "\n".join(lines)))
    assert (run.state, run.stage) == ("draft", "ready")
    assert run.foreseen == {"new": 1, "already": 2, "newer_opt_in": 1, "would_opt_in": 1, "invalid": 2}
    assert run.samples["invalid"] == [
        [7, "12", "“12” is not a possible phone number; write it like +12025550123."],
        [8, "+12125550181", "“the other day” is not a date; write it like 2026-11-23 or 2026-11-23T10:30:00Z."],
    ]
    assert rows_of(run, "preview")[0]["outcome"] == "will be opted out"
    assert len(rows_of(run, "preview")) == len(lines) - 1
    assert Recipient.objects.count() == before
    assert active(acme) == {OTHER_PERSON}
    assert run.kind == "import"


def test_what_was_checked_is_what_is_imported(acme: Business, globex: Business) -> None:
    run = import_list(check_list(upload_list(acme, COLUMNS + f"{PERSON},2026-01-02,asked by mail\n12,,\n{PERSON},,\n")))
    assert (run.state, run.stage, run.counts) == ("done", "ended", {"new": 1, "invalid": 1, "already": 1})
    assert [(row["line"], row["recipient"], row["outcome"]) for row in rows_of(run)] == [
        ("2", PERSON, "opted out"),
        ("3", "12", "invalid"),
        ("4", PERSON, "opted out already"),
    ]
    change = opt_out_of(acme).history.get()
    assert (change.source, change.reason, change.actor_kind) == ("import", "asked by mail", "user")
    assert change.actor_name == acme.user("compliance_officer").display_name
    assert opt_out_of(acme).evidence.details == {"file": "acme.csv", "line": 2}
    assert active(globex) == set()
    assert list(audit.find_faults()) == []


def test_columns_can_be_said_anew_and_an_older_check_imports_nothing(acme: Business) -> None:
    run = check_list(upload_list(acme, f"phone,other\n{PERSON},{OTHER_PERSON}\n"))
    first = run.staged_id or 0
    run = check_list(run, columns=["", "recipient"])
    assert not starting.begin(run, first, SOMEBODY, timezone.now())
    assert import_list(run).counts == {"new": 1}
    assert active(acme) == {OTHER_PERSON}
    assert not starting.confirm_columns(run, Options.from_json(run.options), timezone.now())
    assert StoredFile.objects.get(pk=first).deleted_at is not None


def test_lines_without_a_date_count_from_the_day_chosen(acme: Business) -> None:
    text_in(acme, "START")
    run = check_list(upload_list(acme, f"phone\n{PERSON}\n{OTHER_PERSON}\n"), undated="2021-03-04")
    assert run.foreseen == {"newer_opt_in": 1, "new": 1}
    import_list(run)
    assert opt_out_of(acme, OTHER_PERSON).opted_out_at == datetime(2021, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("numbers", ["all", "+12025550100", "column"])
def test_for_which_company_numbers_is_a_choice(acme: Business, numbers: str) -> None:
    run = upload_list(acme, f"to,from,messaging_profile_id\n{PERSON},{acme.second_long_code.number},x\n")
    import_list(check_list(run, numbers=numbers))
    expected = {"all": "", "column": acme.second_long_code.number}.get(numbers, numbers)
    assert opt_out_of(acme).sender == expected


@pytest.mark.parametrize(
    ("country", "written", "read"),
    [
        ("GB", "020 7946 0958", "+442079460958"),
        ("DE", "0151/2345 6789", "+4915123456789"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("BR", "(11) 96123-4567", "+5511961234567"),
        ("JP", "090-1234-5678", "+819012345678"),
        ("US", "00442079460958", None),
    ],
)
def test_national_numbers_are_of_the_country_chosen(
    acme: Business, country: str, written: str, read: str | None
) -> None:
    run = check_list(upload_list(acme, f"phone\n{written}\n"), country=country)
    if read is None:
        assert run.foreseen == {"invalid": 1}
    else:
        import_list(run)
        assert active(acme) == {read}


@pytest.mark.parametrize("source", known_sources(), ids=lambda source: source.key)
def test_lists_of_other_systems_are_known_by_their_headers(acme: Business, source: Any) -> None:
    assert recognise([*source.headers, "something else"]) == source
    assert "recipient" in source.columns.values()


def test_a_telnyx_list_is_read_without_a_word(acme: Business) -> None:
    lines = "from,to,messaging_profile_id,keyword,created_at\n"
    content = f"{lines}{acme.long_code.number},{PERSON},40017,STOP,2025-04-28 12:00:38.631252+00:00\n"
    import_list(check_list(upload_list(acme, content)))
    row = opt_out_of(acme)
    assert (row.sender, row.evidence.words) == (acme.long_code.number, "STOP")
    assert row.opted_out_at == datetime(2025, 4, 28, 12, 0, 38, 631252, tzinfo=UTC)


def test_a_twilio_log_names_those_whom_it_refused(acme: Business) -> None:
    content = f"From,To,Body,Status,ErrorCode,Sid\n+1,{PERSON},Hi,failed,21610,SM1\n+1,{OTHER_PERSON},Hi,sent,0,SM2\n"
    run = check_list(upload_list(acme, content))
    assert run.foreseen == {"new": 1, "would_opt_in": 1}


def test_an_aws_list_tells_who_asked(acme: Business) -> None:
    content = f"OptedOutNumber,OptedOutTimestamp,EndUserOptedOut\n{PERSON},1697049600.5,false\n"
    import_list(check_list(upload_list(acme, content)))
    row = opt_out_of(acme)
    assert (row.requested_by, row.opted_out_at.year) == ("business", 2023)


def test_our_own_export_comes_back_and_changes_nothing(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP please, =1+1")
    text_in(acme, "STOP", from_=OTHER_PERSON)
    text_in(acme, "STOP", from_=THIRD_PERSON)
    text_in(acme, "START", from_=THIRD_PERSON)
    out = io.BytesIO()
    export_opt_outs(acme.tenant, "csv", out)
    before = list(OptOut.history.order_by("history_id").values())
    run = check_list(upload_list(acme, out.getvalue()))
    assert Options.from_json(run.options).source == "own"
    assert run.foreseen["would_opt_in"] == 1
    assert set(run.foreseen) == {"already", "would_opt_in"}
    import_list(run)
    assert list(OptOut.history.order_by("history_id").values()) == before


def test_what_a_spreadsheet_would_run_leaves_escaped(acme: Business) -> None:
    run = check_list(upload_list(acme, 'phone,note\n"=HYPERLINK(""http://x"")",\n+1-not-a-number,\n'))
    shown = [row["recipient"] for row in rows_of(run, "preview")]
    assert shown == ['\'=HYPERLINK("http://x")', "'+1-not-a-number"]


def test_excel_is_read_like_text(acme: Business) -> None:
    book = Workbook()
    for cells in (["Mobile", "Opt out date"], [12125550177, datetime(2026, 1, 2, 10)], ["+12125550178", None]):  # noqa: DTZ001
        book.active.append(cells)  # type: ignore[union-attr]
    raw = io.BytesIO()
    book.save(raw)
    run = import_list(check_list(upload_list(acme, raw.getvalue(), "list.xlsx")))
    assert run.counts == {"new": 2}
    assert [row["line"] for row in rows_of(run)] == ["2", "3"]


def test_a_list_without_a_header_and_numbers_in_its_second_column(acme: Business) -> None:
    run = check_list(upload_list(acme, f"Ada,{PERSON}\nBob,{OTHER_PERSON}\n"))
    assert run.foreseen == {"new": 2}


# --- The import -------------------------------------------------------------------------------------------------------


def test_a_large_list_with_broken_lines_in_the_middle_imports_the_rest_and_names_them(acme: Business) -> None:
    wanted = numbers(20_000)
    lines = [f"{number},2026-01-02,by mail" for number in wanted]
    lines[12_000:12_000] = ["no number,2026-01-02,", f'{PERSON},2026-01-02,"never closed', "+13035550199,32.13.2026,"]
    run = import_list(check_list(upload_list(acme, COLUMNS + "\n".join(lines))))
    assert run.counts == {"new": 20_000, "invalid": 3}
    bad = [(row["line"], row["why"]) for row in rows_of(run) if row["outcome"] == "invalid"]
    assert [line for line, _ in bad] == ["12002", "12003", "12004"]
    assert "never closed" in bad[1][1]
    assert OptOut.history.count() == OptOut.objects.count() == 20_000
    assert active(acme) == set(wanted)


@pytest.mark.usefixtures("small_batches")
def test_paused_and_resumed_every_line_comes_once(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    run = check_list(upload_list(acme, "phone\n" + "\n".join(numbers(40))))
    take_batch = running.take_batch

    def paused_after_it(turn: Any, *args: Any) -> None:
        take_batch(turn, *args)
        if turn.job.cursor["line"] == 21:
            assert jobs.pause(OptOutImport.objects.get(pk=run.pk))

    with monkeypatch.context() as patch:
        patch.setattr(running, "take_batch", paused_after_it)
        import_list(run)
    run.refresh_from_db()
    assert (run.state, run.rows_done, OptOut.history.count()) == ("paused", 21, 21)
    so_far = b"".join(running.result_lines(run)).decode().splitlines()
    assert [line.split(",")[2] for line in so_far[1:]] == ["opted out"] * 21 + ["not imported"] * 19
    assert jobs.resume(run, timezone.now())
    work(run)
    assert (run.state, run.counts, OptOut.history.count()) == ("done", {"new": 40}, 40)
    assert [row["outcome"] for row in rows_of(run)] == ["opted out"] * 40


@pytest.mark.usefixtures("small_batches")
def test_a_batch_that_breaks_leaves_nothing_and_is_done_again(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    run = check_list(upload_list(acme, "phone\n" + "\n".join(numbers(20))))
    create = ImportedBatch.objects.create

    def breaks(**values: Any) -> Any:
        if values["first"] == 7 and not OptOutImport.objects.get(pk=run.pk).failures:
            raise RuntimeError("the disk is full")
        return create(**values)

    monkeypatch.setattr(ImportedBatch.objects, "create", breaks)
    assert starting.begin(run, run.staged_id or 0, SOMEBODY, timezone.now())
    working.go_on(run.key)
    run.refresh_from_db()
    assert (run.rows_done, run.failures, OptOut.history.count()) == (7, 1, 7)
    OptOutImport.objects.update(not_before=timezone.now())
    work(run)
    assert (run.state, run.counts, OptOut.history.count()) == ("done", {"new": 20}, 20)


@pytest.mark.parametrize(
    ("lines", "seconds", "size"),
    [(1_000, 4.0, 100), (1_000, 0.8, 500), (400, 0.01, 900), (10, 0.0001, 120), (100_000, 0.4, None)],
)
def test_a_slow_machine_holds_fewer_locks_at_a_time(lines: int, seconds: float, size: int | None) -> None:
    assert running._next_size(lines, seconds) == (size or running.BATCH[connection.vendor])


def test_a_list_that_expired_before_it_went_in_says_so(acme: Business) -> None:
    run = check_list(upload_list(acme, f"phone\n{PERSON}\n"))
    assert run.staged is not None
    files.delete_file(run.staged, timezone.now())
    run = import_list(run)
    assert run.state == "failed"
    assert "was deleted" in run.error


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("fake.xlsx", b"not a zip", "can't be read"),
        ("list.pdf", b"%PDF", "save it as CSV or as XLSX"),
    ],
)
def test_a_file_that_is_no_list_is_not_kept(acme: Business, name: str, content: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        upload_list(acme, content, name)
    assert not StoredFile.objects.exists()


def test_opting_out_a_list_takes_as_many_statements_as_opting_out_one(acme: Business) -> None:
    def statements(count: int, start: int) -> int:
        proof = Proof("import", "", timezone.now(), {"file": "x"})
        lines = [Line(f"+1303{start + n}", proof) for n in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            record_many(acme.tenant, lines, SYSTEM, timezone.now())
        return len(
            [query for query in queries if "INSERT INTO" in query["sql"] and "listed_opt_outs" not in query["sql"][:40]]
        )

    assert statements(300, 2_000_000) == statements(1, 3_000_000)


def test_a_lifted_opt_out_is_opened_again_with_its_history(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")
    import_list(check_list(upload_list(acme, f"phone\n{PERSON}\n{OTHER_PERSON}\n")))
    row = opt_out_of(acme)
    assert (row.status, row.episode, row.lifted_at, row.texted) == ("active", 2, None, "")
    assert [change.history_type for change in row.history.order_by("history_id")] == ["+", "~", "~"]
    assert list(audit.find_faults()) == []


def test_the_command_judges_like_the_check(acme: Business, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text_in(acme, "START", from_=THIRD_PERSON)
    content = f"contact[cell],contact[optOut]\n{PERSON},true\n{OTHER_PERSON},false\n{PERSON},true\n12,true\n"
    path = tmp_path / "spoke.csv"
    path.write_text(content)
    run = check_list(upload_list(acme, content))
    for more in (["--dry-run"], []):
        call_command("import_opt_outs", str(path), "--tenant", "acme", *more)
        printed = capsys.readouterr().out
        for key, words in (("new", "opted out\n"), ("already", "opted out already"), ("would_opt_in", "refused")):
            assert f"{run.foreseen[key]:>9}  {words}" in printed
    assert active(acme) == {PERSON}


# --- In the admin -----------------------------------------------------------------------------------------------------

LABEL = "compliance.optoutimport"


@pytest.fixture
def officer(world: World) -> Client:
    return log_in(world.acme.user("compliance_officer"))


def downloaded(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def upload(client: Client, content: bytes, name: str = "list.csv") -> Any:
    return client.post(page(LABEL, "upload"), {"file": SimpleUploadedFile(name, content, "text/csv")})


def test_from_the_upload_to_the_result_in_a_browser(acme: Business, officer: Client) -> None:
    answer = upload(officer, f"Phone,Note\n{PERSON},<b>by mail</b>\n12,\n".encode())
    run = OptOutImport.objects.get()
    assert answer["Location"] == page(LABEL, "columns", run.pk)
    shown = officer.get(answer["Location"]).content.decode()
    assert "&lt;b&gt;by mail" in shown
    assert "Recipient’s number" in shown
    said = {"country": "US", "dates": "month_first", "numbers": "all", "has_header": "on"}
    officer.post(answer["Location"], {**said, "column_0": "recipient", "column_1": "reason"})
    assert officer.get(page(LABEL, "progress", run.pk)).json()["follows"]
    work(run)
    body = officer.get(page(LABEL, "change", run.pk)).content.decode()
    assert "Checked; nothing is imported yet" in body
    assert "is not a possible phone number" in body
    officer.post(page(LABEL, "begin", run.pk), {"checked": str(run.staged_id)})
    work(run)
    assert active(acme) == {PERSON}
    assert b"opted out" in downloaded(officer.get(page(LABEL, "file", run.pk, "result")))
    assert "list.csv" in officer.get(page(LABEL, "changelist")).content.decode()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"column_1": "recipient"}, "Two columns are"),
        ({"column_0": ""}, "Say which column holds"),
        ({"numbers": "column"}, "No column is"),
        ({"numbers": "+14155550110"}, "not one of the available choices"),
        ({"country": "XX"}, "not one of the available choices"),
        ({"undated": "2999-01-01"}, "lies in the future"),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    acme: Business, officer: Client, said: dict[str, str], complaint: str
) -> None:
    run = upload_list(acme, f"phone,note\n{PERSON},\n")
    usual = {"country": "US", "dates": "month_first", "numbers": "all", "has_header": "on", "column_0": "recipient"}
    answer = officer.post(page(LABEL, "columns", run.pk), {**usual, **said})
    assert complaint in answer.content.decode()
    run.refresh_from_db()
    assert run.stage == "mapping"


def test_an_unreadable_upload_is_refused_in_a_sentence(officer: Client, world: World) -> None:
    assert "can&#x27;t be read" in upload(officer, b"no zip", "list.xlsx").content.decode()
    assert "save it as CSV" in upload(officer, b"%PDF", "list.pdf").content.decode()
    assert not OptOutImport.objects.exists()


def test_what_is_too_large_is_refused_before_it_is_read(officer: Client, settings: Any, world: World) -> None:
    settings.UPLOAD_LIMIT_MB = 1
    answer = upload(officer, b"+12125550177\n" * 200_000)
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.content.decode()
    assert not StoredFile.objects.exists()


def test_what_does_not_fit_into_memory_is_uploaded_all_the_same(acme: Business, officer: Client, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    upload(officer, b"phone\n" + PERSON.encode())
    assert check_list(OptOutImport.objects.get()).foreseen == {"new": 1}


def test_an_upload_needs_its_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.acme.user("compliance_officer"), backend="accounts.auth.RoleBackend")
    assert upload(client, b"phone\n").status_code == 403


def test_an_operator_imports_for_the_business_named(world: World) -> None:
    visit(world, world.acme)
    visit(world, world.globex)
    client = log_in(world.operator)
    file = SimpleUploadedFile("list.csv", f"phone\n{PERSON}\n".encode(), "text/csv")
    client.post(page(LABEL, "upload"), {"file": file, "business": world.globex.tenant.pk})
    assert OptOutImport.objects.get().tenant == world.globex.tenant


def test_pressing_import_on_an_older_check_imports_nothing(acme: Business, officer: Client) -> None:
    run = check_list(upload_list(acme, f"phone\n{PERSON}\n"))
    answer = officer.post(page(LABEL, "begin", run.pk), {"checked": "1"})
    assert "Something has changed" in " ".join(map(str, get_messages(answer.wsgi_request)))
    run.refresh_from_db()
    assert (run.stage, active(acme)) == ("ready", set())


def test_the_result_of_a_cancelled_import_can_be_had(acme: Business, officer: Client) -> None:
    run = check_list(upload_list(acme, f"phone\n{PERSON}\n"))
    assert starting.begin(run, run.staged_id or 0, SOMEBODY, timezone.now())
    officer.post(page(LABEL, "cancel", run.pk))
    answer = officer.get(page(LABEL, "file", run.pk, "result"))
    assert b"not imported" in downloaded(answer)


def test_another_business_sees_nothing_of_it(acme: Business, globex: Business) -> None:
    run = check_list(upload_list(acme, f"phone\n{PERSON}\n"))
    theirs = log_in(globex.user("tenant_admin"))
    for name, *more in (("change",), ("columns",), ("progress",), ("file", "source"), ("file", "preview")):
        assert theirs.get(page(LABEL, name, run.pk, *more)).status_code == 404
    for name in ("begin", "pause", "resume", "cancel"):
        assert theirs.post(page(LABEL, name, run.pk)).status_code == 404
    run.refresh_from_db()
    assert run.state == "draft"


@pytest.mark.parametrize(
    ("header", "cell", "meaning"),
    [
        ("Opted out", "2026-05-01", "opted_out_at"),
        ("Unsubscribed", "3/14/2026", "opted_out_at"),
        ("Unsubscribed on", "3/14/2026", "opted_out_at"),
        ("Opted out", "yes", "opted_out"),
        ("Opted out", "1", "opted_out"),
        ("Opted out", "", "opted_out"),
    ],
)
def test_a_column_of_dates_says_when(acme: Business, header: str, cell: str, meaning: str) -> None:
    run = upload_list(acme, f"Mobile,{header}\n{PERSON},{cell}\n{OTHER_PERSON},{cell}\n")
    assert list(run.options["columns"]) == ["recipient", meaning]


def test_an_import_leads_to_what_it_opted_out(acme: Business) -> None:
    run = check_list(upload_list(acme))
    client = log_in(acme.user("compliance_officer"))
    shown = page("compliance.optoutimport", "change", run.pk)
    there = page("compliance.optout", "changelist") + "?source__exact=import"
    assert there not in client.get(shown).content.decode()
    import_list(run)
    assert there in client.get(shown).content.decode()
    listed = client.get(there).context["cl"].result_list
    assert [row.recipient.number for row in listed] == ["+12125550177"]
