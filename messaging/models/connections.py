"""Provider connections as whoever looks after them must know them, and numbers that can't be reached."""

from typing import ClassVar

from django.db import models

from accounts.models import ProviderAccount
from accounts.scoping import TenantOwned
from compliance.models import Recipient


class ConnectionHealth(TenantOwned):
    """What whoever looks after a connection must know, beside the texts themselves: one row a connection."""

    account = models.OneToOneField(ProviderAccount, on_delete=models.PROTECT, related_name="health")
    tested_at = models.DateTimeField(null=True, blank=True)
    test_passed = models.BooleanField(default=False)
    test_said = models.TextField(blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)
    rejected_count = models.PositiveIntegerField(default=0)
    rejection = models.JSONField(default=dict)
    unknown_at = models.DateTimeField(null=True, blank=True)
    unknown_count = models.PositiveIntegerField(default=0)
    unknown_kind = models.CharField(max_length=120, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True)
    kept_up_at = models.DateTimeField(null=True, blank=True)
    keep_up_at = models.DateTimeField("next upkeep", null=True, blank=True)
    upkeep_said = models.TextField(blank=True)
    upkeep_failed = models.BooleanField(default=False)
    upkeep_failures = models.PositiveIntegerField("failed upkeeps in a row", default=0)
    remembered = models.JSONField(default=dict)

    class Meta:
        verbose_name = "connection health"
        verbose_name_plural = "connection health"

    def __str__(self) -> str:
        return f"Health of {self.account}"


class NumberTrouble(TenantOwned):
    """A number that providers say is invalid or can't be reached. It says nothing of consent, and blocks nothing."""

    class Kind(models.TextChoices):
        INVALID = "invalid_number", "No number that can be texted"
        UNREACHABLE = "unreachable", "Could not be reached"

    recipient = models.OneToOneField(Recipient, on_delete=models.PROTECT, related_name="trouble")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    code = models.CharField(max_length=64, blank=True)
    text = models.TextField(blank=True)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField("reached again", null=True, blank=True)

    class Meta:
        verbose_name = "number that can't be reached"
        verbose_name_plural = "numbers that can't be reached"
        indexes: ClassVar = [models.Index(fields=["tenant", "-last_at"], name="trouble_newest_first")]

    def __str__(self) -> str:
        return f"{self.recipient}: {self.get_kind_display().lower()}"
