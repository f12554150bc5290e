"""AWS's side of the wire, with throw-away keys: no library of AWS's signs or verifies what SNS posts."""

import base64
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from messaging.providers import aws_sns
from tests.fake_gateway import Answer, Gateway
from tests.providers.kit import COMPANY, Kit

TOPIC = "arn:aws:sns:us-east-1:000000000000:sms-inbound"
CERTIFICATE_ADDRESS = (
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00000000000000000000000000000000.pem"
)
UNSIGNED = "A" * 344  # as long as a signature by such a key
NAMES = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
EVENTS = {
    "delivered": ("TEXT_DELIVERED", "Message has been accepted by phone"),
    "failed": ("TEXT_CARRIER_BLOCKED", "Phone carrier has blocked this message"),
    "opted_out": ("TEXT_BLOCKED", "Phone number is opted out"),
    "invalid_number": ("TEXT_INVALID", "Invalid phone number"),
}


@cache
def signing_key(number: int = 1) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(number: int = 1, until: datetime = datetime(2099, 1, 1, tzinfo=UTC)) -> bytes:
    """A certificate like SNS's, signed by its own key."""
    key, name = signing_key(number), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1, tzinfo=UTC), until)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def sign(envelope: dict[str, Any], number: int = 1) -> str:
    """As SNS's documentation describes it."""
    names = NAMES.get(str(envelope.get("Type")), ())
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    digest = hashes.SHA1() if envelope.get("SignatureVersion") == "1" else hashes.SHA256()  # noqa: S303 - as SNS does
    signature = signing_key(number).sign(text.encode(errors="surrogateescape"), padding.PKCS1v15(), digest)
    return base64.b64encode(signature).decode()


def make_envelope(message: object, **fields: Any) -> dict[str, Any]:
    """An envelope that is still to be signed."""
    return {
        "Type": "Notification",
        "MessageId": "00000000-0000-4000-8000-000000000001",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message, ensure_ascii=False),
        "Timestamp": "2026-07-15T12:00:00.000Z",
        "SignatureVersion": "2",
        "Signature": UNSIGNED,
        "SigningCertURL": CERTIFICATE_ADDRESS,
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn",
        **fields,
    }


def as_body(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, ensure_ascii=False).encode()


class AWSKit(Kit):
    slug = "aws"
    content_type = "text/plain; charset=utf-8"
    has_secret = False

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served = aws_sns.Certificates(fetch=lambda address: certificate())
        monkeypatch.setattr(aws_sns, "CERTIFICATES", served)

    def settings(self, secret: int = 1) -> dict[str, Any]:
        return {
            "region": "us-east-1",
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "topic_arn": TOPIC,
        }

    def inbound(self, text: str, *, from_: str, to: str, id: str, at: datetime) -> bytes:  # noqa: A002
        message = {
            "originationNumber": from_, "destinationNumber": to, "messageKeyword": "KEYWORD_000000000000",
            "messageBody": text, "inboundMessageId": id,
        }  # fmt: skip
        return as_body(make_envelope(message, Timestamp=at.isoformat()))

    def headers(self, body: bytes, *, address: str, at: datetime, secret: int = 1) -> dict[str, str]:
        return {"x-amz-sns-message-type": "Notification", "x-amz-sns-topic-arn": TOPIC}

    def seal(self, body: bytes, *, signed: bytes, secret: int = 1) -> bytes:
        try:
            envelope = json.loads(signed.decode(errors="surrogateescape"))
        except (ValueError, RecursionError):
            return body
        return body.replace(UNSIGNED.encode(), sign(envelope, secret).encode()) if isinstance(envelope, dict) else body

    def status(self, word: str, *, message_id: str, provider_message_id: str, at: datetime) -> bytes:
        kind, description = EVENTS[word]
        event = {
            "eventType": kind, "eventVersion": "1.0", "eventTimestamp": int(at.timestamp() * 1000), "isFinal": True,
            "originationPhoneNumber": COMPANY, "destinationPhoneNumber": "+12025550199", "isoCountryCode": "US",
            "messageId": provider_message_id, "messageType": "TRANSACTIONAL",
            "messageStatus": kind.removeprefix("TEXT_"), "messageStatusDescription": description,
            "context": {"message": message_id},
        }  # fmt: skip
        return as_body(make_envelope(event))

    def taken(self, provider_message_id: str) -> Answer:
        return Answer(body=json.dumps({"MessageId": provider_message_id}).encode())

    def opted_out(self) -> Answer:
        said = {
            "__type": "com.amazonaws.pinpointsmsvoicev2#ConflictException",
            "Message": 'Conflict occurred - Reason="DESTINATION_PHONE_NUMBER_OPTED_OUT"',
            "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT", "ResourceType": "phone-number",
        }  # fmt: skip
        return Answer(400, body=json.dumps(said).encode())

    def invalid_number(self) -> Answer:
        said = {
            "__type": "ValidationException", "Message": "1 validation error detected", "Reason": "INVALID_PARAMETER",
            "Fields": [{"Name": "DestinationPhoneNumber", "Message": "must be a valid phone number"}],
        }  # fmt: skip
        return Answer(400, body=json.dumps(said).encode())

    def unknown_event(self) -> bytes:
        return as_body(make_envelope({"eventType": "VOICE_ANSWERED", "messageId": "1"}))

    def without_fields(self) -> bytes:
        return as_body(make_envelope({"messageBody": "STOP", "inboundMessageId": "1"}))

    def sent(self, gateway: Gateway) -> list[dict[str, str]]:
        calls = [taken for taken in gateway.taken if taken.headers.get("x-amz-target", "").endswith(".SendTextMessage")]
        return [
            {
                "from": call.text["OriginationIdentity"],
                "to": call.text["DestinationPhoneNumber"],
                "body": call.text["MessageBody"],
            }
            for call in calls
        ]


KIT = AWSKit()
