"""What load balancers are told."""

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings

from optout_project import health


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    caches["local"].clear()


@pytest.fixture
def _migrated(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that holds every migration on record, however its tables were made."""
    monkeypatch.setattr(settings, "MIGRATION_MODULES", {})
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():  # made by hand: SQLite's schema editor refuses inside a test's transaction
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)")
    for app, name in set(MigrationLoader(connection).disk_migrations or ()) - set(recorder.applied_migrations()):
        recorder.record_applied(app, name)


def test_a_live_process_says_so_without_the_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.usefixtures("_migrated")
@pytest.mark.parametrize("name", ["10.1.2.3:8000", "127.0.0.1", "web"])
def test_load_balancers_ask_by_any_name(name: str) -> None:
    """Whoever sets ALLOWED_HOSTS names what people type: containers ask themselves, and balancers, by address."""
    with override_settings(ALLOWED_HOSTS=["sms.example.com"], PUBLIC_URL="https://sms.example.com"):
        client = Client(headers={"host": name})
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        assert client.get("/admin/login/").status_code == 400


@pytest.mark.usefixtures("_migrated")
def test_ready_with_a_migrated_database(client: Client) -> None:
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.usefixtures("_migrated")
def test_once_ready_it_asks_one_query(client: Client, django_assert_num_queries: object) -> None:
    client.get("/readyz")
    with django_assert_num_queries(1):  # type: ignore[operator]
        client.get("/readyz")


@pytest.mark.usefixtures("_migrated")
def test_not_ready_while_a_migration_is_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "migrate" in answer.json()["problem"]


def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise OperationalError

    monkeypatch.setattr(health, "_problem", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"


def test_only_reading(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
