"""Work on lists in the background: one worker at a time, whole batches, stopped and gone on with; files that expire."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from compliance.models import ListJob, OptOutImport, StoredFile
from compliance.transfer import files, jobs, working
from compliance.transfer.jobs import CantGoOn, Interrupted, Turn
from tests.builders import Business

Work = Callable[[Turn], None]


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    """Put other work in the place of an import's."""
    return lambda work: monkeypatch.setitem(working.SORTS, "import", working.Sort(OptOutImport, work))


def stored(business: Business, content: bytes = b"recipient\n") -> StoredFile:
    return files.keep_file(business.tenant, "list.csv", io.BytesIO(content), files.CSV, timezone.now())


def job_of(business: Business) -> OptOutImport:
    job: OptOutImport = OptOutImport.objects.create(tenant=business.tenant, source=stored(business), actor_kind="user")
    return job


def again(job: ListJob) -> ListJob:
    job.refresh_from_db()
    return job


def count_to(limit: int) -> Work:
    def work(turn: Turn) -> None:
        while not turn.is_over:
            turn.note(rows_done=turn.job.rows_done + 1)
            if turn.job.rows_done == limit:
                turn.finish()

    return work


def test_a_job_goes_on_stretch_by_stretch_until_it_is_done(acme: Business, does: Callable[[Work], None]) -> None:
    does(lambda turn: turn.note(rows_done=turn.job.rows_done + 1))
    job = job_of(acme)
    assert working.find_due(timezone.now()) == [job.key]
    working.go_on(job.key)
    working.go_on(job.key)
    assert (again(job).rows_done, job.state, job.taken_until) == (2, "running", None)
    does(count_to(3))
    working.go_on(job.key)
    assert (again(job).rows_done, job.state, working.find_due(timezone.now())) == (3, "done", [])


def test_one_worker_at_a_time_and_a_dead_ones_lease_runs_out(acme: Business, does: Callable[[Work], None]) -> None:
    job = job_of(acme)
    seen: list[object] = []
    does(lambda turn: seen.append(working.go_on(turn.job.key)))
    working.go_on(job.key)
    assert seen == [None]
    OptOutImport.objects.update(taken_by="dead", taken_until=timezone.now() - timedelta(seconds=1))
    does(count_to(1))
    working.go_on(job.key)
    assert again(job).state == "done"


def test_a_worker_that_lost_its_job_keeps_nothing_of_its_batch(acme: Business, does: Callable[[Work], None]) -> None:
    job = job_of(acme)

    def slow(turn: Turn) -> None:
        OptOutImport.objects.update(taken_by="somebody else")
        with transaction.atomic():
            StoredFile.objects.update(name="changed by the slow one")
            turn.note(rows_done=1)

    does(slow)
    working.go_on(job.key)
    assert (again(job).rows_done, StoredFile.objects.get().name) == (0, "list.csv")
    assert job.taken_by == "somebody else"


@pytest.mark.parametrize(("stop", "state"), [(jobs.pause, "paused"), (jobs.cancel, "cancelled")])
def test_a_person_stops_it_between_two_batches(
    acme: Business, does: Callable[[Work], None], stop: Callable[..., bool], state: str
) -> None:
    job = job_of(acme)

    def work(turn: Turn) -> None:
        turn.note(rows_done=1)
        assert stop(again(job), *([timezone.now()] if stop is jobs.cancel else []))
        with pytest.raises(Interrupted):
            turn.note(rows_done=2)
        turn.note(rows_done=2)

    does(work)
    working.go_on(job.key)
    assert (again(job).state, job.rows_done, working.find_due(timezone.now())) == (state, 1, [])
    assert jobs.resume(job, timezone.now()) is (state == "paused")
    assert not jobs.resume(job, timezone.now()), "the second of two people changes nothing"


def break_at(row: int) -> Work:
    """Work that begins anew each time, as a check does, and breaks at a row."""

    def work(turn: Turn) -> None:
        for done in range(row + 1):
            turn.note(rows_done=done)
        raise RuntimeError("the database is away")

    return work


def test_failures_count_anew_once_a_job_comes_further(acme: Business, does: Callable[[Work], None]) -> None:
    job = job_of(acme)
    for row in range(1, len(jobs.PAUSES) + 3):
        does(break_at(row))
        working.go_on(job.key)
        assert (again(job).state, job.failures) == ("running", 1)
        OptOutImport.objects.update(not_before=timezone.now())
    for failures in range(2, len(jobs.PAUSES) + 1):
        working.go_on(job.key)
        assert again(job).failures == failures, "it breaks where it broke before"
        OptOutImport.objects.update(not_before=timezone.now())
    does(lambda turn: turn.note(rows_done=row + 1))
    working.go_on(job.key)
    assert (again(job).failures, job.error) == (0, "")


