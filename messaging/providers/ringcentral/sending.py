"""A text on its way out: as a person's, or as a batch of one through the high-volume service."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from messaging.providers import calls
from messaging.providers.base import HandedOver, OutgoingText
from messaging.providers.calls import Answer
from messaging.providers.facts import load_facts
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.json_bodies import objects_in, read_word
from messaging.providers.ringcentral import reading
from messaging.providers.ringcentral.api import ACCOUNT, Api
from messaging.providers.ringcentral.options import Mode, extensions_of, mode_of


def send(api: Api, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
    """Hand a text over. Raises SendError."""
    if mode_of(settings) == Mode.A2P:
        batch = {"from": text.sender, "text": text.body, "messages": [{"to": [text.recipient]}]}
        return _read_answer(api.hand_over(f"{ACCOUNT}/a2p-sms/batches", batch))
    message = {
        "from": {"phoneNumber": text.sender},
        "to": [{"phoneNumber": text.recipient}],
        "text": text.body,
    }
    return _read_answer(api.hand_over(f"{ACCOUNT}/extension/{extensions_of(settings)[0]}/sms", message))


def _read_answer(answer: Answer) -> HandedOver:
    said = answer.said
    if not answer.is_success:
        raise calls.refusal(answer, _explain(said, answer))
    if rejected := objects_in(said, "rejected"):
        raise calls.refusal(answer, reading.explain(rejected[0]))
    if said.get("messageStatus") in ("SendingFailed", "DeliveryFailed"):
        raise calls.refusal(answer, reading.explain(said))
    return HandedOver(read_word(said, "id")[:128])


def _explain(said: dict[str, Any], answer: Answer) -> Failure:
    """The first error of an answer that our table knows, else the first one; who may not call has wrong settings."""
    found = [_explain_one(error, answer.text) for error in (said, *objects_in(said, "errors"))]
    known = next((failure for failure in found if failure.kind != FailureKind.OTHER), found[0])
    is_unknown = known.kind == FailureKind.OTHER
    return replace(known, kind=FailureKind.SETTINGS) if is_unknown and answer.status in (401, 403) else known


def _explain_one(error: dict[str, Any], raw: str) -> Failure:
    code = error.get("errorCode") or error.get("error")
    text = read_word(error, "message") or read_word(error, "error_description")
    return load_facts("ringcentral").explain(code, text, raw)
