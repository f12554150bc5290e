"""Lists out: every export on record, schedules that make them by themselves, and who took which file away."""

from datetime import time
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.scoping import TenantOwned, TenantQuerySet
from compliance.models.central_list import ActorKind
from compliance.models.lists import ListJob, StoredFile

MAILED_AT_MOST = 20


class FileFormat(models.TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel (XLSX)"
    JSON = "json", "JSON"


def read_addresses(text: str) -> list[str]:
    """E-mail addresses, a line each or separated by commas. Raises ValidationError naming the one that is none."""
    found = [word for line in text.splitlines() for word in line.replace(";", ",").split(",")]
    addresses = list(dict.fromkeys(word.strip() for word in found if word.strip()))
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError(f"“{address[:80]}” is not an e-mail address.") from None
    if len(addresses) > MAILED_AT_MOST:
        raise ValidationError(f"At most {MAILED_AT_MOST} addresses.")
    return addresses


def check_addresses(text: str) -> None:
    """Refuse a text that holds anything but e-mail addresses."""
    read_addresses(text)


class AsksForRows(models.Model):
    """Which rows of the list are wanted, as its own search and filters say it, in what form, and why."""

    file_format = models.CharField("format", max_length=4, choices=FileFormat.choices, default=FileFormat.CSV)
    # The list's own address parameters, and the same in words as they read when they were chosen.
    filters = models.TextField(blank=True, editable=False)
    filter_words = models.TextField("rows", blank=True, editable=False)
    reason = models.TextField(help_text="Kept with every export, with your name.")

    class Meta:
        abstract = True


class ScheduleQuerySet(TenantQuerySet):
    """Schedules, scoped like every row of a business."""

    def failing(self) -> Any:
        """Those in use whose latest run failed."""
        latest = OptOutExport.objects.filter(schedule=OuterRef("pk")).order_by("-id")
        rows = self.filter(is_active=True).annotate(last_state=Subquery(latest.values("state")[:1]))
        return rows.filter(last_state=ListJob.State.FAILED)


class ExportSchedule(AsksForRows, TenantOwned):
    """An export that starts by itself, with the rights of whoever saved it last; see `exporting.schedules`."""

    class Every(models.TextChoices):
        DAY = "day", "Every day"
        WEEK = "week", "Every week"
        CRON = "cron", "By cron"

    class Weekday(models.IntegerChoices):
        MONDAY = 1, "Monday"
        TUESDAY = 2, "Tuesday"
        WEDNESDAY = 3, "Wednesday"
        THURSDAY = 4, "Thursday"
        FRIDAY = 5, "Friday"
        SATURDAY = 6, "Saturday"
        SUNDAY = 7, "Sunday"

    name = models.CharField(max_length=80)
    changes_only = models.BooleanField(
        "only what changed",
        default=False,
        help_text="Rows that changed since the last run that succeeded; the first run holds the whole list."
        " Leave the filter “status” away, so that people who opted back in are among them.",
    )
    every = models.CharField("how often", max_length=4, choices=Every.choices, default=Every.DAY)
    at = models.TimeField("at", default=time(6), help_text="In the time of the business.")
    weekday = models.PositiveSmallIntegerField("on", choices=Weekday.choices, default=Weekday.MONDAY)
    cron = models.CharField(
        "cron expression",
        max_length=120,
        blank=True,
        help_text="Minute, hour, day, month, weekday, such as 30 6 * * 1-5. In the time of the business.",
    )
    mail_to = models.TextField(
        "e-mail the link to",
        blank=True,
        validators=[check_addresses],
        help_text="Addresses, one a line. They get a link that works without a log-in until it expires.",
    )
    to_storage = models.BooleanField(
        "copy to the storage", default=False, help_text="The bucket that this installation is set up with."
    )
    is_active = models.BooleanField(default=True)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices, default=ActorKind.USER, editable=False)
    actor_id = models.CharField(max_length=64, blank=True, editable=False)
    actor_name = models.CharField("runs with the rights of", max_length=160, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    next_at = models.DateTimeField("next run", null=True, blank=True, editable=False)
    # How far history had gone when the last run that succeeded began: see `exporting.boundary`.
    boundary = models.BigIntegerField(null=True, blank=True, editable=False)

    objects: ClassVar = ScheduleQuerySet.as_manager()

    class Meta:
        verbose_name = "scheduled export"
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="export_schedule_name_once")]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=models.Q(is_active=True), name="export_schedule_due")
        ]

    def __str__(self) -> str:
        return self.name


class OptOutExport(AsksForRows, ListJob):
    """One export, from the question to the file. The row stays when the file goes."""

    kind = "export"

    schedule = models.ForeignKey(
        ExportSchedule, on_delete=models.PROTECT, null=True, blank=True, related_name="runs", editable=False
    )
    result = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    # Only rows with a change in history after `changed_after`; `boundary` is where the next one goes on.
    changed_after = models.BigIntegerField(null=True, blank=True, editable=False)
    boundary = models.BigIntegerField(null=True, blank=True, editable=False)
    # What is to be done with the file: filled as it is done, and tried again from `deliver_at` on.
    mail_to = models.JSONField(default=list, editable=False)
    mailed_to = models.JSONField(default=list, editable=False)
    to_storage = models.BooleanField(default=False, editable=False)
    copied_as = models.CharField(max_length=300, blank=True, editable=False)
    deliver_at = models.DateTimeField(null=True, blank=True, editable=False)
    delivery_failures = models.PositiveIntegerField(default=0, editable=False)
    delivery_error = models.TextField(blank=True, editable=False)
    alerted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(ListJob.Meta):
        verbose_name = "export"
        permissions: ClassVar = [("export_optout", "Can export the list of opt-outs")]
        indexes: ClassVar = [
            *ListJob.Meta.indexes,
            models.Index(
                fields=["deliver_at"], condition=models.Q(deliver_at__isnull=False), name="export_to_be_delivered"
            ),
            models.Index(fields=["finished_at"], condition=models.Q(state="failed"), name="export_failed"),
        ]

    def __str__(self) -> str:
        return self.result.name if self.result else f"Export {self.pk}"

    @property
    def percent(self) -> int | None:
        """An Excel file is read first, which is quick, and then written."""
        if self.state == self.State.DONE or self.file_format != FileFormat.XLSX or not self.rows_total:
            read: int | None = super().percent
            return read
        written = self.cursor.get("written", 0)
        return int(min((self.rows_done * 20 + written * 79) // self.rows_total, 99))


class FileDownload(TenantOwned):
    """Somebody took a file away: from its page, or by a link that was sent to them."""

    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="downloads")
    at = models.DateTimeField(default=timezone.now)
    by_link = models.BooleanField(default=False)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=320, blank=True)
    network = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.file} by {self.actor_name}"
