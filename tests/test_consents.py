"""Consents: every way in, the one text that each causes, the question that asks for a YES, texts only with consent."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import SenderNumber
from compliance import audit
from compliance.consents.writing import Given
from compliance.evidence import Proof
from compliance.models import Consent, ConsentWay, Recipient, ReviewItem
from messaging.consenting import Consented, give_consent
from messaging.models import InboundMessage, OutboundMessage
from tests import builders
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    Business,
    confirmations,
    deliver_all,
    is_blocked,
    last_inbound,
    opt_out_of,
    recipient,
    send,
    text_in,
)

CONFIRMATION = "opt_in_confirmation"
ELSEWHERE = [ConsentWay.SPOKEN, ConsentWay.WRITTEN, ConsentWay.POINT_OF_SALE, ConsentWay.ONLINE, ConsentWay.API]
SHOWN = "Tick to get texts from Acme. Reply STOP to end."


def agree(
    business: Business,
    number: str = PERSON,
    way: ConsentWay = ConsentWay.SPOKEN,
    *,
    at: datetime | None = None,
    sender: SenderNumber | None = None,
    named: bool = True,
) -> Consented:
    """Record that somebody agreed, for all numbers or for one, confirmed from the long code."""
    now = timezone.now()
    given = Given(
        way,
        Proof(way, "Yes, text me.", at or now, {"entered_by": 1}),
        "number" if sender else "tenant",
        sender.number if sender else "",
        SHOWN,
        "Spring sale",
    )
    confirm_from = (sender or business.long_code) if named else None
    return give_consent(business.tenant, number, given, builders.staff(business), now, confirm_from=confirm_from)


def afresh(business: Business) -> Business:
    """The business after a change: its numbers see it too."""
    for number in business.numbers:
        number.tenant = business.tenant
    return business


def texts(business: Business, number: str = PERSON) -> list[OutboundMessage]:
    return builders.replies(business, number, CONFIRMATION)


# --- Recording -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ELSEWHERE)
def test_a_consent_is_kept_with_all_that_proves_it_and_confirmed_once(acme: Business, way: ConsentWay) -> None:
    done = agree(acme, way=way)
    again = agree(acme, way=way)

    (newest, first) = Consent.objects.order_by("-id")
    assert first == done.recorded.consent
    assert (first.way, first.scope, first.wording, first.campaign) == (way, "tenant", SHOWN, "Spring sale")
    assert (first.actor_kind, first.actor_name) == ("user", "acme-compliance_officer")
    assert first.evidence.words == "Yes, text me."
    assert first.evidence.details == {"entered_by": 1, "wording": SHOWN, "campaign": "Spring sale"}
    assert newest == again.recorded.consent
    (text,) = texts(acme)
    assert (text.status, text.sender_number, text.in_reply_to) == ("queued", acme.long_code, None)
    assert "Thank you for subscribing to Acme." in text.body
    assert "24 hours" in again.why
    assert list(audit.find_faults()) == []


def test_after_a_day_a_new_consent_is_confirmed_again(acme: Business) -> None:
    agree(acme)
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1), tick=False):
        agree(acme)

    assert len(texts(acme)) == 2


def test_the_confirmation_goes_out_through_the_gate(acme: Business) -> None:
    agree(acme)
    text_in(acme, "STOP")
    deliver_all()

    assert [text.status for text in texts(acme)] == ["blocked"]


def test_an_import_texts_nobody(acme: Business) -> None:
    done = agree(acme, way=ConsentWay.IMPORT)

    assert (texts(acme), done.message) == ([], None)
    assert "texts nobody" in done.why


def test_without_a_company_number_nobody_is_texted_and_it_says_so(acme: Business) -> None:
    done = agree(acme, named=False)

    assert texts(acme) == []
    assert "no company number" in done.why


def test_a_confirmation_that_can_not_go_out_says_why(acme: Business) -> None:
    acme.long_code.is_active = False
    acme.long_code.save()
    done = agree(acme)

    assert [text.status for text in texts(acme)] == ["blocked"]
    assert "could not be confirmed" in done.why


@pytest.mark.parametrize("way", [*ELSEWHERE, ConsentWay.STAFF, ConsentWay.IMPORT])
def test_a_consent_lifts_no_opt_out_and_a_person_is_asked(acme: Business, way: ConsentWay) -> None:
    text_in(acme, "STOP")
    for _ in range(2):
        done = agree(acme, way=way)

    assert done.recorded.opted_out
    assert opt_out_of(acme).is_active
    assert is_blocked(acme)
    assert texts(acme) == []
    expected = [] if way == ConsentWay.IMPORT else ["wants_back"]
    assert [item.kind for item in ReviewItem.objects.all()] == expected


def test_a_consent_from_before_the_opt_out_asks_nobody(acme: Business) -> None:
    text_in(acme, "STOP")
    agree(acme, at=timezone.now() - timedelta(days=3))

    assert not ReviewItem.objects.exists()
    assert is_blocked(acme)


@pytest.mark.parametrize("way", [*ELSEWHERE, ConsentWay.IMPORT])
def test_a_late_stop_blocks_whatever_was_recorded_since(acme: Business, way: ConsentWay) -> None:
    """Only the person's own opt-in word is worth more than a STOP that was sent before it."""
    sent_at = timezone.now() - timedelta(minutes=2)
    agree(acme, way=way)
    text_in(acme, "STOP", sent_at=sent_at)

    assert opt_out_of(acme).is_active
    assert is_blocked(acme)


