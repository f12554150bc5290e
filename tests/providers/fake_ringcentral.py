"""RingCentral on loopback, as far as its documentation tells: sign-in, subscriptions, consents, records, pauses."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fake_gateway import Answer, Gateway, Misbehaviour, Taken
from tests.providers.kit_ringcentral import iso

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def says(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, json.dumps(value).encode())


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error in RingCentral's form."""
    error = {"errorCode": code, "message": message}
    return says({**error, "errors": [error]}, status, **headers)


class FakeRingCentral(Gateway):
    """Answers by path. `instead` holds answers that are given first, by a word of the method and path."""

    def __init__(self) -> None:
        super().__init__()
        self.good_tokens: set[str] = set()
        self.token_lifetime = 3600
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.instead: dict[str, list[Answer | Misbehaviour]] = {}
        self.pages: dict[str, list[Any]] = {}
        self.has_get_consents = True
        self._names = itertools.count(1)

    @property
    def sign_ins(self) -> int:
        return len(self.asked("POST /restapi/oauth/token"))

    def asked(self, words: str) -> list[Taken]:
        """The requests whose method and path hold these words, in order."""
        return [taken for taken in self.taken if words in f"{taken.method} {taken.path}"]

    def forget_tokens(self) -> None:
        """Every session ends, as when an administrator ends them."""
        self.good_tokens.clear()

    def take(self, taken: Taken) -> Answer | Misbehaviour:
        self.taken.append(taken)
        self.got_one.set()
        called = f"{taken.method} {taken.path}"
        for words, answers in self.instead.items():
            if words in called and answers:
                return answers.pop(0)
        if "/oauth/token" in called:
            return self._sign_in(taken)
        if taken.headers.get("authorization", "").removeprefix("Bearer ") not in self.good_tokens:
            return refusal(401, "OAU-128", "Access token expired.")
        return self._answer_to(taken)(taken)

    def _answer_to(self, taken: Taken) -> Callable[[Taken], Answer]:
        path = urlsplit(taken.path).path
        if path.startswith("/restapi/v1.0/subscription"):
            return self._subscribe
        if path.endswith("/sms"):
            return lambda _: says({"id": 1670000000000 + next(self._names), "messageStatus": "Queued"})
        if path.endswith("/a2p-sms/batches"):
            return lambda _: says({"id": f"batch-{next(self._names)}", "batchSize": 1, "rejected": []})
        if taken.method == "GET" and path.endswith("/sms/consents") and not self.has_get_consents:
            return lambda _: refusal(404, "CMN-120", "Invalid URI")
        return self._next_page

    def _sign_in(self, taken: Taken) -> Answer:
        form = parse_qs(taken.raw.decode())
        if form.get("grant_type") != [JWT_GRANT] or form.get("assertion") in (None, ["revoked"]):
            return says({"error": "invalid_grant", "errorCode": "OAU-213", "error_description": "Token not found"}, 400)
        token = f"token-{next(self._names)}"
        self.good_tokens.add(token)
        return says({"access_token": token, "token_type": "bearer", "expires_in": self.token_lifetime})

    def _subscribe(self, taken: Taken) -> Answer:
        name = taken.path.removeprefix("/restapi/v1.0/subscription").strip("/").partition("/")[0]
        if taken.method == "GET":
            return says({"records": list(self.subscriptions.values())})
        if not name:
            return says(self.add_subscription(taken.text))
        if name not in self.subscriptions:
            return refusal(404, "CMN-102", "Resource for parameter [subscriptionId] is not found")
        if taken.method == "DELETE":
            del self.subscriptions[name]
            return Answer(204, body=b"")
        self.subscriptions[name]["expirationTime"] = iso(datetime.now(UTC) + timedelta(days=30))
        return says(self.subscriptions[name])

    def add_subscription(self, asked: dict[str, Any], status: str = "Active") -> dict[str, Any]:
        """RingCentral writes the ids of account and extension where “~” was asked for, and shows no token."""
        name = f"subscription-{next(self._names)}"
        made = {
            "id": name,
            "status": status,
            "creationTime": iso(datetime.now(UTC)),
            "expirationTime": iso(datetime.now(UTC) + timedelta(seconds=asked.get("expiresIn", 604800))),
            "eventFilters": [name.replace("~", "400000000") for name in asked.get("eventFilters", [])],
            "deliveryMode": {"transportType": "WebHook", "address": asked["deliveryMode"]["address"]},
        }
        self.subscriptions[name] = made
        return made

    def _next_page(self, taken: Taken) -> Answer:
        """The pages of what was asked for, one a call; the last one again and again."""
        path = urlsplit(taken.path).path
        pages: list[Any] = next((found for words, found in self.pages.items() if path.endswith(words)), [{}])
        return says(pages.pop(0) if len(pages) > 1 else pages[0])
