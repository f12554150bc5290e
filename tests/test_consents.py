"""Consents: every way in, the one text that each causes, the question that asks for a YES, texts only with consent."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ConsentPolicy, SenderNumber
from compliance import audit, double_opt_in, gate
from compliance.consents.questions import YES_WITHIN
from compliance.consents.writing import Given
from compliance.evidence import Proof
from compliance.keywords.folding import plain
from compliance.models import Consent, ConsentQuestion, ConsentWay, Recipient, ReviewItem
from compliance.replies import QUESTION, render_reply
from messaging import delivery
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


@pytest.fixture
def careful(acme: Business) -> Business:
    """A business that texts only with consent."""
    acme.tenant.consent_policy = ConsentPolicy.ONLY_WITH_CONSENT
    acme.tenant.save()
    return _afresh(acme)


@pytest.fixture
def asking(acme: Business) -> Business:
    """A business that asks for a YES."""
    acme.tenant.double_opt_in = True
    acme.tenant.save()
    return _afresh(acme)


def _afresh(business: Business) -> Business:
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


# --- Double opt-in ---------------------------------------------------------------------------------------------------


def test_the_confirmation_becomes_a_question_and_yes_makes_it_count(asking: Business) -> None:
    done = agree(asking)
    agree(asking)
    (question,) = texts(asking)
    assert "Reply YES" in question.body
    assert recipient(asking).opted_in_for == []
    deliver_all()
    text_in(asking, "Yes!")

    confirmed = Consent.objects.get(way="double_opt_in")
    assert (confirmed.wording, confirmed.campaign, confirmed.actor_kind) == (SHOWN, "Spring sale", "recipient")
    assert ConsentQuestion.objects.get(consent=done.recorded.consent).answer == confirmed
    assert recipient(asking).opted_in_for == ["*"]
    assert last_inbound(asking).outcome == InboundMessage.Outcome.OPTED_IN
    assert "Thank you for subscribing" in texts(asking)[1].body
    assert list(audit.find_faults()) == []

    text_in(asking, "YES")
    assert len(texts(asking)) == 2


def test_yes_says_nothing_where_nobody_asked(asking: Business) -> None:
    """NET-20."""
    text_in(asking, "STOP")
    text_in(asking, "YES")
    text_in(asking, "YES", from_=OTHER_PERSON)

    assert is_blocked(asking)
    assert not Consent.objects.exists()


def test_yes_counts_only_to_the_number_that_asked(asking: Business) -> None:
    agree(asking)
    deliver_all()
    text_in(asking, "YES", to=asking.second_long_code)

    assert recipient(asking).opted_in_for == []


def test_yes_to_a_question_that_never_went_out_is_none(asking: Business) -> None:
    agree(asking)
    text_in(asking, "YES")

    assert recipient(asking).opted_in_for == []


def test_a_question_that_the_gate_refuses_is_withdrawn(asking: Business) -> None:
    asking.long_code.is_active = False
    asking.long_code.save()
    agree(asking)

    assert ConsentQuestion.objects.get().closed_at is not None


def test_yes_after_the_question_lapsed_is_none(asking: Business) -> None:
    agree(asking)
    deliver_all()
    with time_machine.travel(timezone.now() + YES_WITHIN + timedelta(minutes=1), tick=False):
        text_in(asking, "YES")

    assert recipient(asking).opted_in_for == []


def test_a_stop_answers_the_question(asking: Business) -> None:
    agree(asking)
    deliver_all()
    text_in(asking, "STOP")
    text_in(asking, "YES")

    assert is_blocked(asking)
    assert not Consent.objects.filter(way="double_opt_in").exists()
    assert Recipient.objects.get(number=PERSON).opted_in_for == []


def test_start_needs_no_second_yes(asking: Business) -> None:
    text_in(asking, "STOP")
    text_in(asking, "START")

    assert not ConsentQuestion.objects.exists()
    assert not is_blocked(asking)


def test_an_import_asks_nobody_and_counts(asking: Business) -> None:
    agree(asking, way=ConsentWay.IMPORT)

    assert texts(asking) == []
    assert recipient(asking).opted_in_for == ["*"]


@pytest.mark.parametrize("language", sorted(double_opt_in.questions()))
def test_a_question_fits_and_its_own_word_answers_it(language: str) -> None:
    text = render_reply(QUESTION, language, brand="B" * 60, help_contact="")
    words = double_opt_in.questions()[language]["yes"]

    assert 20 <= len(text) <= 320
    assert set(text) <= GSM_7, set(text) - GSM_7
    assert "STOP" in text or "ARRET" in text
    assert f" {words[0].upper()}" in text
    assert all(plain(word) == word and double_opt_in.is_yes(f" {word.upper()}! ") for word in words)


@pytest.mark.parametrize("text", ["", "no", "yes to the meeting at eight", "maybe", "ok", "👍", "yesterday"])
def test_other_answers_are_no_yes(text: str) -> None:
    assert not double_opt_in.is_yes(text)


GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


# --- Only with consent -----------------------------------------------------------------------------------------------


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
