"""RingCentral's own opt-out lists: the consents of the account, and the older list of the high-volume service."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from messaging.providers.base import ConsentChange, Unreadable
from messaging.providers.calls import Answer
from messaging.providers.capabilities import CallFailed, ItemResult, ListItem, ListPage
from messaging.providers.json_bodies import object_in, objects_in, read_word
from messaging.providers.ringcentral import reading
from messaging.providers.ringcentral.api import ACCOUNT, Api, Group
from messaging.providers.ringcentral.options import Mode, mode_of

CONSENTS = "/restapi/v2/accounts/~/sms/consents"
OPT_OUTS = f"{ACCOUNT}/a2p-sms/opt-outs"
PER_PAGE = 1000
GONE = (404, 405, 410)
_ReadRecord = Callable[[dict[str, Any]], ConsentChange]


def read_list(api: Api, settings: Mapping[str, Any], page: str) -> ListPage:
    """One page of the list, over all numbers of the account. Raises CallFailed."""
    if mode_of(settings) == Mode.A2P:
        answer = api.call(Group.LIGHT, "GET", OPT_OUTS, params=_paged({"perPage": PER_PAGE}, page))
        return _read_page(answer, lambda record: reading.read_entry(record, opted_out=True, at=None))
    return _read_page(_ask_for_consents(api, page), reading.read_consent)


def _ask_for_consents(api: Api, page: str) -> Answer:
    """By GET while it is there, and by the POST that takes its place."""
    wanted = _paged({"optStatus": "OptOut", "perPage": PER_PAGE}, page)
    if not api.session.searches:
        try:
            return api.call(Group.LIGHT, "GET", CONSENTS, params=wanted)
        except CallFailed as failure:
            if failure.status not in GONE:
                raise
    answer = api.call(Group.LIGHT, "POST", f"{CONSENTS}/search", json=wanted)
    api.session.searches = True
    return answer


def _paged(query: dict[str, Any], page: str) -> dict[str, Any]:
    return {**query, "pageToken": page} if page else query


def _read_page(answer: Answer, read_record: _ReadRecord) -> ListPage:
    said = answer.said
    if not isinstance(said.get("records"), list):
        raise CallFailed("RingCentral answered without a list.")
    found = [_try_to_read(record, read_record) for record in objects_in(said, "records")]
    return ListPage([entry for entry in found if entry and entry.opted_out], next_page_of(said))


def _try_to_read(record: dict[str, Any], read_record: _ReadRecord) -> ConsentChange | None:
    """None for an entry that names no number, such as one of an internal extension."""
    try:
        return read_record(record)
    except Unreadable:
        return None


def next_page_of(said: Mapping[str, Any]) -> str:
    """The token of the page that follows, "" at the end."""
    return read_word(object_in(said, "paging"), "nextPageToken")


def write_list(api: Api, settings: Mapping[str, Any], items: Sequence[ListItem], *, opts_out: bool) -> list[ItemResult]:
    """Put entries on the list, or take them off it. Raises CallFailed where a call as a whole fails."""
    if mode_of(settings) == Mode.SMS:
        return _write_consents(api, items, opts_out)
    # The high-volume list has no word for “every number”: what holds for all of them goes to the consents.
    everywhere = [item for item in items if not item.sender]
    results = _write_consents(api, everywhere, opts_out) if everywhere else []
    for sender in dict.fromkeys(item.sender for item in items if item.sender):
        results += _assign(api, sender, [item for item in items if item.sender == sender], opts_out)
    return results


def _write_consents(api: Api, items: Sequence[ListItem], opts_out: bool) -> list[ItemResult]:
    status = "OptOut" if opts_out else "OptIn"
    records = [
        {"from": item.sender or reading.ALL_SENDERS, "to": item.recipient, "optStatus": status, "source": "Api"}
        for item in items
    ]
    said = api.call(Group.LIGHT, "PATCH", CONSENTS, json={"records": records}).said
    errors = {
        (reading.party_of(record.get("from")), reading.party_of(record.get("to"))): _error_of(record.get("error"))
        for record in objects_in(said, "failedRecords")
    }
    return [ItemResult(item, errors.get((item.sender or reading.ALL_SENDERS, item.recipient), "")) for item in items]


def _error_of(error: object) -> str:
    said = error if isinstance(error, dict) else {"message": error}
    words = " ".join(filter(None, (read_word(said, "errorCode"), read_word(said, "message"))))
    return words or "RingCentral did not take it and does not say why."


def _assign(api: Api, sender: str, items: Sequence[ListItem], opts_out: bool) -> list[ItemResult]:
    name = "optOuts" if opts_out else "optIns"
    body = {"from": sender, name: [item.recipient for item in items]}
    said = api.call(Group.LIGHT, "POST", f"{OPT_OUTS}/bulk-assign", json=body).said
    errors = {
        reading.party_of(entry.get("to")): _error_of(entry.get("errorMessage"))
        for entry in objects_in(object_in(said, name), "failed")
    }
    return [ItemResult(item, errors.get(item.recipient, "")) for item in items]
