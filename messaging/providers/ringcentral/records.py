"""What was sent, as RingCentral's own records show it: a person's message store, or that of the high-volume service.

A message store tells nobody what became of a text (its notification carries a count alone), so every record brings its
status along.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging.providers.base import StatusUpdate, Unreadable
from messaging.providers.capabilities import CallFailed, SentPage, SentText
from messaging.providers.json_bodies import object_in, objects_in, read_time, read_word
from messaging.providers.ringcentral import reading
from messaging.providers.ringcentral.api import ACCOUNT, Api, Group
from messaging.providers.ringcentral.lists import next_page_of
from messaging.providers.ringcentral.options import Mode, extensions_of, mode_of

PER_PAGE = 250  # a record is about a kilobyte, its text included


def read_sent(api: Api, settings: Mapping[str, Any], since: datetime, page: str) -> SentPage:
    """One page of the outgoing texts since a moment. Raises CallFailed."""
    if mode_of(settings) == Mode.A2P:
        return _read_high_volume(api, since, page)
    return _read_message_stores(api, extensions_of(settings), since, page)


def _read_high_volume(api: Api, since: datetime, page: str) -> SentPage:
    wanted = {"view": "Detailed", "direction": "Outbound", "dateFrom": _as_theirs(since), "perPage": PER_PAGE}
    if page:
        wanted["pageToken"] = page
    said = _ask(api, f"{ACCOUNT}/a2p-sms/messages", wanted)
    return SentPage(_read_records(said), next_page_of(said))


def _read_message_stores(api: Api, extensions: list[str], since: datetime, page: str) -> SentPage:
    """One extension after the other; a page is named by the place of its extension and its number there."""
    place, number = (int(part) for part in (page or "0:1").split(":"))
    wanted = {
        "messageType": "SMS",
        "direction": "Outbound",
        "availability": ["Alive", "Deleted", "Purged"],  # whoever deletes a text has sent it all the same
        "dateFrom": _as_theirs(since),
        "perPage": PER_PAGE,
        "page": number,
    }
    said = _ask(api, f"{ACCOUNT}/extension/{extensions[place]}/message-store", wanted)
    texts = _read_records(said)
    if _has_more(said):
        return SentPage(texts, f"{place}:{number + 1}")
    return SentPage(texts, f"{place + 1}:1" if place + 1 < len(extensions) else "")


def _as_theirs(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ask(api: Api, path: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    said = api.call(Group.LIGHT, "GET", path, params=wanted).said
    if not isinstance(said.get("records"), list):
        raise CallFailed("RingCentral answered without records.")
    return said


def _has_more(said: Mapping[str, Any]) -> bool:
    if "nextPage" in object_in(said, "navigation"):
        return True
    paging = object_in(said, "paging")
    return int(paging.get("page") or 1) < int(paging.get("totalPages") or 1)


def _read_records(said: Mapping[str, Any]) -> list[SentText]:
    return [text for record in objects_in(said, "records") for text in _read_record(record)]


def _read_record(record: dict[str, Any]) -> list[SentText]:
    """One text for each of its recipients; only one to a single person has a status that is surely theirs."""
    at, sender = read_time(record.get("creationTime")), reading.party_of(record.get("from"))
    given = record.get("to")
    recipients = [number for number in map(reading.party_of, given if isinstance(given, list) else [given]) if number]
    name = read_word(record, "id")
    if record.get("direction") == "Inbound" or not (at and sender and name):
        return []
    return [
        SentText(
            provider_message_id=name if place == 0 else f"{name}:{recipient}",
            sender=sender,
            recipient=recipient,
            body=str(record.get("subject") or record.get("text") or ""),
            sent_at=at,
            by=_author_of(record),
            handed_over_as=reading.name_of(record) if len(recipients) == 1 else "",
            status=_status_of(record) if len(recipients) == 1 else None,
        )
        for place, recipient in enumerate(recipients)
    ]


def _author_of(record: dict[str, Any]) -> str:
    sender = object_in(record, "from")
    extension = read_word(sender, "extensionNumber") or read_word(record, "extensionId")
    named = f"extension {extension}" if extension else ""
    return ", ".join(filter(None, (read_word(sender, "name"), named)))


def _status_of(record: dict[str, Any]) -> StatusUpdate | None:
    try:
        return reading.read_status(record)
    except Unreadable:
        return None
