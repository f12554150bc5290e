"""Fixtures of every test: two businesses in one base, a fake gateway, and the way between transactional tests."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase

from compliance import triggers
from messaging.providers import calls
from tests import builders
from tests.builders import Business, World
from tests.fake_gateway import Gateway


@pytest.fixture(scope="session", autouse=True)
def _triggers_off_while_flushing() -> Iterator[None]:
    """Append-only tables refuse the flush after a transactional test: here alone their triggers step aside.

    The flush itself ends with `post_migrate`, which puts them back.
    """
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def without_triggers(case: TransactionTestCase) -> None:
        triggers.remove_triggers(connection)
        flush(case)
        triggers.install_triggers(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", without_triggers)
        yield


@pytest.fixture
def world(db: None) -> World:
    """Two businesses in one base, and the operator of the installation."""
    return builders.build_world()


@pytest.fixture
def acme(world: World) -> Business:
    return world.acme


@pytest.fixture
def globex(world: World) -> Business:
    return world.globex


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a moment for a gateway that hangs, not fifteen seconds."""
    monkeypatch.setattr(calls, "TIMEOUT", 0.3)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A fake SMS gateway on loopback; connect a business to it with `builders.use_gateway`."""
    with Gateway() as running:
        yield running
