"""Upkeep: what runs out at a provider is renewed in time, once, and a failure is told and tried again."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.conf import settings as project
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ProviderAccount
from messaging import connections, tasks, upkeep, waking
from messaging.connections import Wish
from messaging.health import health_of
from messaging.models import ConnectionHealth
from messaging.providers import PROVIDERS, calls
from messaging.providers.capabilities import CallFailed, NeedsUpkeep, Upkeep
from messaging.providers.ringcentral.api import forget_sessions
from messaging.providers.standard import Standard
from tests.admin_pages import log_in, page
from tests.builders import Business, make_secret
from tests.fake_gateway import Gateway
from tests.providers.fake_ringcentral import FakeRingCentral, refusal
from tests.providers.kit_ringcentral import KIT
from tests.providers.test_contract import connect_with

HOUR = timedelta(hours=1)


class Renewing(Standard, NeedsUpkeep):
    """`standard` with something that runs out. It notes every upkeep, and does what the test tells it."""

    asked: ClassVar[list[tuple[dict[str, Any], dict[str, str], dict[str, Any]]]] = []
    does: ClassVar[list[Callable[[], Upkeep]]] = []

    def keep_up(
        self, settings: Mapping[str, Any], addresses: Mapping[str, str], remembered: Mapping[str, Any]
    ) -> Upkeep:
        self.asked.append((dict(settings), dict(addresses), dict(remembered)))
        if self.does:
            return self.does.pop(0)()
        return Upkeep("It stands.", {"times": remembered.get("times", 0) + 1}, timezone.now() + HOUR)


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Renewing]]:
    monkeypatch.setitem(PROVIDERS, "standard", ("tests.test_upkeep", "Renewing"))
    Renewing.asked.clear()
    Renewing.does.clear()
    yield Renewing
    Renewing.asked.clear()
    Renewing.does.clear()


def keep_up(account: ProviderAccount, later: timedelta = timedelta()) -> bool | None:
    with time_machine.travel(timezone.now() + later, tick=False):
        return upkeep.keep_up(account.pk)


def find_due(later: timedelta = timedelta()) -> list[int]:
    return upkeep.find_due(timezone.now() + later)


def fail(message: str = "Nobody is there.", retry_after: float | None = None) -> Callable[[], Upkeep]:
    def raise_it() -> Upkeep:
        raise CallFailed(message, retry_after)

    return raise_it


def pause_of(account: ProviderAccount) -> timedelta:
    at = health_of(account).keep_up_at
    assert at is not None
    return at - timezone.now()


def test_what_was_never_done_is_due_and_then_when_the_provider_says_so(acme: Business, globex: Business) -> None:
    assert find_due() == [acme.standard.pk, globex.standard.pk]
    assert keep_up(acme.standard) is True
    assert find_due() == [globex.standard.pk]
    assert keep_up(acme.standard) is None, "not due"
    assert acme.standard.pk in find_due(HOUR)

    row = health_of(acme.standard)
    assert (row.upkeep_said, row.upkeep_failed, row.remembered) == ("It stands.", False, {"times": 1})
    assert row.kept_up_at is not None
    assert keep_up(acme.standard, HOUR) is True
    assert [remembered for _, _, remembered in Renewing.asked] == [{}, {"times": 1}]
    assert not ConnectionHealth.objects.filter(account=globex.standard).exists()


def test_the_provider_gets_our_addresses_and_the_settings(acme: Business) -> None:
    keep_up(acme.standard)
    settings, addresses, _ = Renewing.asked[0]
    assert settings == acme.standard.settings
    stem = f"{project.PUBLIC_URL}/webhooks/standard/{acme.standard.token}"
    assert addresses == {"inbound": f"{stem}/inbound", "status": f"{stem}/status"}


def test_it_is_done_where_sending_is_switched_off_and_not_for_a_business_that_left(
    acme: Business, globex: Business
) -> None:
    connections.switch(acme.standard, on=False)
    globex.tenant.is_active = False
    globex.tenant.save()
    assert find_due() == [acme.standard.pk]


def test_a_provider_without_upkeep_is_never_due(acme: Business) -> None:
    assert acme.simulator.pk not in find_due()
    assert keep_up(acme.simulator) is None


def test_two_workers_do_not_renew_at_once(acme: Business) -> None:
    def while_another_worker_tries() -> Upkeep:
        assert keep_up(acme.standard) is None
        assert acme.standard.pk not in find_due()
        return Upkeep("It stands.", {})

    Renewing.does.append(while_another_worker_tries)
    assert keep_up(acme.standard) is True
    assert len(Renewing.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_that_race_one_renews_with_no_transaction_open(acme: Business) -> None:
    in_transaction: list[bool] = []

    def look() -> Upkeep:
        in_transaction.append(connection.in_atomic_block)
        return Upkeep("It stands.", {})

    Renewing.does.extend([look, look])
    health_of(acme.standard)
    start, done = threading.Barrier(2), []

    def work() -> None:
        start.wait(5)
        done.append(upkeep.keep_up(acme.standard.pk))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert sorted(done, key=str) == [None, True]
    assert in_transaction == [False]


def test_a_worker_that_died_leaves_it_due_again(acme: Business) -> None:
    def die() -> Upkeep:
        raise KeyboardInterrupt

    Renewing.does.append(die)
    with pytest.raises(KeyboardInterrupt):
        keep_up(acme.standard)
    assert acme.standard.pk not in find_due()
    assert acme.standard.pk in find_due(upkeep.TAKEN_FOR)
    assert keep_up(acme.standard, upkeep.TAKEN_FOR) is True


def test_a_failure_is_told_and_tried_again_after_a_growing_pause(acme: Business) -> None:
    keep_up(acme.standard)
    remembered = health_of(acme.standard).remembered
    pauses = []
    with time_machine.travel(timezone.now() + HOUR, tick=False) as clock:
        for _ in range(9):
            Renewing.does.append(fail())
            assert upkeep.keep_up(acme.standard.pk) is False
            pauses.append(pause_of(acme.standard))
            clock.shift(pauses[-1])
        row = health_of(acme.standard)
        assert (row.upkeep_failed, row.upkeep_said, row.upkeep_failures) == (True, "Nobody is there.", 9)
        assert row.remembered == remembered, "what stands over there is not forgotten"
        assert upkeep.keep_up(acme.standard.pk) is True
    assert [pause.total_seconds() / 60 for pause in pauses] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    row = health_of(acme.standard)
    assert (row.upkeep_failed, row.upkeep_failures, row.upkeep_said) == (False, 0, "It stands.")


@pytest.mark.parametrize(("asked", "minutes"), [(600.0, 10), (5.0, 1), (86400.0, 60)])
def test_the_pause_that_the_provider_asks_for_is_kept_within_reason(acme: Business, asked: float, minutes: int) -> None:
    Renewing.does.append(fail("Too many requests.", asked))
    with time_machine.travel(timezone.now(), tick=False):
        upkeep.keep_up(acme.standard.pk)
        assert pause_of(acme.standard) == timedelta(minutes=minutes)


def test_an_error_of_our_own_is_told_and_holds_up_nobody(acme: Business, globex: Business) -> None:
    def break_down() -> Upkeep:
        raise RuntimeError("never foreseen")

    Renewing.does.append(break_down)
    tasks.keep_up_connection(str(acme.standard.pk), str(globex.standard.pk))
    assert "never foreseen" in health_of(acme.standard).upkeep_said
    assert health_of(globex.standard).upkeep_said == "It stands."


def test_a_time_in_the_past_or_none_does_not_make_it_run_round(acme: Business) -> None:
    past = timezone.now() - HOUR
    Renewing.does.extend([lambda: Upkeep("Once.", {}, past), lambda: Upkeep("Again.", {})])
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for pause in (upkeep.SHORTEST, upkeep.USUAL):
            upkeep.keep_up(acme.standard.pk)
            assert pause_of(acme.standard) == pause
            clock.shift(pause)


def test_a_person_need_not_wait_for_it(acme: Business, globex: Business) -> None:
    boss = log_in(acme.user("tenant_admin"))
    button = page("accounts.provideraccount", "upkeep", acme.standard.pk)
    Renewing.does.append(fail("The address can't be reached."))
    boss.post(button)
    shown = boss.get(page("accounts.provideraccount", "change", acme.standard.pk)).content.decode()
    assert button in shown
    assert "The address can&#x27;t be reached." in shown
    assert keep_up(acme.standard) is None, "paused"
    boss.post(button)
    assert health_of(acme.standard).upkeep_said == "It stands."

    assert boss.get(button).status_code == 405
    assert boss.post(page("accounts.provideraccount", "upkeep", globex.standard.pk)).status_code == 404
    assert log_in(acme.user("auditor")).post(button).status_code in (403, 404)
    assert len(Renewing.asked) == 2


@pytest.mark.parametrize("private_allowed", [True, False])
def test_one_that_was_connected_in_the_admin_reaches_no_private_network(
    acme: Business, gateway: Gateway, private_allowed: bool
) -> None:
    ProviderAccount.objects.filter(pk=acme.standard.pk).update(private_allowed=private_allowed)

    def call() -> Upkeep:
        calls.call("POST", gateway.url)
        return Upkeep("It stands.", {})

    Renewing.does.append(call)
    assert keep_up(acme.standard) is private_allowed
    assert bool(gateway.taken) is private_allowed


# --- Connecting ------------------------------------------------------------------------------------------------------


def wish(secret: str) -> Wish:
    values = {"secret": [secret], "base_url": ["http://127.0.0.1:9/texts"]}
    return Wish("standard", ("+12025550142",), values, private_allowed=True)


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The connections that a worker was woken for."""
    woken: list[int] = []
    monkeypatch.setattr(waking, "wake_upkeep", woken.append)
    return woken


