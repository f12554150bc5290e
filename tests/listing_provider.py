"""A provider that keeps a list and records what was sent, in memory: the engines are tested against it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from messaging.providers.capabilities import (
    CallFailed,
    ItemResult,
    ListItem,
    ListPage,
    ListsOptOuts,
    ReleasesOptOuts,
    ReportsSent,
    SentPage,
    SentText,
    TakesOptOuts,
)
from messaging.providers.events import ConsentChange
from messaging.providers.standard import Standard

PAGE = 2


class Listing(Standard, ListsOptOuts, TakesOptOuts, ReleasesOptOuts, ReportsSent):
    """`standard` with a list. What it holds is shared by all its instances, as a provider's own database would be."""

    batch_size = 2
    entries: ClassVar[list[ConsentChange]] = []
    texts: ClassVar[list[SentText]] = []
    words: ClassVar[dict[str, str]] = {}
    completed: ClassVar[list[str]] = []
    added: ClassVar[list[ListItem]] = []
    removed: ClassVar[list[ListItem]] = []
    pages_read: ClassVar[list[str]] = []
    fails: ClassVar[list[CallFailed]] = []
    refuses: ClassVar[set[str]] = set()

    @classmethod
    def forget(cls) -> None:
        for kept in (cls.entries, cls.texts, cls.added, cls.removed, cls.pages_read, cls.fails, cls.completed):
            kept.clear()
        cls.refuses.clear()
        cls.words.clear()
        cls.per_sender = False

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)

    def read_list(self, settings: Mapping[str, Any], page: str, senders: Sequence[str]) -> ListPage:
        self._fail()
        self.pages_read.append(page)
        start = int(page or 0)
        more = str(start + PAGE) if start + PAGE < len(self.entries) else ""
        return ListPage(self.entries[start : start + PAGE], more)

    def add_to_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        self._fail()
        self.added.extend(item for item in items if item.recipient not in self.refuses)
        return [ItemResult(item, "Not possible." if item.recipient in self.refuses else "") for item in items]

    def remove_from_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        self.removed.extend(items)
        return [ItemResult(item) for item in items]

    def read_sent(self, settings: Mapping[str, Any], since: datetime, page: str, senders: Sequence[str]) -> SentPage:
        self._fail()
        self.pages_read.append(page)
        start = int(page or 0)
        found = [text for text in self.texts if text.sent_at >= since]
        more = str(start + PAGE) if start + PAGE < len(found) else ""
        return SentPage(found[start : start + PAGE], more)

    def complete(self, settings: Mapping[str, Any], text: SentText) -> SentText:
        self.completed.append(text.provider_message_id)
        return replace(text, body=self.words.get(text.provider_message_id, text.body))
