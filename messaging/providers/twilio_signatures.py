"""How Twilio, and whoever speaks its dialect, signs a webhook: over the called address and what a form holds.

A JSON body is covered by its hash in the signed address. Neither scheme signs a time, so a captured webhook can be sent
again: what it tells is applied once, by its own id.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, parse_qsl, urlsplit

from messaging.providers.base import RawWebhook

FORM = "application/x-www-form-urlencoded"
BODY_HASH = "bodySHA256"
_USUAL_PORTS = {"https": ":443", "http": ":80"}
_PORT = re.compile(r":[0-9]*$")

Fields = list[tuple[str, str]]


def is_form(raw: RawWebhook) -> bool:
    """Whether the body is a form, by its content type alone."""
    return raw.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


def read_form(raw: RawWebhook) -> Fields:
    """What a form holds, in order: empty values count, white space stays, bad bytes become U+FFFD."""
    return parse_qsl(raw.body.decode(errors="replace"), keep_blank_values=True, errors="replace")


def write_once(fields: Fields) -> str:
    """What is signed of a form: names in order, each with its values in order, a repeated value once."""
    return "".join(name + value for name, value in sorted(set(fields)))


def write_all(fields: Fields) -> str:
    """The dialect that keeps repeated values, as they came."""
    return "".join(name + value for name, value in sorted(fields, key=lambda field: field[0]))


def has_its_hash(raw: RawWebhook) -> bool:
    """Whether the called address holds the hash of the body: then who signed the address signed the body."""
    named = parse_qs(urlsplit(raw.address).query).get(BODY_HASH, [""])[0]
    return hmac.compare_digest(hashlib.sha256(raw.body).hexdigest().encode(), named.encode())


def spellings(address: str) -> list[bytes]:
    """An address without its port and with it: which of them was signed differs from webhook to webhook."""
    parts = urlsplit(address)
    host = _PORT.sub("", parts.netloc)
    port = parts.netloc.removeprefix(host) or _USUAL_PORTS.get(parts.scheme, "")
    return [parts._replace(netloc=netloc).geturl().encode() for netloc in (host, host + port)]


def in_base64(secret: str, signed: bytes, digest: str) -> bytes:
    """The signature that a secret makes, as it stands in a header."""
    return base64.b64encode(hmac.digest(secret.encode(), signed, digest))


def is_one_of(given: str, expected: Iterable[bytes]) -> bool:
    """Whether a signature is one of those that our secrets make."""
    return any(hmac.compare_digest(one, given.encode()) for one in expected)
