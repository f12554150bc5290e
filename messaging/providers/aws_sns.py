"""What AWS's notification service (SNS) posts: its envelope, its signature, and the certificate behind that.

Why the certificate can be trusted. Anybody can name any address in an envelope, so the address is not followed but
checked: https, exactly the host `sns.<region>.amazonaws.com` of the region that the business's own topic lies in, no
port, no user, no query, and a path of the one form that SNS gives its certificates. What that host serves over TLS is
AWS's own, so the chain that is checked is TLS's. A signature by it proves no more than that *some* customer of AWS
published through SNS: that is why the topic must be one of those that the business entered.
"""

import base64
import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from messaging.providers import calls
from messaging.providers.base import RawWebhook, Rejected
from messaging.providers.capabilities import CallFailed

TOPIC = re.compile(r"arn:(?:aws|aws-us-gov|aws-cn):sns:([a-z]{2,3}(?:-[a-z]+)+-[0-9]+):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
LARGEST_CERTIFICATE = 16 * 1024
FETCH_SECONDS = 5.0
NOTIFICATION = "Notification"
SIGNED_FIELDS = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
DIGESTS: dict[str, type[hashes.SHA1 | hashes.SHA256]] = {"1": hashes.SHA1, "2": hashes.SHA256}


class NotOfSNS(ValueError):
    """An address that is not one of SNS's own; the message says why."""


def read_envelope(raw: RawWebhook) -> dict[str, Any]:
    """The envelope, {} for anything else. Bytes that are no UTF-8 are kept as they came, for they were signed so."""
    try:
        value = json.loads(raw.body.decode("utf-8-sig", errors="surrogateescape"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_text(envelope: Mapping[str, Any], name: str) -> str:
    """A field of the envelope, "" where it is no text."""
    value = envelope.get(name)
    return value if isinstance(value, str) else ""


def text_to_sign(envelope: Mapping[str, Any]) -> bytes:
    """What SNS signs: the fields that count for this kind of envelope and are there, name and value a line each."""
    names = SIGNED_FIELDS[read_text(envelope, "Type")]
    lines = (f"{name}\n{read_text(envelope, name)}\n" for name in names if envelope.get(name) is not None)
    return "".join(lines).encode(errors="surrogateescape")


def check_certificate_address(address: str, topic: str) -> str:
    """The path of a certificate at SNS. Raises NotOfSNS."""
    stem = f"https://{sns_host(topic)}"
    path = address.removeprefix(stem)
    if not address.startswith(stem) or not CERTIFICATE_PATH.fullmatch(path):
        raise NotOfSNS(
            f"“SigningCertURL” is not the address of a certificate at {stem}, the host of SNS for this topic."
        )
    return path


def check_subscribe_address(address: str, topics: list[str]) -> str:
    """The path and query that confirm a subscription to one of our topics. Raises NotOfSNS."""
    query = address.partition("?")[2]
    said = parse_qs(query)
    topic = next(iter(said.get("TopicArn", ())), "")
    if topic not in topics:
        raise NotOfSNS("“SubscribeURL” names a topic that is not one of this connection.")
    asks = said.get("Action") == ["ConfirmSubscription"] and said.get("Token")
    if not asks or address != f"https://{sns_host(topic)}/?{query}":
        raise NotOfSNS("“SubscribeURL” is not the address at SNS that confirms a subscription.")
    return f"/?{query}"


def sns_host(topic: str) -> str:
    """SNS's own host in the region of a topic. Raises NotOfSNS."""
    found = TOPIC.fullmatch(topic)
    if found is None:
        raise NotOfSNS("The topic is not one of SNS.")
    return f"sns.{found[1]}.amazonaws.com" + (".cn" if topic.startswith("arn:aws-cn:") else "")


def fetch_certificate(address: str) -> bytes:
    """Raises CallFailed where it does not come, or is too large to be one."""
    answer = calls.call("GET", address, timeout=FETCH_SECONDS)
    if not answer.is_whole or len(answer.body) > LARGEST_CERTIFICATE:
        raise CallFailed("What stands at SNS's address is too large to be a certificate.")
    return answer.body


@dataclass(slots=True)
class Certificates:
    """The certificates that SNS signs with, fetched once each: AWS replaces them about once a year."""

    fetch: Callable[[str], bytes] = fetch_certificate
    at_most: int = 32
    _kept: OrderedDict[str, x509.Certificate] = field(default_factory=OrderedDict)

    def key_at(self, address: str, now: datetime) -> RSAPublicKey:
        """The public key at an address that was checked before. Raises CallFailed: nothing is proved either way."""
        found = self._kept.get(address)
        if found is None:
            found = self._kept[address] = _read_certificate(self.fetch(address))
            while len(self._kept) > self.at_most:
                self._kept.popitem(last=False)
        key = found.public_key()
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc or not isinstance(key, RSAPublicKey):
            raise CallFailed("The certificate at SNS's address does not hold now.")
        return key


CERTIFICATES = Certificates()


def _read_certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise CallFailed("What stands at SNS's address is no certificate.") from None


def verify(raw: RawWebhook, topics: list[str], *, only_sha256: bool, base_url: str = "") -> None:
    """Check that SNS signed this envelope, and that it came through one of these topics. Raises Rejected.

    base_url: a stand-in that serves the certificate in SNS's place, under the same path.
    """
    envelope = read_envelope(raw)
    told = ("Type", "TopicArn", "SignatureVersion", "SigningCertURL", "MessageId", "Timestamp")
    checked = {name: read_text(envelope, name) for name in told}
    topic, version = checked["TopicArn"], checked["SignatureVersion"]
    if checked["Type"] not in SIGNED_FIELDS:
        raise Rejected("It is no envelope of SNS: see that “raw message delivery” is off.", checked=checked)
    if topic not in topics:
        raise Rejected("It came through a topic that is not one of this connection.", checked=checked)
    if version not in DIGESTS or (only_sha256 and version != "2"):
        raise Rejected(
            "Its SignatureVersion is not taken; set the topic's attribute SignatureVersion to 2.", checked=checked
        )
    try:
        path = check_certificate_address(checked["SigningCertURL"], topic)
        key = CERTIFICATES.key_at((base_url or f"https://{sns_host(topic)}") + path, raw.received_at)
        signature = base64.b64decode(read_text(envelope, "Signature"), validate=True)
        key.verify(signature, text_to_sign(envelope), PKCS1v15(), DIGESTS[version]())
    except NotOfSNS as error:
        raise Rejected(str(error), checked=checked) from None
    except CallFailed as error:  # it may be genuine: SNS sends it again after a 503
        raise Rejected(f"Its certificate could not be had: {error}", status=503, checked=checked) from None
    except (InvalidSignature, binascii.Error, ValueError):
        raise Rejected("The signature does not fit what it signs.", checked=checked) from None
