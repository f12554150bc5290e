"""The stories of what people write, told through the webhook beside a second business, and the texts A.1 to A.4.

The texts are those of `tests/data/replies_required.csv`; which rule each belongs to is told in `docs/rules.md`.
"""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import override_settings
from django.utils import timezone

from accounts.models import OptOutScope, SenderNumber
from compliance import gate
from compliance.models import OptOut, ReviewItem
from compliance.purposes import Purpose
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import (
    PERSON,
    Business,
    confirmations,
    deliver_all,
    history_of,
    is_blocked,
    last_inbound,
    new_person,
    opt_out_of,
    send,
    text_in,
)

Status = OutboundMessage.Status
EASTERN = ZoneInfo("America/New_York")
TEN_O_CLOCK = datetime(2026, 11, 24, 10, tzinfo=EASTERN)
AUTOMATIC = (Purpose.MARKETING, Purpose.TRANSACTIONAL)


def required(source: str) -> list[tuple[str, str]]:
    """The texts of one appendix, each with the language of its conversation."""
    with (Path(__file__).parent / "data" / "replies_required.csv").open(newline="", encoding="utf-8") as stream:
        return [(row["text"], row["language"]) for row in csv.DictReader(stream) if row["source"] == source]


def told_to(business: Business, source: str) -> dict[str, str]:
    """Text every line of an appendix to a business, each from a number of its own: the number by the text."""
    said: dict[str, str] = {}
    for text, language in required(source):
        if language != business.tenant.language:
            business.tenant.language = language
            business.tenant.save()
        person = new_person()
        said[f"{text} ({language})"] = person
        assert text_in(business, text, from_=person).status_code == 200
    assert said
    return said


def sendable(business: Business, *numbers: str) -> set[str]:
    """Those numbers to which some automatic text may still go."""
    asked = numbers or (PERSON,)
    refused = [
        gate.check_many(business.tenant, asked, business.long_code, purpose, timezone.now()) for purpose in AUTOMATIC
    ]
    return {number for number in asked if any(number not in refusals for refusals in refused)}


# --- Texts A.1 to A.4 ------------------------------------------------------------------------------------------------


def test_a1_each_of_these_opts_out_there_and_nowhere_else(acme: Business, globex: Business) -> None:
    said = told_to(acme, "A.1")

    rows = OptOut.objects.filter(tenant=acme.tenant, status="active").select_related("recipient")
    active = {row.recipient.number for row in rows}
    answered = OutboundMessage.objects.filter(purpose=Purpose.OPT_OUT_CONFIRMATION).select_related("recipient")
    assert [text for text, person in said.items() if person not in active] == []
    assert sorted(reply.recipient.number for reply in answered) == sorted(said.values())
    assert sendable(acme, *said.values()) == set()
    assert sendable(globex, *said.values()) == set(said.values())


def test_a2_none_of_these_leaves_the_number_open_to_automatic_texts(acme: Business, globex: Business) -> None:
    """US-02, LIT-03, LIT-04: opted out, or held for a person with a reason and a due date."""
    said = told_to(acme, "A.2")

    still_open = sendable(acme, *said.values())
    assert [text for text, person in said.items() if person in still_open] == []
    assert sendable(globex, *said.values()) == set(said.values())
    for item in ReviewItem.objects.all():
        assert (item.kind, item.reason[-1:], item.due_at is None) == ("unclear", ".", False)


def test_a3_none_of_these_opts_out_and_each_is_there_to_read(acme: Business, globex: Business) -> None:
    said = told_to(acme, "A.3")

    still_open = sendable(acme, *said.values())
    assert [text for text, person in said.items() if person not in still_open] == []
    assert not OptOut.objects.exists()
    assert InboundMessage.objects.filter(tenant=acme.tenant).count() == len(said)
    assert not InboundMessage.objects.filter(tenant=globex.tenant).exists()


def test_a4_a_reaction_that_quotes_our_words_is_held_and_opts_nobody_out(acme: Business, globex: Business) -> None:
    said = told_to(acme, "A.4")

    assert not OptOut.objects.exists()
    assert ReviewItem.objects.filter(tenant=acme.tenant, status="open").count() == len(said)
    assert not ReviewItem.objects.filter(tenant=globex.tenant).exists()


