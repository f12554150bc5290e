"""The description of the API at `/api/schema/`: complete, without warnings, and true."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import ApiKey
from tests import builders
from tests.api import Caller
from tests.builders import Business

OPERATIONS = {
    ("/api/v1/messages", "get"),
    ("/api/v1/messages", "post"),
    ("/api/v1/messages/{message_id}", "get"),
    ("/api/v1/checks", "post"),
    ("/api/v1/classifications", "post"),
    ("/api/v1/opt-outs", "get"),
    ("/api/v1/opt-outs", "post"),
    ("/api/v1/opt-outs/{opt_out_id}", "get"),
    ("/api/v1/opt-outs/{opt_out_id}/history", "get"),
    ("/api/v1/opt-outs/{opt_out_id}/lift", "post"),
    ("/api/v1/consents", "get"),
    ("/api/v1/consents", "post"),
}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/api/schema/", headers={"accept": "application/json"}).json()
    return found


def test_it_is_made_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_every_operation_tells_its_scope_its_key_and_its_problems(description: dict[str, Any]) -> None:
    found = {
        (path, method): operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }
    assert set(found) == OPERATIONS
    for operation in found.values():
        assert operation["summary"]
        assert "Scope `" in operation["description"]
        assert operation["security"] == [{"bearer": []}]
        for status in ("400", "401", "403", "404", "429", "503"):
            assert set(operation["responses"][status]["content"]) == {"application/problem+json"}
    assert description["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_strangers_may_read_it(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert b"cdn" not in page.content
    assert b'<html lang="en">' in page.content
    assert b'<main id="swagger-ui">' in page.content
    for address in ("/api/schema", "/api/docs"):
        assert client.get(address).headers["Location"] == f"{address}/"


@contextmanager
def connection_kept() -> Iterator[None]:
    """A request through the real application does not close the test's own connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


CHECKED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize(("path", "method"), sorted(OPERATIONS))
def test_what_is_answered_is_what_is_described(
    acme: Business, description: dict[str, Any], path: str, method: str
) -> None:
    """Whatever the description allows, and much that it does not, is answered as it says."""
    builders.text_in(acme, "STOP")
    row = builders.opt_out_of(acme)
    builders.send(acme)
    schema = schemathesis.openapi.from_dict(description)
    schema.app = get_wsgi_application()
    caller = Caller.of(acme, *ApiKey.Scope.values)
    operation = schema[path][method.upper()]

    @given(data=st.data())
    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def probe(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        if "opt_out_id" in case.path_parameters and data.draw(st.booleans()):
            case.path_parameters["opt_out_id"] = row.pk
        case.call_and_validate(headers=caller.headers(), checks=CHECKED)

    with connection_kept():
        probe()
