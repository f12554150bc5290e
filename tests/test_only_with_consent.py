"""Texts only with consent: what opens a number, and what stays closed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ConsentPolicy
from compliance import gate
from messaging import delivery
from tests import builders
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    Business,
    deliver_all,
    is_blocked,
    send,
    text_in,
)
from tests.test_consents import afresh, agree


@pytest.fixture
def careful(acme: Business) -> Business:
    """A business that texts only with consent."""
    acme.tenant.consent_policy = ConsentPolicy.ONLY_WITH_CONSENT
    acme.tenant.save()
    return afresh(acme)


@pytest.mark.parametrize("purpose", ["marketing", "transactional", "conversational", "emergency"])
def test_without_consent_nothing_is_sent_and_with_it_all_is(careful: Business, purpose: str) -> None:
    assert (send(careful, purpose=purpose).status, send(careful, purpose=purpose).reason) == ("blocked", "no_consent")
    agree(careful)

    assert send(careful, purpose=purpose).status == "queued"


def test_people_who_texted_first_are_answered_and_not_advertised_to(careful: Business) -> None:
    text_in(careful, "Are you open on Sunday?")

    assert send(careful, purpose="conversational").status == "queued"
    assert send(careful, purpose="transactional").reason == "no_consent"
    assert send(careful, purpose="marketing").reason == "no_consent"


def test_our_own_replies_and_emergencies_need_no_consent(careful: Business) -> None:
    text_in(careful, "HELP")
    text_in(careful, "STOP")
    deliver_all()

    assert [text.status for text in builders.replies(careful)] == ["delivered", "delivered"]
    sent = send(careful, OTHER_PERSON, purpose="emergency", emergency_reason="Gas leak.")
    assert sent.status == "queued"


def test_a_consent_for_one_number_opens_that_number(careful: Business) -> None:
    agree(careful, sender=careful.long_code)

    assert not is_blocked(careful)
    assert is_blocked(careful, sender=careful.second_long_code)
    assert not gate.check(gate.Question(careful.tenant, PERSON, "marketing"), timezone.now()).allowed


def test_a_pending_consent_opens_nothing(careful: Business) -> None:
    careful.tenant.double_opt_in = True
    careful.tenant.save()
    agree(careful)

    assert is_blocked(careful)


def test_an_opt_out_is_worth_more_than_a_consent(careful: Business) -> None:
    agree(careful)
    text_in(careful, "STOP")

    assert send(careful).reason == "opted_out"
    text_in(careful, "START")
    assert send(careful).status == "queued"


def test_the_claim_asks_again(acme: Business) -> None:
    waiting = send(acme)
    acme.tenant.consent_policy = ConsentPolicy.ONLY_WITH_CONSENT
    acme.tenant.save()
    delivery.deliver(waiting.pk)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("blocked", "no_consent")


def test_changing_the_policy_frees_nobody(careful: Business) -> None:
    text_in(careful, "STOP")
    careful.tenant.consent_policy = ConsentPolicy.UNLESS_OPTED_OUT
    careful.tenant.save()

    assert is_blocked(careful)
    assert send(careful, OTHER_PERSON).status == "queued"


@pytest.mark.parametrize("purpose", ["marketing", "conversational"])
@pytest.mark.parametrize("with_sender", [True, False])
def test_a_list_is_answered_as_each_of_its_numbers(careful: Business, purpose: str, with_sender: bool) -> None:
    agreed, for_one, wrote, stopped, held, stranger = people = [builders.new_person() for _ in range(6)]
    agree(careful, agreed)
    agree(careful, for_one, sender=careful.long_code)
    text_in(careful, "Hello, is my order there?", from_=wrote)
    agree(careful, stopped)
    text_in(careful, "STOP", from_=stopped)
    text_in(careful, "leave me alone", from_=held)
    sender, now = careful.long_code if with_sender else None, timezone.now()
    with CaptureQueriesContext(connection) as queries:
        many = gate.check_many(careful.tenant, people, sender, purpose, now)

    assert len(queries) == 3
    one = {number: gate.check(gate.Question(careful.tenant, number, purpose, sender), now) for number in people}
    assert many == {number: decision for number, decision in one.items() if not decision.allowed}
    assert many[stranger].reason == "no_consent"
    assert agreed not in many


def test_a_decision_stays_one_query(careful: Business) -> None:
    agree(careful)
    is_blocked(careful)
    with CaptureQueriesContext(connection) as queries:
        assert not is_blocked(careful)

    assert len(queries) == 1
