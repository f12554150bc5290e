"""What was counted of each day, so that the start page reads some hundred rows and not millions."""

from typing import ClassVar

from django.db import models

from accounts.models import SenderNumber
from accounts.scoping import TenantOwned
from messaging.models.texts import Campaign, ThreadQuerySet


class CountedDay(TenantOwned):
    """A day of a business: until when it is counted, and when that is due again. Whoever moves `due_at` counts it."""

    day = models.DateField()
    time_zone = models.CharField(max_length=64)
    counted_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(default=0.0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "day"], name="counted_day_once")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="counted_day_due")
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class DayFigures(TenantOwned):
    """What one day brought: a row for each company number, campaign and, of opt-outs, source.

    `day` is the day that a row counts for, `counted_on` the day whose count wrote it. They differ where an opt-out
    counts for the day of the text that came before it, or where one that was none is taken off its day again.
    """

    day = models.DateField()
    counted_on = models.DateField()
    sender_number = models.ForeignKey(
        SenderNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Opt-outs name their campaign as a plain value, so nothing holds it to the table of campaigns.
    campaign = models.ForeignKey(
        Campaign,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    source = models.CharField(max_length=12, blank=True)

    texts_in = models.IntegerField(default=0)
    texts_out = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    blocked = models.IntegerField(default=0)
    blocked_opted_out = models.IntegerField("blocked because of an opt-out", default=0)
    blocked_segments = models.IntegerField("segments of blocked marketing and transactional texts", default=0)
    opt_outs = models.IntegerField(default=0)
    opted_back_in = models.IntegerField(default=0)
    drawn = models.IntegerField("opt-outs within 72 hours of a campaign's text", default=0)

    objects: ClassVar = ThreadQuerySet.as_manager()

    class Meta:
        verbose_name = "figures of a day"
        verbose_name_plural = "figures of days"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "day"], name="figures_by_day"),
            models.Index(fields=["tenant", "counted_on"], name="figures_by_count"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
