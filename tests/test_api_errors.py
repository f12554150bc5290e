"""What every address of the API answers to strangers and to bad requests: problems of RFC 9457 (DESIGN 5)."""

import json
from typing import Any

import pytest
from django.core.cache import caches
from django.db import DataError, IntegrityError, OperationalError
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import ApiKey, Tenant
from accounts.problems import problem_handler
from accounts.strict import LARGEST_BODY, TenantView
from compliance.models import OptOut, Recipient
from messaging.models import OutboundMessage
from tests.api import Caller, assert_problem
from tests.builders import PERSON, Business

ADDRESSES = [
    ("GET", "messages", "read"),
    ("POST", "messages", "send"),
    ("GET", "messages/7f3b7f3e-4b0e-4a4e-9a53-3d7c2c0f2f11", "read"),
    ("POST", "checks", "check"),
    ("POST", "classifications", "check"),
    ("GET", "consents", "read"),
    ("POST", "consents", "write"),
    ("GET", "opt-outs", "read"),
    ("POST", "opt-outs", "write"),
    ("GET", "opt-outs/1", "read"),
    ("POST", "opt-outs/1/lift", "lift"),
    ("GET", "opt-outs/1/history", "read"),
]
POSTS = [path for method, path, _ in ADDRESSES if method == "POST" and path != "opt-outs/1/lift"]


@pytest.fixture
def caller(acme: Business) -> Caller:
    return Caller.of(acme, *ApiKey.Scope.values)


def call(method: str, path: str, headers: dict[str, str] | None = None) -> Any:
    return Client().generic(method, f"/api/v1/{path}", b"{}", "application/json", headers=headers or {})


def assert_nothing_stored() -> None:
    for model in (OptOut, Recipient, OutboundMessage):
        assert not model.objects.exists()


# --- Who is calling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path", "scope"), ADDRESSES)
def test_strangers_are_sent_away(acme: Business, method: str, path: str, scope: str) -> None:
    key = Caller.of(acme).key
    for authorization in ("", key, f"Basic {key}", "Bearer", f"Bearer {key} {key}", "Bearer wrong", "Bearer é\u00ff"):
        headers = {"authorization": authorization} if authorization else {}
        answer = call(method, path, headers)
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "scope"), ADDRESSES)
def test_every_address_needs_its_scope(acme: Business, method: str, path: str, scope: str) -> None:
    others = [name for name in ApiKey.Scope.values if name != scope]
    answer = call(method, path, Caller.of(acme, *others).headers())
    assert f"“{scope}”" in assert_problem(answer, 403, "missing_scope")["detail"]
    assert call(method, path, Caller.of(acme, scope).headers()).status_code not in (401, 403)
    assert_nothing_stored()


def test_no_address_is_forgotten_in_the_table() -> None:
    views = [p for p in get_resolver().url_patterns if issubclass(getattr(p.callback, "cls", type), TenantView)]
    named = {
        p.pattern.regex.pattern for p in views if any(p.pattern.match(f"api/v1/{path}") for _, path, _ in ADDRESSES)
    }
    assert len(views) == len(named) == 9


@pytest.mark.parametrize("what", ["key", "business"])
def test_what_is_switched_off_opens_nothing(acme: Business, caller: Caller, what: str) -> None:
    if what == "key":
        ApiKey.objects.filter(pk=caller.row.pk).update(is_active=False)
    else:
        Tenant.objects.filter(pk=acme.tenant.pk).update(is_active=False)
    assert_problem(caller.get("opt-outs"), 401)


