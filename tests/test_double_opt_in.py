"""Double opt-in: the question that asks for a YES, and what counts as one."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from compliance import audit, double_opt_in
from compliance.consents.questions import YES_WITHIN
from compliance.keywords.folding import plain
from compliance.models import Consent, ConsentQuestion, ConsentWay, Recipient
from compliance.replies import QUESTION, render_reply
from messaging.models import InboundMessage
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    Business,
    deliver_all,
    is_blocked,
    last_inbound,
    recipient,
    text_in,
)
from tests.test_consents import SHOWN, afresh, agree, texts


@pytest.fixture
def asking(acme: Business) -> Business:
    """A business that asks for a YES."""
    acme.tenant.double_opt_in = True
    acme.tenant.save()
    return afresh(acme)


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
