"""Calling the API as a program does, and looking at its problems."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection
from django.test import Client

from accounts.models import ApiKey
from tests.builders import Business

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

PROBLEM_MEMBERS = {"type", "title", "status", "code", "detail"}


@dataclass
class Caller:
    """A program with one key."""

    key: str
    row: ApiKey
    client: Client = field(default_factory=Client)

    @classmethod
    def of(cls, business: Business, *scopes: str) -> "Caller":
        """A key of a business; with all scopes but `lift` and `emergency` unless some are named."""
        row, key = ApiKey.issue(business.tenant, "Integration", list(scopes or ApiKey.DEFAULT_SCOPES))
        return cls(key, row)

    def get(self, path: str) -> "Response":
        return self.client.get(f"/api/v1/{path}", headers=self.headers())

    def post(self, path: str, body: Any, idempotency_key: str | None = None) -> "Response":
        """Post a body: bytes as they are, everything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            f"/api/v1/{path}", raw, content_type="application/json", headers=self.headers(idempotency_key)
        )

    def headers(self, idempotency_key: str | None = None) -> dict[str, str]:
        headers = {"authorization": f"Bearer {self.key}"}
        return headers if idempotency_key is None else {**headers, "idempotency-key": idempotency_key}


def assert_problem(answer: "Response", status: int, code: str | None = None) -> dict[str, Any]:
    """That an answer is a problem of RFC 9457 with a status and, where given, a code. Returns it."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) >= PROBLEM_MEMBERS
    assert problem["status"] == status
    assert code is None or problem["code"] == code, problem
    return problem


@contextmanager
def failing_statement(number: int) -> Iterator[None]:
    """Let one SQL statement fail, counted from 0, as where the database goes away in the middle."""
    seen = 0

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal seen
        seen += 1
        if seen == number + 1:
            raise OperationalError("the database is gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(run):
        yield
