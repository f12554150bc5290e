"""What a provider's tests supply, so that the contract in `test_contract.py` can be told of any provider.

A provider that is added brings a `Kit` of its own in `tests/providers/kit_<slug>.py`: the provider's side of the wire,
written from its documentation and, where the vendor has a library that signs, with that.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from importlib import import_module
from typing import Any

import pytest

from messaging.providers import PROVIDERS
from tests.fake_gateway import Answer, Gateway

COMPANY = "+12025550142"
SIMULATED = ("simulator",)


class Kit(ABC):
    """One provider as the world sees it."""

    slug: str
    content_type = "application/json"
    signs_body = True  # a changed body is refused
    signs_address = False  # a changed address is refused
    signs_time = False  # a webhook older than some minutes is refused
    takes_lists = False  # one webhook may carry several texts
    has_secret = True  # authenticity rests on a secret of the business that can be rotated
    tells_opt_out_at_send = True  # else only in a later status
    refusal_status = 403

    @abstractmethod
    def settings(self, secret: int = 1) -> dict[str, Any]:
        """What is given to `connect_provider`, with the first, second, … of different secrets; without base_url."""

    @abstractmethod
    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        """The body of the webhook by which a text comes in."""

    @abstractmethod
    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        """The headers that make a body authentic. `address` is the public one, with its query."""

    def seal(self, body: bytes, *, signed: bytes, secret: int = 1) -> bytes:
        """The body with its signature in it, where that does not come in a header; made over `signed`."""
        return body

    @abstractmethod
    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        """The body of a status callback; word: delivered, failed, opted_out or invalid_number."""

    @abstractmethod
    def taken(self, provider_message_id: str) -> Answer:
        """How the provider answers a text that it takes."""

    def opted_out(self) -> Answer:
        """How it answers a text to somebody who is on its list, where it does so at once."""
        raise NotImplementedError

    def invalid_number(self) -> Answer | None:
        """How it answers a text to what is no number, where it does so at once."""
        return None

    def unknown_event(self) -> bytes | None:
        """The body of an event that we do not act on, where the provider has kinds of events."""
        return None

    def several(self, bodies: list[bytes]) -> bytes:
        """One webhook that carries several texts, where there is such a thing."""
        raise NotImplementedError

    def without_fields(self) -> bytes:
        """A webhook that lacks what every text has."""
        return b"{}"

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: B027 - most need nothing
        """What must stand before a webhook can be verified, such as a certificate that else comes over the network."""

    def prepare(self, gateway: Gateway) -> None:  # noqa: B027 - most need nothing
        """Answers that must stand before a text can be sent, such as one that hands out a token."""

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        """The texts that reached the provider's door, each as {"from", "to", "body"}, E.164."""
        raise NotImplementedError


def kits() -> list[Kit]:
    """The kit of every provider that can be connected: one without fails the contract."""
    real = (slug for slug in PROVIDERS if slug not in SIMULATED)
    return [import_module(f"tests.providers.kit_{slug}").KIT for slug in real]
