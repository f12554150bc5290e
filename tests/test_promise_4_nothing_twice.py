"""Promise 4. A webhook delivered again, late or out of order changes nothing twice and answers nothing twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from compliance.models import Consent, Evidence, OptOut, ReviewItem
from messaging import delivery, receiving, sweeping
from messaging.models import InboundMessage, OutboundMessage, WebhookDelivery
from tests import builders
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    Business,
    at_once,
    confirmations,
    deliver_all,
    history_of,
    is_blocked,
    post_webhook,
    send,
    text_in,
    unapplied,
)
from tests.fake_gateway import Gateway

Status = OutboundMessage.Status


@pytest.mark.django_db(transaction=True)
def test_ten_deliveries_of_one_webhook_at_once_are_one(acme: Business) -> None:
    answers = at_once(*[lambda: text_in(acme, "STOP", id="in-1").status_code] * 10)

    assert answers == [200] * 10
    assert InboundMessage.objects.count() == 1
    assert OptOut.objects.count() == 1
    assert len(history_of(acme)) == 1
    assert Evidence.objects.count() == 1
    assert len(confirmations(acme)) == 1
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_different_stops_at_once_are_one_opt_out_with_one_confirmation(acme: Business) -> None:
    answers = at_once(*[lambda: text_in(acme, "STOP").status_code] * 10)

    assert answers == [200] * 10
    assert InboundMessage.objects.count() == 10
    assert OptOut.objects.count() == 1
    assert [row.action for row in history_of(acme)] == ["opted_out"] + ["repeated"] * 9
    assert len(confirmations(acme)) == 1


@pytest.mark.django_db(transaction=True)
def test_ten_stops_of_ten_people_at_once_are_ten_opt_outs(acme: Business) -> None:
    people = [builders.new_person() for _ in range(10)]

    answers = at_once(*[lambda person=person: text_in(acme, "STOP", from_=person).status_code for person in people])

    assert answers == [200] * 10
    assert OptOut.objects.count() == 10
    assert OutboundMessage.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_ten_workers_at_once_send_a_text_once(acme: Business, gateway: Gateway) -> None:
    number = builders.use_gateway(acme, gateway.url)
    message = send(acme, sender=number)

    ends = at_once(*[lambda: delivery.deliver(message.pk)] * 10)

    assert sorted(filter(None, ends)) == [Status.SENT]
    assert len(gateway.taken) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_confirmation(acme: Business) -> None:
    text_in(acme, "STOP")
    (confirmation,) = confirmations(acme)

    ends = at_once(*[lambda: delivery.deliver(confirmation.pk)] * 4)

    assert sorted(filter(None, ends)) == [Status.DELIVERED]


@pytest.mark.parametrize("text", ["STOP", "START", "HELP", "leave me alone", "Hello", "ARRET"])
def test_a_webhook_delivered_again_changes_nothing(acme: Business, text: str) -> None:
    for _ in range(3):
        assert text_in(acme, text, id="in-1").status_code == 200

    tables = (InboundMessage, OptOut, Evidence, Consent, ReviewItem, OutboundMessage)
    assert InboundMessage.objects.count() == 1
    assert all(table.objects.count() <= 1 for table in tables)
    assert len(history_of(acme)) <= 1


def test_a_stop_delivered_again_after_start_does_not_opt_out_again(acme: Business) -> None:
    text_in(acme, "STOP", id="in-1")
    text_in(acme, "START")
    text_in(acme, "STOP", id="in-1")

    assert not builders.is_blocked(acme)
    assert len(history_of(acme)) == 2


def test_a_start_delivered_again_after_stop_does_not_opt_in_again(acme: Business) -> None:
    text_in(acme, "START", id="in-1")
    text_in(acme, "STOP")
    text_in(acme, "START", id="in-1")

    assert builders.is_blocked(acme)


def test_the_same_id_from_another_connection_or_business_is_another_text(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP", id="in-1")
    text_in(acme, "STOP", id="in-1", to=acme.gateway_number)
    text_in(globex, "STOP", id="in-1")

    assert InboundMessage.objects.count() == 3
    assert builders.is_blocked(globex)


def test_a_long_id_is_one_id(acme: Business) -> None:
    for _ in range(2):
        text_in(acme, "STOP", id="x" * 3000)
    text_in(acme, "STOP", id="x" * 3001)

    assert InboundMessage.objects.count() == 2


def test_a_delivered_text_is_never_delivered_again(acme: Business, gateway: Gateway) -> None:
    number = builders.use_gateway(acme, gateway.url)
    message = send(acme, sender=number)

    for _ in range(3):
        delivery.deliver(message.pk)
        deliver_all()

    assert len(gateway.taken) == 1


@pytest.mark.parametrize("first", ["sweeper", "redelivery"])
def test_what_could_not_be_applied_is_applied_once_by_sweeper_and_redelivery(
    acme: Business, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    def boom(*args: Any) -> Any:
        raise ZeroDivisionError("a bug of ours")

    body = {"id": "in-1", "from": PERSON, "to": acme.long_code.number, "text": "STOP"}
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "wording_of", boom)
        assert post_webhook(acme.simulator, body).status_code == 503
        assert post_webhook(acme.simulator, body).status_code == 503
    assert WebhookDelivery.objects.count() == 1

    def sweep() -> None:
        sweeping.retry_deliveries(timezone.now() + timedelta(minutes=10))

    def redeliver() -> None:
        assert post_webhook(acme.simulator, body).status_code == 200

    for step in (sweep, redeliver) if first == "sweeper" else (redeliver, sweep):
        step()
        assert builders.is_blocked(acme)

    assert InboundMessage.objects.count() == 1
    assert len(history_of(acme)) == 1
    assert len(confirmations(acme)) == 1
    assert builders.unapplied(acme) == 0


def test_late_and_out_of_order_arrivals_end_where_the_times_say(acme: Business) -> None:
    """The same three texts in every order of arrival: the newest decides."""
    from itertools import permutations

    now = timezone.now()
    texts = {"STOP": 300, "START": 200, "CANCEL": 100}
    for order in permutations(texts):
        person = builders.new_person()
        for text in order:
            text_in(acme, text, from_=person, sent_at=now - timedelta(seconds=texts[text]))
        assert builders.is_blocked(acme, person), order


@pytest.mark.django_db(transaction=True)
def test_stop_and_start_at_once_end_in_one_of_both_and_on_record(acme: Business) -> None:
    for _ in range(5):
        person = builders.new_person()
        at_once(
            *[
                lambda text=text, person=person: text_in(acme, text, from_=person).status_code
                for text in ("STOP", "START")
            ]
        )
        row = builders.opt_out_of(acme, person)
        newest = InboundMessage.objects.filter(recipient__number=person).order_by("-asked_at")[0]
        assert row.is_active == (newest.intent == "opt_out")
        assert [change.status for change in history_of(acme, person)][-1] == row.status


def test_a_known_id_with_somebody_elses_stop_is_not_a_repeat(acme: Business) -> None:
    text_in(acme, "hello", id="counter-1")
    assert text_in(acme, "STOP", id="counter-1", from_=OTHER_PERSON).status_code == 200
    assert text_in(acme, "STOP", id="counter-1", from_=OTHER_PERSON).status_code == 200
    assert is_blocked(acme, OTHER_PERSON)
    assert not is_blocked(acme, PERSON)
    assert len(history_of(acme, OTHER_PERSON)) == 1


def test_one_bad_text_in_a_list_costs_none_of_the_others(acme: Business) -> None:
    number = acme.long_code.number
    good = {"id": "l-1", "from": PERSON, "to": number, "text": "STOP"}
    last = {"id": "l-3", "from": OTHER_PERSON, "to": number, "text": "STOP"}
    assert post_webhook(acme.simulator, [good, {"id": "l-2"}, last]).status_code == 400
    assert is_blocked(acme, PERSON)
    assert is_blocked(acme, OTHER_PERSON)
    assert unapplied(acme) == 1
