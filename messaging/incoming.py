"""What a verified webhook tells, applied event by event: each to the one place that knows what it means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from accounts.models import ProviderAccount
from messaging import delivery, learning, receiving
from messaging.connections import calling
from messaging.delivery import NotYetKnown
from messaging.providers.base import (
    ConsentChange,
    Handshake,
    InboundText,
    Proof,
    Provider,
    RawWebhook,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)

__all__ = ["NotYetKnown", "Verified", "apply"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook whose proof holds, with the settings of its connection, which are decrypted once."""

    account: ProviderAccount
    provider: Provider
    settings: Mapping[str, Any]
    raw: RawWebhook
    proof: Proof
    clock: float


def apply(webhook: Verified) -> list[Unrecognized]:
    """Apply every event of a webhook. Returns those that we do not know.

    What can't be read or looked up does not hold up the rest; afterwards it is raised: Unreadable, NotYetKnown.
    Raises whatever goes wrong; then the caller keeps the delivery.
    """
    account, raw = webhook.account, webhook.raw
    arrival = receiving.Arrival(account, raw.body, webhook.proof, raw.received_at, webhook.clock)
    delivered = Delivered(webhook, arrival)
    for event in webhook.provider.read(raw, webhook.settings):
        EFFECTS[type(event)](delivered, event)
    if delivered.faults:
        raise delivered.faults[0]
    return delivered.unknown


@dataclass(slots=True)
class Delivered:
    """One webhook while its events are applied: what could not be done, and what nobody knows."""

    webhook: Verified
    arrival: receiving.Arrival
    faults: list[Exception] = field(default_factory=list)
    unknown: list[Unrecognized] = field(default_factory=list)


def _receive(delivered: Delivered, text: InboundText) -> None:
    receiving.receive(delivered.arrival, text, timezone.now())


def _apply_status(delivered: Delivered, update: StatusUpdate) -> None:
    try:
        delivery.apply_status(delivered.webhook.account, update, timezone.now())
    except NotYetKnown as error:
        delivered.faults.append(error)


def _apply_consent_change(delivered: Delivered, change: ConsentChange) -> None:
    learning.apply_consent_change(delivered.arrival, change, timezone.now())


def _confirm(delivered: Delivered, handshake: Handshake) -> None:
    webhook = delivered.webhook
    with calling(webhook.account):
        webhook.provider.confirm(handshake, webhook.settings)


def _count(delivered: Delivered, event: Unrecognized) -> None:
    delivered.unknown.append(event)


def _set_aside(delivered: Delivered, fault: Unreadable) -> None:
    delivered.faults.append(fault)


EFFECTS: dict[type, Callable[[Delivered, Any], None]] = {
    InboundText: _receive,
    StatusUpdate: _apply_status,
    ConsentChange: _apply_consent_change,
    Handshake: _confirm,
    Unrecognized: _count,
    Unreadable: _set_aside,
}
