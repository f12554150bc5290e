"""RingCentral: texts of people's own numbers (message store) and of the high-volume service (A2P).

Its webhooks carry no signature. A subscription is made with a verification token of ours, which every notification
repeats; that proves a shared secret, and nothing of the body.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from messaging.providers.base import (
    HandedOver,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    Rejected,
    Reply,
    secrets_of,
)
from messaging.providers.capabilities import (
    ItemResult,
    ListItem,
    ListPage,
    ListsOptOuts,
    NeedsUpkeep,
    ReleasesOptOuts,
    ReportsSent,
    SentPage,
    TakesOptOuts,
    Testable,
    Upkeep,
)
from messaging.providers.json_bodies import read_word
from messaging.providers.ringcentral import lists, reading, records, sending, subscriptions
from messaging.providers.ringcentral.api import ACCOUNT, Api, Group
from messaging.providers.ringcentral.options import extensions_of

GREETING = "validation-token"
PROVES_IT = "verification-token"
# It goes back in a header, and the whole answer must stay within 1,024 bytes.
_GREETING = re.compile(r"[\x21-\x7e]{1,256}")


class RingCentral(Provider, Testable, NeedsUpkeep, ListsOptOuts, TakesOptOuts, ReleasesOptOuts, ReportsSent):
    slug: ClassVar[str] = "ringcentral"
    batch_size = 100
    pause_seconds = 1.5  # its lists are in a group of 50 calls a minute

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        extensions_of(settings)
        for token in secrets_of(settings, "verification_token"):
            if not re.fullmatch(r"[\x21-\x7e]{1,255}", token):
                raise ValueError("The setting “verification_token” must be at most 255 letters and digits, no spaces.")

    def handshake(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reply | None:
        """A subscription that is being made asks whether we are there. What carries an event is none of these."""
        token = raw.headers.get(GREETING, "")
        if not _GREETING.fullmatch(token) or b'"event"' in raw.body:
            return None
        return Reply(body="", headers={"Validation-Token": token})

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        given = raw.headers.get(PROVES_IT, "").encode()
        known = [token.encode() for token in secrets_of(settings, "verification_token")]
        fits = [hmac.compare_digest(given, token) for token in known]  # all of them, whichever fits
        if given and any(fits):
            return Proof.SHARED_SECRET
        why = "is missing" if not given else "is none of the verification tokens of this connection"
        told = f"{len(given)} characters" if given else "missing"
        raise Rejected(f"The header Verification-Token {why}.", checked={"Verification-Token": told})

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        return reading.read(raw)

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        return sending.send(self._api(settings), text, settings)

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        path = f"{ACCOUNT}/extension/{extensions_of(settings)[0]}"
        found = self._api(settings).call(Group.LIGHT, "GET", path).said
        name, number = read_word(found, "name"), read_word(found, "extensionNumber")
        return f"Signed in to RingCentral as {name or 'an unnamed user'}, extension {number or 'unknown'}."

    def keep_up(
        self, settings: Mapping[str, Any], addresses: Mapping[str, str], remembered: Mapping[str, Any]
    ) -> Upkeep:
        return subscriptions.keep_up(self._api(settings), settings, addresses["inbound"], remembered)

    def read_list(self, settings: Mapping[str, Any], page: str, senders: Sequence[str]) -> ListPage:
        """The list of the whole account: a STOP to a number that is not connected here was meant for the business."""
        return lists.read_list(self._api(settings), settings, page)

    def add_to_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return lists.write_list(self._api(settings), settings, items, opts_out=True)

    def remove_from_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return lists.write_list(self._api(settings), settings, items, opts_out=False)

    def read_sent(self, settings: Mapping[str, Any], since: datetime, page: str, senders: Sequence[str]) -> SentPage:
        return records.read_sent(self._api(settings), settings, since, page)

    def _api(self, settings: Mapping[str, Any]) -> Api:
        return Api(settings, self.base_url(settings))