@pytest.mark.parametrize("text", ["wrong number", "who is this? wrong person", "not Maria"])
def test_lit13_a_wrong_number_is_held_and_named_so(acme: Business, globex: Business, text: str) -> None:
    text_in(acme, text)

    assert builders.open_hold(acme).rule == "en.phrase.wrong_number"
    assert not sendable(acme)
    assert sendable(globex)


@pytest.mark.parametrize("sign", ["👎", "🖕"])
def test_lit14_disapproval_is_held(acme: Business, globex: Business, sign: str) -> None:
    text_in(acme, sign)

    assert builders.open_hold(acme).evidence.words == sign
    assert not OptOut.objects.exists()
    assert not sendable(acme)
    assert sendable(globex)


# --- Stories ---------------------------------------------------------------------------------------------------------


def test_a_stop_told_four_times_is_one_opt_out_with_one_confirmation_and_no_campaign_text(
    acme: Business, globex: Business
) -> None:
    """The provider repeats its webhook three times; a second later the campaign goes out at both businesses."""
    with time_machine.travel(TEN_O_CLOCK - timedelta(minutes=1), tick=False):
        campaign = {b.tenant.slug: send(b, purpose=Purpose.MARKETING, campaign="Autumn") for b in (acme, globex)}
    with time_machine.travel(TEN_O_CLOCK, tick=False):
        for _ in range(4):
            assert text_in(acme, "STOP", id="stop-1").status_code == 200
    with time_machine.travel(TEN_O_CLOCK + timedelta(seconds=1), tick=False):
        deliver_all()

    for message in campaign.values():
        message.refresh_from_db()
    assert (campaign["acme"].status, campaign["acme"].reason) == (Status.BLOCKED, "opted_out")
    assert campaign["globex"].status == Status.DELIVERED
    assert [row.action for row in history_of(acme)] == ["opted_out"]
    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED]
    assert confirmations(globex) == []


def test_us14_a_word_about_one_kind_of_text_opens_nothing_by_itself(acme: Business, globex: Business) -> None:
    """“Billing ok” two days after STOP: kept for a person, who may opt back in on these words. No kind opens alone."""
    with time_machine.travel(TEN_O_CLOCK, tick=False):
        text_in(acme, "STOP")
        deliver_all()
    with time_machine.travel(TEN_O_CLOCK + timedelta(days=2), tick=False):
        text_in(acme, "billing ok")
        assert [send(acme, purpose=purpose).reason for purpose in AUTOMATIC] == ["opted_out", "opted_out"]
        assert send(globex).status == Status.QUEUED
        assert last_inbound(acme).body == "billing ok"
        assert len(builders.replies(acme)) == 1

        builders.lift_by_staff(acme, opt_out_of(acme), words="billing ok")
        assert send(acme).status == Status.QUEUED
    assert [row.evidence.words for row in history_of(acme)] == ["STOP", "billing ok"]


@pytest.mark.parametrize("years", [1, 5, 11])
def test_rec05_silence_opens_nothing_and_an_opt_out_never_expires(acme: Business, globex: Business, years: int) -> None:
    """US-14, ST-03, ST-07, REC-01, REC-04, REC-05: whatever the sweepers do meanwhile."""
    with time_machine.travel(TEN_O_CLOCK, tick=False):
        text_in(acme, "STOP")
    with time_machine.travel(TEN_O_CLOCK + timedelta(days=366 * years), tick=False):
        deliver_all()
        assert {send(acme, purpose=purpose, sender=acme.short_code).reason for purpose in AUTOMATIC} == {"opted_out"}
        assert send(globex).status == Status.QUEUED
    assert len(history_of(acme)) == 1


@pytest.mark.parametrize(("text", "answers"), [("STOP", 0), ("please stop texting me", 1)])
def test_a_toll_free_number_leaves_the_bare_stop_to_the_network_and_answers_a_sentence(
    acme: Business, globex: Business, text: str, answers: int
) -> None:
    """NET-01, NET-03."""
    text_in(acme, text, to=acme.toll_free)
    deliver_all()

    assert opt_out_of(acme).is_active
    assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED] * answers
    assert sendable(globex)