def test_what_breaks_is_tried_again_after_pauses_and_then_given_up(
    acme: Business, does: Callable[[Work], None]
) -> None:
    job = job_of(acme)

    def breaks(turn: Turn) -> None:
        raise RuntimeError("the disk is full")

    does(breaks)
    for _ in range(len(jobs.PAUSES)):
        working.go_on(job.key)
        assert again(job).state == "running"
        assert "the disk is full" in job.error
        assert working.find_due(timezone.now()) == []
        OptOutImport.objects.update(not_before=timezone.now())
    working.go_on(job.key)
    assert again(job).state == "failed"
    assert jobs.resume(job, timezone.now())
    does(count_to(1))
    working.go_on(job.key)
    assert (again(job).state, job.error) == ("done", "")


def test_what_can_never_be_done_fails_at_once_with_its_sentence(acme: Business, does: Callable[[Work], None]) -> None:
    def refuses(turn: Turn) -> None:
        raise CantGoOn("The file is empty.")

    does(refuses)
    job = job_of(acme)
    working.go_on(job.key)
    assert (again(job).state, job.error) == ("failed", "The file is empty.")


def test_lists_leave_threads_to_texts(acme: Business, does: Callable[[Work], None]) -> None:
    first, *others = [job_of(acme) for _ in range(working.AT_ONCE + 1)]
    for job in others:
        OptOutImport.objects.filter(pk=job.pk).update(state="running", taken_until=timezone.now() + jobs.TAKEN_FOR)
    assert working.find_due(timezone.now()) == []
    assert working.go_on(first.key) is None


def test_a_started_job_wakes_a_worker_after_the_commit(
    acme: Business, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("messaging.waking._waker", lambda: Waker(woken))
    job = job_of(acme)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        jobs.start(job, timezone.now())
        assert woken == []
    assert woken == [job.key]


class Waker:
    def __init__(self, woken: list[str]) -> None:
        self.woken = woken

    def post(self, task: str, about: str) -> None:
        assert task == "messaging.tasks.work_on_lists"
        self.woken.append(about)


# --- Files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_under_a_random_name_with_checksum_and_size(acme: Business) -> None:
    row = stored(acme, b"abc")
    assert row.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert row.size == 3
    assert row.path.startswith(f"{acme.tenant.pk}/")
    assert "list" not in row.path
    with files.open_file(row) as content:
        assert content.read() == b"abc"


def test_bytes_never_lie_where_no_row_names_them(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed while it writes leaves a row, whose time runs out, and not a list for ever."""

    def is_killed(_: object, path: str, __: object) -> str:
        assert StoredFile.objects.filter(path=path).exists()
        raise SystemExit

    monkeypatch.setattr(type(files.lists()), "save", is_killed)
    with pytest.raises(SystemExit):
        files.keep_file(acme.tenant, "list.csv", io.BytesIO(b"+12125550177"), files.CSV, timezone.now())
    assert files.delete_expired(timezone.now() + timedelta(days=400)) == 1


def test_a_full_disk_leaves_nothing(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, saved = files.lists(), type(files.lists()).save
    written: list[str] = []

    def half_save(storage: Any, path: str, _: object) -> str:
        written.append(saved(storage, path, ContentFile(b"+1212")))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(storage), "save", half_save)
    with pytest.raises(OSError, match="No space left"):
        files.keep_file(acme.tenant, "list.csv", io.BytesIO(b"+12125550177"), files.CSV, timezone.now())
    assert not StoredFile.objects.exists()
    assert [storage.exists(path) for path in written] == [False]


def test_an_expired_file_goes_and_its_row_stays(acme: Business) -> None:
    old, new = stored(acme), stored(acme)
    StoredFile.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert files.delete_expired(timezone.now()) == 1
    assert files.delete_expired(timezone.now()) == 0
    old.refresh_from_db()
    assert old.deleted_at is not None
    assert not files.lists().exists(old.path)
    assert files.lists().exists(new.path)
    with pytest.raises(files.FileGone, match="was deleted"):
        files.open_file(old)


def test_a_file_that_somebody_took_away_is_named(acme: Business) -> None:
    row = stored(acme)
    files.lists().delete(row.path)
    with pytest.raises(files.FileGone, match="no longer in the storage"):
        files.open_file(row)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("../../etc/passwd", "passwd"), ("C:\\lists\\out.csv", "out.csv"), ("", "list"), ("a\x00\nb.csv", "ab.csv")],
)
def test_names_of_files_lose_folders_and_control_characters(name: str, plain: str) -> None:
    assert files.plain_name(name) == plain
    assert len(files.plain_name("x" * 300 + ".xlsx")) == 200
    assert files.plain_name("x" * 300 + ".xlsx").endswith(".xlsx")
