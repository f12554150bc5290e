"""Exports that start by themselves: when they are due, mails, copies, and failures."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Tenant
from compliance.models import ExportSchedule, FileDownload, OptOutExport
from compliance.transfer import files, jobs, working
from compliance.transfer.exporting import delivering, schedules
from optout_project import env, s3
from tests.admin_pages import log_in
from tests.builders import PERSON, Business, text_in
from tests.test_exports import content, finish

ADD = "admin:compliance_exportschedule_add"
NOON = datetime(2026, 6, 1, 16, 0, tzinfo=UTC)  # a Monday; noon in New York


def schedule_of(business: Business, **fields: Any) -> ExportSchedule:
    """A schedule as somebody has saved it."""
    row = ExportSchedule(
        **{"tenant": business.tenant, "name": "Daily", "reason": "For the CRM.", "at": time(6), **fields}
    )
    schedules.take_over(row, business.user("compliance_officer"), timezone.now())
    row.save()
    return row


def run(schedule: ExportSchedule) -> OptOutExport:
    """One run, from its start to its end."""
    schedule.refresh_from_db()
    return finish(schedules.start_run(schedule, timezone.now()))


# --- When ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"every": "day"}, "2026-06-02T06:00:00-04:00"),
        ({"every": "week", "weekday": 3}, "2026-06-03T06:00:00-04:00"),
        ({"every": "week", "weekday": 7}, "2026-06-07T06:00:00-04:00"),
        ({"every": "cron", "cron": "30 6 * * 1-5"}, "2026-06-02T06:30:00-04:00"),
        ({"every": "cron", "cron": "0 0 1 * *"}, "2026-07-01T00:00:00-04:00"),
    ],
)
def test_the_next_run_is_by_the_clocks_of_the_business(acme: Business, fields: dict[str, Any], expected: str) -> None:
    row = ExportSchedule(tenant=acme.tenant, at=time(6), **fields)
    assert schedules.next_run(row, NOON) == datetime.fromisoformat(expected)


def test_six_in_the_morning_stays_six_when_the_clocks_change(acme: Business) -> None:
    row = ExportSchedule(tenant=acme.tenant, at=time(6))
    before = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
    assert [schedules.next_run(row, before + timedelta(days=n)).isoformat() for n in (-1, 0)] == [
        "2026-10-31T06:00:00-04:00",
        "2026-11-01T06:00:00-05:00",
    ]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "no cron"),
        ("soon", "no cron"),
        ("* * * * *", "every 15 minutes"),
        ("0 0 30 2 *", "no cron"),
        ("*/5 6 * * *", "15"),
    ],
)
def test_a_cron_expression_that_makes_no_sense_is_refused(expression: str, says: str) -> None:
    with pytest.raises(schedules.WrongCron, match=says):
        schedules.check_cron(expression, NOON)


def test_what_is_due_starts_once_however_late(acme: Business, globex: Business) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        row = schedule_of(acme)
        schedule_of(globex, is_active=False)
        assert schedules.start_due(timezone.now()) == []
        clock.move_to(NOON + timedelta(days=3))
        (job,) = schedules.start_due(timezone.now())
        assert schedules.start_due(timezone.now()) == []
        row.refresh_from_db()
        assert row.next_at == datetime(2026, 6, 5, 10, 0, tzinfo=UTC)
        assert (job.schedule, job.tenant, job.actor_name) == (row, acme.tenant, "acme-compliance_officer")


def test_a_run_that_is_still_under_way_is_waited_for(acme: Business) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        schedule_of(acme)
        clock.move_to(NOON + timedelta(days=1))
        (job,) = schedules.start_due(timezone.now())
        clock.move_to(NOON + timedelta(days=2))
        assert schedules.start_due(timezone.now()) == []
        finish(job)
        assert len(schedules.start_due(timezone.now())) == 1


def test_nothing_starts_for_a_business_that_is_switched_off(acme: Business) -> None:
    row = schedule_of(acme)
    ExportSchedule.objects.filter(pk=row.pk).update(next_at=timezone.now())
    Tenant.objects.filter(pk=acme.tenant.pk).update(is_active=False)
    assert schedules.start_due(timezone.now()) == []


# --- Handing over ----------------------------------------------------------------------------------------------------


@pytest.fixture
def can_mail(settings: Any) -> None:
    settings.EMAIL_ALERTS = True


@pytest.mark.usefixtures("can_mail")
def test_each_address_gets_a_link_of_its_own_once(acme: Business, client: Client) -> None:
    text_in(acme, "STOP")
    job = run(schedule_of(acme, mail_to="crm@example.org\nlaw@example.org"))
    assert delivering.deliver_due(timezone.now()) == 1
    assert delivering.deliver_due(timezone.now()) == 0
    assert [message.to for message in mail.outbox] == [["crm@example.org"], ["law@example.org"]]
    body = str(mail.outbox[1].body)
    assert PERSON not in body
    assert job.result is not None
    assert job.result.sha256 in body
    found = re.search(r"http://testserver(/files/\S+)", body)
    assert found is not None
    assert client.get(found.group(1)).status_code == 200
    assert FileDownload.objects.get().actor_name == "law@example.org"


@pytest.mark.usefixtures("can_mail")
def test_a_name_of_two_lines_is_mailed_all_the_same(acme: Business) -> None:
    run(schedule_of(acme, name="Daily\nlist", mail_to="crm@example.org"))
    assert delivering.deliver_due(timezone.now()) == 1
    assert mail.outbox[0].subject == "Daily list: 0 rows"


@pytest.mark.usefixtures("can_mail")
def test_a_mail_server_that_is_down_is_tried_again_and_nobody_is_mailed_twice(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = run(schedule_of(acme, mail_to="crm@example.org, law@example.org"))
    real = delivering._compose_link

    def breaks_for_law(*arguments: Any) -> Any:
        if arguments[2] == "law@example.org":
            raise ConnectionRefusedError("no mail today")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "_compose_link", breaks_for_law)
        assert delivering.deliver_due(timezone.now()) == 0
    job.refresh_from_db()
    assert (job.state, job.mailed_to) == ("done", ["crm@example.org"])
    assert "no mail today" in job.delivery_error
    assert delivering.deliver_due(timezone.now()) == 0
    assert delivering.deliver_due(timezone.now() + jobs.PAUSES[0] + timedelta(seconds=5)) == 1
    assert [message.to for message in mail.outbox] == [["crm@example.org"], ["law@example.org"]]


@pytest.mark.usefixtures("can_mail")
def test_a_failed_run_is_told_once_and_shown(acme: Business, globex: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    row = schedule_of(acme)
    owner = acme.user("compliance_officer")
    owner.is_active = False
    owner.save()
    job = run(row)
    assert job.state == "failed"
    assert "save the schedule again" in job.error
    assert delivering.send_alerts(timezone.now()) == 1
    assert delivering.send_alerts(timezone.now()) == 0
    (message,) = mail.outbox
    assert message.to == [acme.user("tenant_admin").email]
    assert "Daily: acme-compliance_officer is switched off" in str(message.body)
    admin = log_in(acme.user("tenant_admin"))
    assert "Schedules whose last run failed" in admin.get("/admin/").content.decode()
    assert "The last run failed" in admin.get(reverse("admin:compliance_exportschedule_changelist")).content.decode()
    assert list(ExportSchedule.objects.visible_to(globex.user("tenant_admin")).failing()) == []
    schedules.take_over(row, acme.user("tenant_admin"), timezone.now())
    row.save()
    assert run(row).state == "done"
    assert list(ExportSchedule.objects.failing()) == []


def test_what_breaks_is_tried_again_before_anybody_is_told(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    job = schedules.start_run(schedule_of(acme), timezone.now())
    monkeypatch.setattr(files, "keep_file", lambda *_, **__: (_ for _ in ()).throw(OSError("the disk is full")))
    working.go_on(job.key)
    job.refresh_from_db()
    assert (job.state, job.failures) == ("running", 1)
    assert list(ExportSchedule.objects.failing()) == []
    monkeypatch.undo()
    OptOutExport.objects.update(not_before=timezone.now())
    assert finish(job).error == ""


# --- Copies in S3 ----------------------------------------------------------------------------------------------------


class Bucket(BaseHTTPRequestHandler):
    """What a bucket answers to an upload."""

    stored: dict[str, bytes] = {}
    refuses = False

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.refuses:
            self.stored[self.path] = body
        self.send_response(503 if self.refuses else 200)
        self.send_header("ETag", '"etag"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def bucket(settings: Any) -> Iterator[type[Bucket]]:
    """A bucket on loopback, and the storage set up for it as from the environment."""
    Bucket.stored, Bucket.refuses = {}, False
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    values = {
        "LISTS_S3_BUCKET": "lists",
        "LISTS_S3_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "LISTS_S3_REGION": "us-east-1",
        "LISTS_S3_ACCESS_KEY": "key",
        "LISTS_S3_SECRET_KEY": "secret",
        "LISTS_S3_FOLDER": "optout",
    }
    settings.STORAGES = {**settings.STORAGES, **s3.read_storage(env.Environment(values))}
    yield Bucket
    server.shutdown()
    server.server_close()


def test_a_copy_goes_to_the_bucket_and_is_tried_again(acme: Business, bucket: type[Bucket]) -> None:
    text_in(acme, "STOP")
    row = schedule_of(acme, to_storage=True)
    bucket.refuses = True
    job = run(row)
    assert delivering.deliver_due(timezone.now()) == 0
    bucket.refuses = False
    assert delivering.deliver_due(timezone.now() + jobs.PAUSES[0] + timedelta(seconds=5)) == 1
    job.refresh_from_db()
    assert job.result is not None
    assert job.copied_as == f"acme/{row.pk}/{job.pk}-{job.result.name}"
    assert bucket.stored == {f"/lists/optout/{job.copied_as}": content(job)}


def test_s3_that_is_not_installed_or_half_set_up_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(env.WrongSetting, match=r"LISTS_S3_REGION is set, but LISTS_S3_BUCKET is not.*\.$"):
        s3.read_storage(env.Environment({"LISTS_S3_REGION": "us-east-1"}))
    monkeypatch.setattr(s3, "PACKAGES", ("storages", "no_such_package"))
    with pytest.raises(env.WrongSetting, match=r"not installed: run .*requirements-s3\.txt"):
        s3.read_storage(env.Environment({"LISTS_S3_BUCKET": "lists"}))
    assert s3.read_storage(env.Environment({})) == {}
    assert "exports" not in storages.backends


# --- In the admin ----------------------------------------------------------------------------------------------------


@pytest.fixture
def officer(acme: Business) -> Client:
    return log_in(acme.user("compliance_officer"))


def form(**fields: str) -> dict[str, str]:
    stock = {"name": "Nightly", "rows": "status__exact=active", "file_format": "csv", "reason": "For the CRM."}
    when = {"every": "day", "at": "06:00", "weekday": "1", "cron": "", "mail_to": "", "is_active": "on"}
    return {**stock, **when, **fields}


def test_a_schedule_is_made_from_the_lists_filters(acme: Business, officer: Client) -> None:
    shown = officer.get(reverse(ADD), {"filters": "status__exact=active"}).content.decode()
    assert "State: Opted out" in shown
    answer = officer.post(reverse(ADD), form())
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    row = ExportSchedule.objects.get()
    assert (row.tenant, row.filters, row.filter_words) == (acme.tenant, "status__exact=active", "State: Opted out")
    assert (row.actor_name, row.next_at is not None) == ("acme-compliance_officer", True)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"every": "cron", "cron": "soon"}, "no cron expression"),
        ({"mail_to": "nobody"}, "is not an e-mail address"),
        ({"mail_to": "crm@example.org"}, "EMAIL_URL"),
        ({"rows": "campaign=777777"}, "does not know one of these filters"),
        ({"reason": ""}, "This field is required"),
    ],
)
def test_a_schedule_that_can_not_work_is_refused_in_a_sentence(
    officer: Client, fields: dict[str, str], says: str
) -> None:
    answer = officer.post(reverse(ADD), form(**fields))
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert not ExportSchedule.objects.exists()


def test_other_rows_begin_with_the_whole_list_and_whoever_saves_lends_their_rights(
    acme: Business, officer: Client
) -> None:
    row = schedule_of(acme, changes_only=True, filters="status__exact=active")
    run(row)
    row.refresh_from_db()
    assert row.boundary is not None
    address = reverse("admin:compliance_exportschedule_change", args=[row.pk])
    client = log_in(acme.user("tenant_admin"))
    client.post(address, form(changes_only="on", name="Daily"))
    row.refresh_from_db()
    assert (row.boundary is not None, row.actor_name) == (True, "acme-tenant_admin")
    client.post(address, form(changes_only="on", name="Daily", rows=""))
    row.refresh_from_db()
    assert row.boundary is None


def test_a_run_by_hand_leaves_the_plan_as_it_is(acme: Business, officer: Client) -> None:
    row = schedule_of(acme)
    officer.post(reverse("admin:compliance_exportschedule_run", args=[row.pk]))
    before = row.next_at
    row.refresh_from_db()
    assert (row.next_at, row.runs.count()) == (before, 1)
    page = officer.get(reverse("admin:compliance_exportschedule_change", args=[row.pk])).content.decode()
    assert "Run it now" in page
    read_only = log_in(acme.user("auditor")).get(reverse("admin:compliance_exportschedule_change", args=[row.pk]))
    assert read_only.status_code == 200