def test_it_runs_right_after_connecting_and_after_every_change(acme: Business, nudged: list[int]) -> None:
    account = connections.connect(acme.tenant, wish(make_secret())).account
    assert nudged == [account.pk]
    assert account.pk in find_due()
    assert keep_up(account) is True
    assert account.pk not in find_due()

    connections.connect(acme.tenant, wish(make_secret()))
    assert nudged == [account.pk] * 2
    assert account.pk in find_due()
    keep_up(account)
    assert Renewing.asked[-1][2] == {"times": 1}


def test_what_changes_during_an_upkeep_is_due_at_once(acme: Business, nudged: list[int]) -> None:
    account = connections.connect(acme.tenant, wish(make_secret())).account

    def meanwhile() -> Upkeep:
        connections.connect(acme.tenant, wish(make_secret()))
        return Upkeep("With the old secret.", {}, timezone.now() + HOUR)

    Renewing.does.append(meanwhile)
    keep_up(account)
    assert account.pk in find_due()
    keep_up(account)
    assert Renewing.asked[-1][0]["secret"] == ProviderAccount.objects.get(pk=account.pk).settings["secret"]


def test_a_connection_that_is_not_made_wakes_nobody(acme: Business, nudged: list[int]) -> None:
    with transaction.atomic():
        connections.connect(acme.tenant, wish(make_secret()))
        transaction.set_rollback(True)
    assert not ConnectionHealth.objects.exists()


