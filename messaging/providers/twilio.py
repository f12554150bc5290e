"""Twilio: forms in, signed over the address and every field; forms out, with Basic credentials."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from messaging.providers import calls
from messaging.providers.base import (
    DeliveryState,
    Event,
    HandedOver,
    InboundText,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    Rejected,
    Reply,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
    first_secret,
    secrets_of,
)
from messaging.providers.capabilities import (
    CallFailed,
    ItemResult,
    ListItem,
    ReleasesOptOuts,
    ReportsSent,
    SentPage,
    SentText,
    TakesOptOuts,
    Testable,
)
from messaging.providers.json_bodies import objects_in, read_items, read_word
from messaging.providers.twilio_signatures import (
    Fields,
    has_its_hash,
    in_base64,
    is_form,
    is_one_of,
    read_form,
    spellings,
    write_once,
)

SIGNATURE = "x-twilio-signature"
SIGNATURE_SETTINGS = "x-twilio-webhooks-signature-settings"
PAGE_SIZE = 200
SAID = {"STOP": Said.OPT_OUT, "START": Said.OPT_IN, "HELP": Said.HELP}
STATES = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"), DeliveryState.SENT),
    **dict.fromkeys(("delivered", "read"), DeliveryState.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), DeliveryState.FAILED),
}
# Fields that only other webhooks of Twilio have: of a conversation, a call, the debugger.
OTHER_WEBHOOKS = ("EventType", "CallStatus", "PayloadType")
NEVER_SENT = ("accepted", "scheduled", "queued", "failed", "canceled")


class Dialect(Provider, Testable, ReportsSent):
    """What Twilio and whoever speaks its dialect have in common."""

    api_path: ClassVar[str]
    signature_headers: ClassVar[tuple[str, ...]]

    def checked(self, raw: RawWebhook) -> dict[str, str]:
        """What a signature was compared over, for whoever looks why it did not fit."""
        fields = read_form(raw) if is_form(raw) else []
        headers = {name: raw.headers.get(name, "") for name in self.signature_headers}
        return {"address": raw.address, **headers, **dict(fields)}

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        if not is_form(raw):
            return [Unrecognized(_kind_of(item)) for item in read_items(raw)]
        return [self._read_form(read_form(raw), raw)]

    def _read_form(self, fields: Fields, raw: RawWebhook) -> Event:
        named = dict(fields)
        if named.get("MessageStatus"):
            return self._read_status(named, raw)
        if named.get("From") and named.get("To") and "CallStatus" not in named:
            return _read_text(named, raw)
        for name in OTHER_WEBHOOKS:
            if named.get(name):
                return Unrecognized(f"{name} {named[name]}")
        raise Unreadable("The fields “From” and “To” must name the recipient and the company number.")

    def _read_status(self, named: Mapping[str, str], raw: RawWebhook) -> Event:
        state = STATES.get(named["MessageStatus"].lower())
        if state is None:
            return Unrecognized(f"MessageStatus {named['MessageStatus']}")
        sid, code = _sid_of(named), named.get("ErrorCode", "")
        if not sid and not raw.message_id:
            raise Unreadable("The field “MessageSid” must name the text.")
        failure = None
        if state == DeliveryState.FAILED:
            failure = self.facts.explain(code, named.get("ErrorMessage", ""), raw.body.decode(errors="replace"))
        return StatusUpdate(state, raw.message_id, sid, str(failure or ""), failure)

    def acknowledge(self, raw: RawWebhook) -> Reply:
        """An answer that says nothing: an empty one is logged as an error, and plain words might be texted."""
        return Reply("text/xml", "<Response/>")

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        form = {"To": text.recipient, "From": text.sender, "Body": text.body}
        if service := settings.get("messaging_service_sid"):
            form["MessagingServiceSid"] = str(service)
        if text.status_address:
            form["StatusCallback"] = text.status_address
        answer = calls.hand_over("POST", self._address(settings, "Messages.json"), data=form, auth=_auth(settings))
        return self._read_answer(answer)

    def _read_answer(self, answer: calls.Answer) -> HandedOver:
        said = answer.said
        code = said.get("code") if not answer.is_success else said.get("error_code")
        if not answer.is_success or (code and said.get("status") in ("failed", "undelivered")):
            words = read_word(said, "message") or read_word(said, "error_message")
            raise calls.refusal(answer, self.facts.explain(code, words, answer.text))
        return HandedOver(read_word(said, "sid")[:128])

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        said = calls.call("GET", self._account(settings) + ".json", auth=_auth(settings)).said
        name, status = read_word(said, "friendly_name"), read_word(said, "status")
        if status not in ("", "active"):
            raise CallFailed(f"The account “{name}” is {status}.")
        return f"The credentials of the account “{name}” work."

    def read_sent(self, settings: Mapping[str, Any], since: datetime, page: str, senders: Sequence[str]) -> SentPage:
        since = since.replace(microsecond=0)  # its dates hold whole seconds
        if page:
            answer = calls.call("GET", self.base_url(settings) + page, auth=_auth(settings))
        else:
            asked = {"DateSent>": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "PageSize": str(PAGE_SIZE)}
            address = self._address(settings, "Messages.json")
            answer = calls.call("GET", address, params=asked, auth=_auth(settings))
        said = answer.said
        if not answer.is_whole or not isinstance(said.get("messages"), list):
            raise CallFailed(f"The provider's list of texts can't be read: {answer}")
        rows = objects_in(said, "messages")
        texts = [text for row in rows if (text := self._read_sent_text(row)) and text.sent_at >= since]
        texts = [text for text in texts if text.sender in senders]  # an account may hold other businesses' numbers
        dates = [date for row in rows if (date := _read_mail_date(read_word(row, "date_sent")))]
        # Newest first: a list that begins before `since` has no more to tell, whatever the server makes of the filter.
        return SentPage(texts, "" if dates and max(dates) < since else _next_page(said))

    def _read_sent_text(self, row: dict[str, Any]) -> SentText | None:
        """A text that was sent. None for one that came in or never left."""
        sent_at, body = _read_mail_date(read_word(row, "date_sent")), str(row.get("body") or "")
        is_outgoing = read_word(row, "direction").startswith("outbound")
        if sent_at is None or not is_outgoing or read_word(row, "status") in NEVER_SENT:
            return None
        by = self.facts.label if body.startswith(tuple(self.facts.extras.get("own_replies", ()))) else ""
        sender, recipient = _number(read_word(row, "from")), _number(read_word(row, "to"))
        return SentText(read_word(row, "sid"), sender, recipient, body, sent_at, by)

    def _account(self, settings: Mapping[str, Any]) -> str:
        return f"{self.base_url(settings)}{self.api_path}/Accounts/{settings['account_sid']}"

    def _address(self, settings: Mapping[str, Any], path: str) -> str:
        return f"{self._account(settings)}/{path}"


class Twilio(Dialect, TakesOptOuts, ReleasesOptOuts):
    slug: ClassVar[str] = "twilio"
    api_path: ClassVar[str] = "/2010-04-01"
    signature_headers: ClassVar[tuple[str, ...]] = (SIGNATURE, SIGNATURE_SETTINGS)
    batch_size = 25
    pause_seconds = 0.6  # a hundred calls a minute
    per_sender = True

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """Which scheme counts is for the settings to say: no header makes it a weaker one."""
        given, checked = raw.headers.get(SIGNATURE, ""), self.checked(raw)
        if not given:
            raise Rejected("The header X-Twilio-Signature is missing.", checked=checked)
        if not is_form(raw) and not has_its_hash(raw):
            raise Rejected("The body is no form, and the address does not hold its hash.", checked=checked)
        fields = write_once(read_form(raw)) if is_form(raw) else ""
        signed = [spelling + fields.encode() for spelling in spellings(raw.address)]
        if is_one_of(given, (in_base64(key, one, digest) for digest, key in _keys(settings) for one in signed)):
            return Proof.BODY_SIGNED
        raise Rejected(_why_not(raw, settings), checked=checked)

    def add_to_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return self._write_consents(settings, items, "opt-out")

    def remove_from_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return self._write_consents(settings, items, "opt-in")

    def _write_consents(self, settings: Mapping[str, Any], items: Sequence[ListItem], status: str) -> list[ItemResult]:
        """Write to the list, which can't be read. Each entry needs a number or a messaging service of its own."""
        service = str(settings.get("messaging_service_sid") or "")
        asked = {uuid.uuid4().hex: item for item in items if item.sender or service}
        rows = [_consent(key, item, item.sender or service, status) for key, item in asked.items()]
        told = self._ask_consents(settings, rows) if rows else {}
        by_item = {id(item): told.get(key, "The provider said nothing of this entry.") for key, item in asked.items()}
        nameless = "Twilio's list needs a company number; set messaging_service_sid to write for all of them."
        return [ItemResult(item, by_item.get(id(item), nameless)) for item in items]

    def _ask_consents(self, settings: Mapping[str, Any], rows: Sequence[str]) -> dict[str, str]:
        base = str(settings.get("base_url") or self.facts.extras["consents_url"]).rstrip("/")
        answer = calls.call("POST", f"{base}/v1/Consents/Bulk", data={"Items": rows}, auth=_auth(settings))
        told = objects_in(answer.said, "items")
        return {read_word(row, "correlation_id"): _read_consent_error(row) for row in told}


