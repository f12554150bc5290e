"""AWS End User Messaging SMS: texts and reports come through SNS, calls are signed by Signature Version 4."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from messaging.providers import aws_sns, calls
from messaging.providers.aws_sigv4 import Signer
from messaging.providers.base import (
    ConsentChange,
    DeliveryState,
    Event,
    HandedOver,
    Handshake,
    InboundText,
    NotTaken,
    OutgoingText,
    Proof,
    Provider,
    RawWebhook,
    Reading,
    RefusedForGood,
    Said,
    StatusUpdate,
    Unreadable,
    Unrecognized,
    first_secret,
)
from messaging.providers.capabilities import (
    CallFailed,
    ItemResult,
    ListItem,
    ListPage,
    ListsOptOuts,
    ReleasesOptOuts,
    TakesOptOuts,
    Testable,
)
from messaging.providers.facts import load_facts
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.json_bodies import object_in, objects_in, read_time, read_word

REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-[0-9]+")
PAGE_SIZE = 100
OUR_ID = "message"  # in the context that a report brings back
STATES = {
    "TEXT_QUEUED": DeliveryState.SENT,
    "TEXT_PENDING": DeliveryState.SENT,
    "TEXT_SENT": DeliveryState.SENT,
    "TEXT_SUCCESSFUL": DeliveryState.SENT,
    "TEXT_DELIVERED": DeliveryState.DELIVERED,
    "TEXT_UNKNOWN": DeliveryState.UNKNOWN,
    "TEXT_INVALID": DeliveryState.FAILED,
    "TEXT_INVALID_MESSAGE": DeliveryState.FAILED,
    "TEXT_UNREACHABLE": DeliveryState.FAILED,
    "TEXT_CARRIER_UNREACHABLE": DeliveryState.FAILED,
    "TEXT_BLOCKED": DeliveryState.FAILED,
    "TEXT_CARRIER_BLOCKED": DeliveryState.FAILED,
    "TEXT_PROTECT_BLOCKED": DeliveryState.FAILED,
    "TEXT_SPAM": DeliveryState.FAILED,
    "TEXT_TTL_EXPIRED": DeliveryState.FAILED,
}
INBOUND_FIELDS = ("originationNumber", "destinationNumber", "messageBody", "inboundMessageId")


class AWS(Provider, Testable, ListsOptOuts, TakesOptOuts, ReleasesOptOuts):
    slug: ClassVar[str] = "aws"
    batch_size = 1
    pause_seconds = 1.0  # AWS takes about one such call a second

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        super().check_settings(settings)
        if not REGION.fullmatch(str(settings["region"])):
            raise ValueError("The setting “region” must be the name of a region, such as us-east-1.")
        for topic in _topics(settings):
            if not aws_sns.TOPIC.fullmatch(topic):
                raise ValueError(
                    "The setting “topic_arn” must hold ARNs of SNS topics, with commas between them, such as "
                    "arn:aws:sns:us-east-1:123456789012:sms-inbound."
                )

    def base_url(self, settings: Mapping[str, Any]) -> str:
        return super().base_url(settings).replace("{region}", str(settings["region"]))

    def verify(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Proof:
        only_sha256 = settings.get("signature_version") == "2"
        aws_sns.verify(raw, _topics(settings), only_sha256=only_sha256, base_url=_stand_in(settings))
        return Proof.BODY_SIGNED

    def read(self, raw: RawWebhook, settings: Mapping[str, Any]) -> Reading:
        envelope = {name: _clean(value) for name, value in aws_sns.read_envelope(raw).items()}
        kind = aws_sns.read_text(envelope, "Type")
        if kind == aws_sns.NOTIFICATION:
            return [_read_notification(envelope)]
        address = aws_sns.read_text(envelope, "SubscribeURL")
        if kind == "SubscriptionConfirmation" and address:
            return [Handshake(address)]
        if kind == "UnsubscribeConfirmation":
            topic = aws_sns.read_text(envelope, "TopicArn")
            raise Unreadable(f"The subscription to {topic} has ended: its texts come here no longer. Subscribe again.")
        raise Unreadable("The body must be an envelope of SNS.")

    def confirm(self, handshake: Handshake, settings: Mapping[str, Any]) -> None:
        """Confirm the subscription of one of our topics: the address is checked as the certificate's is."""
        try:
            rest = aws_sns.check_subscribe_address(handshake.address, _topics(settings))
        except aws_sns.NotOfSNS as error:
            raise RefusedForGood(str(error)) from None
        try:
            calls.call("GET", (_stand_in(settings) or handshake.address.removesuffix(rest)) + rest)
        except CallFailed as error:
            raise NotTaken(f"The subscription could not be confirmed: {error}", error.retry_after_seconds) from None

    def send(self, text: OutgoingText, settings: Mapping[str, Any]) -> HandedOver:
        wish = {
            "OriginationIdentity": text.sender,
            "DestinationPhoneNumber": text.recipient,
            "MessageBody": text.body,
            "Context": {OUR_ID: text.id},
        }
        if settings.get("configuration_set"):
            wish["ConfigurationSetName"] = settings["configuration_set"]
        address, options = self._sign(settings, "SendTextMessage", wish)
        answer = calls.hand_over("POST", address, **options)
        if answer.is_success:
            return HandedOver(read_word(answer.said, "MessageId")[:128])
        raise calls.refusal(answer, _explain(answer))

    def test_connection(self, settings: Mapping[str, Any]) -> str:
        _must_succeed(self._ask(settings, "DescribeAccountAttributes", {}))
        return f"AWS takes the access key in {settings['region']}."

    def read_list(self, settings: Mapping[str, Any], page: str, senders: Sequence[str]) -> ListPage:
        wish = {"OptOutListName": _list_name(settings), "MaxResults": PAGE_SIZE} | ({"NextToken": page} if page else {})
        said = _must_succeed(self._ask(settings, "DescribeOptedOutNumbers", wish))
        rows = objects_in(said, "OptedOutNumbers")
        entries = [_read_entry(row) for row in rows if read_word(row, "OptedOutNumber")]
        return ListPage(entries, read_word(said, "NextToken"))

    def add_to_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return [self._change(settings, "PutOptedOutNumber", item) for item in items]

    def remove_from_list(self, settings: Mapping[str, Any], items: Sequence[ListItem]) -> list[ItemResult]:
        return [self._change(settings, "DeleteOptedOutNumber", item) for item in items]

    def _change(self, settings: Mapping[str, Any], action: str, item: ListItem) -> ItemResult:
        """One entry put or taken away. What AWS says of the number is the item's error; all else fails the call."""
        wish = {"OptOutListName": _list_name(settings), "OptedOutNumber": item.recipient}
        answer = self._ask(settings, action, wish)
        if answer.is_success:
            return ItemResult(item)
        name, said = _error_name(answer), answer.said
        if name == "ResourceNotFoundException" and said.get("ResourceType") == "opted-out-number":
            return ItemResult(item)  # it was not there to be taken away
        if name in ("ValidationException", "ConflictException"):
            return ItemResult(item, _why(answer))
        raise _call_failed(answer)

    def _ask(self, settings: Mapping[str, Any], action: str, wish: Mapping[str, Any]) -> calls.Answer:
        address, options = self._sign(settings, action, wish)
        return calls.ask("POST", address, **options)

    def _sign(self, settings: Mapping[str, Any], action: str, wish: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        address, body = f"{self.base_url(settings)}/", json.dumps(wish).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"PinpointSMSVoiceV2.{action}"}
        signer = Signer(
            str(settings["access_key_id"]),
            first_secret(settings, "secret_access_key"),
            str(settings["region"]),
            "sms-voice",
        )
        return address, {"content": body, "headers": signer.sign(address, headers, body, datetime.now(UTC))}


