"""Lists in and out: an import opts out, never in; what leaves comes back the same."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from compliance.audit import find_faults
from compliance.evidence import Proof
from compliance.list_files import RUNS_IN_A_SPREADSHEET, UnreadableFile, unescape
from compliance.models import ActorKind, OptOut
from compliance.opt_outs import Actor, LiftRefused, lift
from compliance.transfer import BATCH, FREE_TEXT, ImportReport, escape, export_opt_outs, import_opt_outs
from tests.builders import PERSON, Business, deliver_all, opt_out_of, replies, text_in

ACTOR = Actor(ActorKind.COMMAND, name="test")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(business: Business, path: Path, *, dry_run: bool = False) -> ImportReport:
    return import_opt_outs(path, business.tenant, ACTOR, timezone.now(), dry_run=dry_run)


def active(business: Business) -> set[str]:
    rows = OptOut.objects.filter(tenant=business.tenant, status="active")
    return set(rows.values_list("recipient__number", flat=True))


def test_a_list_in_any_way_of_writing_opts_out_with_history_and_evidence(
    acme: Business, globex: Business, tmp_path: Path
) -> None:
    path = write(tmp_path / "list.csv", "Phone Number,Note", "(212) 555-0177,asked by mail", "+44 20 7946 0958,", "")
    report = load(acme, path)
    assert report.counts == {"new": 2}
    assert active(acme) == {"+12125550177", "+442079460958"}
    assert active(globex) == set()
    row = opt_out_of(acme, "+12125550177")
    change = row.history.get()
    assert (change.history_type, change.action, change.source, change.reason) == (
        "+",
        "opted_out",
        "import",
        "asked by mail",
    )
    assert (change.actor_kind, change.actor_name) == ("command", "test")
    assert row.evidence.details == {"file": "list.csv", "line": 2}
    assert change.evidence_digest == row.evidence.digest


def test_an_import_texts_nobody(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient", PERSON))
    assert deliver_all() == []
    assert replies(acme) == []


def test_importing_twice_changes_nothing_twice(acme: Business, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "recipient", PERSON, PERSON)
    assert load(acme, path).counts == {"new": 1, "already": 1}
    assert load(acme, path).counts == {"already": 2}
    assert opt_out_of(acme).history.count() == 1


@pytest.mark.parametrize("status", ["lifted", "opted_in", "Subscribed", "yes", "START", "whatever"])
def test_a_line_that_would_opt_in_is_refused(acme: Business, tmp_path: Path, status: str) -> None:
    text_in(acme, "STOP")
    report = load(acme, write(tmp_path / "list.csv", "recipient,status", f"{PERSON},{status}"))
    assert report.counts == {"would_opt_in": 1}
    assert report.problems == [(2, "It does not say opted out; an import never opts anyone back in.")]
    assert active(acme) == {PERSON}


def test_subscribed_yes_never_clears_a_block(acme: Business, tmp_path: Path) -> None:
    text_in(acme, "STOP")
    path = write(tmp_path / "crm.csv", "phone,subscribed", f"{PERSON},yes", "+12125550178,no")
    assert load(acme, path).counts == {"would_opt_in": 1, "new": 1}
    assert active(acme) == {PERSON, "+12125550178"}


def test_a_broken_line_is_named_and_the_rest_goes_on(acme: Business, tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.csv",
        "recipient,opted_out_at",
        "12,",
        "+12125550178,the other day",
        f"{PERSON},2026-01-02",
        ",2026-01-02",
    )
    report = load(acme, path)
    assert report.counts == {"invalid": 3, "new": 1}
    assert [line for line, _ in report.problems] == [2, 3, 5]
    assert active(acme) == {PERSON}


def test_a_date_older_than_the_persons_own_start_is_left(acme: Business, tmp_path: Path) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")
    report = load(acme, write(tmp_path / "old.csv", "recipient,date", f"{PERSON},2020-05-01"))
    assert report.counts == {"newer_opt_in": 1}
    assert active(acme) == set()
    report = load(acme, write(tmp_path / "new.csv", "recipient", PERSON))
    assert report.counts == {"new": 1}
    row = opt_out_of(acme)
    assert (row.status, row.episode, row.history.count()) == ("active", 2, 3)


def test_a_date_without_a_zone_is_the_businesss_own_time(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient,date", f"{PERSON},2026-01-02T10:00:00"))
    assert opt_out_of(acme).opted_out_at == datetime(2026, 1, 2, 15, tzinfo=UTC)


def test_a_date_in_the_future_counts_as_now(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient,date", f"{PERSON},2999-01-01"))
    assert opt_out_of(acme).opted_out_at <= timezone.now()


def test_who_asked_again_elsewhere_is_not_opted_in_by_an_older_wish(acme: Business, tmp_path: Path) -> None:
    """The newest opt-out counts, whichever list it stands on: what they signed before it lifts nothing."""
    load(acme, write(tmp_path / "old.csv", "recipient,date", f"{PERSON},2026-01-05"))
    newer = write(tmp_path / "new.csv", "recipient,date", f"{PERSON},2026-03-05", f"{PERSON},2026-02-05", PERSON)
    for _ in range(2):  # the second time nothing changes
        assert load(acme, newer).counts == {"already": 3}
        row = opt_out_of(acme)
        assert (row.asked_at.date().isoformat(), row.opted_out_at.date().isoformat()) == ("2026-03-05", "2026-01-05")
        assert [change.action for change in row.history.order_by("history_id")] == ["opted_out", "repeated"]
    assert row.evidence.details == {"file": "new.csv", "line": 2}
    letter = Proof("letter", "Text me again.", datetime(2026, 2, 15, tzinfo=UTC), {})
    with pytest.raises(LiftRefused, match="newer than the opt-out of March 5"):
        lift(row, letter, "They wrote.", ACTOR, timezone.now())
    assert active(acme) == {PERSON}
    assert list(find_faults()) == []


def test_the_later_of_two_lines_of_one_list_counts(acme: Business, tmp_path: Path) -> None:
    dates = ("2026-01-05", "2026-03-05", "2026-02-05")
    load(acme, write(tmp_path / "list.csv", "recipient,date", *(f"{PERSON},{date}" for date in dates)))
    row = opt_out_of(acme)
    assert (row.asked_at.date().isoformat(), row.opted_out_at.date().isoformat()) == ("2026-03-05", "2026-01-05")
    assert list(find_faults()) == []


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12125550177.0", PERSON),
        ("+12125550177.0", PERSON),
        ("2125550177.00", PERSON),
        ("1.2125550177E+10", PERSON),
        ("1,21255501770e10", PERSON),
        ("212.5550177", PERSON),
        ("1.21256E+10", ""),
        ("1.21255501774E+10", ""),
    ],
)
def test_a_number_that_a_table_has_kept_as_a_decimal(acme: Business, tmp_path: Path, written: str, number: str) -> None:
    report = load(acme, write(tmp_path / "list.csv", "recipient;note", f"{written};x"))
    assert active(acme) == ({number} if number else set())
    assert number or "rounded by a spreadsheet" in report.problems[0][1]


def test_a_text_of_any_length_fits(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient,words", f"{PERSON},{'stop ' * 10_000}"))
    assert len(opt_out_of(acme).evidence.words) == 10_004


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_first_and_the_last_day_there_is_stop_no_list(acme: Business, tmp_path: Path, zone: str) -> None:
    """Other systems write them for “no date” and “for ever”; with an offset they lie outside the calendar."""
    acme.tenant.time_zone = zone
    dates = ["0001-01-01", "9999-12-31 23:59:59", "0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"]
    lines = [f"+1212555010{place},{date}" for place, date in enumerate(dates)]
    wrong = "+12125550109,2026-01-05 10:00:00+99:99"
    report = load(acme, write(tmp_path / "list.csv", "recipient,date", *lines, wrong, PERSON))
    assert report.counts == {"new": 5, "invalid": 1}
    assert not OptOut.objects.filter(opted_out_at__gt=timezone.now()).exists()


def test_a_foreign_company_number_is_refused(acme: Business, globex: Business, tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.csv",
        "recipient,scope,sender",
        f"{PERSON},number,{globex.long_code.number}",
        f"+12125550178,number,{acme.long_code.number}",
        "+12125550179,number,",
    )
    report = load(acme, path)
    assert report.counts == {"invalid": 2, "new": 1}
    assert opt_out_of(acme, "+12125550178").sender == acme.long_code.number


def test_a_dry_run_says_the_same_and_changes_nothing(acme: Business, tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "recipient,status", f"{PERSON},", "12,", "+12125550178,subscribed")
    assert load(acme, path, dry_run=True).counts == {"new": 1, "invalid": 1, "would_opt_in": 1}
    assert not OptOut.objects.exists()


def test_more_lines_than_a_batch(acme: Business, tmp_path: Path) -> None:
    numbers = [f"+1303{2_000_000 + n}" for n in range(BATCH + 3)]
    report = load(acme, write(tmp_path / "list.csv", "recipient", *numbers))
    assert report.counts == {"new": BATCH + 3}
    assert OptOut.history.count() == BATCH + 3


def test_one_column_without_a_header_is_a_list_of_numbers(acme: Business, tmp_path: Path) -> None:
    assert load(acme, write(tmp_path / "list.txt", "(212) 555-0177", "+12125550178")).counts == {"new": 2}


def test_excel_with_numbers_as_numbers(acme: Business, tmp_path: Path) -> None:
    book = Workbook()
    for cells in (["Mobile", "Date"], [12125550177, datetime(2026, 1, 2, 10)], ["+12125550178", None]):  # noqa: DTZ001
        book.active.append(cells)  # type: ignore[union-attr]
    book.save(tmp_path / "list.xlsx")
    assert load(acme, tmp_path / "list.xlsx").counts == {"new": 2}
    assert active(acme) == {"+12125550177", "+12125550178"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("names.csv", b"first,last\nAda,Lovelace\n", "recipient"),
        ("fake.xlsx", b"not a zip", "can't be read"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_a_sentence(
    acme: Business, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=says):
        load(acme, tmp_path / name)


def test_the_command_says_what_it_did_and_refuses_unknown_businesses(
    acme: Business, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "list.csv", "recipient", PERSON, "12")
    call_command("import_opt_outs", str(path), "--tenant", "acme")
    printed = capsys.readouterr()
    assert "1  opted out\n" in printed.out
    assert "line 3: “12”" in printed.err
    with pytest.raises(CommandError, match="No business has the slug “nobody”"):
        call_command("import_opt_outs", str(path), "--tenant", "nobody")
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_opt_outs", str(tmp_path / "gone.csv"), "--tenant", "acme")


# --- Out -------------------------------------------------------------------------------------------------------------


def exported(business: Business, file_format: str) -> bytes:
    to = io.BytesIO()
    export_opt_outs(business.tenant, file_format, to)
    return to.getvalue()


def test_what_is_exported_comes_back_and_changes_nothing(acme: Business, globex: Business, tmp_path: Path) -> None:
    text_in(acme, "=cmd|' /C calc'!A0 stop")  # unclear: held, not exported
    text_in(acme, "STOP", from_="+12125550178")
    text_in(acme, "STOP", from_="+12125550179")
    text_in(acme, "START", from_="+12125550179")
    text_in(globex, "STOP")
    for file_format in ("csv", "xlsx"):
        path = tmp_path / f"out.{file_format}"
        path.write_bytes(exported(acme, file_format))
        assert load(acme, path).counts == {"already": 1, "would_opt_in": 1}
        assert load(globex, path).counts["new"] == (1 if file_format == "csv" else 0)


def test_the_three_formats_say_the_same(acme: Business) -> None:
    text_in(acme, "ARRET")
    rows = list(csv.DictReader(io.StringIO(exported(acme, "csv").decode())))
    parsed = json.loads(exported(acme, "json"))
    sheet = load_workbook(io.BytesIO(exported(acme, "xlsx"))).worksheets[0]
    header, cells = sheet.iter_rows(values_only=True)
    assert (
        rows[0]["recipient"] == parsed[0]["recipient"] == dict(zip(header, cells, strict=True))["recipient"] == PERSON
    )
    assert rows[0]["words"] == parsed[0]["words"] == "ARRET"
    assert rows[0]["language"] == "fr"


def test_an_empty_list_is_a_valid_file(acme: Business) -> None:
    assert json.loads(exported(acme, "json")) == []
    assert exported(acme, "csv").decode().startswith("recipient,status,")


def test_words_that_a_spreadsheet_would_run_are_escaped_and_numbers_are_not(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient,reason", f'{PERSON},"=HYPERLINK(""http://x"")"'))
    line = next(csv.DictReader(io.StringIO(exported(acme, "csv").decode())))
    assert line["recipient"] == PERSON
    assert line["reason"].startswith("'=HYPERLINK")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40) | st.from_regex("^'*[=+@＝-]", fullmatch=False))
def test_escaping_is_undone_by_importing(text: str) -> None:
    for name in FREE_TEXT:
        assert unescape(escape(name, text)) == text
        assert not str(escape(name, text)).startswith(RUNS_IN_A_SPREADSHEET)


def test_lines_keep_their_dates(acme: Business, tmp_path: Path) -> None:
    load(acme, write(tmp_path / "list.csv", "recipient,opted_out_at", f"{PERSON},2026-01-02T10:00:00Z"))
    line = next(csv.DictReader(io.StringIO(exported(acme, "csv").decode())))
    assert datetime.fromisoformat(line["opted_out_at"]) == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert timezone.now() - datetime.fromisoformat(line["changed_at"]) < timedelta(minutes=1)


def test_what_no_cell_can_hold_does_not_stop_the_export(acme: Business) -> None:
    text_in(acme, "STOP\x0b")
    assert exported(acme, "xlsx")
