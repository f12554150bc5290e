"""Our own replies: US-12, CT-09, CT-10, CT-11, CA-06, NET-10, LIT-07, LIT-11."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.classifier import Intent, classify
from compliance.keywords import LANGUAGES
from compliance.replies import LONGEST, PURPOSES, SHORTEST, render_reply, texts

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
BRAND, CONTACT = "Bright Smile Dental", "help@brightsmile.example"
MARKETING = re.compile(
    r"%|\b(off|sale|deals?|free|coupon|code|offer|save|gratuit|rabais|solde)\b|https?:|bit\.ly|come back|\bSTART\b",
    re.IGNORECASE,
)
# What each reply must hold, by language: who is unsubscribed or subscribed, that nothing more comes, how often, what it
# costs, the words for help and stop.
WORDS = {
    "en": (
        "unsubscribed",
        "no more messages",
        "Thank you for subscribing",
        "frequency varies",
        "rates",
        "HELP",
        "STOP",
    ),
    "fr": ("désabonnement", "aucun autre message", "abonnement", "Fréquence variable", "frais", "AIDE", "ARRET"),
    "es": ("baja", "no le enviaremos otros", "suscribirse", "Frecuencia variable", "tarifas", "AYUDA", "STOP"),
    "pt": ("Cancelamento", "nenhuma outra mensagem", "assinar", "recorrentes", "tarifas", "AJUDA", "STOP"),
    "de": ("abgemeldet", "keine weiteren Nachrichten", "Anmeldung", "Häufigkeit", "Kosten", "HILFE", "STOP"),
    "it": ("Iscrizione annullata", "non riceverà altri", "iscrizione", "Frequenza", "tariffe", "AIUTO", "STOP"),
    "nl": ("afgemeld", "geen berichten meer", "aanmelding", "aantal berichten", "kosten", "HULP", "STOP"),
    "pl": ("Rezygnacja", "nie otrzymasz", "zapisanie", "Liczba wiadomosci", "oplaty", "POMOC", "STOP"),
    "ru": ("отписаны", "больше не будет", "подписку", "Частота", "плата", "ПОМОЩЬ", "СТОП"),
    "zh": ("退订", "不会再收到", "订阅", "次数", "费用", "HELP", "STOP"),
    "ja": ("停止しました", "届きません", "登録", "回数", "通信料", "HELP", "STOP"),
    "ko": ("수신거부", "보내지 않습니다", "구독", "횟수", "요금", "HELP", "STOP"),
}
ELEMENTS = {
    (purpose, language): elements
    for language, (out, no_more, joined, often, costs, help_word, stop) in WORDS.items()
    for purpose, elements in {
        "opt_out_confirmation": (out, no_more, CONTACT),
        "opt_in_confirmation": (joined, often, costs, help_word, stop),
        "help_reply": (CONTACT, often, costs, stop),
    }.items()
}
# Scripts that no GSM-7 table holds cost UCS-2: two segments hold 134 characters then.
OTHER_SCRIPTS = {"ru", "zh", "ja", "ko"}
TWO_SEGMENTS = 134
every_reply = pytest.mark.parametrize(("purpose", "language"), sorted(ELEMENTS))
every_language = pytest.mark.parametrize("language", sorted(WORDS))


def render(purpose: str, language: str, **changes: object) -> str:
    values = {"brand": BRAND, "help_contact": CONTACT, **changes}
    return render_reply(purpose, language, **values)  # type: ignore[arg-type]


@every_reply
def test_ct09_ct10_ct11_each_element_is_there(purpose: str, language: str) -> None:
    text = render(purpose, language)
    assert BRAND in text
    assert [element for element in ELEMENTS[purpose, language] if element.casefold() not in text.casefold()] == []


@every_reply
def test_us12_no_marketing_and_lit11_no_invitation_to_come_back(purpose: str, language: str) -> None:
    assert not MARKETING.search(render(purpose, language))
    assert not MARKETING.search(render(purpose, language, number_scope=True))


@every_reply
def test_net10_20_to_320_characters_of_gsm_7_or_two_segments(purpose: str, language: str) -> None:
    for number_scope in (False, True):
        text = render(purpose, language, number_scope=number_scope)
        assert SHORTEST <= len(text) <= LONGEST
        if language in OTHER_SCRIPTS:
            assert len(text) <= TWO_SEGMENTS
        else:
            assert set(text) <= GSM_7


@every_language
def test_lit07_a_confirmation_for_one_number_offers_stopall(language: str) -> None:
    text = render("opt_out_confirmation", language, number_scope=True)
    assert "STOPALL" in text
    assert "STOPALL" not in render("opt_out_confirmation", language)
    assert classify("STOPALL", language).word == "stopall"


@pytest.mark.parametrize("purpose", ["opt_in_confirmation", "help_reply"])
def test_the_scope_changes_nothing_in_other_replies(purpose: str) -> None:
    assert render(purpose, "en", number_scope=True) == render(purpose, "en")


@every_language
def test_ct01_the_words_we_tell_people_to_send_work_in_every_conversation(language: str) -> None:
    help_word, stop = WORDS[language][-2:]
    told = {help_word: Intent.HELP, stop: Intent.OPT_OUT, "STOPALL": Intent.OPT_OUT}
    for name in texts()[language]:
        for word in re.findall(r"[A-Z]{4,}|[А-Я]{4,}", texts()[language][name]):
            assert {classify(word, hint).intent for hint in WORDS} == {told[word]}


@pytest.mark.parametrize("language", ["en-US", "sv", "", "xx"])
def test_other_languages_fall_back_to_english(language: str) -> None:
    assert render("help_reply", language) == render("help_reply", "en")


def test_ca06_regional_french_is_french() -> None:
    assert render("help_reply", "fr-CA") == render("help_reply", "fr")


def test_every_language_has_every_text() -> None:
    assert {name: set(by_name) for name, by_name in texts().items()} == {
        language: {*PURPOSES, "opt_out_confirmation_number"} for language in LANGUAGES
    }


@pytest.mark.parametrize(
    "brand", ["{help_contact}", "{0}", "{brand.__class__}", "A {b} & }{", "%s %(x)s", r"\1 \g<0>", "$brand"]
)
def test_a_name_with_braces_is_just_a_name(brand: str) -> None:
    assert render("opt_out_confirmation", "en", brand=brand).startswith(f"{brand}: You are unsubscribed")


def test_a_name_on_two_lines_is_put_on_one() -> None:
    assert render("help_reply", "en", brand=" Acme\r\n\x00Corp\ud83d ").startswith("Acme Corp: ")


@given(
    st.sampled_from(PURPOSES),
    st.sampled_from(LANGUAGES),
    st.text(max_size=500),
    st.text(max_size=500),
    st.booleans(),
)
def test_net10_no_name_or_contact_breaks_the_length(
    purpose: str, language: str, brand: str, contact: str, number_scope: bool
) -> None:
    text = render_reply(purpose, language, brand=brand, help_contact=contact, number_scope=number_scope)
    assert SHORTEST <= len(text) <= LONGEST
    assert "\n" not in text


def test_a_long_name_gives_way_to_what_the_rules_ask_for() -> None:
    text = render("opt_in_confirmation", "en", brand="Acme " * 200)
    assert len(text) <= LONGEST
    assert text.endswith("Reply HELP to receive assistance. Text STOP to unsubscribe.")
    assert "Acme Acme Acme" in text


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="'marketing'"):
        render("marketing", "en")
