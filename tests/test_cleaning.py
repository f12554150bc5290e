"""Clean a list: the gate's own word on every line, the rest of the list as it came, nothing kept of the people."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from accounts.models import ConsentPolicy, Tenant
from compliance import gate
from compliance.file_formats import UnreadableFile
from compliance.list_files import read_number
from compliance.models import CleanedList, Recipient, StoredFile
from compliance.transfer import files, working
from compliance.transfer.cleaning import answers, guess_columns, read_first_lines, start_cleaning, take_list
from compliance.transfer.cleaning import running as cleaning
from tests.admin_pages import UNCLEAR, log_in
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON, Business, text_in

HEADER = ["name", "mobile", "note"]
NEW = "admin:compliance_cleanedlist_new"


def csv_of(*rows: list[str], delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def clean(business: Business, content: bytes, name: str = "people.csv", **asked: Any) -> CleanedList:
    """Upload a list, take the guess, and work on it until it has ended."""
    person = business.user("compliance_officer")
    asked = {"purpose": "marketing", "sender": None, **asked}
    job = take_list(person, business.tenant, name, io.BytesIO(content), asked, timezone.now())
    start_cleaning(job, job.number_column, job.has_header, timezone.now())
    working.go_on(job.key)
    job.refresh_from_db()
    return job


def read(stored: StoredFile | None) -> bytes:
    assert stored is not None
    with files.open_file(stored) as content:
        return content.read()


def lines(stored: StoredFile | None, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(read(stored).decode(), newline=""), delimiter=delimiter))


def test_each_line_is_kept_as_it_came_or_removed_with_its_reason(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, UNCLEAR, from_=OTHER_PERSON)
    text_in(globex, "STOP", from_=THIRD_PERSON)
    job = clean(
        acme,
        csv_of(
            HEADER,
            ["Ada", "(212) 555-0177", "=1+1"],
            ["Bob", OTHER_PERSON, ""],
            ["Cem", "212-555-0179", '=HYPERLINK("x"), "quoted"'],
            ["Dee", "+1 212 555 0179", ""],
            ["Eve", "12", ""],
            ["Fay", "", ""],
            ["Gus", acme.long_code.number, ""],
        ),
    )
    assert job.state == "done", job.error
    assert lines(job.kept) == [HEADER, ["Cem", "212-555-0179", '=HYPERLINK("x"), "quoted"']]
    removed = lines(job.removed)
    assert removed[0] == [*HEADER, "removed because", "why", "line"]
    assert [(row[0], row[3], row[5]) for row in removed[1:]] == [
        ("Ada", "Opted out", "2"),
        ("Bob", "Held for review", "3"),
        ("Dee", "Duplicate", "5"),
        ("Eve", "Not a phone number", "6"),
        ("Fay", "Not a phone number", "7"),
        ("Gus", "Your own number", "8"),
    ]
    assert "The recipient opted out on" in removed[1][4]
    assert "with “STOP”" in removed[1][4]
    assert "line 4" in removed[3][4]
    assert sum(job.counts.values()) == job.rows_done == 7


def test_the_gate_is_asked_and_nobody_else(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(tenant: Tenant, numbers: list[str], *_: Any) -> dict[str, gate.Decision]:
        return dict.fromkeys(numbers, gate.Decision(False, "Because.", gate.Refusal.OPTED_OUT))

    monkeypatch.setattr(cleaning, "check_many", refuses)
    job = clean(acme, csv_of(["phone"], [PERSON], [OTHER_PERSON]))
    assert job.counts == {"opted_out": 2}


def test_consent_counts_where_the_business_asks_for_it(acme: Business) -> None:
    acme.tenant.consent_policy = ConsentPolicy.ONLY_WITH_CONSENT
    acme.tenant.save()
    text_in(acme, "START")
    job = clean(acme, csv_of(["phone"], [PERSON], [OTHER_PERSON]))
    assert job.counts == {"may_be_texted": 1, "no_consent": 1}
    assert lines(job.kept) == [["phone"], [PERSON]]


def test_nothing_of_the_people_is_kept_but_the_files(acme: Business) -> None:
    job = clean(acme, csv_of(["phone"], [PERSON], ["+13125550188"]))
    assert not Recipient.objects.filter(tenant=acme.tenant).exists()
    assert PERSON not in str(CleanedList.objects.values().get(pk=job.pk))
    assert StoredFile.objects.filter(deleted_at=None, expires_at__isnull=False).count() == 3


def test_excel_keeps_its_cells_and_no_text_becomes_a_formula(acme: Business) -> None:
    text_in(acme, "STOP")
    book = Workbook()
    born = datetime(2000, 5, 17)  # noqa: DTZ001 - Excel knows no zones
    for row in (["name", "phone", "born"], ["Ada", 12125550177, born], ["Bob", 12125550178, born]):
        book.active.append(row)  # type: ignore[union-attr]
    sheet = book.worksheets[0]
    sheet["A3"].value, sheet["A3"].data_type = "=1+1", "s"
    to = io.BytesIO()
    book.save(to)
    job = clean(acme, to.getvalue(), "people.xlsx")
    kept = load_workbook(io.BytesIO(read(job.kept))).worksheets[0]
    assert [[cell.value for cell in row] for row in kept] == [["name", "phone", "born"], ["=1+1", 12125550178, born]]
    assert kept["A2"].data_type == "s"
    removed = load_workbook(io.BytesIO(read(job.removed))).worksheets[0]
    assert removed["D2"].value == "Opted out"
    assert job.kept.name == "people - may be texted.xlsx"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("name;handy\nJürgen;+12125550178\n".encode("cp1252"), "name;handy\nJürgen;+12125550178\n"),
        ("name\tphone\nZoë\t+12125550178\n".encode("utf-16"), "name\tphone\nZoë\t+12125550178\n"),
        ("﻿phone,name\n+12125550178,Ada\n".encode(), "phone,name\n+12125550178,Ada\n"),
        (b"+12125550178\n(212) 555-0179\n", "+12125550178\n(212) 555-0179\n"),
        (b"phone\n+12125550178\n\n\n", "phone\n+12125550178\n"),
    ],
)
def test_encodings_delimiters_and_lists_without_a_header(acme: Business, content: bytes, kept: str) -> None:
    assert read(clean(acme, content).kept).decode() == kept.replace("\n", "\r\n")


def test_the_column_is_guessed_by_what_it_holds_then_by_its_name(acme: Business) -> None:
    both = [["id", "home", "mobile"], ["1", "+12125550178", "+12125550179"]]
    assert guess_columns(both, "US").number_column == 2
    phones = [["phone", "mobile"], ["+12125550178", "+12125550179"]]
    assert guess_columns(phones, "US").number_column == 1
    by_content = [["a", "b"], ["Ada", "1.2125550178E+10"], ["Bob", "n/a"], ["Cem", "2125550179"]]
    assert (guess_columns(by_content, "US").number_column, guess_columns(by_content, "US").has_header) == (1, True)
    assert not guess_columns([["2125550178"], ["2125550179"]], "US").has_header


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("fake.xlsx", b"not a zip", "can't be read as Excel"),
        ("renamed.csv", b"PK\x03\x04rest", "name it .xlsx"),
        ("wide.csv", b"x," * 50_000, "50,000 columns; at most 500"),
        ("list.pdf", b"%PDF", "no list that can be read"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(name: str, content: bytes, says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        read_first_lines(io.BytesIO(content), name)


def test_a_quote_that_is_never_closed_swallows_nobody(acme: Business) -> None:
    """Read as one cell, the people below would be in neither file, or in the wrong one."""
    text_in(acme, "STOP")
    job = clean(acme, f'phone,name\n\n+12125550178,"Bob\n{PERSON},Ada\n+12125550179,Cem\n'.encode())
    assert lines(job.kept) == [["phone", "name"], ["+12125550179", "Cem"]]
    assert [(row[0], row[2], row[4]) for row in lines(job.removed)[1:]] == [
        ("+12125550178", "Not a phone number", "3"),
        (PERSON, "Opted out", "4"),
    ]
    assert "quotes don't match" in lines(job.removed)[1][3]


def test_a_workbook_of_several_sheets_is_one_list(acme: Business) -> None:
    text_in(acme, "STOP")
    book, to = Workbook(), io.BytesIO()
    for sheet, number in ((book.worksheets[0], "+12125550178"), (book.create_sheet(), PERSON)):
        sheet.append(["phone"])
        sheet.append([number])
    book.save(to)
    assert clean(acme, to.getvalue(), "people.xlsx").counts == {"may_be_texted": 1, "opted_out": 1}


def test_more_lines_than_a_batch_ask_a_handful_of_queries(
    acme: Business, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(cleaning, "BATCH", 500)
    text_in(acme, "STOP")
    rows = [[f"+1303{2_000_000 + n}"] for n in range(1_500)]
    with django_assert_max_num_queries(45):
        job = clean(acme, csv_of(["phone"], *rows, [PERSON], rows[0]))
    assert job.counts == {"may_be_texted": 1_500, "opted_out": 1, "duplicate": 1}


# --- Interrupted -----------------------------------------------------------------------------------------------------


class Asked:
    """The gate, which notes whom it was asked about, and once stops the work like a killed worker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dies_at: str) -> None:
        self.numbers: list[str] = []
        self._ask, self._dies_at = gate.check_many, dies_at
        monkeypatch.setattr(cleaning, "check_many", self)
        monkeypatch.setattr(cleaning, "BATCH", 1)
        monkeypatch.setattr(answers, "KEPT_EVERY", 2)

    def __call__(self, tenant: Tenant, numbers: list[str], *rest: Any) -> Any:
        if self._dies_at in numbers:
            self._dies_at = ""
            raise SystemExit
        self.numbers += numbers
        return self._ask(tenant, numbers, *rest)


