"""HTTP to a provider: one client for the process, time-outs, bounded answers, an honest word on what became of it."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from json import loads
from typing import Any

import httpx

from messaging.providers.addresses import is_public
from messaging.providers.base import NotTaken, OutcomeUnknown, RefusedForGood, SendError
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Failure, FailureKind
from messaging.storable import clean

TIMEOUT = httpx.Timeout(15.0, connect=5.0)
DEADLINE_SECONDS = 20.0
LARGEST_ANSWER = 2 * 1024 * 1024
LONGEST_SHOWN = 500
LONGEST_PAUSE_SECONDS = 86_400.0  # of what a provider asks for; a longer one is a mistake
NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_SENDABLE = re.compile(r"(?:[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)?")
_public_only: ContextVar[bool] = ContextVar("public_only", default=False)


class PrivateAddress(Exception):
    """A connection that was made into a private network, and given up before anything was sent."""


class UnsendableHeader(Exception):
    """A header that no request can carry, given up before anything was sent. Its value is not told: it is a secret."""


@contextmanager
def public_addresses_only(is_on: bool = True) -> Iterator[None]:
    """Refuse, for the calls made inside, every connection that leads into a private network.

    The address is looked at once the connection stands: a name may lead elsewhere than it did when it was entered.
    """
    before = _public_only.set(is_on)
    try:
        yield
    finally:
        _public_only.reset(before)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered. `is_whole` is False where its body did not come in time, or was too large."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True

    @property
    def text(self) -> str:
        return clean(self.body.decode(errors="replace"))

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def retry_after_seconds(self) -> float | None:
        return read_seconds(self.headers.get("retry-after", ""))

    @property
    def said(self) -> dict[str, Any]:
        """The body as a JSON object; {} where it is none."""
        try:
            value = loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def __str__(self) -> str:
        return f"The provider answered {self.status}: {self.text[:LONGEST_SHOWN]}"


def read_seconds(value: str) -> float | None:
    """A pause that a provider asks for in a header, at most a day. None where it names no seconds."""
    return min(float(value), LONGEST_PAUSE_SECONDS) if value.isascii() and value.isdigit() else None


@lru_cache(maxsize=2)
def _client(public_only: bool = False) -> httpx.Client:
    """One for the process: making its TLS context, or a connection, costs more than a send.

    Calls that may reach public addresses alone have their own, so that no connection of others is lent to them.
    A connection is kept for less time than any provider keeps it: one that is closed under a text makes its outcome
    unknown.
    """
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4.0)
    return httpx.Client(follow_redirects=False, limits=limits, trust_env=False)


def request(method: str, address: str, **options: Any) -> Answer:
    """One HTTP request, redirects not followed. Raises what httpx raises, ValueError for an address that is none.

    options: as httpx takes them (headers, params, json, data, content, auth). Raises UnsendableHeader, too.
    """
    options = {"timeout": TIMEOUT, **options}
    _check_headers(options.get("headers") or {})
    ends_at = time.monotonic() + DEADLINE_SECONDS
    public_only = _public_only.get()
    if public_only:
        options["extensions"] = {**options.get("extensions", {}), "trace": _refuse_private}
    with _client(public_only).stream(method, address, **options) as answer:
        body, is_whole = _read_bounded(answer, ends_at)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, headers, body, is_whole)


def _check_headers(headers: Mapping[str, str]) -> None:
    """httpx names a value that it refuses in its error, and that would be shown to people. Raises UnsendableHeader."""
    for name, value in headers.items():
        if not _SENDABLE.fullmatch(value):
            raise UnsendableHeader(
                f"The header “{name}” can't be sent: the key or token in it holds a line break, a space at its end "
                "or a character that is not plain ASCII. Enter it again."
            )


def _refuse_private(event: str, details: Mapping[str, Any]) -> None:
    """Called by httpcore as a request goes on; an exception ends it. Raises PrivateAddress."""
    if event != "connection.connect_tcp.complete":
        return
    reached = details["return_value"].get_extra_info("server_addr")
    if not reached or not is_public(str(reached[0])):
        raise PrivateAddress("The provider's address leads into a private network.")


def _read_bounded(answer: httpx.Response, ends_at: float) -> tuple[bytes, bool]:
    """The body, up to a size and a time: once the status is here, a slow body must not make a send unknown."""
    parts, size = [], 0
    try:
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER or time.monotonic() > ends_at:
                return b"".join(parts)[:LARGEST_ANSWER], False
    except httpx.HTTPError:
        return b"".join(parts), False
    return b"".join(parts), True


def hand_over(method: str, address: str, *, not_taken: tuple[int, ...] = (429,), **options: Any) -> Answer:
    """A request that carries a text. Raises NotTaken where it surely never left, OutcomeUnknown where it may have.

    not_taken: the statuses by which this provider says so. A 503 that names a time to come back is one for all of
    them; other 5xx are unknown. Every other answer is returned for the provider to read.
    """
    try:
        answer = request(method, address, **options)
    except NEVER_LEFT as error:
        raise NotTaken(f"The provider can't be reached: {error}") from None
    except (PrivateAddress, UnsendableHeader) as error:
        raise RefusedForGood(str(error), Failure(FailureKind.SETTINGS, text=str(error))) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise RefusedForGood(f"The setting “base_url” is not an address: {error}") from None
    except httpx.HTTPError as error:
        raise OutcomeUnknown(f"The connection broke while the provider had the text: {error!r}") from None
    if answer.status in not_taken or (answer.status == 503 and "retry-after" in answer.headers):
        raise NotTaken(str(answer), answer.retry_after_seconds)
    if answer.status >= 500:
        raise OutcomeUnknown(str(answer))
    return answer


def refusal(answer: Answer, failure: Failure) -> SendError:
    """The error to raise for a text that a provider refused, by what its error table says of the refusal."""
    match failure.kind:
        case FailureKind.RATE_LIMITED | FailureKind.TEMPORARY:
            return NotTaken(str(answer), answer.retry_after_seconds, failure)
        case FailureKind.AMBIGUOUS:
            return OutcomeUnknown(str(answer), failure)
        case _:
            return RefusedForGood(str(answer), failure)


def ask(method: str, address: str, **options: Any) -> Answer:
    """A request that texts nobody, whatever is answered. Raises CallFailed where no answer comes."""
    try:
        return request(method, address, **options)
    except (PrivateAddress, UnsendableHeader) as error:
        raise CallFailed(str(error)) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallFailed(f"The provider can't be reached: {str(error) or type(error).__name__}") from None


def call(method: str, address: str, **options: Any) -> Answer:
    """A request that texts nobody. Raises CallFailed for everything but a 2xx."""
    answer = ask(method, address, **options)
    if not answer.is_success:
        raise CallFailed(str(answer), answer.retry_after_seconds, answer.status)
    return answer


__all__ = ["Answer", "CallFailed", "SendError", "ask", "call", "hand_over", "refusal", "request"]