def _topics(settings: Mapping[str, Any]) -> list[str]:
    return [topic.strip() for topic in str(settings.get("topic_arn", "")).split(",") if topic.strip()]


def _list_name(settings: Mapping[str, Any]) -> str:
    return str(settings.get("opt_out_list_name") or "Default")


def _stand_in(settings: Mapping[str, Any]) -> str:
    return str(settings.get("base_url") or "").rstrip("/")


def _clean(value: Any) -> Any:
    """Bytes that are no UTF-8 were kept for the signature; a text has a replacement in their place."""
    return value.encode(errors="surrogateescape").decode(errors="replace") if isinstance(value, str) else value


def _read_notification(envelope: Mapping[str, Any]) -> Event:
    try:
        message = json.loads(aws_sns.read_text(envelope, "Message"))
    except (ValueError, RecursionError):
        return Unrecognized("a notification that is no JSON")
    if not isinstance(message, dict):
        return Unrecognized("a notification that is no object")
    if any(name in message for name in INBOUND_FIELDS):
        return _read_inbound(message, envelope)
    kind = read_word(message, "eventType")
    return _read_report(kind, message) if kind in STATES else Unrecognized(kind or "a notification of another kind")


def _read_inbound(message: dict[str, Any], envelope: Mapping[str, Any]) -> InboundText:
    sender, to = read_word(message, "originationNumber"), read_word(message, "destinationNumber")
    if not sender or not to:
        raise Unreadable("“originationNumber” and “destinationNumber” must name the recipient and the company number.")
    return InboundText(
        event_key=read_word(message, "inboundMessageId") or aws_sns.read_text(envelope, "MessageId"),
        sender=sender,
        to=to,
        text=str(message.get("messageBody") or ""),
        sent_at=read_time(envelope.get("Timestamp")),
        said=_said(read_word(message, "messageKeyword")),
    )


