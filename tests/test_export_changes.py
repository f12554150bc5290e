"""Exports of what changed since the last run: no change is lost between two runs, whatever comes between."""

import threading
from datetime import timedelta

import psycopg
import pytest
import time_machine
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.visits import end_visit
from compliance.models import ExportSchedule
from compliance.transfer import jobs
from compliance.transfer.exporting import boundary, running, schedules
from tests.admin_pages import log_in, visit
from tests.builders import OTHER_PERSON, PERSON, THIRD_PERSON, Business, World, lift_by_staff, opt_out_of, text_in
from tests.test_exports import finish, numbers
from tests.test_scheduled_exports import form, run, schedule_of


def test_the_first_run_holds_all_and_the_next_what_changed(acme: Business, globex: Business) -> None:
    row = schedule_of(acme, changes_only=True)
    text_in(acme, "STOP")
    text_in(acme, "STOP", from_=OTHER_PERSON)
    assert numbers(run(row)) == [PERSON, OTHER_PERSON]
    assert numbers(run(row)) == []
    lift_by_staff(acme, opt_out_of(acme))
    text_in(acme, "STOP", from_=THIRD_PERSON)
    text_in(globex, "STOP")
    last = run(row)
    assert numbers(last) == [PERSON, THIRD_PERSON]
    assert last.result is not None
    assert last.result.name.startswith("opt-out-changes-acme-daily-")


def test_a_change_that_is_dated_back_is_not_lost(acme: Business) -> None:
    """A webhook that is applied days late is dated as it came, so `changed_at` lies before the last run."""
    row = schedule_of(acme, changes_only=True)
    run(row)
    with time_machine.travel(timezone.now() - timedelta(days=3)):
        text_in(acme, "STOP")
    assert numbers(run(row)) == [PERSON]


def test_a_failed_run_loses_nothing(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    row = schedule_of(acme, changes_only=True)
    run(row)
    text_in(acme, "STOP")
    job = schedules.start_run(ExportSchedule.objects.get(pk=row.pk), timezone.now())
    jobs.cancel(job, timezone.now())
    assert numbers(run(row)) == [PERSON]


def test_a_run_that_is_overtaken_by_an_edit_leaves_the_next_one_whole(acme: Business) -> None:
    """It held other rows than the schedule asks for now, so that one has to begin with all of its own."""
    row = schedule_of(acme, changes_only=True, filters="status__exact=active")
    text_in(acme, "STOP")
    lift_by_staff(acme, opt_out_of(acme))
    text_in(acme, "STOP", from_=OTHER_PERSON)
    under_way = schedules.start_run(row, timezone.now())
    address = reverse("admin:compliance_exportschedule_change", args=[row.pk])
    log_in(acme.user("compliance_officer")).post(address, form(changes_only="on", name="Daily", rows=""))
    assert numbers(finish(under_way)) == [OTHER_PERSON]
    assert numbers(run(row)) == [PERSON, OTHER_PERSON]


def test_a_slow_run_that_another_overtook_takes_nothing_back(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    row = schedule_of(acme, changes_only=True)
    run(row)
    row.refresh_from_db()
    slow = schedules.start_run(row, timezone.now())
    text_in(acme, "STOP")
    assert numbers(run(row)) == [PERSON]
    monkeypatch.setattr(boundary, "find_boundary", lambda: 0)
    finish(slow)
    monkeypatch.undo()
    assert numbers(run(row)) == []


def test_a_schedule_of_an_operator_hands_out_no_empty_list_once_their_visit_is_over(world: World) -> None:
    acme = world.acme
    row = schedule_of(acme, changes_only=True)
    visit(world, acme)
    schedules.take_over(row, world.operator, timezone.now())
    row.save()
    text_in(acme, "STOP")
    end_visit(world.operator, acme.tenant, timezone.now())
    job = run(row)
    assert (job.state, job.result) == ("failed", None)
    assert "visit of" in job.error
    assert running.TAKE_OVER in job.error
    schedules.take_over(row, acme.user("compliance_officer"), timezone.now())
    row.save()
    assert numbers(run(row)) == [PERSON]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
@pytest.mark.django_db(transaction=True)
def test_a_change_under_way_is_waited_for_or_taken_again(acme: Business) -> None:
    """Its id is lower than one that is visible already."""
    text_in(acme, "STOP")
    written, may_commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        try:
            with transaction.atomic():
                lift_by_staff(acme, opt_out_of(acme))
                written.set()
                may_commit.wait(20)
        finally:
            connection.close()

    slow = threading.Thread(target=write_slowly)
    slow.start()
    assert written.wait(20)
    text_in(acme, "STOP", from_=OTHER_PERSON)
    assert boundary.find_boundary(wait_seconds=0.2) is None
    may_commit.set()
    slow.join()
    assert boundary.find_boundary() == max(boundary.History.objects.values_list("history_id", flat=True))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one database in a file")
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_another_database_of_the_server(acme: Business) -> None:
    text_in(acme, "STOP")
    here = connection.get_connection_params()
    there = {name: here[name] for name in ("user", "password", "host", "port") if name in here}
    with psycopg.connect(dbname="postgres", **there) as other:
        other.execute("SELECT pg_current_xact_id()")
        assert boundary.find_boundary(wait_seconds=0.2) is not None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
@pytest.mark.django_db(transaction=True)
def test_a_change_that_began_after_all_that_has_ended_is_waited_for_too(acme: Business) -> None:
    """A snapshot of PostgreSQL names no transaction that is younger than every one that has ended."""
    text_in(acme, "STOP")
    older_began, younger_wrote, may_commit = threading.Event(), threading.Event(), threading.Event()

    def write_younger() -> None:
        try:
            older_began.wait(20)
            with transaction.atomic():
                lift_by_staff(acme, opt_out_of(acme))
                younger_wrote.set()
                may_commit.wait(20)
        finally:
            connection.close()

    younger = threading.Thread(target=write_younger)
    younger.start()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        older_began.set()
        assert younger_wrote.wait(20)
    try:
        assert boundary.find_boundary(wait_seconds=0.2) is None
    finally:
        may_commit.set()
        younger.join()


def test_without_a_boundary_the_next_run_takes_the_same_again(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    row = schedule_of(acme, changes_only=True)
    text_in(acme, "STOP")
    monkeypatch.setattr(boundary, "find_boundary", lambda: None)
    assert numbers(run(row)) == [PERSON]
    monkeypatch.undo()
    assert numbers(run(row)) == [PERSON]
