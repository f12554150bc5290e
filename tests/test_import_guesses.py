"""What the columns of somebody else's list are taken for, and what is said where that is in doubt."""

from pathlib import Path

import pytest
from django.core.management import call_command

from compliance.transfer.importing.guessing import find_doubts
from compliance.transfer.importing.options import ALL_NUMBERS, AS_WRITTEN, Options
from compliance.transfer.importing.reading import look
from tests.admin_pages import log_in, page
from tests.builders import OTHER_PERSON, PERSON, Business
from tests.lists import check_list, import_list, upload_list
from tests.test_imports import active

OWN_NUMBER = "+12025550100"
PHONE = f"{PERSON},", f"{OTHER_PERSON},"


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        ("Phone,State", ("CA", "IN"), ("recipient", "")),
        ("Phone,State", ("Opted out", "subscribed"), ("recipient", "status")),
        ("Phone,State,Opt Status", ("CA,out", "TX,in"), ("recipient", "", "status")),
        ("Phone,Status", ("Customer", "Lead"), ("recipient", "status")),
        ("Phone,Status", ("Unsubscribed", "Pending"), ("recipient", "status")),
        ("Phone,Number", ("12", "7a"), ("recipient", "")),
        ("Telefon,Number", ("12", "7a"), ("recipient", "")),
        ("Telefon,Address", ("12 Main St", "7 Oak Rd"), ("recipient", "")),
        ("Telefon,Contact", ("Ada", "Ben"), ("recipient", "")),
        ("Phone,Language", ("English", "Spanish"), ("recipient", "")),
        ("Phone,Language", ("en", "es-MX"), ("recipient", "language")),
        ("Phone,Date", ("1971-03-04", "1988-10-11"), ("recipient", "")),
        ("Phone,Date", ("Monday", "weekly"), ("recipient", "")),
        ("Phone,Date", ("2026-03-04", ""), ("recipient", "opted_out_at")),
        ("Phone,Created at,Unsubscribed", ("2019-01-02,2026-03-04",) * 2, ("recipient", "", "opted_out_at")),
        ("Phone,From", ("Facebook", "Google"), ("recipient", "")),
        ("Phone,From", ("+12025550999", "+12025550998"), ("recipient", "")),
        ("Phone,From", (OWN_NUMBER, ""), ("recipient", "sender")),
        ("Phone,From", ("72345", "72345"), ("recipient", "sender")),
        ("Phone,Sender", ("+12025550999",) * 2, ("recipient", "sender")),
        ("Phone,Source", ("Facebook", "Google"), ("recipient", "")),
        ("Phone,Mobile", ("+12025550187", "+12025550188"), ("", "recipient")),
    ],
)
def test_a_header_counts_only_where_its_cells_bear_it_out(
    acme: Business, header: str, cells: tuple[str, str], columns: tuple[str, ...]
) -> None:
    lines = [number + cell for number, cell in zip(PHONE, cells, strict=True)]
    run = upload_list(acme, "\n".join([header, *lines]))
    assert tuple(run.options["columns"]) == columns


def test_a_date_before_the_number_of_a_list_without_a_header_is_no_number(acme: Business) -> None:
    run = upload_list(acme, f"Ada,1971-03-04,{PERSON}\nBen,1988-10-11,{OTHER_PERSON}\n")
    assert (list(run.options["columns"]), run.options["header"]) == (["", "", "recipient"], 0)


def test_an_ordinary_customer_list_blocks_whoever_is_on_it(acme: Business) -> None:
    lines = ["Name,Phone,State,Date,Language,Number", f"Ada,{PERSON},CA,1971-03-04,English,12"]
    lines += [f"Ben,{OTHER_PERSON},OR,1988-10-11,Spanish,7a"]
    import_list(check_list(upload_list(acme, "\n".join(lines))))
    assert active(acme) == {PERSON, OTHER_PERSON}


def test_company_numbers_count_only_where_they_are_the_business_s_own(acme: Business) -> None:
    own = upload_list(acme, f"phone,from\n{PERSON},{OWN_NUMBER}\n")
    other = upload_list(acme, f"phone,from\n{PERSON},+12025550999\n")
    assert (own.options["numbers"], other.options["numbers"]) == (AS_WRITTEN, ALL_NUMBERS)


@pytest.mark.parametrize(
    ("content", "doubts"),
    [
        ("Phone,State\n{},CA\n", ["“State” is left out: what stands in it is not “Status: opted out or not”."]),
        (
            "Phone,Status\n{},Customer\n",
            ["No row of “Status” that was looked at says who opted out: lines that don’t are refused."],
        ),
        (
            "Phone,Mobile\n+12025550187,{}\n",
            ["“Phone” holds numbers too and is left out: import the list once more for them."],
        ),
        ("Phone,Status,Note,Date\n{},out,a,2026-03-04\n", []),
        ("{}\n", []),
    ],
)
def test_what_is_in_doubt_is_said(
    acme: Business, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, doubts: list[str]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(content.format(PERSON))
    with path.open("rb") as file:
        rows = look(file, path.name)
    run = upload_list(acme, content.format(PERSON))
    assert find_doubts(rows, Options.from_json(run.options), acme.tenant) == doubts
    shown = log_in(acme.user("compliance_officer")).get(page("compliance.optoutimport", "columns", run.pk))
    assert all(doubt in shown.content.decode() for doubt in doubts)
    assert ("oo-doubts" in shown.content.decode()) is bool(doubts)
    call_command("import_opt_outs", str(path), "--tenant", "acme", "--dry-run")
    assert all(doubt in capsys.readouterr().err for doubt in doubts)
