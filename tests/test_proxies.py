"""Behind a proxy: whose word on the client's address and on https is believed, and by whom it is heeded."""

from ipaddress import ip_network
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from optout_project.celery import SPARE_CONNECTIONS, size_database_pool
from optout_project.proxies import client_address_middleware

PROXY = "10.0.0.7"
PERSON = "198.51.100.4"


@pytest.fixture
def proxied(settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24"), ip_network("fd00::/8")]
    settings.FORWARDED_PROTO_META = "HTTP_X_FORWARDED_PROTO"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 3600


def seen(peer: str, forwarded: str = "") -> str:
    """Whom the rest of the project takes for the caller."""
    request: HttpRequest = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    client_address_middleware(lambda _: HttpResponse())(request)
    return str(request.META["REMOTE_ADDR"])


@pytest.mark.usefixtures("proxied")
@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, PERSON, PERSON),
        (f"::ffff:{PROXY}", PERSON, PERSON),
        ("fd00::1", "2001:db8::9", "2001:db8::9"),
        (PROXY, f"{PERSON}, 10.0.0.8", PERSON),
        (PROXY, f"203.0.113.1, {PERSON}", PERSON),  # the first is what the client itself claims
        (PROXY, f"{PERSON}, nonsense", PROXY),
        (PROXY, f"nonsense, {PERSON}", PERSON),
        (PROXY, "", PROXY),
        (PROXY, "10.0.0.9", "10.0.0.9"),
        (PERSON, "203.0.113.1", PERSON),
        ("", "203.0.113.1", ""),
    ],
)
def test_only_a_trusted_proxy_says_who_calls(peer: str, forwarded: str, client: str) -> None:
    assert seen(peer, forwarded) == client


@pytest.mark.usefixtures("proxied")
def test_https_is_believed_from_a_trusted_proxy_alone() -> None:
    told: dict[str, Any] = {"HTTP_X_FORWARDED_PROTO": "https"}
    assert Client().get("/healthz", REMOTE_ADDR=PROXY, **told).headers["Strict-Transport-Security"] == "max-age=3600"
    assert "Strict-Transport-Security" not in Client().get("/healthz", REMOTE_ADDR=PERSON, **told).headers
    assert "Strict-Transport-Security" not in Client().get("/healthz", REMOTE_ADDR=PROXY).headers


def test_without_a_trusted_proxy_nobody_is_believed() -> None:
    told: dict[str, Any] = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}
    answer = Client().get("/healthz", REMOTE_ADDR=PROXY, **told)
    assert answer.wsgi_request.META["REMOTE_ADDR"] == PROXY
    assert not answer.wsgi_request.is_secure()


@pytest.mark.django_db
@pytest.mark.parametrize(("is_trusted", "noted"), [(True, PERSON), (False, PROXY)])
def test_a_guesser_is_known_by_the_real_address(request: Any, settings: Any, is_trusted: bool, noted: str) -> None:
    settings.AXES_ENABLED = True
    if is_trusted:
        request.getfixturevalue("proxied")
    guess = {"username": "boss", "password": "wrong"}
    Client().post("/admin/login/", guess, REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=f"203.0.113.1, {PERSON}")
    assert AccessAttempt.objects.get().ip_address == noted


@pytest.mark.parametrize(("options", "threads"), [({"concurrency": 32}, 32), ({}, 6), (None, 6)])
def test_a_worker_has_a_database_connection_for_each_of_its_threads(
    settings: Any, monkeypatch: pytest.MonkeyPatch, options: Any, threads: int
) -> None:
    pool = {"max_size": 12}
    settings.WORKER_THREADS = 6
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {"pool": pool})
    size_database_pool(options=options)
    assert pool == {"max_size": threads + SPARE_CONNECTIONS}


def test_a_worker_on_sqlite_has_no_pool_to_size(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {})
    size_database_pool(options={"concurrency": 32})
    assert settings.DATABASES["default"]["OPTIONS"] == {}
