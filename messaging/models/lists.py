"""A provider's own opt-out list beside ours: each comparison, and every difference that it found."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime

from accounts.models import ProviderAccount
from accounts.phone import format_for_people
from accounts.scoping import TenantOwned


class Reconciliation(TenantOwned):
    """One comparison of a provider's list with ours. It can stop anywhere, and goes on from where it was saved."""

    class Stage(models.TextChoices):
        READING = "reading", "Reading the provider's list"
        COMPARING = "comparing", "Comparing it with ours"
        WRITING = "writing", "Writing ours to the provider"
        DONE = "done", "Finished"
        FAILED = "failed", "Given up"

    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="reconciliations")
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.READING)
    asked_by = models.CharField(max_length=160, blank=True)
    writes_ours = models.BooleanField("ours are written to the provider", default=False)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_page = models.TextField(blank=True, editable=False)
    reached = models.BigIntegerField(default=0, editable=False)
    not_before = models.DateTimeField(default=timezone.now)
    taken_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    entries_read = models.PositiveIntegerField(default=0)
    taken_over = models.PositiveIntegerField(default=0)
    missing_there = models.PositiveIntegerField(default=0)
    only_there = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "comparison with a provider's list"
        verbose_name_plural = "providers' lists"
        ordering: ClassVar = ["-started_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account"],
                condition=~models.Q(stage__in=["done", "failed"]),
                name="reconciliation_one_at_a_time",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-started_at"], name="reconciliation_newest"),
            models.Index(
                fields=["not_before"], condition=~models.Q(stage__in=["done", "failed"]), name="reconciliation_due"
            ),
        ]
        permissions: ClassVar = [
            ("compare_reconciliation", "Can compare a provider's opt-out list with ours, and write ours to it"),
        ]

    def __str__(self) -> str:
        return f"{self.account} on {date_format(localtime(self.started_at), 'N j, Y')}"

    @property
    def is_open(self) -> bool:
        return self.stage not in (self.Stage.DONE, self.Stage.FAILED)


class ListedNumber(TenantOwned):
    """An entry of a provider's list as it was last seen there, or written there by us."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.CharField(max_length=32)
    sender = models.CharField("company number", max_length=32, blank=True)
    by = models.CharField(max_length=16, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    seen_in = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "number", "sender"], name="listed_number_once")
        ]

    def __str__(self) -> str:
        return format_for_people(self.number)


class Difference(TenantOwned):
    """One number on which a provider's list and ours did not agree, with the likely cause and what was done."""

    class Kind(models.TextChoices):
        UNKNOWN_TO_US = "unknown_to_us", "Only on the provider's list"
        MISSING_THERE = "missing_there", "Only on your list"
        BACK_HERE = "back_here", "Opted back in here, still blocked there"

    class State(models.TextChoices):
        OPEN = "open", "Stands"
        TAKEN_OVER = "taken_over", "Opted out here too"
        WRITTEN = "written", "Written to the provider"
        RELEASED = "released", "Taken off the provider's list"
        REFUSED = "refused", "Refused by the provider"

    run = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, related_name="differences", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    number = models.CharField(max_length=32)
    sender = models.CharField("company number", max_length=32, blank=True)
    cause = models.TextField("likely cause", blank=True)
    opt_out_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    changed_by = models.CharField(max_length=160, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number", "sender", "kind"], name="difference_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["run", "state", "id"], name="difference_of_run"),
            models.Index(fields=["run", "kind", "-id"], name="difference_by_kind"),
            models.Index(fields=["tenant", "-run", "-id"], name="difference_newest_first"),
            models.Index(fields=["tenant", "number"], name="difference_of_number"),
        ]

    def __str__(self) -> str:
        return f"{format_for_people(self.number)}: {self.get_kind_display().lower()}"
