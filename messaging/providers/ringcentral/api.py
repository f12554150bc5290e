"""Calls to RingCentral: one session per connection and process, its token, and the pauses that were asked for."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import Any

from messaging.providers import calls
from messaging.providers.base import NotTaken, RefusedForGood, SendError, first_secret
from messaging.providers.calls import Answer
from messaging.providers.capabilities import CallFailed
from messaging.providers.failures import Failure, FailureKind
from messaging.providers.json_bodies import read_word

TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105 - an address
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCOUNT = "/restapi/v1.0/account/~"
USUAL_PAUSE_SECONDS = 60.0
RENEW_EARLY_SECONDS = 60.0


class Group(StrEnum):
    """RingCentral counts calls by group. A call inside the pause that it asks for starts that pause anew."""

    LIGHT = "light"
    MEDIUM = "medium"
    AUTH = "auth"


@dataclass(eq=False, slots=True)
class Session:
    """What a process knows of one connection. Nothing of it is stored: a token is a secret that lives for an hour.

    searches: the consents are asked for by the newer POST, because the GET is gone.
    """

    lock: Lock = field(default_factory=Lock)
    token: str = ""
    good_until: float = 0.0
    quiet_until: dict[Group, float] = field(default_factory=dict)
    searches: bool = False


@lru_cache(maxsize=1024)
def _session(digest: str) -> Session:
    return Session()


def forget_sessions() -> None:
    """Sign in anew with the next call."""
    _session.cache_clear()


class Api:
    """RingCentral as one connection may call it."""

    def __init__(self, settings: Mapping[str, Any], base_url: str) -> None:
        self._base_url = base_url
        self._client = (str(settings.get("client_id", "")), first_secret(settings, "client_secret"))
        self._jwt = first_secret(settings, "jwt")
        parts = "\0".join((base_url, *self._client, self._jwt))
        self.session = _session(hashlib.sha256(parts.encode()).hexdigest())

    def call(self, group: Group, method: str, path: str, **options: Any) -> Answer:
        """A call that texts nobody, with one fresh token where the one that stood is refused. Raises CallFailed."""
        token = self._token()
        try:
            return self._call(group, method, path, headers=_bearer(token), **options)
        except CallFailed as failure:
            if failure.status != 401:
                raise
        return self._call(group, method, path, headers=_bearer(self._token(refused=token)), **options)

    def hand_over(self, path: str, body: Mapping[str, Any]) -> Answer:
        """A call that carries a text. Raises SendError and nothing else."""
        try:
            token = self._token()
            answer = self._hand_over(token, path, body)
            if answer.status == 401:  # refused before it was read: nothing was taken
                answer = self._hand_over(self._token(refused=token), path, body)
        except CallFailed as failure:
            raise _as_send_error(failure) from None
        return answer

    def _hand_over(self, token: str, path: str, body: Mapping[str, Any]) -> Answer:
        self._heed(Group.MEDIUM)
        address = self._base_url + path
        answer = calls.hand_over("POST", address, not_taken=(), json=body, headers=_bearer(token))
        if answer.status == 429:
            raise NotTaken(str(answer), self._keep_quiet(Group.MEDIUM, _pause_of(answer)))
        return answer

    def _call(self, group: Group, method: str, path: str, **options: Any) -> Answer:
        self._heed(group)
        try:
            answer = calls.call(method, self._base_url + path, **options)
        except CallFailed as failure:
            if failure.status == 429:
                failure.retry_after_seconds = self._keep_quiet(group, failure.retry_after_seconds)
            raise
        if not answer.is_whole:
            raise CallFailed("RingCentral's answer did not come whole.")
        return answer

    def _token(self, refused: str = "") -> str:
        """The token that stands, or a fresh one in the place of one that was refused. One thread signs in for all."""
        session = self.session
        with session.lock:
            if session.token in ("", refused) or monotonic() >= session.good_until:
                session.token, lifetime = self._sign_in()
                session.good_until = monotonic() + lifetime - min(RENEW_EARLY_SECONDS, lifetime / 2)
            return session.token

    def _sign_in(self) -> tuple[str, float]:
        """A fresh token and for how many seconds it is good. Raises CallFailed."""
        form = {"grant_type": GRANT, "assertion": self._jwt}
        said = self._call(Group.AUTH, "POST", TOKEN_PATH, auth=self._client, data=form).said
        token = read_word(said, "access_token")
        if not token:
            raise CallFailed("RingCentral answered the sign-in without a token.")
        lifetime = said.get("expires_in")
        return token, float(lifetime) if isinstance(lifetime, int | float) else USUAL_PAUSE_SECONDS

    def _heed(self, group: Group) -> None:
        left = self.session.quiet_until.get(group, 0.0) - monotonic()
        if left > 0:
            raise CallFailed(f"RingCentral asked to be left alone for another {left:.0f} seconds.", left, 429)

    def _keep_quiet(self, group: Group, seconds: float | None) -> float:
        pause = USUAL_PAUSE_SECONDS if seconds is None else seconds
        self.session.quiet_until[group] = monotonic() + pause
        return pause


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _pause_of(answer: Answer) -> float | None:
    return answer.retry_after_seconds or calls.read_seconds(answer.headers.get("x-rate-limit-window", ""))


def _as_send_error(failure: CallFailed) -> SendError:
    """A sign-in that failed before a text left us. What RingCentral refused outright won't come right by itself."""
    if 400 <= failure.status < 500 and failure.status not in (408, 429):
        said = f"RingCentral refused the sign-in: {failure}"
        return RefusedForGood(said, Failure(FailureKind.SETTINGS, str(failure.status), said))
    return NotTaken(str(failure), failure.retry_after_seconds)
