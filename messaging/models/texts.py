"""Texts in both directions, their threads, and webhooks that could not be applied."""

import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator

from accounts.models import ProviderAccount, SenderNumber, User
from accounts.phone import format_for_people
from accounts.roles import Role
from accounts.scoping import TenantOwned, TenantQuerySet
from compliance.models import OptOut, Recipient
from compliance.purposes import Purpose

if TYPE_CHECKING:
    from accounts.models import User as UserType


class ThreadQuerySet(TenantQuerySet):
    """Threads and texts: an employee sees those of the numbers that they send from, colleagues' included."""

    def visible_to(self, user: "UserType") -> Self:
        rows = super().visible_to(user)
        if user.role == Role.EMPLOYEE:
            return rows.filter(sender_number__users=user)
        if user.role == Role.SITE_MANAGER:
            return rows.filter(sender_number__site=user.site_id) if user.site_id else rows.none()
        return rows


class Campaign(TenantOwned):
    """A label on outgoing texts: which mailing drove people away."""

    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="campaign_name_once")]

    def __str__(self) -> str:
        return self.name


class Conversation(TenantOwned):
    """The thread between one recipient and one company number, shared by all who send from it."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="conversations")
    sender = models.CharField("company number", max_length=32)
    sender_number = models.ForeignKey(
        SenderNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="conversations"
    )
    last_message_at = models.DateTimeField(default=timezone.now)
    last_text = models.CharField(max_length=160, blank=True)

    objects: ClassVar = ThreadQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "recipient", "sender"], name="conversation_once")
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "-last_message_at"], name="conversation_newest_first")]

    def __str__(self) -> str:
        return f"{self.recipient} ↔ {format_for_people(self.sender)}"


class OutboundMessage(TenantOwned):
    """One text to one recipient, refused ones included: queued → sending → sent → delivered, or an end."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        BLOCKED = "blocked", "Blocked"
        UNKNOWN = "unknown", "Unknown"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="outbound", db_index=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="outbound", db_index=False)
    sender_number = models.ForeignKey(SenderNumber, on_delete=models.PROTECT, related_name="outbound")
    account = models.ForeignKey(
        ProviderAccount,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name="provider connection",
    )
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="messages")
    purpose = models.CharField(max_length=24, choices=Purpose.choices)
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    reason = models.CharField(max_length=40, blank=True)
    decision = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    by_person = models.BooleanField("typed in the thread by a person", default=False)
    emergency_reason = models.TextField(blank=True)
    requested_by = models.CharField(max_length=160, blank=True)

    in_reply_to = models.ForeignKey(
        "InboundMessage", null=True, blank=True, on_delete=models.PROTECT, related_name="replies"
    )
    opt_out = models.ForeignKey(
        OptOut, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    episode = models.PositiveIntegerField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    provider_message_id = models.CharField(max_length=128, blank=True)
    error = models.TextField(blank=True)
    # What the provider said when it refused: kind, code, text, by, raw. See messaging.providers.failures.
    failure = models.JSONField("the provider's answer", default=dict, blank=True)

    idempotency_key = models.CharField(max_length=255, null=True, blank=True, editable=False)  # noqa: DJ001 - NULL is not unique
    request_digest = models.CharField(max_length=64, blank=True, editable=False)

    objects: ClassVar = ThreadQuerySet.as_manager()

    class Meta:
        verbose_name = "outgoing text"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="idempotency_key_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="outbound_newest_first"),
            models.Index(fields=["recipient", "-created_at"], name="outbound_of_recipient"),
            models.Index(fields=["conversation", "-created_at"], name="outbound_of_conversation"),
            models.Index(fields=["not_before"], condition=models.Q(status="queued"), name="outbound_queued"),
            models.Index(fields=["claimed_at"], condition=models.Q(status="sending"), name="outbound_sending"),
            models.Index(
                fields=["tenant", "created_at"], condition=models.Q(status="blocked"), name="outbound_blocked"
            ),
            models.Index(
                fields=["account", "-claimed_at"],
                condition=models.Q(claimed_at__isnull=False),
                name="outbound_of_connection",
            ),
            models.Index(
                fields=["account", "provider_message_id"],
                condition=~models.Q(provider_message_id=""),
                name="outbound_provider_id",
            ),
        ]
        permissions: ClassVar = [
            ("send_outboundmessage", "Can send texts"),
            ("send_emergency", "Can send emergency texts past an opt-out, with a reason"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {Truncator(self.body).chars(40)}"

    @property
    def confirmed_episode(self) -> tuple[int, int] | None:
        """The opt-out that this text confirms, and which episode of it. None for every other text."""
        if self.purpose != Purpose.OPT_OUT_CONFIRMATION or self.opt_out_id is None:
            return None
        return self.opt_out_id, self.episode or 0


class InboundMessage(TenantOwned):
    """One text from a recipient, stored in the same transaction as everything it caused."""

    class Outcome(models.TextChoices):
        OPTED_OUT = "opted_out", "Opted out"
        REPEATED = "repeated", "Asked again"
        SUPERSEDED = "superseded", "Late; a newer opt-in stands"
        OPTED_IN = "opted_in", "Opted in"
        NOT_LIFTED = "not_lifted", "Recorded; still opted out"
        HELP = "help", "Asked for help"
        ANSWERED = "answered", "Texted a keyword"
        HELD = "held", "Held for review"
        RECORDED = "recorded", "Recorded"
        NONE = "none", "Stored"

    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    event_key = models.CharField(max_length=255)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="inbound", db_index=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="inbound", db_index=False)
    sender_number = models.ForeignKey(SenderNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    body = models.TextField(blank=True)
    raw_body = models.BinaryField()
    proof = models.CharField(max_length=24, blank=True)
    sent_at = models.DateTimeField("sent, as the provider says", null=True, blank=True)
    received_at = models.DateTimeField()
    asked_at = models.DateTimeField("counts from")

    intent = models.CharField(max_length=12)
    rule = models.CharField(max_length=80)
    language = models.CharField(max_length=8, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    explanation = models.TextField(blank=True)
    opt_out = models.ForeignKey(
        OptOut, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_in_ms = models.FloatField("decided in (ms)", null=True, blank=True)

    objects: ClassVar = ThreadQuerySet.as_manager()

    class Meta:
        verbose_name = "incoming text"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "account", "event_key"], name="inbound_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-received_at", "-id"], name="inbound_newest_first"),
            models.Index(fields=["recipient", "-received_at"], name="inbound_of_recipient"),
            models.Index(fields=["conversation", "-received_at"], name="inbound_of_conversation"),
            models.Index(fields=["account", "-received_at"], name="inbound_of_connection"),
        ]

    def __str__(self) -> str:
        return self.body[:60]


