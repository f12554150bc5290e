"""Links to the files of scheduled exports: without a log-in, for a while, and on record."""

from datetime import timedelta
from typing import Any

import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Tenant
from compliance.models import FileDownload, OptOutExport
from compliance.transfer import files
from compliance.transfer.exporting import links
from tests.builders import Business, text_in
from tests.test_exports import content
from tests.test_scheduled_exports import run, schedule_of


def link_of(job: OptOutExport, sent_to: str = "crm@example.org") -> str:
    assert job.result is not None
    return links.make_link(job.result, sent_to, timezone.now()).removeprefix("http://testserver")


def test_a_link_works_without_a_log_in_and_is_noted(acme: Business, client: Client) -> None:
    text_in(acme, "STOP")
    job = run(schedule_of(acme))
    assert client.head(link_of(job)).status_code == 200
    answer = client.get(link_of(job))
    assert answer.getvalue() == content(job)
    assert answer["Content-Disposition"].startswith('attachment; filename="opt-outs-acme-daily-')
    assert "no-store" in answer["Cache-Control"]
    noted = FileDownload.objects.get()
    assert (noted.actor_name, noted.by_link, noted.network) == ("crm@example.org", True, "127.0.0.0/24")


def test_a_link_that_was_changed_or_is_another_ones_opens_nothing(
    acme: Business, globex: Business, client: Client
) -> None:
    ours, theirs = link_of(run(schedule_of(acme))), link_of(run(schedule_of(globex)))
    payload, rest = ours.removeprefix("/files/").split(":", 1)
    foreign = theirs.removeprefix("/files/").split(":", 1)[0]
    for address in (f"/files/{foreign}:{rest}", f"/files/{payload}x:{rest}", "/files/nonsense/", f"{ours[:-4]}/"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "never made here" in answer.content.decode()
    assert client.post(ours).status_code == 405
    assert not FileDownload.objects.exists()


def test_a_link_expires_and_says_so(acme: Business, client: Client, settings: Any) -> None:
    job = run(schedule_of(acme))
    address = link_of(job)
    with time_machine.travel(timezone.now() + timedelta(days=settings.LINKS_VALID_DAYS, minutes=1)):
        answer = client.get(address)
    assert answer.status_code == 410
    assert "worked until" in answer.content.decode()


def test_a_link_dies_with_its_file_and_its_business(acme: Business, client: Client) -> None:
    job = run(schedule_of(acme))
    assert job.result is not None
    address = link_of(job)
    Tenant.objects.filter(pk=acme.tenant.pk).update(is_active=False)
    assert client.get(address).status_code == 410
    Tenant.objects.filter(pk=acme.tenant.pk).update(is_active=True)
    files.delete_file(job.result, timezone.now())
    answer = client.get(address)
    assert (answer.status_code, "was deleted" in answer.content.decode()) == (410, True)


def test_a_link_never_outlives_its_file(acme: Business, settings: Any) -> None:
    settings.LINKS_VALID_DAYS = 365
    job = run(schedule_of(acme))
    assert job.result is not None
    assert links.expiry_of(job.result, timezone.now()) == job.result.expires_at