# --- RingCentral -----------------------------------------------------------------------------------------------------


@pytest.fixture
def cloud() -> Iterator[FakeRingCentral]:
    forget_sessions()
    with FakeRingCentral() as running:
        yield running


def test_ringcentral_gets_a_subscription_that_is_made_anew_when_switched_off(
    acme: Business, globex: Business, cloud: FakeRingCentral
) -> None:
    ours, theirs = (connect_with(KIT, business, cloud.base_url) for business in (acme, globex))
    assert {ours.pk, theirs.pk} <= set(find_due())
    assert [keep_up(ours), keep_up(theirs)] == [True, True]
    addresses = {row["deliveryMode"]["address"] for row in cloud.subscriptions.values()}
    assert addresses == {connections.webhook_addresses(account)["inbound"] for account in (ours, theirs)}

    mine = health_of(ours).remembered["id"]
    cloud.subscriptions[mine]["status"] = "Blacklisted"
    assert ours.pk in find_due(HOUR)
    assert keep_up(ours, HOUR) is True
    assert "had switched its reports off" in health_of(ours).upkeep_said
    assert mine not in cloud.subscriptions
    assert len(cloud.subscriptions) == 2


def test_ringcentrals_refusal_is_told_in_its_words_and_its_pause_kept(acme: Business, cloud: FakeRingCentral) -> None:
    account = connect_with(KIT, acme, cloud.base_url)
    cloud.instead["POST /restapi/v1.0/subscription"] = [
        refusal(400, "SUB-525", "WebHook server response is invalid")
    ] * 2
    assert keep_up(account) is False
    assert "SUB-525" in health_of(account).upkeep_said
    cloud.instead["GET /restapi/v1.0/subscription"] = [refusal(429, "CMN-301", "Rate exceeded", retry_after="300")]
    with time_machine.travel(timezone.now() + HOUR, tick=False):
        upkeep.keep_up(account.pk)
        assert pause_of(account) == timedelta(seconds=300)
