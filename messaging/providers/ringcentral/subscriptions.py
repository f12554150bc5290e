"""The subscription by which RingCentral calls us. It runs out by itself, and is switched off for good (“Blacklisted”)
where our address failed for a while: then nothing comes in, and nobody is told.

Safe to repeat, and for two workers at once: each leaves a subscription that stands, and the next upkeep drops what is
left over.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from messaging.providers.base import first_secret
from messaging.providers.capabilities import CallFailed, Upkeep
from messaging.providers.json_bodies import object_in, objects_in, read_time, read_word
from messaging.providers.ringcentral.api import ACCOUNT, Api, Group
from messaging.providers.ringcentral.lists import CONSENTS, OPT_OUTS
from messaging.providers.ringcentral.options import Mode, extensions_of, mode_of

PATH = "/restapi/v1.0/subscription"
LIFETIME = timedelta(days=30)
RENEW_BELOW = LIFETIME / 2
LOOK_EVERY = timedelta(minutes=30)  # nobody tells us that a subscription was switched off
TELL_GAP_FOR = timedelta(days=7)
REFUSED_FILTER = (400, 403)


@dataclass(frozen=True, slots=True)
class Wish:
    """The subscription that we want: the events of incoming texts, and what is good to have beside them."""

    address: str
    token: str
    texts: tuple[str, ...]
    extras: tuple[str, ...]

    @property
    def filters(self) -> tuple[str, ...]:
        return self.texts + self.extras


def keep_up(api: Api, settings: Mapping[str, Any], address: str, remembered: Mapping[str, Any]) -> Upkeep:
    """Renew the subscription, or make it where there is none that stands. Raises CallFailed."""
    wish = _wish(settings, address)
    mark = _mark(settings, wish)
    ours = [row for row in _list(api) if _address_of(row) == address or _was_made(row, remembered)]
    standing = next((row for row in ours if _is_the_one(row, remembered, mark)), None)
    if standing is None:
        return _replace(api, wish, mark, ours, remembered)
    for left_over in (row for row in ours if row is not standing):
        _delete(api, read_word(left_over, "id"))
    return _renew(api, standing, remembered)


def _wish(settings: Mapping[str, Any], address: str) -> Wish:
    texts: tuple[str, ...]
    extras: tuple[str, ...]
    if mode_of(settings) == Mode.A2P:
        texts = (f"{ACCOUNT}/a2p-sms/messages?direction=Inbound",)
        extras = (f"{ACCOUNT}/a2p-sms/messages?direction=Outbound", OPT_OUTS, CONSENTS)
    else:
        stores = (f"{ACCOUNT}/extension/{id_}/message-store/instant?type=SMS" for id_ in extensions_of(settings))
        texts, extras = tuple(stores), (CONSENTS,)
    return Wish(address, first_secret(settings, "verification_token"), texts, extras)


def _mark(settings: Mapping[str, Any], wish: Wish) -> str:
    """Tells whether a subscription was made with today's settings; keyed, because it covers a secret."""
    made_of = json.dumps([wish.address, wish.token, *wish.filters]).encode()
    return hmac.digest(first_secret(settings, "client_secret").encode(), made_of, "sha256").hex()


def _list(api: Api) -> list[dict[str, Any]]:
    said = api.call(Group.LIGHT, "GET", PATH).said
    if not isinstance(said.get("records"), list):
        raise CallFailed("RingCentral answered without a list of subscriptions.")
    return objects_in(said, "records")


def _address_of(row: Mapping[str, Any]) -> str:
    return read_word(object_in(row, "deliveryMode"), "address")


def _is_the_one(row: dict[str, Any], remembered: Mapping[str, Any], mark: str) -> bool:
    """The subscription of the last upkeep, alive, made with the settings that hold now.

    RingCentral doesn't say which token a subscription carries; one that we did not make with today's is made anew.
    """
    expires = read_time(row.get("expirationTime"))
    is_alive = row.get("status") == "Active" and (expires is None or expires > timezone.now())
    return _was_made(row, remembered) and is_alive and remembered.get("mark") == mark


