"""What a provider file supplies: verify a webhook, read it, hand a text over. Providers translate, never decide."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from accounts.phone import NumberKind


class Proof(StrEnum):
    """What a webhook's authentication proved; stored with what it brought."""

    BODY_SIGNED = "body_signed"
    NONE = "none"


class Rejected(Exception):
    """A webhook that is not authentic. The caller answers 403."""


class Unreadable(ValueError):
    """An authentic webhook that is not what its kind must be. The caller keeps it and answers 400."""


@dataclass(frozen=True, slots=True)
class RawWebhook:
    """A request as it came: header names in lower case, the body as bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text from a person. `sent_at` is the provider's word; None where it does not say."""

    event_key: str
    sender: str
    to: str
    text: str
    sent_at: datetime | None = None


class DeliveryState(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A provider's later word about a text: named by our id, by the provider's, or by both."""

    state: DeliveryState
    message_id: str = ""
    provider_message_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """What is handed over. `id` is ours, stays the same over retries, and lets the provider see a repeat."""

    id: str
    sender: str
    recipient: str
    body: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A provider took the text."""

    provider_message_id: str = ""
    delivered: bool = False


class SendError(Exception):
    """A hand-over that did not end well. Its type tells what may be done next."""


class NotTaken(SendError):
    """The provider surely did not take it (429, refused connection): it may be tried again, through the gate."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RefusedForGood(SendError):
    """The provider will not take it: trying again would not help."""


class OutcomeUnknown(SendError):
    """Nobody can tell whether it was taken: shown to a person, never sent again."""


class Provider(ABC):
    """One provider. Inbound methods are pure: no database, no network."""

    slug: ClassVar[str]
    label: ClassVar[str]
    required_settings: ClassVar[tuple[str, ...]] = ()
    secret_settings: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """Check the signature on the raw bytes. Raises Rejected."""

    @abstractmethod
    def read_inbound(self, raw: RawWebhook) -> list[InboundText | Unreadable]:
        """The texts in a verified webhook, and in their places those that can't be read. Raises Unreadable."""

    @abstractmethod
    def read_status(self, raw: RawWebhook) -> list[StatusUpdate]:
        """The status updates in a verified webhook. Raises Unreadable."""

    @abstractmethod
    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        """Hand a text over, with time-outs. Raises SendError and nothing else for what the provider does."""

    def acknowledge(self) -> tuple[str, str]:
        """Content type and body of the 200 that this provider expects."""
        return "application/json", "{}"

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raises ValueError with a sentence that names the setting."""
        for name in self.required_settings:
            if not settings.get(name):
                raise ValueError(f"The setting “{name}” is missing; add --set {name}=….")
        for name in settings:
            if name not in self.required_settings:
                allowed = ", ".join(self.required_settings) or "none"
                raise ValueError(f"“{name}” is not a setting of {self.slug}; its settings are: {allowed}.")

    def answers_itself(self, kind: str, word: str) -> bool:
        """Whether the network answers this opt-out word by itself (NET-01: the bare STOP on toll-free numbers)."""
        return kind == NumberKind.TOLL_FREE and word == "stop"