def test_the_use_of_a_key_is_noted_once_a_minute(caller: Caller, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        caller.get("opt-outs")
    with django_assert_num_queries(2):
        caller.get("opt-outs")
    caller.row.refresh_from_db()
    assert caller.row.last_used_at is not None
    assert caller.row.last_used_at <= timezone.now()


def test_too_many_requests_are_told_to_wait(acme: Business, globex: Business, settings: Any) -> None:
    caches["local"].clear()
    settings.API_RATE_LIMIT_PER_MINUTE = 2
    caller = Caller.of(acme)
    assert [caller.get("opt-outs").status_code for _ in range(2)] == [200, 200]
    answer = caller.get("opt-outs")
    assert_problem(answer, 429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert Caller.of(globex).get("opt-outs").status_code == 200


# --- What is sent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"recipient=1",
        b"\xff\xfe",
        b'{"recipient": NaN}',
        b'{"recipient": 1, "recipient": 2}',
        b"[" * 100_000,
        b"1" * 5_000,
    ],
)
def test_what_is_no_json_is_told(caller: Caller, path: str, body: bytes) -> None:
    assert_problem(caller.post(path, body), 400, "parse_error")
    assert_nothing_stored()


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [[], "text", 7, None, [{}]])
def test_what_is_no_object_is_told(caller: Caller, path: str, body: Any) -> None:
    assert "JSON object" in assert_problem(caller.post(path, body), 400, "invalid")["detail"]
    assert_nothing_stored()


@pytest.mark.parametrize("path", POSTS)
def test_a_body_over_2_mib_is_too_large(caller: Caller, path: str) -> None:
    body = json.dumps({"recipient": PERSON, "reason": "a" * LARGEST_BODY}).encode()
    assert_problem(caller.post(path, body), 413, "too_large")
    assert_nothing_stored()


def test_a_body_of_2_mib_is_read(caller: Caller) -> None:
    body = json.dumps({"recipients": [PERSON]}).encode()
    assert caller.post("checks", body + b" " * (LARGEST_BODY - len(body))).status_code == 200


def test_a_body_without_a_length_is_told(caller: Caller) -> None:
    headers = {**caller.headers(), "transfer-encoding": "chunked"}
    answer = Client().generic("POST", "/api/v1/checks", headers=headers)
    assert_problem(answer, 411, "length_required")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_media_type_is_told(caller: Caller, path: str, media_type: str) -> None:
    answer = Client().post(f"/api/v1/{path}", b"{}", content_type=media_type, headers=caller.headers())
    assert_problem(answer, 415, "unsupported_media_type")


def test_what_we_can_t_answer_in_is_told(caller: Caller) -> None:
    answer = Client().get("/api/v1/opt-outs", headers={**caller.headers(), "accept": "text/html"})
    assert_problem(answer, 406, "not_acceptable")


def test_a_flood_of_unknown_fields_is_answered_briefly(caller: Caller) -> None:
    answer = caller.post("checks", {f"field{n}": n for n in range(50_000)})
    assert len(assert_problem(answer, 400, "invalid")["errors"]) <= 20


# --- Where there is nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "v1", "v1/", "v1/unknown", "v1/messages/", "v1/opt-outs/1/undo", "v2/messages"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_an_address_that_is_none_of_ours_is_a_problem(client: Client, path: str, method: str) -> None:
    assert_problem(client.generic(method, f"/api/{path}"), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", sorted({path for _, path, _ in ADDRESSES}))
def test_a_method_that_is_none_is_told(caller: Caller, method: str, path: str) -> None:
    answer = call(method, path, caller.headers())
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_head_and_options(caller: Caller) -> None:
    head = call("HEAD", "opt-outs", caller.headers())
    assert (head.status_code, head.content) == (200, b"")
    options = call("OPTIONS", "opt-outs", caller.headers())
    assert options.status_code == 200
    assert options.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert_problem(call("OPTIONS", "opt-outs"), 401)


def test_a_bug_of_ours_is_a_problem_too(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("compliance.api.paginate", broken)
    caller.client.raise_request_exception = False
    answer = caller.get("opt-outs")
    assert_problem(answer, 500, "internal_error")
    assert b"secret detail" not in answer.content


@pytest.mark.parametrize("error", [IntegrityError("twice"), DataError("too long")])
def test_what_the_database_refuses_is_our_mistake_and_no_outage(error: Exception) -> None:
    """A 503 asks to come again; that would break in the same way."""
    assert problem_handler(error, {}) is None
    outage = problem_handler(OperationalError("gone"), {})
    assert outage is not None
    assert outage.status_code == 503
