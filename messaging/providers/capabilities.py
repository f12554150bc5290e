"""What only some providers can do. A provider that can inherits the class; whoever needs it asks with isinstance."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from messaging.providers.events import ConsentChange, StatusUpdate


class CallFailed(Exception):
    """A call to the provider that brought nothing; the message is a sentence for the person who looks.

    retry_after_seconds: how long the provider asks to be left alone, where it says so. status: what it answered, 0
    where no answer came.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None, status: int = 0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.status = status


class Testable(ABC):
    """Can tell whether its settings work without texting anybody."""

    @abstractmethod
    def test_connection(self, settings: Mapping[str, Any]) -> str:
        """One sentence that says what works. Raises CallFailed with one that says what does not."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of the provider's own list. `next_page` is what to ask with for the next one, "" at the end."""

    entries: Sequence[ConsentChange]
    next_page: str = ""


class ListsOptOuts(ABC):
    """Keeps a list of opt-outs that can be read."""

    @abstractmethod
    def read_list(self, settings: Mapping[str, Any], page: str, senders: Sequence[str]) -> ListPage:
        """One page of the list; `page` "" is the first. senders: our company numbers of this connection.

        Raises CallFailed.
        """


@dataclass(frozen=True, slots=True)
class ListItem:
    """An entry to write to a provider's list. `sender` "" means every company number of the account."""

    recipient: str
    sender: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one entry: `error` is "" where it was taken."""

    item: ListItem
    error: str = ""


class TakesOptOuts(ABC):
    """Has a list of opt-outs that can be written, `batch_size` entries in a call and a pause after each.

    per_sender: whether an entry names a company number; else one holds for the whole account, and its sender is "".
    """

    batch_size: int = 1
    pause_seconds: float = 0.0
    per_sender: bool = False

    @abstractmethod
    def add_to_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        """Add at most `batch_size` entries. Raises CallFailed where the call as a whole fails."""


class ReleasesOptOuts(ABC):
    """Has a list of opt-outs from which entries can be taken away. Called only for a person's act or own START."""

    @abstractmethod
    def remove_from_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        """Take entries away. Raises CallFailed where the call as a whole fails."""


@dataclass(frozen=True, slots=True)
class SentText:
    """An outgoing text as the provider's own records show it.

    by: who sent it there, where the provider says so. handed_over_as: what its hand-over answered, where the records
    name it otherwise; a text of ours is known by either. status: what became of it, from a provider that reports a
    status nowhere else.
    """

    provider_message_id: str
    sender: str
    recipient: str
    body: str
    sent_at: datetime
    by: str = ""
    handed_over_as: str = ""
    status: StatusUpdate | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """By which a text of ours may be known; the last one is what its hand-over answered."""
        return tuple(filter(None, dict.fromkeys((self.provider_message_id, self.handed_over_as))))


@dataclass(frozen=True, slots=True)
class SentPage:
    """A page of what was sent. `next_page` is "" at the end."""

    texts: Sequence[SentText]
    next_page: str = ""


class ReportsSent(ABC):
    """Tells which texts were sent from an account, by whatever way."""

    @abstractmethod
    def read_sent(self, settings: Mapping[str, Any], since: datetime, page: str, senders: Sequence[str]) -> SentPage:
        """One page of the outgoing texts since a moment; `page` "" is the first. Raises CallFailed."""

    def complete(self, settings: Mapping[str, Any], text: SentText) -> SentText:
        """A text with what the page leaves out, such as its words. Asked only for those that we did not send.

        Raises CallFailed.
        """
        return text


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What an upkeep did: a sentence for people, and what the provider wants remembered until the next time."""

    says: str
    remembered: Mapping[str, Any]
    due_at: datetime | None = None


class NeedsUpkeep(ABC):
    """Has something that runs out by itself, such as a subscription."""

    @abstractmethod
    def keep_up(
        self, settings: Mapping[str, Any], addresses: Mapping[str, str], remembered: Mapping[str, Any]
    ) -> Upkeep:
        """Make or renew it. addresses: our webhook addresses by kind. Raises CallFailed."""
