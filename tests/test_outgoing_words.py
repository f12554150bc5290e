"""Outgoing texts: marketing says how to stop (NET-16), and an opt-out word asked for otherwise is pointed out."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import SenderNumber
from compliance.outgoing import LONGEST_BODY
from compliance.text_rules import languages
from compliance.text_rules.instructions import (
    append_instruction,
    asks_for_opt_out_word,
    has_instruction,
    instruction_in,
    one_way_instruction_in,
)
from messaging.models import OutboundMessage
from tests import builders
from tests.api import Caller, assert_problem
from tests.builders import PERSON, Business, send, text_in

SALE = "Every shoe at half price until Sunday at 12 Main Street!"

INSTRUCTIONS = [
    "Reply STOP to unsubscribe",
    "Sale! Reply STOP to unsubscribe.",
    "Text STOP to end",
    "Txt STOP 2 end",
    "STOP2END",
    "Stop2Quit",
    "Text STOP to cancel.",
    "HELP for help, STOP to cancel",
    "Reply HELP for help, STOP to end texts",
    'Reply "STOP" to opt-out.',
    "To opt out, reply STOP",
    "To unsubscribe text STOP",
    "Opt out: STOP",
    "Reply END to stop messages",
    "Reply STOP",
    "reply stop to opt out",
    "STOP pour vous désabonner",
    "Répondez ARRET pour vous désabonner.",
    "STOP au 36180",
    "Responda STOP para darse de baja",
    "Responda STOP para cancelar as mensagens",
    "Abmelden mit STOP",
    "Antworten Sie mit STOP, um sich abzumelden",
    "Rispondi STOP per annullare l'iscrizione",
    "Antwoord STOP om u af te melden",
    "Odpisz STOP, aby zrezygnować",
    "Ответьте STOP, чтобы отписаться",
    "回复TD退订",
    "拒收请回复R",
    "配信停止はSTOPと返信してください。",
    "수신거부는 STOP 회신.",
    "무료수신거부 080-123-4567",
]
NONE = [
    SALE,
    "Stop by our store for the end of season sale",
    "Don't stop believing: 20% off",
    "The sale will end soon. Text WIN to enter",
    "Reply YES to confirm",
    "Reply 2 to unsubscribe",
    "Reply NOMORETEXTS to unsubscribe",
    "Reply CANCEL to cancel your appointment",
    "Reply STOP to cancel your appointment",
    "50% auf alles, nur bis zum Ende der Woche",
    "On remet ça : -50 % jusqu'à la fin du mois",
]
MISUSED = {
    "Reply CANCEL to cancel your appointment": "CANCEL",
    "Reply CANCEL to cancel": "CANCEL",
    "reply cancel to cancel": "cancel",
    "Reply YES to confirm or CANCEL to cancel.": "CANCEL",
    "Text END to end your session": "END",
    "Reply STOP to cancel your appointment": "STOP",
    "Répondez ARRET pour annuler le rendez-vous": "ARRET",
}
USED_WELL = [
    *INSTRUCTIONS,
    "Reply YES to confirm",
    "We will cancel your order.",
    "REPLY NOW BEFORE IT ENDS",
    "Your order: cancel any time. Reply HELP for help",
    "Please reply by the end of day",
    "Text us to quit smoking",
    "Reply with your name. The END of the sale is near",
]


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_an_instruction_is_seen(text: str) -> None:
    assert has_instruction(text)
    assert has_instruction(f"{SALE} {text}")
    assert has_instruction(f"{SALE}\n{text}")


@pytest.mark.parametrize("text", NONE)
def test_ct01_what_is_no_instruction_is_not_taken_for_one(text: str) -> None:
    assert not has_instruction(text)


@pytest.mark.parametrize("language", sorted(languages()))
def test_what_we_append_is_an_instruction(language: str) -> None:
    assert has_instruction(append_instruction(SALE, language))
    assert not asks_for_opt_out_word(append_instruction(SALE, language))


def test_an_unknown_language_gets_the_english_one() -> None:
    assert instruction_in("xx") == instruction_in("en-US") == "Reply STOP to unsubscribe."


@pytest.mark.parametrize(("text", "word"), MISUSED.items())
def test_ct01_an_opt_out_word_asked_for_otherwise_is_found(text: str, word: str) -> None:
    assert asks_for_opt_out_word(text) == word
    assert asks_for_opt_out_word(f"Hi Ann! {text} Thanks.") == word


@pytest.mark.parametrize("text", USED_WELL)
def test_an_instruction_and_ordinary_talk_are_not(text: str) -> None:
    assert asks_for_opt_out_word(text) == ""


@given(st.text(max_size=400))
def test_any_text_can_be_looked_at(text: str) -> None:
    has_instruction(text)
    asks_for_opt_out_word(text)


@pytest.mark.parametrize("piece", ["stop ", "reply ", "stop to a a a ", "unsubscribe ", "reply stop to ", "((", "a"])
def test_the_longest_texts_are_read_at_once(piece: str) -> None:
    text = (piece * LONGEST_BODY)[:LONGEST_BODY]
    has_instruction("stop")  # compiles the patterns
    started = time.process_time()
    has_instruction(text)
    asks_for_opt_out_word(text)
    assert time.process_time() - started < 1


# --- Sending ---------------------------------------------------------------------------------------------------------


def test_marketing_gets_the_instruction_and_what_is_stored_is_what_is_sent(acme: Business) -> None:
    message = send(acme, body=SALE, purpose="marketing")

    assert message.body == f"{SALE} Reply STOP to unsubscribe."
    assert [warning["code"] for warning in message.warnings] == ["instruction_appended"]
    assert [done.status for done in builders.deliver_all()] == ["delivered"]


@pytest.mark.parametrize("purpose", ["transactional", "conversational"])
def test_other_texts_stay_as_they_are(acme: Business, purpose: str) -> None:
    assert send(acme, body=SALE, purpose=purpose).body == SALE


def test_marketing_with_an_instruction_stays_as_it_is(acme: Business) -> None:
    message = send(acme, body=f"{SALE} Txt STOP 2 end", purpose="marketing")

    assert message.body == f"{SALE} Txt STOP 2 end"
    assert message.warnings == []


def test_the_instruction_is_in_the_language_in_which_the_person_asked(acme: Business) -> None:
    text_in(acme, "AIDE")

    assert send(acme, body=SALE, purpose="marketing").body.endswith("Répondez ARRET pour vous désabonner.")


def test_else_in_the_language_of_the_business(acme: Business) -> None:
    acme.tenant.language = "es"
    acme.tenant.save()

    assert send(acme, body=SALE, purpose="marketing").body.endswith("Responda STOP para darse de baja.")


def test_net16_a_business_can_have_it_refused(acme: Business, globex: Business) -> None:
    acme.tenant.without_instruction = "refuse"
    acme.tenant.save()
    caller = Caller.of(acme)
    wanted = {"sender": acme.long_code.number, "recipient": PERSON, "purpose": "marketing"}

    refused = caller.post("messages", {**wanted, "body": SALE})

    problem = assert_problem(refused, 409, "no_opt_out_instruction")
    assert problem["rule"] == "NET-16"
    stored = caller.get(f"messages/{problem['message']}").json()
    assert (stored["status"], stored["body"]) == ("blocked", SALE)
    assert caller.post("messages", {**wanted, "body": f"{SALE} Reply STOP to end."}).status_code == 202
    assert send(globex, body=SALE, purpose="marketing").status == "queued"


def test_where_it_does_not_fit_the_text_is_refused(acme: Business) -> None:
    message = send(acme, body="a" * LONGEST_BODY, purpose="marketing")

    assert (message.status, message.reason) == ("blocked", "no_opt_out_instruction")
    assert "1,600" in message.decision["sentence"]


def test_an_opt_out_is_the_reason_that_counts(acme: Business) -> None:
    acme.tenant.without_instruction = "refuse"
    acme.tenant.save()
    text_in(acme, "STOP")

    assert send(acme, body=SALE, purpose="marketing").reason == "opted_out"


def test_a_text_that_asks_for_an_opt_out_word_is_pointed_out(acme: Business) -> None:
    caller = Caller.of(acme)
    body = "See you at 9. Reply CANCEL to cancel your appointment."

    answer = caller.post(
        "messages",
        {"sender": acme.long_code.number, "recipient": PERSON, "body": body, "purpose": "transactional"},
    )

    assert answer.status_code == 202
    assert answer.json()["body"] == body
    [warning] = answer.json()["warnings"]
    assert (warning["code"], warning["word"]) == ("asks_for_opt_out_word", "CANCEL")
    assert "CANCEL" in warning["detail"]


# --- From a name, which nobody can answer (US-08) --------------------------------------------------------------------

BRITISH = "+447700900123"


@pytest.fixture
def named(acme: Business) -> SenderNumber:
    """A company number that is a name."""
    SenderNumber.objects.filter(pk=acme.second_long_code.pk).update(number="ACME", kind="alphanumeric")
    row: SenderNumber = SenderNumber.objects.select_related("account", "tenant").get(pk=acme.second_long_code.pk)
    return row


@pytest.mark.parametrize(
    ("to", "purpose", "is_told"),
    [
        (PERSON, "marketing", True),
        (PERSON, "transactional", True),
        (PERSON, "conversational", True),
        (BRITISH, "marketing", True),
        (BRITISH, "transactional", False),
    ],
)
def test_us08_a_text_from_a_name_says_where_to_stop(
    acme: Business, named: SenderNumber, to: str, purpose: str, is_told: bool
) -> None:
    message = send(acme, to, f"{SALE} Reply STOP to end.", purpose=purpose, sender=named)

    told = " No replies. Unsubscribe: http://testserver/stop/acme/"
    assert message.body == f"{SALE} Reply STOP to end." + (told if is_told else "")
    assert [warning["rule"] for warning in message.warnings] == (["US-08"] if is_told else [])
    assert [done.status for done in builders.deliver_all()] == ["delivered"]
    assert send(acme, to, message.body, purpose=purpose, sender=named).body == message.body


def test_us08_a_business_can_have_it_refused(acme: Business, globex: Business, named: SenderNumber) -> None:
    acme.tenant.without_instruction = "refuse"
    acme.tenant.save()
    named.tenant.refresh_from_db()
    refused = send(acme, sender=named)

    assert (refused.status, refused.reason) == ("blocked", "no_opt_out_instruction")
    assert refused.decision["rule"] == "US-08"
    assert acme.tenant.opt_out_address in refused.decision["sentence"]
    assert send(acme, sender=named, purpose="emergency", emergency_reason="Gas leak.").status == "queued"
    assert send(acme, body=f"No replies. Stop: {acme.tenant.opt_out_address}", sender=named).status == "queued"
    assert send(globex).body == builders.BODY


def test_us08_it_is_asked_again_at_the_claim(acme: Business, named: SenderNumber) -> None:
    message = send(acme, sender=named)
    OutboundMessage.objects.filter(pk=message.pk).update(body="Without a way out.")
    builders.deliver_all()

    message.refresh_from_db()
    assert (message.status, message.reason) == ("blocked", "no_opt_out_instruction")


@pytest.mark.parametrize("language", sorted(languages()))
def test_us08_every_language_says_it(language: str) -> None:
    assert append_instruction(SALE, language, "https://a.example/stop/b/").endswith("https://a.example/stop/b/")
    assert one_way_instruction_in(language, "…") != one_way_instruction_in("xx", "…") or language == "en"
