"""Our own replies: US-12, CT-09, CT-10, CT-11, CA-06, NET-10, LIT-07, LIT-11."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.classifier import Intent, classify
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
# What each reply must hold, by language: the rule, then one pattern per element.
ELEMENTS = {
    ("opt_out_confirmation", "en"): [r"unsubscribed", r"no more messages", re.escape(CONTACT)],
    ("opt_out_confirmation", "fr"): [r"désabonnement confirmé", r"aucun autre message", re.escape(CONTACT)],
    ("opt_in_confirmation", "en"): [
        r"subscribed",
        r"frequency varies",
        r"Msg & data rates may apply",
        r"HELP",
        r"STOP",
    ],
    ("opt_in_confirmation", "fr"): [r"abonnement", r"Fréquence variable", r"frais de messagerie", r"AIDE", r"ARRET"],
    ("help_reply", "en"): [re.escape(CONTACT), r"frequency varies", r"Msg & data rates may apply", r"STOP"],
    ("help_reply", "fr"): [re.escape(CONTACT), r"Fréquence variable", r"frais de messagerie", r"ARRET"],
}
every_reply = pytest.mark.parametrize(("purpose", "language"), sorted(ELEMENTS))


def render(purpose: str, language: str, **changes: object) -> str:
    values = {"brand": BRAND, "help_contact": CONTACT, **changes}
    return render_reply(purpose, language, **values)  # type: ignore[arg-type]


@every_reply
def test_ct09_ct10_ct11_each_element_is_there(purpose: str, language: str) -> None:
    text = render(purpose, language)
    assert text.startswith(BRAND)
    assert [element for element in ELEMENTS[purpose, language] if not re.search(element, text)] == []


@every_reply
def test_us12_no_marketing_and_lit11_no_invitation_to_come_back(purpose: str, language: str) -> None:
    assert not MARKETING.search(render(purpose, language))
    assert not MARKETING.search(render(purpose, language, number_scope=True))


@every_reply
def test_net10_20_to_320_characters_of_gsm_7(purpose: str, language: str) -> None:
    for number_scope in (False, True):
        text = render(purpose, language, number_scope=number_scope)
        assert SHORTEST <= len(text) <= LONGEST
        assert set(text) <= GSM_7


@pytest.mark.parametrize("language", ["en", "fr"])
def test_lit07_a_confirmation_for_one_number_offers_stopall(language: str) -> None:
    text = render("opt_out_confirmation", language, number_scope=True)
    assert "STOPALL" in text
    assert "STOPALL" not in render("opt_out_confirmation", language)
    assert classify("STOPALL", language).word == "stopall"


@pytest.mark.parametrize("purpose", ["opt_in_confirmation", "help_reply"])
def test_the_scope_changes_nothing_in_other_replies(purpose: str) -> None:
    assert render(purpose, "en", number_scope=True) == render(purpose, "en")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_ct01_the_words_we_tell_people_to_send_work(language: str) -> None:
    told = {
        "STOP": Intent.OPT_OUT,
        "STOPALL": Intent.OPT_OUT,
        "ARRET": Intent.OPT_OUT,
        "HELP": Intent.HELP,
        "AIDE": Intent.HELP,
    }
    for name in texts()[language]:
        for word in re.findall(r"\b[A-Z]{4,}\b", texts()[language][name]):
            assert classify(word, language).intent is told[word]


@pytest.mark.parametrize("language", ["en-US", "es", "", "xx"])
def test_other_languages_fall_back_to_english(language: str) -> None:
    assert render("help_reply", language) == render("help_reply", "en")


def test_ca06_regional_french_is_french() -> None:
    assert render("help_reply", "fr-CA") == render("help_reply", "fr")


def test_every_language_has_every_text() -> None:
    assert {name: set(by_name) for name, by_name in texts().items()} == {
        language: {*PURPOSES, "opt_out_confirmation_number"} for language in ("en", "fr")
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
    st.sampled_from(["en", "fr"]),
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
    assert text.endswith("Reply HELP for help, STOP to unsubscribe.")
    assert text.startswith("Acme Acme Acme")


def test_an_unknown_purpose_is_refused() -> None:
    with pytest.raises(ValueError, match="'marketing'"):
        render("marketing", "en")