def _was_made(row: dict[str, Any], remembered: Mapping[str, Any]) -> bool:
    """Whether it is the one of the last upkeep, perhaps under an address that we had then."""
    return bool(remembered.get("id")) and read_word(row, "id") == remembered.get("id")


def _replace(api: Api, wish: Wish, mark: str, ours: list[dict[str, Any]], remembered: Mapping[str, Any]) -> Upkeep:
    """Make the subscription. Dead ones are dropped first, as they count against a limit; living ones afterwards."""
    dead = [row for row in ours if row.get("status") != "Active"]
    for row in dead:
        _delete(api, read_word(row, "id"))
    made, without = _make(api, wish)
    for row in ours:
        if row not in dead:
            _delete(api, read_word(row, "id"))
    expires = read_time(made.get("expirationTime")) or timezone.now() + LIFETIME
    without = " ".join(filter(None, (without, _disabled(made))))
    kept = {"id": read_word(made, "id"), "mark": mark, "without": without, "gap": remembered.get("gap", "")}
    if dead:
        kept["gap"] = timezone.now().isoformat()
    return _upkeep(kept, expires)


def _upkeep(kept: dict[str, Any], expires: datetime) -> Upkeep:
    """Says how it stands, and for some days that it did not: what was texted meanwhile never reached us."""
    gap = read_time(kept.get("gap") or None)
    told = [f"RingCentral reports to us until {_day(expires)}.", kept.get("without", "")]
    if gap and timezone.now() - gap < TELL_GAP_FOR:
        told.append(
            f"It had switched its reports off; they were switched on again on {_day(gap)}. What was texted in between "
            "did not reach us: compare the opt-out lists."
        )
    says = " ".join(filter(None, told))
    return Upkeep(says, {**kept, "expires_at": expires.isoformat()}, min(timezone.now() + LOOK_EVERY, expires))


def _day(moment: datetime) -> str:
    return f"{moment:%B %-d, %Y}"


def _make(api: Api, wish: Wish) -> tuple[dict[str, Any], str]:
    """With all events; where RingCentral refuses some, with the incoming texts alone: they matter most."""
    try:
        return _post(api, wish, wish.filters), ""
    except CallFailed as failure:
        if failure.status not in REFUSED_FILTER:
            raise
        refusal = failure
    try:
        return _post(api, wish, wish.texts), f"It reports incoming texts alone and refuses the rest: {refusal}"
    except CallFailed:
        raise refusal from None


def _post(api: Api, wish: Wish, filters: tuple[str, ...]) -> dict[str, Any]:
    asked = {
        "eventFilters": list(filters),
        "deliveryMode": {"transportType": "WebHook", "address": wish.address, "verificationToken": wish.token},
        "expiresIn": int(LIFETIME.total_seconds()),
    }
    return _as_subscription(api.call(Group.MEDIUM, "POST", PATH, json=asked).said)


def _disabled(made: Mapping[str, Any]) -> str:
    rows = objects_in(made, "disabledFilters")
    told = [f"{row.get('filter')} ({row.get('message') or row.get('reason')})" for row in rows]
    return f"It does not report {', '.join(told)}." if told else ""


def _renew(api: Api, standing: dict[str, Any], remembered: Mapping[str, Any]) -> Upkeep:
    expires = read_time(standing.get("expirationTime")) or timezone.now()
    if expires - timezone.now() < RENEW_BELOW:
        answer = api.call(Group.MEDIUM, "POST", f"{PATH}/{read_word(standing, 'id')}/renew")
        expires = read_time(_as_subscription(answer.said).get("expirationTime")) or expires
    return _upkeep(dict(remembered), expires)


def _as_subscription(said: dict[str, Any]) -> dict[str, Any]:
    if not read_word(said, "id"):
        raise CallFailed("RingCentral answered without a subscription.")
    return said


def _delete(api: Api, name: str) -> None:
    """Drop a subscription. One that is gone already, by another worker's hand, is dropped too."""
    try:
        api.call(Group.MEDIUM, "DELETE", f"{PATH}/{name}")
    except CallFailed as failure:
        if failure.status != 404:
            raise