def _said(keyword: str) -> Said | None:
    """AWS names the keyword that it found at the beginning, or one of its making where it found none."""
    own = load_facts("aws").own_words
    return next((said for said in Said if keyword.casefold() in own.get(said.value, ())), None)


def _read_report(kind: str, message: dict[str, Any]) -> StatusUpdate:
    ours = read_word(object_in(message, "context"), OUR_ID)
    theirs, state = read_word(message, "messageId"), STATES[kind]
    if not theirs:
        raise Unreadable("The field “messageId” must name the text.")
    description = read_word(message, "messageStatusDescription")
    if kind == "TEXT_SUCCESSFUL" and message.get("isFinal"):
        state = DeliveryState.DELIVERED  # where the carrier reports no more than this
    if state == DeliveryState.UNKNOWN:
        return StatusUpdate(state, ours, theirs, description)
    if state != DeliveryState.FAILED:
        return StatusUpdate(state, ours, theirs)
    facts, blocked = load_facts("aws"), f"{kind}:opted_out"
    code = blocked if _tells_opt_out(message) and blocked in facts.codes else kind
    failure = facts.explain(code, description, raw=json.dumps(message))
    return StatusUpdate(state, ours, theirs, str(failure), failure)


def _tells_opt_out(message: Mapping[str, Any]) -> bool:
    said = f"{message.get('messageStatus')} {message.get('messageStatusDescription')}".lower().replace("_", " ")
    return "opted out" in said


def _read_entry(row: dict[str, Any]) -> ConsentChange:
    """An entry of the list. Who asked for it is the one thing that AWS alone tells."""
    number, stamp = read_word(row, "OptedOutNumber"), row.get("OptedOutTimestamp")
    return ConsentChange(
        event_key=f"list:{number}:{stamp}",
        recipient=number,
        opted_out=True,
        by="recipient" if row.get("EndUserOptedOut") else "business",
        changed_at=read_time(stamp),
        raw=row,
    )


def _error_name(answer: calls.Answer) -> str:
    """AWS writes `com.amazonaws.pinpointsmsvoicev2#ConflictException`, in the body or a header."""
    name = read_word(answer.said, "__type") or answer.headers.get("x-amzn-errortype", "")
    return name.rpartition("#")[2].partition(":")[0]


def _explain(answer: calls.Answer) -> Failure:
    """By the error's name with its reason or with the field it is about, where the table has that, else by its name."""
    said, facts, name = answer.said, load_facts("aws"), _error_name(answer)
    known = (f"{name}:{detail}" for detail in (read_word(said, "Reason"), _wrong_field(said)))
    code = next((code for code in known if code in facts.codes), name)
    text = read_word(said, "Message") or read_word(said, "message")
    return facts.explain(code, text, raw=answer.text)


def _wrong_field(said: Mapping[str, Any]) -> str:
    return read_word(next(iter(objects_in(said, "Fields")), {}), "Name")


def _why(answer: calls.Answer) -> str:
    """A sentence for whoever looks at one entry: ours where the table has one for this reason, else AWS's."""
    failure = _explain(answer)
    return load_facts("aws").codes[failure.code].meaning if ":" in failure.code else str(failure)


def _must_succeed(answer: calls.Answer) -> dict[str, Any]:
    """What a call answered. Raises CallFailed where it was refused."""
    if answer.is_success:
        return answer.said
    raise _call_failed(answer)


def _call_failed(answer: calls.Answer) -> CallFailed:
    failure = _explain(answer)
    pause = answer.retry_after_seconds or (AWS.pause_seconds if failure.kind == FailureKind.RATE_LIMITED else None)
    return CallFailed(f"AWS refused the call: {failure}" if failure.code else str(answer), pause, answer.status)
