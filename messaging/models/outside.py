"""Outgoing texts that did not pass through us, as the provider's own records show them."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber
from accounts.scoping import TenantOwned
from compliance.models import Recipient
from messaging.models.texts import Conversation, ThreadQuerySet


class OutsideText(TenantOwned):
    """A text that was sent elsewhere. One that went to somebody who had opted out is an incident."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    provider_message_id = models.CharField(max_length=128)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="outside")
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="outside_texts")
    sender_number = models.ForeignKey(SenderNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    body = models.TextField(blank=True)
    by = models.CharField("sent by", max_length=160, blank=True)
    sent_at = models.DateTimeField()
    seen_at = models.DateTimeField(default=timezone.now)
    is_incident = models.BooleanField(default=False)
    explanation = models.TextField(blank=True)
    opt_out_id = models.BigIntegerField(null=True, blank=True)
    alerted_at = models.DateTimeField(null=True, blank=True, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=160, blank=True)
    settled_why = models.TextField("what was done", blank=True)

    objects: ClassVar = ThreadQuerySet.as_manager()

    class Meta:
        verbose_name = "text sent elsewhere"
        verbose_name_plural = "texts sent elsewhere"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "provider_message_id"], name="outside_text_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-sent_at", "-id"], name="outside_newest_first"),
            models.Index(fields=["tenant"], condition=models.Q(is_incident=True, settled_at=None), name="incidents"),
        ]
        permissions: ClassVar = [("settle_outsidetext", "Can settle texts that were sent past an opt-out")]

    def __str__(self) -> str:
        return self.body[:60]


class OutsideReading(TenantOwned):
    """How far the records of a connection have been read."""

    account = models.OneToOneField(ProviderAccount, on_delete=models.PROTECT, related_name="outside_reading")
    since = models.DateTimeField()
    next_page = models.TextField(blank=True)
    newest = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(default=timezone.now)
    taken_until = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = "reading of texts sent elsewhere"

    def __str__(self) -> str:
        return f"Texts sent elsewhere by {self.account}"
