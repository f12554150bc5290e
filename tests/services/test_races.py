"""Real concurrency on PostgreSQL: several recipients, several kinds of change, no deadlock, one order for everybody."""

import random
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from compliance import audit, opt_outs, transfer
from compliance.models import OptOut
from messaging import delivery, sweeping
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import Business, at_once, confirmations, history_of, is_blocked, send, text_in

pytestmark = pytest.mark.django_db(transaction=True)
Status = OutboundMessage.Status


def test_this_folder_runs_on_postgresql() -> None:
    assert connection.vendor == "postgresql"


class Crowd:
    """Everybody who can change something about the same four people."""

    def __init__(self, business: Business, folder: Path) -> None:
        self.business = business
        self.people = [builders.new_person() for _ in range(4)]
        self.file = folder / "list.csv"

    def queue(self) -> None:
        for person in self.people:
            send(self.business, person)

    def text(self, text: str) -> None:
        for person in random.sample(self.people, len(self.people)):
            assert text_in(self.business, text, from_=person).status_code == 200

    def enter(self) -> None:
        for person in reversed(self.people):
            builders.opt_out_by_staff(self.business, person)

    def list_in(self) -> None:
        """The list says that they ask right now, so that whoever is opted out already asks once more."""
        lines = (f"{person},{timezone.now().isoformat()}" for person in self.people)
        self.file.write_text("\n".join(["recipient,opted_out_at", *lines, ""]))
        transfer.import_opt_outs(self.file, self.business.tenant, opt_outs.SYSTEM, timezone.now())

    def work(self) -> None:
        for message_id in delivery.find_due(timezone.now(), 100):
            delivery.deliver(message_id)


def test_twenty_rounds_of_everything_at_once_keep_one_truth(acme: Business, tmp_path: Path) -> None:
    """STOP, START, staff, an import and two workers over the same people: no error, and the record holds."""
    crowd = Crowd(acme, tmp_path)
    for _ in range(20):
        crowd.queue()
        at_once(
            lambda: crowd.text("STOP"), lambda: crowd.text("START"), crowd.enter, crowd.list_in, crowd.work, crowd.work
        )

    assert list(audit.find_faults()) == []
    assert OptOut.objects.count() == len(crowd.people)
    for person in crowd.people:
        chain = history_of(acme, person)
        assert [row.history_type for row in chain] == ["+"] + ["~"] * (len(chain) - 1)
        episodes = [row.episode for row in confirmations(acme, person)]
        assert len(episodes) == len(set(episodes))


def test_ten_deliveries_of_a_kept_webhook_and_its_sweeper_at_once_apply_it_once(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    from messaging import receiving

    def boom(*args: object) -> object:
        raise ZeroDivisionError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "wording_of", boom)
        text_in(acme, "STOP", id="in-1")

    def sweep() -> int:
        return sweeping.retry_deliveries(timezone.now() + timedelta(minutes=5))

    at_once(*[lambda: text_in(acme, "STOP", id="in-1").status_code] * 6, *[sweep] * 4)

    assert InboundMessage.objects.count() == 1
    assert len(history_of(acme)) == 1
    assert len(confirmations(acme)) == 1
    assert builders.unapplied(acme) == 0


def test_one_idempotency_key_at_once_is_one_text(acme: Business) -> None:
    ids = at_once(*[lambda: send(acme, idempotency_key="k-1", request_digest="d").pk] * 8)

    assert len(set(ids)) == 1
    assert OutboundMessage.objects.count() == 1


def test_a_review_answered_by_two_at_once_is_answered_once(acme: Business) -> None:
    from django.db import transaction

    from compliance import reviews
    from compliance.models import ReviewItem

    text_in(acme, "leave me alone")
    item = builders.open_hold(acme)

    def answer(status: ReviewItem.Status) -> bool:
        try:
            with transaction.atomic():
                reviews.answer(item, status, "Read it.", builders.staff(acme), timezone.now())
        except reviews.AlreadyAnswered:
            return False
        return True

    answers = at_once(
        lambda: answer(ReviewItem.Status.OPTED_OUT),
        lambda: answer(ReviewItem.Status.NOT_OPT_OUT),
        lambda: bool(sweeping.close_due_reviews(timezone.now() + timedelta(days=60))),
    )

    assert sum(answers) == 1
    item.refresh_from_db()
    assert is_blocked(acme) == (item.status == "opted_out")


def test_a_claim_whose_recipient_is_locked_waits_and_then_sees_what_was_committed(acme: Business) -> None:
    """READ COMMITTED: the lock is one statement, the reading another. In one, it would miss the STOP."""
    from django.db import transaction

    message = send(acme)
    locked, go_on = threading.Event(), threading.Event()

    def stop_slowly() -> bool:
        now = timezone.now()
        with transaction.atomic():
            state = opt_outs.lock_recipient(acme.tenant.pk, builders.PERSON, now)
            locked.set()
            assert go_on.wait(10)
            from compliance.evidence import Proof

            request = opt_outs.Request(Proof("staff", "No more.", now), scope="tenant", reason="Called.")
            opt_outs.record_opt_out(state, request, opt_outs.SYSTEM, now)
        return True

    def claim() -> bool:
        assert locked.wait(10)
        threading.Timer(0.3, go_on.set).start()
        return delivery.claim_message(message.pk, timezone.now()) is None

    assert at_once(stop_slowly, claim) == [True, True]
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.BLOCKED, "opted_out")


def test_a_database_that_goes_away_sends_nothing_and_answers_503(acme: Business) -> None:
    """Every connection is cut in the middle of the day: nothing is sent without a state, and it goes on afterwards."""
    message = send(acme)
    connection.close()
    name = connection.settings_dict["NAME"]
    _as_administrator(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', cut=name)
    try:
        assert text_in(acme, "STOP").status_code == 503
        with pytest.raises(OperationalError):
            delivery.deliver(message.pk)
    finally:
        _as_administrator(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        connection.close()

    _wait_for_the_pool()
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    assert text_in(acme, "STOP").status_code == 200
    assert delivery.deliver(message.pk) is None
    message.refresh_from_db()
    assert message.status == Status.BLOCKED


def _wait_for_the_pool() -> None:
    """A pool that has just failed to connect lets one more caller wait in vain before it grows again."""
    for _ in range(5):
        with suppress(OperationalError):
            connection.ensure_connection()
            return


def _as_administrator(sql: str, cut: str = "") -> None:
    import psycopg

    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], port=settings["PORT"] or 5432, user=settings["USER"], password=settings["PASSWORD"],
        dbname="postgres", autocommit=True,
    ) as administrator:  # fmt: skip
        administrator.execute(sql)
        if cut:
            administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [cut])
