"""Fixtures of the providers' tests."""

from collections.abc import Iterator

import pytest

from messaging.providers.ringcentral import api
from tests.providers.fake_ringcentral import FakeRingCentral


@pytest.fixture
def cloud() -> Iterator[FakeRingCentral]:
    """A RingCentral on loopback, with no sign-in left from another test."""
    api.forget_sessions()
    with FakeRingCentral() as running:
        yield running
