"""A business's own keywords: what may be listed, what they do to incoming texts, and that nobody else's change."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Tenant
from compliance import wording
from compliance.models import Consent, Keyword, OptOut, ReplyTemplate
from compliance.own_keywords import Entry, faults_of
from compliance.wording import wording_of
from tests import builders
from tests.admin_pages import log_in
from tests.builders import PERSON, Business, last_inbound, recipient, replies, send, text_in


def add_keyword(business: Business, word: str, meaning: str, **fields: object) -> Keyword:
    row: Keyword = Keyword.objects.create(tenant=business.tenant, word=word, meaning=meaning, **fields)
    return row


def add_reply(business: Business, kind: str, body: str, *, language: str = "en", name: str = "") -> ReplyTemplate:
    row: ReplyTemplate = ReplyTemplate.objects.create(
        tenant=business.tenant, kind=kind, body=body, language=language, name=name
    )
    return row


# --- What may be listed ----------------------------------------------------------------------------------------------

US_01 = ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]


@pytest.mark.parametrize("word", [*US_01, "STOP", " Opt-Out ", "Ｓtop", "s.t.o.p"])
@pytest.mark.parametrize("meaning", ["off", "opt_in", "help", "answer", "campaign"])
def test_us01_the_seven_words_can_neither_be_switched_off_nor_mean_anything_else(word: str, meaning: str) -> None:
    entry = Entry(word, meaning, reply_kind="keyword_reply", reply_name="x", campaign="x", shown="x", note="because")
    assert "(US-01)" in faults_of(entry)["word"]


@pytest.mark.parametrize(("word", "rule"), [("START", "NET-02"), ("HELP", "CT-11"), ("STOPALL", "LIT-07")])
@pytest.mark.parametrize("meaning", ["off", "opt_out", "answer"])
def test_stopall_start_and_help_keep_their_meaning(word: str, rule: str, meaning: str) -> None:
    assert f"({rule})" in faults_of(Entry(word, meaning, note="because"))["word"]


@pytest.mark.parametrize("word", ["INFO", "TD", "unsub", "no"])
def test_extras_of_the_lists_can_be_switched_off(word: str) -> None:
    assert faults_of(Entry(word, "off")) == {}


def test_ca05_not_what_canadian_carriers_ask_for() -> None:
    assert "(CA-05)" in faults_of(Entry("INFO", "off", home="CA"))["word"]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(("word", "meaning"), [("ARRET", "off"), ("ARRET", "campaign"), ("AYUDA", "answer")])
def test_ct01_not_what_our_texts_tell_people_to_send(word: str, meaning: str, language: str) -> None:
    """Whatever the language of the business: people are answered in theirs."""
    entry = Entry(word, meaning, reply_name="x", campaign="x", shown="x", note="because", home_language=language)
    assert "(CT-01)" in faults_of(entry)["word"]


@pytest.mark.parametrize("word", ["ST0P", "5top", "$TOP", "HE1P", "st4rt", "UN5UBSCRIBE", "c@ncel", "\uff33T0P"])
@pytest.mark.parametrize("meaning", ["opt_in", "campaign", "answer"])
def test_ct04_signs_for_letters_make_no_other_word(word: str, meaning: str) -> None:
    entry = Entry(word, meaning, reply_name="x", campaign="x", shown="x", note="because")
    assert "(CT-04)" in faults_of(entry)["word"]


def test_a_word_that_is_longer_than_it_looks_is_refused_in_a_sentence(acme: Business) -> None:
    values = {"word": "\ufdfa" * 40, "meaning": "help", "is_active": "on"}
    answer = log_in(acme.user("tenant_admin")).post("/admin/compliance/keyword/add/", values)

    assert answer.status_code == 200
    assert "too long" in answer.content.decode()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "letters or digits"),
        ("!!!", "letters or digits"),
        ("A", "too short"),
        ("one two three four five", "at most 4 words"),
        ("stop it now", "way to say an opt-out word"),
        ("stopppp please", "may be an opt-out"),
        ("YES", "NET-20"),
        ("opt in", "already"),
    ],
)
def test_words_that_are_refused(word: str, said: str) -> None:
    assert said in " ".join(faults_of(Entry(word, "opt_in")).values())


def test_nothing_to_switch_off() -> None:
    assert "nothing to switch off" in faults_of(Entry("pineapple", "off"))["word"]


def test_a_word_with_another_meaning_needs_a_reason() -> None:
    answer = {"reply_kind": "keyword_reply", "reply_name": "Hours"}
    assert "as a request for help" in faults_of(Entry("INFO", "answer", **answer))["note"]
    assert faults_of(Entry("INFO", "answer", note="Our flyer says so.", **answer)) == {}


def test_a_campaign_needs_its_name_and_what_was_shown() -> None:
    assert set(faults_of(Entry("JOIN", "campaign"))) == {"campaign", "wording"}
    assert faults_of(Entry("JOIN", "campaign", campaign="Spring", shown="Text JOIN to 12025550100 for offers.")) == {}


def test_a_reply_goes_with_its_meaning() -> None:
    assert "reply" in faults_of(Entry("HOURS", "answer"))
    assert "reply" in faults_of(Entry("HOURS", "answer", reply_kind="help_reply", reply_name="x"))
    assert "reply" in faults_of(Entry("ASSIST", "help", reply_kind="help_reply", reply_name=""))


# --- What they do ----------------------------------------------------------------------------------------------------


def test_an_opt_out_word_of_the_business_opts_out_there_alone(acme: Business, globex: Business) -> None:
    keyword = add_keyword(acme, "Piñata", "opt_out", language="es")
    for business in (acme, globex):
        text_in(business, "PINATA!")

    assert last_inbound(acme).rule == f"own.keyword.{keyword.pk}"
    assert OptOut.objects.get(tenant=acme.tenant).status == "active"
    assert not OptOut.objects.filter(tenant=globex.tenant).exists()


def test_a_word_that_is_switched_off_is_ordinary_talk_there_alone(acme: Business, globex: Business) -> None:
    add_keyword(acme, "info", "off")
    for business in (acme, globex):
        text_in(business, "INFO")

    assert replies(acme) == []
    assert [reply.purpose for reply in replies(globex)] == ["help_reply"]


def test_a_change_counts_for_the_next_text(acme: Business) -> None:
    text_in(acme, "PINATA")
    assert last_inbound(acme).intent == "other"
    keyword = add_keyword(acme, "PINATA", "opt_out")
    text_in(acme, "PINATA")
    assert last_inbound(acme).intent == "opt_out"
    keyword.is_active = False
    keyword.save()
    text_in(acme, "PINATA")
    assert last_inbound(acme).intent == "other"


def test_a_word_for_one_country_means_nothing_elsewhere(acme: Business) -> None:
    add_keyword(acme, "TSCHUSS", "opt_out", country="DE")
    add_keyword(acme, "TSCHUSS", "help")
    for number, intent in (("+4915123456789", "opt_out"), (PERSON, "help"), ("+447911123456", "help")):
        text_in(acme, "Tschüss", from_=number)
        assert last_inbound(acme, number).intent == intent


def test_the_keyword_of_a_campaign_records_consent_with_what_was_shown(acme: Business) -> None:
    shown = "Text SMILE to 202-555-0100 for four offers a month."
    welcome = "{brand}: Welcome! HELP for help, STOP to end. From {company_number}."
    reply = add_reply(acme, "opt_in_confirmation", welcome, name="Spring")
    add_keyword(acme, "SMILE", "campaign", campaign="Spring flyer", wording=shown, reply=reply)

    text_in(acme, "Smile")

    consent = Consent.objects.get(recipient=recipient(acme))
    assert (consent.way, consent.campaign, consent.wording) == ("campaign", "Spring flyer", shown)
    assert consent.evidence.words == "Smile"
    [confirmation] = replies(acme)
    assert confirmation.body == "Acme: Welcome! HELP for help, STOP to end. From +1 202-555-0100."


def test_the_keyword_of_a_campaign_is_the_persons_own_opt_in_but_never_against_the_business(acme: Business) -> None:
    add_keyword(acme, "JOIN", "campaign", campaign="Spring", wording="Text JOIN")
    text_in(acme, "STOP")
    text_in(acme, "JOIN")
    assert not builders.is_blocked(acme)
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    text_in(acme, "JOIN")
    assert builders.is_blocked(acme)


def test_under_double_opt_in_it_asks_for_a_yes(acme: Business) -> None:
    acme.tenant.double_opt_in = True
    acme.tenant.save()
    add_keyword(acme, "JOIN", "campaign", campaign="Spring", wording="Text JOIN")
    add_reply(acme, "opt_in_question", "{brand} asks: reply YES to get texts. HELP for help, STOP to end.")

    text_in(acme, "JOIN")

    assert [reply.body for reply in replies(acme)] == ["Acme asks: reply YES to get texts. HELP for help, STOP to end."]


def test_a_word_that_gets_an_answer_changes_nothing_and_is_answered_once_in_five_minutes(acme: Business) -> None:
    hours = add_reply(acme, "keyword_reply", "{brand} is open from 9 to 5.", name="Hours")
    add_reply(acme, "keyword_reply", "{brand} abre de 9 a 5.", name="Hours", language="es")
    add_keyword(acme, "HOURS", "answer", reply=hours)
    add_keyword(acme, "HORARIO", "answer", reply=hours, language="es")

    text_in(acme, "hours")
    text_in(acme, "hours")
    text_in(acme, "Horario", from_=builders.OTHER_PERSON)

    assert [reply.body for reply in builders.replies(acme, purpose="keyword_reply")] == ["Acme is open from 9 to 5."]
    [spanish] = builders.replies(acme, builders.OTHER_PERSON, "keyword_reply")
    assert spanish.body == "Acme abre de 9 a 5."
    assert last_inbound(acme).outcome == "answered"
    assert not OptOut.objects.filter(tenant=acme.tenant).exists()
    assert not Consent.objects.filter(tenant=acme.tenant).exists()


def test_whoever_is_opted_out_gets_no_such_answer(acme: Business) -> None:
    hours = add_reply(acme, "keyword_reply", "{brand} is open from 9 to 5.", name="Hours")
    add_keyword(acme, "HOURS", "answer", reply=hours)
    text_in(acme, "STOP")
    text_in(acme, "HOURS")

    [answer] = builders.replies(acme, purpose="keyword_reply")
    assert (answer.status, answer.reason) == ("blocked", "opted_out")


# --- Replies ---------------------------------------------------------------------------------------------------------


def test_a_reply_of_the_business_goes_before_the_built_in_one_in_its_language_alone(acme: Business) -> None:
    add_reply(acme, "help_reply", "{brand} helps: {help_contact}")
    text_in(acme, "HELP")
    text_in(acme, "AIDE", from_=builders.OTHER_PERSON)

    assert replies(acme)[0].body == "Acme helps: help@acme.example"
    assert replies(acme, builders.OTHER_PERSON)[0].body.startswith("Acme : pour de l'aide")


def test_the_confirmation_for_one_number_has_its_own_text(acme: Business) -> None:
    acme.tenant.opt_out_scope = "number"
    acme.tenant.save()
    add_reply(acme, "opt_out_confirmation", "never for one number")
    add_reply(acme, "opt_out_confirmation_number", "{brand}: no more from {company_number}. STOPALL for all.")
    text_in(acme, "STOP")

    assert replies(acme)[0].body == "Acme: no more from +1 202-555-0100. STOPALL for all."


def test_an_opt_out_word_of_the_business_is_an_instruction_in_its_texts(acme: Business, globex: Business) -> None:
    add_keyword(acme, "PINATA", "opt_out")
    body = "Sale! Reply PINATA to unsubscribe."
    acme.tenant.refresh_from_db()

    assert send(acme, body=body, purpose="marketing").body == body
    assert send(globex, body=body, purpose="marketing").body != body


# --- Versions and history --------------------------------------------------------------------------------------------


def test_incoming_texts_pay_no_query_for_keywords(acme: Business) -> None:
    add_keyword(acme, "PINATA", "opt_out")
    text_in(acme, "hello")
    with CaptureQueriesContext(connection) as queries:
        text_in(acme, "PINATA", from_=builders.OTHER_PERSON)

    around = ("BEGIN", "SAVEPOINT", "RELEASE", "COMMIT")
    said = [query["sql"] for query in queries if not query["sql"].startswith(around)]
    assert len(said) <= 12
    assert not [sql for sql in said if "compliance_keyword" in sql or "compliance_replytemplate" in sql]


def test_every_change_has_a_new_version_and_a_history_row(acme: Business) -> None:
    versions = {acme.tenant.wording_version}
    keyword = add_keyword(acme, "PINATA", "opt_out", actor_kind="user", actor_name="Ann")
    for word in ("PINATAS", "CIAO"):
        versions.add(Tenant.objects.get(pk=acme.tenant.pk).wording_version)
        keyword.word = word
        keyword.save()
    versions.add(Tenant.objects.get(pk=acme.tenant.pk).wording_version)

    assert len(versions) == 4
    said = keyword.history.order_by("history_id").values_list("word", "actor_name")
    assert list(said) == [("PINATA", "Ann"), ("PINATAS", "Ann"), ("CIAO", "Ann")]


def test_rows_are_not_written_past_their_history(acme: Business) -> None:
    for rows in (Keyword.objects, ReplyTemplate.objects):
        with pytest.raises(TypeError, match="one by one"):
            rows.filter(tenant=acme.tenant).update(is_active=False)
        with pytest.raises(TypeError, match="one by one"):
            rows.filter(tenant=acme.tenant).delete()


def test_what_was_compiled_is_kept_by_its_version_alone(acme: Business) -> None:
    add_keyword(acme, "PINATA", "opt_out")
    tenant = Tenant.objects.get(pk=acme.tenant.pk)
    first = wording_of(tenant)
    assert wording_of(tenant) is first
    tenant.wording_version = uuid.uuid4()
    assert wording_of(tenant) is not first
    tenant.wording_version = None
    assert wording_of(tenant) is wording.NOTHING