class DeliveryQuerySet(TenantQuerySet):
    """Failed deliveries; those that nobody has put aside still wait."""

    def waiting(self) -> Self:
        """What is neither applied nor put aside by a person."""
        return self.filter(handled_at=None, put_aside_at=None)


class WebhookDelivery(TenantOwned):
    """A webhook that was authentic but could not be read or applied: kept, shown, tried again."""

    class Kind(models.TextChoices):
        INBOUND = "inbound", "Incoming text"
        STATUS = "status", "Delivery status"

    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    raw_body = models.BinaryField()
    digest = models.CharField(max_length=64, editable=False)
    headers = models.JSONField(default=dict)
    proof = models.CharField(max_length=24, blank=True)
    received_at = models.DateTimeField()
    error = models.TextField()
    attempts = models.PositiveIntegerField(default=1)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)
    # A person has looked, and nothing is to be done about it. The row stays, and can be taken up again.
    put_aside_at = models.DateTimeField(null=True, blank=True)
    put_aside_by = models.CharField(max_length=160, blank=True)
    put_aside_why = models.TextField(blank=True)

    objects: ClassVar = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = "failed delivery"
        verbose_name_plural = "failed deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "account", "kind", "digest"], name="delivery_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=models.Q(handled_at=None), name="delivery_due"),
            models.Index(fields=["account", "-received_at"], name="delivery_of_connection"),
        ]
        permissions: ClassVar = [("retry_webhookdelivery", "Can try failed deliveries again")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {date_format(timezone.localtime(self.received_at), 'DATETIME_FORMAT')}"