FOUR = [PERSON, OTHER_PERSON, THIRD_PERSON, "+12125550180"]


def killed(business: Business) -> CleanedList:
    """A list whose worker was killed at its last line, after what was kept of it; its lease is over."""
    with pytest.raises(SystemExit):
        clean(business, csv_of(["phone"], *([number] for number in FOUR), [PERSON]))
    job = CleanedList.objects.get()
    assert (job.state, job.rows_done) == ("running", 3)
    return job


def go_on(job: CleanedList, after: timedelta = timedelta(0)) -> CleanedList:
    with time_machine.travel(timezone.now() + after):
        working.go_on(job.key)
    job.refresh_from_db()
    assert job.state == "done", job.error
    return job


def test_answers_outlive_the_hour_in_which_they_are_taken_over(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, dies_at=FOUR[3])
    job = killed(acme)
    files.delete_expired(timezone.now() + answers.HOLD_FOR + timedelta(minutes=1))
    assert go_on(job, timedelta(minutes=50)).counts["may_be_texted"] == 4


def test_a_killed_worker_s_answers_are_taken_over(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    text_in(acme, "STOP")
    text_in(acme, "STOP", from_=THIRD_PERSON)
    asked = Asked(monkeypatch, dies_at=FOUR[3])
    job = go_on(killed(acme))
    assert asked.numbers == [PERSON, OTHER_PERSON, THIRD_PERSON, THIRD_PERSON, FOUR[3]]
    assert lines(job.kept) == [["phone"], [OTHER_PERSON], [FOUR[3]]]
    assert [(row[0], row[1], row[3]) for row in lines(job.removed)[1:]] == [
        (PERSON, "Opted out", "2"),
        (THIRD_PERSON, "Opted out", "4"),
        (PERSON, "Duplicate", "6"),
    ]
    assert (job.counts, job.rows_done) == ({"may_be_texted": 2, "opted_out": 2, "duplicate": 1}, 5)
    assert StoredFile.objects.count() == 3


def test_a_list_that_is_read_in_another_way_meanwhile_is_asked_about_anew(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release may read more numbers: whoever was no number was not asked about."""
    asked = Asked(monkeypatch, dies_at=FOUR[3])
    wrong: dict[str, str] = {OTHER_PERSON: "12"}
    monkeypatch.setattr(cleaning, "read_number", lambda cell, country: read_number(wrong.get(cell) or cell, country))
    job = killed(acme)
    wrong.clear()
    text_in(acme, "STOP", from_=OTHER_PERSON)
    working.go_on(job.key)
    job.refresh_from_db()
    assert (job.state, job.failures) == ("running", 1)
    del asked.numbers[:]
    assert [row[0] for row in lines(go_on(job, timedelta(minutes=1)).removed)[1:]] == [OTHER_PERSON, PERSON]
    assert asked.numbers == FOUR
    assert StoredFile.objects.count() == 3


def test_an_answer_that_has_grown_old_is_asked_for_again(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opted out while the work stood still must not be among those who may be texted."""
    asked = Asked(monkeypatch, dies_at=FOUR[3])
    job = killed(acme)
    text_in(acme, "STOP", from_=OTHER_PERSON)
    job = go_on(job, answers.HOLD_FOR)
    assert asked.numbers[3:] == FOUR
    assert [row[0] for row in lines(job.removed)[1:]] == [OTHER_PERSON, PERSON]
    assert StoredFile.objects.count() == 3


def test_who_lost_the_right_gets_a_sentence(acme: Business) -> None:
    person = acme.user("compliance_officer")
    asked = {"purpose": "marketing", "sender": None}
    job = take_list(person, acme.tenant, "people.csv", io.BytesIO(b"phone\n+12125550178\n"), asked, timezone.now())
    start_cleaning(job, 0, True, timezone.now())
    person.role = "employee"
    person.save()
    working.go_on(job.key)
    job.refresh_from_db()
    assert (job.state, job.kept) == ("failed", None)
    assert "may no longer" in job.error


# --- In the admin ----------------------------------------------------------------------------------------------------


@pytest.fixture
def officer(acme: Business) -> Client:
    return log_in(acme.user("compliance_officer"))


def test_upload_choose_the_column_clean_download(acme: Business, officer: Client) -> None:
    text_in(acme, "STOP")
    content = csv_of(["name", "first", "second"], ["Ada", "+12125550170", PERSON])
    upload = SimpleUploadedFile("people.csv", content)
    answer = officer.post(reverse(NEW), {"file": upload, "purpose": "marketing", "sender": acme.long_code.pk})
    job = CleanedList.objects.get()
    page = officer.get(answer["Location"]).content.decode()
    assert "B: first" in page
    assert "Several columns hold numbers" in page
    assert "+12125550170" in page
    officer.post(
        reverse("admin:compliance_cleanedlist_start", args=[job.pk]), {"number_column": "2", "has_header": "on"}
    )
    working.go_on(job.key)
    page = officer.get(answer["Location"]).content.decode()
    assert "Opted out" in page
    got = officer.get(reverse("admin:compliance_cleanedlist_file", args=[job.pk, "removed"]))
    assert b"The recipient opted out" in got.getvalue()
    again = officer.get(reverse("admin:compliance_cleanedlist_file", args=[job.pk, "source"]))
    assert again.status_code == 404


def test_a_foreign_company_number_and_a_file_too_large_are_refused(
    acme: Business, globex: Business, officer: Client, settings: Any
) -> None:
    form = {"file": SimpleUploadedFile("people.csv", b"phone\n1\n"), "purpose": "marketing"}
    answer = officer.post(reverse(NEW), {**form, "sender": globex.long_code.pk})
    assert "Select a valid choice" in answer.content.decode()
    settings.UPLOAD_LIMIT_MB = 0
    answer = officer.post(reverse(NEW), {**form, "file": SimpleUploadedFile("people.csv", b"phone\n1\n")})
    assert "larger than 0 MB" in answer.content.decode()
    assert not CleanedList.objects.exists()


def test_what_is_too_large_is_refused_before_it_is_read(officer: Client, settings: Any) -> None:
    settings.UPLOAD_LIMIT_MB = 1
    raw = b"x" * (1024 * 1024 + 100 * 1024)
    answer = officer.post(reverse(NEW), {"file": SimpleUploadedFile("people.csv", raw)})
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.content.decode()
    assert not answer.wsgi_request._read_started  # type: ignore[attr-defined]


def test_a_token_is_asked_for_all_the_same(acme: Business) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(acme.user("compliance_officer"), backend="accounts.auth.RoleBackend")
    answer = strict.post(reverse(NEW), {"file": SimpleUploadedFile("people.csv", b"phone\n"), "purpose": "marketing"})
    assert answer.status_code == 403


def test_the_moment_of_the_sentence_is_the_businesss(acme: Business) -> None:
    text_in(acme, "STOP", sent_at=datetime(2026, 1, 3, 2, tzinfo=UTC))
    assert "Jan 2, 2026" in lines(clean(acme, csv_of(["phone"], [PERSON])).removed)[1][2]
