"""Promise 3. One confirmation an episode, within five minutes or not at all, and none where somebody else answers."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from compliance.purposes import Purpose
from messaging import delivery
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import PERSON, Business, confirmations, deliver_all, opt_out_of, text_in
from tests.fake_gateway import Answer, Gateway

Status = OutboundMessage.Status
MINUTES = timedelta(minutes=1)


def test_a_stop_gets_one_confirmation_with_brand_and_help_contact(acme: Business) -> None:
    text_in(acme, "STOP")
    deliver_all()

    (confirmation,) = confirmations(acme)
    assert confirmation.status == Status.DELIVERED
    assert confirmation.sender_number == acme.long_code
    assert confirmation.body.startswith("Acme: You are unsubscribed")
    assert "no more messages" in confirmation.body
    assert "help@acme.example" in confirmation.body
    assert confirmation.decision["rule"] == "US-10"


def test_arret_is_answered_in_french(acme: Business) -> None:
    text_in(acme, "ARRET")
    deliver_all()

    (confirmation,) = confirmations(acme)
    assert "désabonnement confirmé" in confirmation.body
    assert "Acme" in confirmation.body
    assert "help@acme.example" in confirmation.body
    assert opt_out_of(acme).language == "fr"


def test_ten_stops_get_one_confirmation(acme: Business) -> None:
    for _ in range(10):
        text_in(acme, "STOP")
        deliver_all()

    assert len(confirmations(acme)) == 1
    assert len(builders.history_of(acme)) == 10


def test_stops_to_several_numbers_of_a_business_get_one_confirmation(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "STOP", to=acme.second_long_code)
    text_in(acme, "CANCEL", to=acme.toll_free)

    assert len(confirmations(acme)) == 1


def test_each_business_confirms_its_own_opt_out(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    text_in(globex, "STOP")

    assert [reply.body.split(":")[0] for reply in confirmations(acme) + confirmations(globex)] == ["Acme", "Globex"]


def test_a_new_episode_gets_its_own_confirmation(acme: Business) -> None:
    for text in ("STOP", "START", "STOP"):
        text_in(acme, text)
        deliver_all()

    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED, Status.DELIVERED]
    assert [reply.episode for reply in confirmations(acme)] == [1, 2]


def test_a_staff_entry_texts_nobody_and_the_first_stop_after_it_is_confirmed_once(acme: Business) -> None:
    builders.opt_out_by_staff(acme)
    assert OutboundMessage.objects.count() == 0

    text_in(acme, "STOP")
    text_in(acme, "STOP")
    deliver_all()
    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED]

    text_in(acme, "START")
    assert not builders.is_blocked(acme)


def test_a_hold_that_falls_due_texts_nobody(acme: Business) -> None:
    text_in(acme, "leave me alone")
    with time_machine.travel(timezone.now() + timedelta(days=40)):
        from messaging import sweeping

        assert sweeping.close_due_reviews(timezone.now()) == 1

    assert builders.is_blocked(acme)
    assert OutboundMessage.objects.count() == 0


# --- Within five minutes or not at all (US-11) -----------------------------------------------------------------------


def test_a_worker_that_was_down_for_six_minutes_sends_no_confirmation(acme: Business) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        text_in(acme, "STOP")
    with time_machine.travel(start + 6 * MINUTES, tick=False):
        deliver_all()

    (confirmation,) = confirmations(acme)
    assert (confirmation.status, confirmation.reason) == (Status.BLOCKED, "confirmation_too_late")
    assert confirmation.decision["rule"] == "US-11"
    assert builders.is_blocked(acme)


def test_a_confirmation_within_five_minutes_is_sent(acme: Business) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        text_in(acme, "STOP")
    with time_machine.travel(start + 5 * MINUTES, tick=False):
        deliver_all()

    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED]


def test_a_stop_that_reaches_us_six_minutes_late_is_not_confirmed(acme: Business) -> None:
    """The five minutes count from the person's text, not from its arrival."""
    text_in(acme, "STOP", sent_at=timezone.now() - 6 * MINUTES)

    (confirmation,) = confirmations(acme)
    assert (confirmation.status, confirmation.reason) == (Status.BLOCKED, "confirmation_too_late")