def test_a_recipient_that_says_more_than_its_consents_is_found(acme: Business) -> None:
    agree(acme, sender=acme.long_code)
    Recipient.objects.filter(number=PERSON).update(opted_in_for=["*"])

    (fault,) = audit.find_faults()
    assert fault == f"Recipient {recipient(acme).pk} counts as agreed for other numbers than its consents say."


def test_businesses_do_not_share_consents(acme: Business, globex: Business) -> None:
    agree(acme)

    assert recipient(acme).opted_in_for == ["*"]
    assert not Recipient.objects.filter(tenant=globex.tenant).exists()


# --- First text to a public number -----------------------------------------------------------------------------------


@pytest.fixture
def public(acme: Business) -> SenderNumber:
    acme.long_code.is_public = True
    acme.long_code.save()
    return acme.long_code


def test_a_first_text_to_a_public_number_is_a_consent_for_it(acme: Business, public: SenderNumber) -> None:
    text_in(acme, "Hi, do you have a table for two?")
    text_in(acme, "At eight, if that works.")

    (consent,) = Consent.objects.all()
    assert (consent.way, consent.scope, consent.sender) == ("first_text", "number", public.number)
    assert consent.evidence.words == "Hi, do you have a table for two?"
    assert (len(texts(acme)), texts(acme)[0].in_reply_to_id is None) == (1, False)


@pytest.mark.parametrize("text", ["", "  ", "HELP", "leave me alone", "STOP"])
def test_not_every_first_text_is_a_consent(acme: Business, public: SenderNumber, text: str) -> None:
    text_in(acme, text)

    assert not Consent.objects.exists()
    assert texts(acme) == []


def test_a_first_text_is_no_consent_elsewhere(acme: Business, public: SenderNumber) -> None:
    text_in(acme, "Hi, is this the dentist?", to=acme.second_long_code)
    send(acme, OTHER_PERSON)
    text_in(acme, "What is this about?", from_=OTHER_PERSON)

    assert not Consent.objects.exists()


# --- What an opt-in leaves closed, and confirmations that did not go out ---------------------------------------------


def test_an_opt_in_says_what_another_numbers_stop_still_closes(acme: Business) -> None:
    """From the revoke-all date a STOP to one number reaches all of them (US-15), so START to another opens little."""
    acme.tenant.opt_out_scope = "number"
    acme.tenant.save()
    with time_machine.travel(datetime(2027, 2, 1, 15, tzinfo=UTC)):
        text_in(acme, "STOP")
        text_in(acme, "START", to=acme.second_long_code)

        assert last_inbound(acme).outcome == InboundMessage.Outcome.NOT_LIFTED
        assert is_blocked(acme, sender=acme.second_long_code)
        assert texts(acme) == []
        assert ReviewItem.objects.get().kind == "wants_back"


def test_a_stop_in_time_is_confirmed_after_one_that_came_too_late(acme: Business) -> None:
    text_in(acme, "STOP", sent_at=timezone.now() - timedelta(minutes=20))
    assert [text.status for text in confirmations(acme)] == ["blocked"]
    text_in(acme, "STOP")
    text_in(acme, "STOP")

    assert [text.status for text in confirmations(acme)] == ["blocked", "queued"]


def test_a_confirmation_refused_at_its_hand_over_leaves_room_for_the_next(acme: Business) -> None:
    text_in(acme, "STOP")
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        deliver_all()
        text_in(acme, "STOP")
        deliver_all()
        text_in(acme, "STOP")

    assert [text.status for text in confirmations(acme)] == ["blocked", "delivered"]