def test_us11_an_outage_of_six_minutes_costs_the_confirmation_and_not_the_opt_out(
    acme: Business, globex: Business
) -> None:
    with time_machine.travel(TEN_O_CLOCK, tick=False):
        text_in(acme, "STOP")
    with time_machine.travel(TEN_O_CLOCK + timedelta(minutes=3), tick=False):
        text_in(globex, "STOP")
    with time_machine.travel(TEN_O_CLOCK + timedelta(minutes=6), tick=False):
        deliver_all()

    assert [(row.status, row.reason) for row in confirmations(acme)] == [(Status.BLOCKED, "confirmation_too_late")]
    assert [row.status for row in confirmations(globex)] == [Status.DELIVERED]
    assert is_blocked(acme)
    assert is_blocked(globex)


def test_help_after_a_stop_is_answered_and_opens_nothing(acme: Business, globex: Business) -> None:
    """CT-11, US-29, on a long code."""
    text_in(acme, "STOP")
    text_in(acme, "HELP")
    deliver_all()

    (answer,) = builders.replies(acme, PERSON, Purpose.HELP_REPLY)
    assert answer.status == Status.DELIVERED
    assert "help@acme.example" in answer.body
    assert is_blocked(acme)
    assert not is_blocked(globex)
    assert builders.replies(globex) == []


@pytest.mark.parametrize(
    ("text", "begins"),
    [("ARRET", "Acme : désabonnement"), ("Arrêt!", "Acme : désabonnement"), ("STOP", "Acme: You are unsubscribed")],
)
def test_ca06_in_canada_arret_is_confirmed_in_french_and_stop_in_english(
    acme: Business, globex: Business, text: str, begins: str
) -> None:
    acme.tenant.country = "CA"
    acme.tenant.save()
    toronto = "+14165550177"
    text_in(acme, text, from_=toronto, to=canadian(acme.long_code))
    deliver_all()

    (confirmation,) = confirmations(acme, toronto)
    assert confirmation.status == Status.DELIVERED
    assert confirmation.body.startswith(begins)
    assert is_blocked(acme, toronto)
    assert not is_blocked(globex, toronto)


def canadian(number: SenderNumber) -> SenderNumber:
    SenderNumber.objects.filter(pk=number.pk).update(number="+14165550100")
    number.refresh_from_db()
    return number


def test_qh04_a_stop_at_two_in_the_night_is_confirmed_at_two(acme: Business, globex: Business) -> None:
    night = TEN_O_CLOCK.replace(hour=2)
    with time_machine.travel(night, tick=False):
        text_in(acme, "STOP")
        deliver_all()

    (confirmation,) = confirmations(acme)
    assert (confirmation.status, confirmation.claimed_at) == (Status.DELIVERED, night)
    assert confirmations(globex) == []


@pytest.mark.parametrize("area", ["217", "317", "414", "305", "405", "512", "804"])
def test_us27_no_state_is_an_exception_and_no_days_of_grace_are_used(
    acme: Business, globex: Business, area: str
) -> None:
    """Illinois, Indiana, Wisconsin, and Florida with its 15 days (ST-01): an opt-out holds from its own second."""
    person = f"+1{area}5550177"
    text_in(acme, "STOP", from_=person)

    assert send(acme, person, purpose=Purpose.MARKETING).reason == "opted_out"
    assert send(globex, person, purpose=Purpose.MARKETING).status == Status.QUEUED
    assert (timezone.now() - opt_out_of(acme, person).opted_out_at) < timedelta(minutes=1)


def test_us16_with_revoke_all_put_off_everything_else_stands(acme: Business, globex: Business) -> None:
    """Under the policy “the number that was texted”, with the date of US-15 far away."""
    acme.tenant.opt_out_scope = OptOutScope.NUMBER
    acme.tenant.save()
    other = acme.second_long_code
    other.tenant.refresh_from_db()
    with override_settings(REVOKE_ALL_FROM=date(2099, 1, 1)):
        text_in(acme, "STOP")
        deliver_all()

        assert [reply.status for reply in confirmations(acme)] == [Status.DELIVERED]
        assert is_blocked(acme)
        assert is_blocked(acme, sender=other, purpose=Purpose.MARKETING)
        assert not is_blocked(acme, sender=other)
        text_in(acme, "leave me alone", to=other)
        assert send(acme, sender=other).reason == "held_for_review"
    assert sendable(globex)
