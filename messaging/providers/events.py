"""What a webhook can tell, in one set of words for every provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from messaging.providers.failures import Failure


class Unreadable(ValueError):
    """An authentic webhook that is not what its kind must be. The caller keeps it and answers 400."""


class Said(StrEnum):
    """What the provider itself read in a text."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class InboundText:
    """One text from a person. `sent_at` is the provider's word; None where it does not say.

    said: how the provider read it, None where it does not say.
    replied: whether the provider has answered it by itself, None where it does not say.
    """

    event_key: str
    sender: str
    to: str
    text: str
    sent_at: datetime | None = None
    said: Said | None = None
    replied: bool | None = None


class DeliveryState(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A provider's later word about a text: named by our id, by the provider's, or by both."""

    state: DeliveryState
    message_id: str = ""
    provider_message_id: str = ""
    error: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """An entry of the provider's own list that came, changed or went.

    sender: the company number it holds for, "" for all of the account. by: who the provider says asked for it,
    `recipient`, `business` (somebody entered it there), `carrier`, or "" where it does not say.
    """

    event_key: str
    recipient: str
    opted_out: bool
    sender: str = ""
    by: str = ""
    changed_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handshake:
    """The provider asks for a confirmation that takes a call of ours: see `Provider.confirm`."""

    address: str


@dataclass(frozen=True, slots=True)
class Unrecognized:
    """Authentic and not understood: stored, counted, acknowledged."""

    kind: str


Event = InboundText | StatusUpdate | ConsentChange | Handshake | Unrecognized
Reading = list[Event | Unreadable]
