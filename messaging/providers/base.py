"""What a provider file supplies: verify a webhook, read it, hand a text over. Providers translate, never decide."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from messaging.providers.addresses import check_address
from messaging.providers.events import (
    ConsentChange,
    DeliveryState,
    Event,
    Handshake,
    InboundText,
    Reading,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
)
from messaging.providers.facts import Facts, load_facts
from messaging.providers.failures import Failure

__all__ = [
    "STATUS_ADDRESS_FIELD",
    "ConsentChange",
    "DeliveryState",
    "Event",
    "HandedOver",
    "Handshake",
    "InboundText",
    "NotTaken",
    "OutcomeUnknown",
    "OutgoingText",
    "Proof",
    "Provider",
    "RawWebhook",
    "Reading",
    "RefusedForGood",
    "Rejected",
    "Reply",
    "Said",
    "SendError",
    "StatusUpdate",
    "Unauthenticated",
    "Unreadable",
    "Unrecognized",
    "WebhookKind",
]


TOLERANCE_SECONDS = 300  # between a signed time and its arrival
STATUS_ADDRESS_FIELD = "message"  # in the address that a provider reports to: which text of ours it is about


class Proof(StrEnum):
    """What a webhook's authentication proved; stored with what it brought."""

    BODY_SIGNED = "body_signed"
    ADDRESS_SIGNED = "address_signed"
    SHARED_SECRET = "shared_secret"  # noqa: S105 - the name of a kind of proof
    NONE = "none"


class WebhookKind(StrEnum):
    """Which of a connection's two addresses was called. What came is for the body to say."""

    INBOUND = "inbound"
    STATUS = "status"


class Rejected(Exception):
    """A webhook that is not authentic. The caller answers with `status` and `headers`.

    checked: what the signature was compared over, for the diagnosis page; no secret, and nothing made with one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 403,
        headers: Mapping[str, str] | None = None,
        checked: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.checked = dict(checked or {})


class Unauthenticated(Rejected):
    """Basic credentials are missing or wrong: 401 with the challenge, without which some providers send none."""

    def __init__(self, message: str, *, checked: Mapping[str, str] | None = None) -> None:
        challenge = {"www-authenticate": 'Basic realm="webhooks", charset="UTF-8"'}
        super().__init__(message, status=401, headers=challenge, checked=checked)


@dataclass(frozen=True, slots=True)
class RawWebhook:
    """A request as it came: header names in lower case, the body as bytes.

    address: the public address from the configuration with the path and query that were called, never the Host header.
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    kind: WebhookKind = WebhookKind.INBOUND
    address: str = ""

    def came_near(self, seconds: float) -> bool:
        """Whether it came within five minutes of a signed time, in seconds since 1970."""
        return abs(self.received_at.timestamp() - seconds) <= TOLERANCE_SECONDS

    @property
    def message_id(self) -> str:
        """Our id of the text that a status is about, where the called address names it; a kept webhook has none."""
        return next(iter(parse_qs(urlsplit(self.address).query).get(STATUS_ADDRESS_FIELD, ())), "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider gets back."""

    content_type: str = "application/json"
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """What is handed over. `id` is ours, stays the same over retries, and lets the provider see a repeat.

    status_address: where the provider may report what became of it.
    """

    id: str
    sender: str
    recipient: str
    body: str
    status_address: str = ""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A provider took the text."""

    provider_message_id: str = ""
    delivered: bool = False


class SendError(Exception):
    """A hand-over that did not end well. Its type tells what may be done next, `failure` why it failed."""

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


class NotTaken(SendError):
    """The provider surely did not take it (429, refused connection): it may be tried again, through the gate."""

    def __init__(self, message: str, retry_after_seconds: float | None = None, failure: Failure | None = None) -> None:
        super().__init__(message, failure)
        self.retry_after_seconds = retry_after_seconds


class RefusedForGood(SendError):
    """The provider will not take it: trying again would not help."""


class OutcomeUnknown(SendError):
    """Nobody can tell whether it was taken: shown to a person, never sent again."""


class Provider(ABC):
    """One provider. `verify` and `read` are pure: no database, no network (but for a certificate that is cached)."""

    slug: ClassVar[str]
    # Headers that `read` needs, kept with a webhook that could not be applied. Never one that carries a secret.
    kept_headers: ClassVar[tuple[str, ...]] = ("content-type", "user-agent")

    @property
    def facts(self) -> Facts:
        return load_facts(self.slug)

    def handshake(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reply | None:
        """The answer to a request that only asks whether somebody is there. None for every other."""
        return None

    @abstractmethod
    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """Check who sent it, on the raw bytes. Raises Rejected."""

    @abstractmethod
    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        """What a verified webhook tells, and in their places the parts that can't be read.

        Raises Unreadable where nothing of it can be.
        """

    @abstractmethod
    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        """Hand a text over, with time-outs. Raises SendError and nothing else for what the provider does."""

    def acknowledge(self, raw: RawWebhook) -> Reply:
        """The 200 that this provider expects."""
        return Reply()

    def confirm(self, handshake: Handshake, settings: Mapping[str, Any]) -> None:
        """Make the call that a handshake asks for. Raises SendError where it fails."""
        raise NotImplementedError(f"{self.slug} asks for no confirmation.")

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raises ValueError with a sentence that names the setting."""
        for name in self.facts.required:
            if not settings.get(name):
                raise ValueError(f"The setting “{name}” is missing; add --set {name}=….")
        self._check_names(settings)
        for setting in self.facts.settings:
            if setting.choices and settings.get(setting.name, "") not in ("", *setting.choices):
                raise ValueError(f"The setting “{setting.name}” must be one of {', '.join(setting.choices)}.")
        if settings.get("base_url"):
            check_address(str(settings["base_url"]), private_allowed=True)

    def _check_names(self, settings: Mapping[str, Any]) -> None:
        known = self.facts.names
        if self.facts.base_url and "base_url" not in known:
            known = (*known, "base_url")
        for name in settings:
            if name not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(f"“{name}” is not a setting of {self.slug}; its settings are: {allowed}.")

    def base_url(self, settings: Mapping[str, Any]) -> str:
        """Where the provider is called, without a slash at its end: its own address, or the one that was set."""
        return str(settings.get("base_url") or self.facts.base_url).rstrip("/")


def secrets_of(settings: Mapping[str, Any], name: str) -> list[str]:
    """Every value of a secret that stands: the first signs and sends, all verify. Empty ones are none."""
    value = settings.get(name) or []
    return [secret for secret in ([value] if isinstance(value, str) else value) if secret]


def first_secret(settings: Mapping[str, Any], name: str) -> str:
    """The value of a secret that is used for what we send; "" where there is none."""
    return next(iter(secrets_of(settings, name)), "")
