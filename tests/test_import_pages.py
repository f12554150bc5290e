"""The pages of an import: upload, columns, what would change, files, and who may."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from compliance.models import FileDownload, OptOutImport, StoredFile
from compliance.transfer import files, jobs, working
from compliance.transfer.importing import starting
from tests.admin_pages import log_in, page, visit
from tests.builders import PERSON, Business, World
from tests.lists import COLUMNS, check_list, import_list, upload_list, work
from tests.test_imports import SOMEBODY, active, numbers, small_batches

__all__ = ["small_batches"]

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


def test_what_a_browser_calls_a_file_is_not_taken_over(officer: Client, world: World) -> None:
    """It would be the type of every download, whatever it says."""
    sent = SimpleUploadedFile("list.csv", b"phone\n1\n", content_type="text/html; " + "x" * 400)
    assert officer.post(page("compliance.optoutimport", "upload"), {"file": sent}).status_code == 302
    assert StoredFile.objects.get().content_type == "text/csv"


def test_what_was_done_so_far_is_a_download_on_record(acme: Business, officer: Client, small_batches: None) -> None:
    run = check_list(upload_list(acme, COLUMNS + "".join(f"{number},,\n" for number in numbers(20))))
    assert starting.begin(run, run.staged_id or 0, SOMEBODY, timezone.now())
    working.go_on(run.key, at_most_seconds=0)
    jobs.cancel(run, timezone.now())
    assert officer.get(page("compliance.optoutimport", "file", run.pk, "result")).status_code == 200
    assert FileDownload.objects.get().actor_name == acme.user("compliance_officer").display_name


@pytest.mark.parametrize("at", ["check", "import"])
def test_cancelled_at_the_last_moment_it_leaves_no_file(
    acme: Business, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    run = upload_list(acme)
    if at == "import":
        run = check_list(run)
    before = set(StoredFile.objects.filter(deleted_at=None))
    keep = files.keep_file

    def keep_and_cancel(*args: Any, **kwargs: Any) -> StoredFile:
        jobs.cancel(run, timezone.now())
        return keep(*args, **kwargs)

    monkeypatch.setattr(files, "keep_file", keep_and_cancel)
    check_list(run) if at == "check" else import_list(run)
    assert OptOutImport.objects.get(pk=run.pk).state == "cancelled"
    assert set(StoredFile.objects.filter(deleted_at=None)) == before


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
