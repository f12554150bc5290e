"""Consents: who agreed to be texted, how, to what, and whether a second yes is still awaited."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import OptOutScope
from accounts.scoping import NumberedQuerySet, TenantOwned
from compliance.models.central_list import ActorKind, Evidence, Recipient
from compliance.models.ways import ConsentWay

ALL_NUMBERS = "*"  # in Recipient.opted_in_for: every company number


class Consent(TenantOwned):
    """A recipient's yes: when, by which way, to what they were shown, for which numbers. Append-only, by triggers."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="consents")
    scope = models.CharField(max_length=8, choices=OptOutScope.choices)
    sender = models.CharField("company number", max_length=32, blank=True)
    way = models.CharField(max_length=16, choices=ConsentWay.choices)
    wording = models.TextField("what was shown or said to them", blank=True)
    campaign = models.CharField(max_length=120, blank=True)
    given_at = models.DateTimeField()
    # Whether it says by itself that texts are welcome again: a STOP that is older and arrives late closes nothing.
    reopens = models.BooleanField(default=False, editable=False)
    awaits_yes = models.BooleanField("counts once they have answered YES", default=False, editable=False)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices, blank=True, editable=False)
    actor_id = models.CharField(max_length=64, blank=True, editable=False)
    actor_name = models.CharField("recorded by", max_length=160, blank=True, editable=False)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    confirmation_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar = NumberedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-given_at"]
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at", "-id"], name="consent_newest_first")]
        permissions: ClassVar = [("record_consent", "Can record consents")]

    def __str__(self) -> str:
        return f"{self.recipient} {self.get_way_display().lower()}"

    @property
    def covered(self) -> str:
        """What it adds to the recipient's `opted_in_for`."""
        return ALL_NUMBERS if self.scope == OptOutScope.TENANT else self.sender


class ConsentQuestion(TenantOwned):
    """“Reply YES to confirm”, asked once for a consent. Open until it is answered, expires or is taken back."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="consent_questions")
    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="question")
    sender = models.CharField("company number that asks", max_length=32)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    answer = models.OneToOneField(Consent, null=True, blank=True, on_delete=models.PROTECT, related_name="answers")

    objects: ClassVar = NumberedQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["recipient"], condition=models.Q(closed_at=None), name="consent_question_open")
        ]

    def __str__(self) -> str:
        return f"{self.recipient}: asked for a YES"
