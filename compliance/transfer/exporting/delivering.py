"""What becomes of a scheduled export's file: a link by e-mail, a copy in the storage; and who hears of a failed run.

Both are tried again with growing pauses, apart from the export itself: the file stands, whatever a mail server says.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.local_time import say_moment
from accounts.models import Tenant
from compliance.alerts import tell_once
from compliance.models import OptOutExport, StoredFile
from compliance.transfer import files
from compliance.transfer.exporting.links import expiry_of, make_link
from compliance.transfer.exporting.running import EXPORT
from compliance.transfer.jobs import PAUSES

log = structlog.get_logger(__name__)

AT_ONCE = 20
STORAGE = "exports"
HANDED_OVER_WITHIN = timedelta(minutes=30)  # a copy of a long list takes its time
TELL_WITHIN = timedelta(days=7)


def can_copy() -> bool:
    """Whether this installation has a storage for copies."""
    return STORAGE in settings.STORAGES


def deliver_due(now: datetime) -> int:
    """Hand over what waits for it. Returns how many exports are wholly delivered."""
    due = OptOutExport.objects.filter(deliver_at__lte=now).order_by("deliver_at")
    return sum(_deliver(job, now) for job in due.select_related("tenant", "schedule", "result")[:AT_ONCE])


def _deliver(job: OptOutExport, now: datetime) -> bool:
    """Claim it first: two sweepers deliver nothing twice, and no transaction is open meanwhile."""
    ours = OptOutExport.objects.filter(pk=job.pk, deliver_at=job.deliver_at)
    if job.result is None or not ours.update(deliver_at=now + HANDED_OVER_WITHIN):
        return False
    try:
        if job.to_storage and not job.copied_as:
            _copy(job, job.result)
        for address in job.mail_to:
            if address not in job.mailed_to:
                _mail(job, job.result, address, now)
    except Exception as error:  # a mail server or a storage says what it likes
        log.exception("export_not_delivered", export=job.pk)
        _put_off(job, error)
        return False
    _note(job, deliver_at=None, delivery_error="")
    return True


def _put_off(job: OptOutExport, error: Exception) -> None:
    failures = job.delivery_failures + 1
    again = timezone.now() + PAUSES[failures - 1] if failures <= len(PAUSES) else None
    _note(job, delivery_failures=failures, delivery_error=f"It could not be handed over: {error!r}", deliver_at=again)


def _note(job: OptOutExport, **values: object) -> None:
    OptOutExport.objects.filter(pk=job.pk).update(**values)


def _copy(job: OptOutExport, stored: StoredFile) -> None:
    """One folder for each business and schedule; the run's number keeps two runs of a day apart."""
    folder = f"{job.tenant.slug}/{job.schedule_id or 'exports'}"
    with files.open_file(stored) as content:
        job.copied_as = storages[STORAGE].save(f"{folder}/{job.pk}-{stored.name}", File(content))
    _note(job, copied_as=job.copied_as)


def _mail(job: OptOutExport, stored: StoredFile, address: str, now: datetime) -> None:
    if not settings.EMAIL_ALERTS:
        raise RuntimeError("this installation can send no e-mail (EMAIL_URL is not set)")
    _compose_link(job, stored, address, now).send()
    job.mailed_to = [*job.mailed_to, address]
    _note(job, mailed_to=job.mailed_to)


def _compose_link(job: OptOutExport, stored: StoredFile, address: str, now: datetime) -> EmailMessage:
    zone = job.tenant.time_zone
    what = "Changes of the opt-out list" if job.changed_after is not None else "The opt-out list"
    body = (
        f"{what} of {job.tenant.name}, {job.rows_done:,} rows ({job.filter_words}).\n\n"
        f"{make_link(stored, address, now)}\n\n"
        f"The link works without a log-in until {say_moment(expiry_of(stored, now), zone)}. Each download is noted.\n"
        "Keep it to yourself: whoever has it can read the list.\n\n"
        f"File: {stored.name}\nSHA-256: {stored.sha256}\n"
    )
    name = " ".join(str(job.schedule or "Export").split())  # a line end in a subject makes no e-mail at all
    return EmailMessage(f"{name}: {job.rows_done:,} rows", body, to=[address])


def send_alerts(now: datetime) -> int:
    """Tell those who may export, once, of scheduled runs that failed and of files that could not be handed over."""
    failed = Q(state=OptOutExport.State.FAILED, finished_at__gte=now - TELL_WITHIN)
    stuck = Q(delivery_failures__gt=len(PAUSES), deliver_at=None, finished_at__gte=now - TELL_WITHIN)
    rows = OptOutExport.objects.filter(failed | stuck, schedule__isnull=False).order_by("pk")
    return tell_once(rows, EXPORT, _compose_alert, now)


def _compose_alert(tenant: Tenant, runs: Sequence[OptOutExport], to: list[str]) -> EmailMessage:
    lines = [f"- {run.schedule}: {run.error or run.delivery_error}" for run in runs]
    pages = f"{settings.PUBLIC_URL}{reverse('admin:compliance_exportschedule_changelist')}"
    body = (
        f"Of {tenant.name} these did not succeed:\n\n"
        + "\n".join(lines)
        + f"\n\nWhat broke was tried {len(PAUSES)} times again. The next run takes place as planned; “Try again” on the"
        f" run's page does not wait for it.\n\n{pages}\n"
    )
    return EmailMessage("A scheduled export failed", body, to=to)
