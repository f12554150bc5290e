"""Texts in both directions and their threads; provider connections, their lists, and what was sent past us."""

from messaging.models.connections import ConnectionHealth, NumberTrouble
from messaging.models.figures import CountedDay, DayFigures
from messaging.models.lists import Difference, ListedNumber, Reconciliation
from messaging.models.outside import OutsideReading, OutsideText
from messaging.models.texts import (
    Campaign,
    Conversation,
    InboundMessage,
    OutboundMessage,
    ThreadQuerySet,
    WebhookDelivery,
)

__all__ = [
    "Campaign",
    "ConnectionHealth",
    "Conversation",
    "CountedDay",
    "DayFigures",
    "Difference",
    "InboundMessage",
    "ListedNumber",
    "NumberTrouble",
    "OutboundMessage",
    "OutsideReading",
    "OutsideText",
    "Reconciliation",
    "ThreadQuerySet",
    "WebhookDelivery",
]
