"""Plivo: forms whose called address is signed (V2), or the form too (V3), with a flag for what its own engine read."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from accounts.phone import add_plus
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
from messaging.providers.capabilities import Testable
from messaging.providers.facts import load_facts
from messaging.providers.json_bodies import read_word

STATES = {
    "queued": DeliveryState.SENT,
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "undelivered": DeliveryState.FAILED,
    "failed": DeliveryState.FAILED,
    "rejected": DeliveryState.FAILED,
}
INTENTS = {"optout": Said.OPT_OUT, "optin": Said.OPT_IN, "help": Said.HELP}
# The account's own signature, and the main account's where the number belongs to a subaccount.
SIGNERS = ("", "-ma")
_PART = re.compile(r"(\d+) of (\d+)")


class Plivo(Provider, Testable):
    slug: ClassVar[str] = "plivo"

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        """The stronger signature first. One that does not fit falls back to V2: leaving it away would do the same."""
        tokens = [*secrets_of(settings, "auth_token"), *secrets_of(settings, "main_auth_token")]
        if any(_fits(raw, "v3", signer, _v3_text(raw), tokens) for signer in SIGNERS):
            return Proof.BODY_SIGNED
        if any(_fits(raw, "v2", signer, _v2_text(raw), tokens) for signer in SIGNERS):
            return Proof.ADDRESS_SIGNED
        raise Rejected("No token of this connection fits the signature over the called address.", checked=_checked(raw))

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        """What came is for the form to say: only a report on a text of ours has a `Status`."""
        form = _form(raw)
        return [_read_status(form, raw) if "Status" in form else _read_text(form, raw)]

    def acknowledge(self, raw: RawWebhook) -> Reply:
        return Reply("application/xml", "<Response/>")

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        body = {
            "src": text.sender.removeprefix("+"),
            "dst": text.recipient.removeprefix("+"),
            "text": text.body,
            "type": "sms",
        }
        if text.status_address:
            body |= {"url": text.status_address, "method": "POST"}
        address = f"{self._account_address(settings)}Message/"
        return _read_answer(calls.hand_over("POST", address, auth=_credentials(settings), json=body))

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        calls.call("GET", self._account_address(settings), auth=_credentials(settings))
        return "Plivo takes the Auth ID and the Auth Token."

    def _account_address(self, settings: Mapping[str, Any]) -> str:
        return f"{self.base_url(settings)}/Account/{settings['auth_id']}/"


def _form(raw: RawWebhook) -> dict[str, str]:
    """The form with bad bytes replaced: a text is never lost to one."""
    return dict(parse_qsl(raw.body.decode(errors="replace"), keep_blank_values=True))


def _credentials(settings: Mapping[str, Any]) -> tuple[str, str]:
    return str(settings["auth_id"]), first_secret(settings, "auth_token")


def _header(scheme: str, signer: str, ending: str = "") -> str:
    """X-Plivo-Signature-V2, X-Plivo-Signature-Ma-V2, X-Plivo-Signature-V2-Nonce; both signers share the nonce."""
    return f"x-plivo-signature{signer}-{scheme}{ending}"


def _fits(raw: RawWebhook, scheme: str, signer: str, text: bytes, tokens: Iterable[str]) -> bool:
    nonce = raw.headers.get(_header(scheme, "", "-nonce"), "").encode()
    given = raw.headers.get(_header(scheme, signer), "").encode().split(b",")
    if not nonce:
        return False
    expected = [base64.b64encode(hmac.digest(token.encode(), text + nonce, "sha256")) for token in tokens]
    return any(hmac.compare_digest(mine, theirs.strip()) for mine in expected for theirs in given)


def _v2_text(raw: RawWebhook) -> bytes:
    """The called address without its query."""
    return urlsplit(raw.address)._replace(query="", fragment="").geturl().encode()


def _v3_text(raw: RawWebhook) -> bytes:
    """The called address with its query and the form, each sorted by name and value, in Plivo's way of joining them."""
    query = sorted(parse_qsl(urlsplit(raw.address).query, keep_blank_values=True))
    form = sorted(_exact_form(raw.body))
    text = _v2_text(raw)
    if query or form:
        text += b"?" + "&".join(f"{name}={value}" for name, value in query).encode()
    if query and form:
        text += b"."
    return text + b"".join(name + value for name, value in form) + b"."


def _exact_form(body: bytes) -> list[tuple[bytes, bytes]]:
    """The form byte for byte: what is no UTF-8 was signed as it came."""
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def _checked(raw: RawWebhook) -> dict[str, str]:
    """What was compared: the address without its query, the headers, and the form where V3 would cover it."""
    names = [_header(scheme, signer) for scheme in ("v2", "v3") for signer in SIGNERS]
    names += [_header(scheme, "", "-nonce") for scheme in ("v2", "v3")]
    has_v3 = any(raw.headers.get(_header("v3", signer)) for signer in SIGNERS)
    return {
        "signed address": _v2_text(raw).decode(),
        **{name: raw.headers.get(name, "") for name in names},
        **({f"form {name}": value for name, value in _form(raw).items()} if has_v3 else {}),
    }


def _read_text(form: dict[str, str], raw: RawWebhook) -> InboundText:
    sender, to = add_plus(form.get("From", "")), add_plus(form.get("To", ""))
    if not sender or not to:
        raise Unreadable("The fields “From” and “To” must name the recipient and the company number.")
    intent = form.get("MessageIntent")
    said = INTENTS.get((intent or "").lower())
    return InboundText(
        event_key=form.get("MessageUUID") or hashlib.sha256(raw.body).hexdigest(),
        sender=sender,
        to=to,
        text=form.get("Text", ""),
        said=said,
        # The flag without a word in it: its engine looked and found nothing to answer.
        replied=False if intent is not None and not said else None,
    )


def _read_status(form: dict[str, str], raw: RawWebhook) -> Event:
    """A long text is reported part by part, under an id of each; the first part's is the one that we were given."""
    theirs = form.get("ParentMessageUUID") or form.get("MessageUUID", "")
    if not theirs:
        raise Unreadable("The field “MessageUUID” must name the text.")
    state = STATES.get(form["Status"].lower())
    if state is None:
        return Unrecognized(f"status {form['Status']}")
    if state != DeliveryState.FAILED:
        return StatusUpdate(_state_of_part(state, form.get("PartInfo", "")), raw.message_id, theirs)
    failure = load_facts("plivo").explain(form.get("ErrorCode"), raw=json.dumps(form))
    return StatusUpdate(state, raw.message_id, theirs, str(failure), failure)


def _state_of_part(state: DeliveryState, part: str) -> DeliveryState:
    """A text counts as delivered with its last part, so that one that fails before it still counts."""
    found = _PART.search(part)
    is_last = found is None or int(found[1]) >= int(found[2])
    return state if is_last else DeliveryState.SENT


def _read_answer(answer: calls.Answer) -> HandedOver:
    said = answer.said
    if answer.is_success:
        ids = said.get("message_uuid")
        first = ids[0] if isinstance(ids, list) and ids else ids
        return HandedOver(first[:128] if isinstance(first, str) else "")
    # Never the bare number: Plivo's own code "200" means that the recipient opted out.
    failure = load_facts("plivo").explain(f"http_{answer.status}", read_word(said, "error"), raw=answer.text)
    raise calls.refusal(answer, failure)