def test_a_stop_after_one_that_was_never_confirmed_gets_no_second_chance_by_itself(acme: Business) -> None:
    """The late confirmation was the episode's one; what is queued twice would be sent twice."""
    text_in(acme, "STOP", sent_at=timezone.now() - 6 * MINUTES)
    text_in(acme, "STOP")
    deliver_all()

    sent = [reply for reply in confirmations(acme) if reply.status == Status.DELIVERED]
    assert len(sent) <= 1


def test_a_start_before_the_confirmation_went_out_cancels_it(acme: Business) -> None:
    text_in(acme, "STOP")
    text_in(acme, "START")
    deliver_all()

    assert [reply.status for reply in confirmations(acme)] == [Status.BLOCKED]
    assert [reply.status for reply in builders.replies(acme, PERSON, Purpose.OPT_IN_CONFIRMATION)] == [Status.DELIVERED]


def test_a_confirmation_that_the_provider_did_not_take_is_sent_once_within_five_minutes(
    acme: Business, gateway: Gateway
) -> None:
    number = builders.use_gateway(acme, gateway.url)
    gateway.then(Answer(429, {"retry-after": "60"}))
    start = timezone.now()
    text_in(acme, "STOP", to=number)
    deliver_all()
    assert [reply.status for reply in confirmations(acme)] == [Status.QUEUED]

    with time_machine.travel(start + 2 * MINUTES):
        deliver_all()
        deliver_all()

    assert [reply.status for reply in confirmations(acme)] == [Status.SENT]
    assert len(gateway.taken) == 2
    assert gateway.taken[0].headers["webhook-id"] == gateway.taken[1].headers["webhook-id"]


def test_a_provider_that_fails_for_six_minutes_ends_without_a_confirmation(acme: Business, gateway: Gateway) -> None:
    number = builders.use_gateway(acme, gateway.url)
    gateway.always(503)
    start = timezone.now()
    text_in(acme, "STOP", to=number)
    deliver_all()
    gateway.always(200)

    with time_machine.travel(start + 6 * MINUTES):
        deliver_all()

    (confirmation,) = confirmations(acme)
    assert (confirmation.status, confirmation.reason) == (Status.BLOCKED, "confirmation_too_late")
    assert len(gateway.taken) == 1


def test_a_second_message_for_the_same_confirmation_is_refused(acme: Business) -> None:
    """Whatever queued it: the episode's confirmation is claimed once, under the lock."""
    text_in(acme, "STOP")
    (first,) = confirmations(acme)
    second = OutboundMessage.objects.get(pk=first.pk)
    second.pk = None
    second._state.adding = True
    second.id = OutboundMessage._meta.pk.get_default()
    second.save()

    assert delivery.deliver(first.pk) == Status.DELIVERED
    assert delivery.deliver(second.pk) is None
    second.refresh_from_db()
    assert (second.status, second.reason) == (Status.BLOCKED, "confirmation_already_sent")


# --- Where somebody else answers (NET-01 to NET-03) ------------------------------------------------------------------


def test_the_network_answers_a_bare_stop_to_a_toll_free_number_so_we_do_not(acme: Business) -> None:
    for text in ("STOP", "stop", "Stop."):
        text_in(acme, text, to=acme.toll_free)
    deliver_all()

    assert builders.is_blocked(acme)
    assert confirmations(acme) == []
    assert "NET-01" in InboundMessage.objects.earliest("id").explanation


@pytest.mark.parametrize("text", ["CANCEL", "END", "stop please", "UNSUBSCRIBE"])
def test_other_words_to_a_toll_free_number_are_answered_by_us(acme: Business, text: str) -> None:
    text_in(acme, text, to=acme.toll_free)
    deliver_all()

    assert builders.is_blocked(acme)
    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED]


def test_the_networks_answer_was_the_one_confirmation(acme: Business) -> None:
    text_in(acme, "STOP", to=acme.toll_free)
    text_in(acme, "STOP", to=acme.long_code)

    assert confirmations(acme) == []


def test_a_short_code_may_answer_again_after_a_day(acme: Business) -> None:
    start = timezone.now()
    for hours, answers in ((0, 1), (23, 1), (25, 2), (26, 2), (50, 3)):
        with time_machine.travel(start + timedelta(hours=hours)):
            text_in(acme, "STOP", to=acme.short_code)
            deliver_all()
        sent = [reply for reply in confirmations(acme) if reply.status == Status.DELIVERED]
        assert len(sent) == answers, f"after {hours} hours"


