"""A connection made in the admin never reaches a private network, whatever a name leads to when it is called."""

from collections.abc import Iterator
from typing import Any

import pytest

from messaging import connections
from messaging.models import OutboundMessage
from messaging.providers import addresses, calls
from messaging.providers.addresses import check_address, is_public
from messaging.providers.base import NotTaken, RefusedForGood
from messaging.providers.calls import CallFailed
from messaging.providers.failures import FailureKind
from tests.builders import Business, deliver_all, send, use_gateway
from tests.fake_gateway import Gateway


@pytest.fixture(autouse=True)
def _fresh_clients() -> Iterator[None]:
    calls._client.cache_clear()
    yield
    calls._client.cache_clear()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fec0::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_private_addresses_are_told_in_every_form(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_public(address)
    monkeypatch.setattr(addresses, "_look_up", lambda host, port: ["93.184.216.34", address])
    with pytest.raises(ValueError, match="private network"):
        check_address("https://gateway.example/texts", private_allowed=False)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_public_addresses_are_allowed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_look_up", lambda host, port: [address])
    check_address("https://gateway.example/texts", private_allowed=False)
    with pytest.raises(ValueError, match="must begin with https"):
        check_address("http://gateway.example/texts", private_allowed=False)


@pytest.mark.parametrize("address", ["https://[::1", "https://a:99999/", "ftp://a", "https://", "gateway.example"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ValueError, match="must be an address"):
        check_address(address, private_allowed=False)


def test_a_call_is_given_up_before_anything_is_sent(gateway: Gateway) -> None:
    with calls.public_addresses_only():
        with pytest.raises(CallFailed, match="private network"):
            calls.call("GET", gateway.url)
        with pytest.raises(RefusedForGood, match="private network") as refusal:
            calls.hand_over("POST", gateway.url, json={"text": "Hello"})
    assert refusal.value.failure is not None
    assert refusal.value.failure.kind == FailureKind.SETTINGS
    assert gateway.taken == []


def test_a_connection_that_others_opened_is_not_lent(gateway: Gateway) -> None:
    assert calls.call("POST", gateway.url, json={}).is_success
    with calls.public_addresses_only(), pytest.raises(CallFailed, match="private network"):
        calls.call("POST", gateway.url, json={})
    assert len(gateway.taken) == 1


def test_a_refused_connection_is_still_not_taken() -> None:
    with calls.public_addresses_only(), pytest.raises(NotTaken):
        calls.hand_over("POST", "http://127.0.0.1:9/texts")


@pytest.mark.parametrize(("allowed", "status"), [(True, "sent"), (False, "failed")])
def test_a_text_goes_into_a_private_network_only_where_the_command_allowed_it(
    acme: Business, gateway: Gateway, allowed: bool, status: str
) -> None:
    """The name led elsewhere when it was entered in the admin."""
    use_gateway(acme, gateway.url)
    acme.standard.private_allowed = allowed
    acme.standard.save()
    acme.gateway_number.refresh_from_db()
    send(acme, sender=acme.gateway_number)
    deliver_all()
    message = OutboundMessage.objects.get()
    assert message.status == status
    assert len(gateway.taken) == int(allowed)
    if not allowed:
        assert message.failure["kind"] == "settings"


def test_a_change_in_the_admin_takes_the_permission_away(acme: Business, monkeypatch: Any) -> None:
    monkeypatch.setattr(addresses, "_look_up", lambda host, port: ["93.184.216.34"])
    numbers = (acme.gateway_number.number,)
    kept = connections.Wish("standard", numbers, {}, name="Renamed")
    assert connections.change_connection(acme.standard, kept).account.private_allowed
    moved = connections.Wish("standard", numbers, {"base_url": ["https://gateway.example/texts"]})
    assert not connections.change_connection(acme.standard, moved).account.private_allowed