def _keys(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What verifies, with its digest: where there is a shared key that alone, unless both were asked for."""
    by_key = [("sha256", secret) for secret in secrets_of(settings, "shared_key")]
    by_token = [("sha1", secret) for secret in secrets_of(settings, "auth_token")]
    return [*by_key, *by_token] if not by_key or settings.get("signed_with") == "either" else by_key


def _why_not(raw: RawWebhook, settings: Mapping[str, Any]) -> str:
    has_key, by_key = bool(secrets_of(settings, "shared_key")), bool(raw.headers.get(SIGNATURE_SETTINGS))
    if by_key and not has_key:
        return "The webhook is signed with a shared key; enter it as “shared_key”."
    if has_key and not by_key:
        return "The webhook is signed with the auth token, and this connection takes the shared key alone."
    return "No secret of this connection fits the signature over this address and these fields."


def _read_text(named: Mapping[str, str], raw: RawWebhook) -> InboundText:
    """Advanced Opt-Out names what it read, and has then answered it; where it names nothing, nobody can tell."""
    said = SAID.get(named.get("OptOutType", "").upper())
    return InboundText(
        event_key=_sid_of(named) or hashlib.sha256(raw.body).hexdigest(),
        sender=_number(named["From"]),
        to=_number(named["To"]),
        text=named.get("Body", ""),
        said=said,
        replied=True if said else None,
    )


def _sid_of(named: Mapping[str, str]) -> str:
    return next((named[name] for name in ("MessageSid", "SmsSid", "SmsMessageSid") if named.get(name)), "")


def _number(party: str) -> str:
    """A number without its channel: an opt-out by RCS or WhatsApp counts for texts too."""
    return party.rpartition(":")[2].strip()


def _auth(settings: Mapping[str, Any]) -> tuple[str, str]:
    return str(settings["account_sid"]), first_secret(settings, "auth_token")


def _kind_of(item: object) -> str:
    return (read_word(item, "type") if isinstance(item, dict) else "") or "json"


def _read_mail_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _next_page(said: Mapping[str, Any]) -> str:
    """Where the list goes on: a path, so that the credentials go to no other host."""
    page = str(said.get("next_page_uri") or "")
    if page and (not page.startswith("/") or page.startswith("//")):
        raise CallFailed(f"The provider's list goes on at “{page}”, which is no path of its own.")
    return page


def _consent(key: str, item: ListItem, sender: str, status: str) -> str:
    row = {
        "contact_id": item.recipient,
        "correlation_id": key,
        "sender_id": sender,
        "status": status,
        "source": "others",
    }
    if item.at:
        row["date_of_consent"] = f"{item.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return json.dumps(row)


def _read_consent_error(row: Mapping[str, Any]) -> str:
    words = row.get("error_messages")
    said = "; ".join(map(str, words)) if isinstance(words, list) else ""
    code = str(row.get("error_code") or 0)
    return "" if code == "0" else f"{code}: {said}".rstrip(": ")
