"""What tells the tabs of a browser apart, and words where the data has codes."""

import re

import pytest
from django.test import Client

from tests.access_table import lines, row_of
from tests.admin_pages import build_rows, log_in, page
from tests.builders import Business

TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@pytest.fixture
def boss(acme: Business) -> Client:
    return log_in(acme.user("tenant_admin"))


def title_of(browser: Client, address: str) -> str:
    answer = browser.get(address)
    found = TITLE.search(answer.content.decode()) if answer.headers["Content-Type"].startswith("text/html") else None
    return " ".join(found[1].split()) if found else ""


def test_no_two_pages_of_a_row_have_one_title(acme: Business, boss: Client) -> None:
    rows = build_rows(acme)
    about: dict[str, list[str]] = {}
    for line in lines():
        if line.method == "get" and line.wants_row and 200 in line.statuses.get("T", ()):
            about.setdefault(line.of, []).append(title_of(boss, line.address(row_of(rows, line))))
    for label, titles in about.items():
        shown = [title for title in titles if title]
        assert len(shown) == len(set(shown)), (label, shown)


def test_a_page_about_a_row_names_it(acme: Business, boss: Client) -> None:
    rows = build_rows(acme)
    address = page("compliance.recipient", "evidence_pack", rows["compliance.recipient"].pk)
    assert title_of(boss, address) == f"{rows['compliance.recipient']} | Evidence pack | Opt-out"


def test_nobody_reads_how_a_password_is_stored(acme: Business, boss: Client) -> None:
    answer = boss.get(page("accounts.user", "change", acme.user("employee").pk))
    assert b"pbkdf2" not in answer.content
    assert b"iterations" not in answer.content


def test_a_list_names_the_country(boss: Client) -> None:
    assert b"United States (+1)" in boss.get(page("accounts.tenant", "changelist")).content
