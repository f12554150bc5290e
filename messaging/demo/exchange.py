"""Texts of the past, by the same doors as those of today: the gate decides, and every outcome is stored."""

import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from accounts.models import SenderNumber, User
from compliance import gate
from compliance.models import Recipient
from messaging import delivery, receiving, sending
from messaging.demo.company import Company
from messaging.models import Campaign, Conversation, InboundMessage, OutboundMessage
from messaging.providers.base import InboundText, Proof

Status = OutboundMessage.Status
CLAIMED_AFTER = timedelta(seconds=0.4)
SENT_AFTER = timedelta(seconds=0.7)
DELIVERED_AFTER = timedelta(seconds=3)
BETWEEN_TEXTS = timedelta(seconds=0.02)
STOPPED = "The worker stopped during the hand-over; nobody can tell whether the provider has the text."
ENDS: dict[Status, dict[str, Any]] = {
    Status.FAILED: {"reason": "refused_by_provider", "error": "The handset can't be reached."},
    Status.UNKNOWN: {"reason": "outcome_unknown", "error": STOPPED},
}


class Exchange:
    """What a business's texts pass through on their way."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._turn = count(1)

    def receive(self, recipient: str, sender: SenderNumber, words: str, at: datetime) -> InboundMessage:
        """A recipient texts; the reply that is due is delivered seconds later."""
        key = f"demo-{next(self._turn)}"
        said = {"id": key, "from": recipient, "to": sender.number, "text": words, "sent_at": at.isoformat()}
        arrival = receiving.Arrival(
            self._company.account, json.dumps(said).encode(), Proof.NONE, at, time.perf_counter()
        )
        message = receiving.receive(arrival, InboundText(key, recipient, sender.number, words, at), at)
        assert message is not None, "the demo texts once"  # noqa: S101
        for reply in message.replies.filter(status=Status.QUEUED):
            self._deliver(reply, at + CLAIMED_AFTER)
        return message

    def send(self, recipient: str, sender: SenderNumber, body: str, user: User | None, at: datetime) -> OutboundMessage:
        """An employee texts; delivered seconds later, unless the gate refuses."""
        message = sending.accept_send(
            sending.Submission(
                tenant=self._company.tenant,
                sender=sender,
                recipient=recipient,
                body=body,
                purpose="conversational",
                user=user,
                requested_by=user.display_name if user else "",
            ),
            at,
        )
        if message.status == Status.QUEUED:
            self._deliver(message, at + CLAIMED_AFTER)
        return message

    def mail(
        self, campaign: Campaign, purpose: str, body: str, to: Sequence[Recipient], ends: Sequence[Status], at: datetime
    ) -> list[OutboundMessage]:
        """A mailing at once: one question to the gate per company number, and every refusal kept.

        ends: what becomes of the first texts; all others are delivered.
        """
        refusals = gate.check_many(self._company.tenant, [row.number for row in to], None, purpose, at)
        threads = self._touch(to, body, at)
        left = iter(ends)
        rows = []
        for place, row in enumerate(to):
            message = self._draft(campaign, purpose, body, row, threads[place], at)
            if refused := refusals.get(row.number):
                message.status, message.reason = Status.BLOCKED, refused.reason
                message.decision = refused.as_json()
            else:
                self._end(message, next(left, Status.DELIVERED), at + place * BETWEEN_TEXTS)
            rows.append(message)
        return OutboundMessage.objects.bulk_create(rows, batch_size=200)

    def _touch(self, to: Sequence[Recipient], body: str, at: datetime) -> list[Conversation]:
        senders = [self._company.sender_for(row.number) for row in to]
        return [
            sending.touch_conversation(row.tenant_id, row.pk, sender.number, sender, body, at)
            for row, sender in zip(to, senders, strict=True)
        ]

    def _draft(
        self, campaign: Campaign, purpose: str, body: str, to: Recipient, thread: Conversation, at: datetime
    ) -> OutboundMessage:
        return OutboundMessage(
            tenant_id=to.tenant_id,
            conversation=thread,
            recipient=to,
            sender_number=thread.sender_number,
            campaign=campaign,
            purpose=purpose,
            body=body,
            decision=gate.ALLOWED.as_json(),
            requested_by=campaign.name,
            created_at=at,
            not_before=at,
        )

    @staticmethod
    def _end(message: OutboundMessage, end: Status, at: datetime) -> None:
        message.status, message.attempts = end, 1
        message.claimed_at = at + CLAIMED_AFTER
        for name, value in ENDS.get(end, {}).items():
            setattr(message, name, value)
        if end == Status.DELIVERED:
            message.sent_at, message.delivered_at = at + SENT_AFTER, at + DELIVERED_AFTER
            message.provider_message_id = f"sim-{message.pk}"

    @staticmethod
    def _deliver(message: OutboundMessage, at: datetime) -> None:
        """The worker's half, in the past: the claim passes the gate again."""
        if delivery.claim_message(message.pk, at) is None:
            return
        OutboundMessage.objects.filter(pk=message.pk).update(
            status=Status.DELIVERED,
            attempts=1,
            sent_at=at + (SENT_AFTER - CLAIMED_AFTER),
            delivered_at=at + (DELIVERED_AFTER - CLAIMED_AFTER),
            provider_message_id=f"sim-{message.pk}",
        )
