"""The pages of exports: the list's button, the form, downloads, progress."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import FileDownload, OptOutExport
from compliance.transfer import working
from compliance.transfer.exporting.selecting import ALL_ROWS
from tests.admin_pages import log_in
from tests.builders import PERSON, Business, opt_out_of, text_in
from tests.test_exports import content, export, finish, import_some, numbers

NEW = "admin:compliance_optoutexport_new"


@pytest.fixture
def officer(acme: Business) -> Client:
    return log_in(acme.user("compliance_officer"))


def test_the_lists_button_takes_its_filters_along(acme: Business, officer: Client) -> None:
    text_in(acme, "STOP")
    shown = officer.get(reverse("admin:compliance_optout_changelist"), {"status__exact": "active", "q": "0177"})
    address = f"{reverse(NEW)}?status__exact=active&amp;q=0177"
    assert address in shown.content.decode()
    asked = officer.get(reverse(NEW), {"status__exact": "active", "q": "0177"})
    assert "Search: 0177; State: Opted out" in asked.content.decode()
    form = {"filters": "status__exact=active&q=0177", "file_format": "csv", "reason": "For the lawyer."}
    answer = officer.post(reverse(NEW), form)
    job = OptOutExport.objects.get()
    assert answer["Location"] == reverse("admin:compliance_optoutexport_change", args=[job.pk])
    assert job.filters in {"q=0177&status__exact=active", "status__exact=active&q=0177"}
    assert numbers(finish(job)) == [PERSON]


def test_without_a_reason_or_with_foreign_filters_nothing_begins(acme: Business, officer: Client) -> None:
    answer = officer.post(reverse(NEW), {"filters": "", "file_format": "csv", "reason": " "})
    assert "Say what the export is for." in answer.content.decode()
    answer = officer.post(reverse(NEW), {"filters": "campaign=77777", "file_format": "csv", "reason": "x"})
    assert "does not know one of these filters" in answer.content.decode()
    assert not OptOutExport.objects.exists()


def test_downloads_are_noted_and_the_auditor_may(acme: Business, officer: Client) -> None:
    text_in(acme, "STOP")
    job = finish(export(acme))
    address = reverse("admin:compliance_optoutexport_file", args=[job.pk, "result"])
    answer = log_in(acme.user("auditor")).get(address)
    assert answer.getvalue() == content(job)
    noted = FileDownload.objects.get()
    assert (noted.actor_name, noted.by_link, noted.file) == ("acme-auditor", False, job.result)
    page = officer.get(reverse("admin:compliance_optoutexport_change", args=[job.pk])).content.decode()
    assert "acme-auditor" in page
    assert log_in(acme.user("site_manager")).get(address).status_code == 403


def test_another_businesss_export_is_not_there(acme: Business, globex: Business) -> None:
    job = finish(export(acme))
    client = log_in(globex.user("tenant_admin"))
    for name, *rest in (("change",), ("file", "result"), ("progress",)):
        address = reverse(f"admin:compliance_optoutexport_{name}", args=[job.pk, *rest])
        assert client.get(address).status_code == 404


def test_the_whole_list_is_said_so(acme: Business, officer: Client) -> None:
    assert ALL_ROWS in officer.get(reverse(NEW)).content.decode()


def test_progress_counts_a_books_writing(acme: Business) -> None:
    job = OptOutExport(file_format="xlsx", state="running", rows_done=100, rows_total=100, cursor={"written": 50})
    assert job.percent == 59
    assert OptOutExport(file_format="csv", state="running", rows_done=50, rows_total=100).percent == 50


def test_reading_asks_a_handful_of_queries_however_many_rows(
    acme: Business, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    import_some(acme, *([f"+1303{2_000_000 + n}", "", ""] for n in range(2_500)))
    job = export(acme)
    with django_assert_max_num_queries(30):
        working.go_on(job.key)
    job.refresh_from_db()
    assert (job.state, job.rows_done) == ("done", 2_500)
    assert opt_out_of(acme, "+13032000000").pk