def test_a_long_code_never_answers_again(acme: Business) -> None:
    start = timezone.now()
    for hours in (0, 25, 50):
        with time_machine.travel(start + timedelta(hours=hours)):
            text_in(acme, "STOP")
            deliver_all()

    assert len(confirmations(acme)) == 1


# --- Two bots (US-10, CT-07) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["STOP", "HELP", "START", "leave me alone", "Hello?"])
def test_two_bots_do_not_talk_for_ever(acme: Business, text: str) -> None:
    """The other side answers each of our texts with its own, every ten seconds for over five minutes."""
    clock = timezone.now()
    sent = 0
    for _ in range(32):
        sent += _texts_sent_after(acme, text, clock)
        clock += timedelta(seconds=10)

    assert sent <= (2 if text == "HELP" else 1)


def test_two_bots_that_change_their_words_do_not_talk_for_ever(acme: Business) -> None:
    """A bot that opts out and in again gets each confirmed at most: never more than it asked for."""
    clock = timezone.now()
    sent = 0
    for turn in range(20):
        sent += _texts_sent_after(acme, ("STOP", "START")[turn % 2], clock)
        clock += timedelta(seconds=10)

    assert sent <= 10 + 1  # each new opt-out has its confirmation, the opt-ins one a day


def test_our_own_words_sent_back_to_us_end_the_talk(acme: Business) -> None:
    """An echo of our confirmation is not an opt-out, an opt-in or a call for help that we would answer."""
    text_in(acme, "STOP")
    echoes = 0
    for _ in range(5):
        for message in deliver_all():
            text_in(acme, message.body)
            echoes += 1

    assert echoes <= 2


def _texts_sent_after(business: Business, text: str, at: datetime) -> int:
    with time_machine.travel(at, tick=False):
        text_in(business, text)
        return sum(message.status == Status.DELIVERED for message in deliver_all())


# --- HELP and START --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "STOP", "leave me alone", "START"])
def test_help_is_answered_in_every_state_and_changes_nothing(acme: Business, before: str) -> None:
    if before:
        text_in(acme, before)
        deliver_all()
    blocked = builders.is_blocked(acme)

    text_in(acme, "HELP")
    deliver_all()

    (answer,) = builders.replies(acme, PERSON, Purpose.HELP_REPLY)
    assert answer.status == Status.DELIVERED
    assert "Acme" in answer.body
    assert "help@acme.example" in answer.body
    assert builders.is_blocked(acme) == blocked


def test_help_is_answered_once_in_five_minutes_per_conversation(acme: Business) -> None:
    start = timezone.now()
    for seconds, answers in ((0, 1), (10, 1), (299, 1), (301, 2)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            text_in(acme, "HELP")
        assert len(builders.replies(acme, PERSON, Purpose.HELP_REPLY)) == answers, f"after {seconds} seconds"

    text_in(acme, "HELP", to=acme.second_long_code)
    assert len(builders.replies(acme, PERSON, Purpose.HELP_REPLY)) == 3


def test_aide_is_answered_in_french(acme: Business) -> None:
    text_in(acme, "AIDE")

    (answer,) = builders.replies(acme, PERSON, Purpose.HELP_REPLY)
    assert "pour de l'aide" in answer.body


def test_an_opt_in_is_confirmed_once_in_a_day(acme: Business) -> None:
    start = timezone.now()
    for hours, answers in ((0, 1), (1, 1), (23, 1), (25, 2)):
        with time_machine.travel(start + timedelta(hours=hours)):
            text_in(acme, "START")
        found = builders.replies(acme, PERSON, Purpose.OPT_IN_CONFIRMATION)
        assert len(found) == answers, f"after {hours} hours"


def test_the_opt_in_confirmation_names_the_brand_help_and_stop(acme: Business) -> None:
    text_in(acme, "START")

    (answer,) = builders.replies(acme, PERSON, Purpose.OPT_IN_CONFIRMATION)
    assert "Acme" in answer.body
    assert "HELP" in answer.body
    assert "STOP" in answer.body
