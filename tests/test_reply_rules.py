"""The linter of replies: each rule by the text that breaks it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.double_opt_in import questions
from compliance.replies import QUESTION, built_in, texts
from compliance.text_rules import languages
from compliance.text_rules.lint import ERROR, Draft, errors_of, lint

BRAND, CONTACT = "XYZ Productions", "help@xyz.example"
OUT = "{brand}: You are unsubscribed and will get no more messages. Help: {help_contact}"
SUBSCRIBED = (
    "{brand}: You are subscribed. 4 msgs/month. Msg & data rates may apply. Reply HELP for help, STOP to unsubscribe."
)
HELP = "{brand}: For help, contact {help_contact}. Reply STOP to unsubscribe."


def draft(body: str, purpose: str = "opt_out_confirmation", language: str = "en", **changes: Any) -> Draft:
    values: dict[str, Any] = {"brand": BRAND, "help_contact": CONTACT, **changes}
    return Draft(purpose, language, body, **values)


def broken(body: str, purpose: str = "opt_out_confirmation", **changes: Any) -> set[str]:
    """The rules that make errors of a text."""
    return {finding.rule for finding in errors_of(draft(body, purpose, **changes))}


def test_the_confirmation_of_the_mission_passes() -> None:
    said = "Thank you for subscribing to XYZ Productions. Reply HELP to receive assistance. Text STOP to unsubscribe."
    assert lint(draft(said, "opt_in_confirmation")) == []


@pytest.mark.parametrize("language", sorted(texts()))
def test_every_default_passes(language: str) -> None:
    assert language in languages()
    for name, body in texts()[language].items():
        for is_recurring in (False, True):
            found = errors_of(draft(body, name, language, is_recurring=is_recurring))
            assert found == [], (name, [str(finding) for finding in found])


@pytest.mark.parametrize("body", [OUT])
def test_a_good_opt_out_confirmation_passes(body: str) -> None:
    assert lint(draft(body)) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (OUT.replace("{brand}: ", ""), "CT-09"),
        (OUT.replace(" and will get no more messages", ""), "CT-09"),
        (OUT + " 20% back next time!", "US-12"),
        (OUT + " Take 5 off.", "US-12"),
        (OUT + " See our sale.", "US-12"),
        (OUT + " Best deal in town.", "US-12"),
        (OUT + " One free coffee.", "US-12"),
        (OUT + " Use SAVE20.", "US-12"),
        (OUT + " More at xyz.example.com/shop", "US-12"),
        (OUT + " bit.ly/3xYz", "NET-17"),
        ("no more messages", "NET-10"),
        (OUT + "a" * 250, "NET-10"),
    ],
)
def test_each_rule_of_an_opt_out_confirmation(body: str, rule: str) -> None:
    assert rule in broken(body)


def test_net10_20_and_320_characters_pass_19_and_321_do_not() -> None:
    body = "XYZ Productions: no more messages, you are unsubscribed."
    for length, passes in ((320, True), (321, False)):
        assert ("NET-10" not in broken(body + "x" * (length - len(body)))) is passes
    assert "NET-10" in broken("x" * 19)
    assert "NET-10" not in broken("x" * 20)


def test_the_length_counts_filled_in() -> None:
    assert "NET-10" in broken(OUT + "x" * 200, brand="A long name of a business" * 3)


def test_a_name_with_offers_in_it_makes_none() -> None:
    assert broken(OUT, brand="Free Deals 4U %", help_contact="https://free.example.com") == set()


def test_a_toll_free_number_is_no_offer() -> None:
    assert broken(OUT.replace("{help_contact}", "toll-free 888-555-0100")) == set()


ONE_WAY_ALONE = {
    "en": ["The only way to opt out is to reply STOP.", "You can unsubscribe only by replying STOP."],
    "es": ["La única forma de darse de baja es responder STOP.", "Puede cancelar los mensajes solo respondiendo STOP."],
    "fr": ["Le seul moyen de vous désabonner est STOP.", "Vous pouvez vous désabonner uniquement par SMS."],
    "pt": ["A única forma de cancelar é responder STOP.", "Pode cancelar as mensagens apenas respondendo STOP."],
    "de": ["Die einzige Möglichkeit, sich abzumelden, ist STOP.", "Sie können sich nur per SMS abmelden."],
    "it": ["L'unico modo per cancellarsi è STOP.", "Può cancellarsi solo rispondendo STOP."],
    "nl": ["De enige manier om u af te melden is STOP.", "U kunt zich alleen via sms afmelden."],
    "pl": ["Jedyny sposób, by wypisać się, to STOP.", "Można zrezygnować tylko przez SMS."],
    "ru": ["Единственный способ отписаться - СТОП.", "Отписаться можно только через СТОП."],
    "zh": ["您只能回复TD退订。", "退订只能回复TD。"],
    "ja": ["配信停止はSTOPの返信のみ可能です。"],
    "ko": ["수신거부는 STOP 회신으로만 됩니다."],
}


@pytest.mark.parametrize("language", sorted(languages()))
def test_us03_no_reply_names_one_way_alone_to_stop(language: str) -> None:
    for said in ONE_WAY_ALONE[language]:
        for purpose in ("help_reply", "opt_in_confirmation", "opt_out_confirmation"):
            found = {finding.rule for finding in errors_of(draft(f"{{brand}}: {said}", purpose, language))}
            assert "US-03" in found, said


@pytest.mark.parametrize("body", ["{brand}: Reply STOP to end, or call us.", "{brand}: Only you can stop by at noon."])
def test_us03_one_way_among_several_is_fine(body: str) -> None:
    assert "US-03" not in broken(body, "help_reply")


def test_lit07_one_number_offers_stopall() -> None:
    assert broken(OUT, "opt_out_confirmation_number") == {"LIT-07"}
    assert broken(OUT + " Reply STOPALL for all numbers.", "opt_out_confirmation_number") == set()


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("{brand}: ", "who writes"),
        ("You are subscribed. ", "subscribed"),
        ("4 msgs/month. ", "how often"),
        ("Msg & data rates may apply. ", "rates"),
        ("Reply HELP for help, ", "help"),
        (", STOP to unsubscribe", "how to stop"),
    ],
)
def test_ct10_what_is_missing_is_named(gone: str, message: str) -> None:
    assert lint(draft(SUBSCRIBED, "opt_in_confirmation", is_recurring=True)) == []
    [finding] = errors_of(draft(SUBSCRIBED.replace(gone, ""), "opt_in_confirmation", is_recurring=True))
    assert message in finding.message


def test_ct10_frequency_and_rates_are_for_recurring_programs() -> None:
    once = SUBSCRIBED.replace("4 msgs/month. ", "").replace("Msg & data rates may apply. ", "")
    assert broken(once, "opt_in_confirmation") == set()
    assert broken(once, "opt_in_confirmation", is_recurring=True) == {"CT-10"}


def test_ct11_a_help_reply_gives_a_contact_and_no_offer() -> None:
    assert broken(HELP, "help_reply") == set()
    assert broken("{brand}: We will help you soon. Reply STOP to unsubscribe.", "help_reply") == {"CT-11"}
    assert broken(HELP + " All shoes on sale!", "help_reply") == {"CT-11"}


def test_lit11_an_invitation_to_come_back_is_a_warning() -> None:
    [finding] = lint(draft(OUT + " Reply START to come back."))
    assert (finding.level, finding.rule) == ("warning", "LIT-11")


def test_characters_that_cut_the_room_are_named_with_what_to_write() -> None:
    body = "{brand} : désabonnement confirmé, vous êtes retiré, aucun autre message. Aide : {help_contact}"
    [finding] = lint(draft(body, language="fr"))
    assert finding.level == "warning"
    assert "“ê” (better “é”)" in finding.message


def test_languages_of_other_scripts_are_not_warned_of_theirs() -> None:
    assert lint(draft("{brand}: 您已退订，不会再收到短信。{help_contact}", language="zh")) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (OUT + " {brnad}", "{brnad} stands for nothing"),
        (OUT + " {frequency}", "{frequency} is empty"),
        (OUT + " {", "single brace"),
        (OUT + " {{brand}}", "single brace"),
    ],
)
def test_placeholders_that_stand_for_nothing(body: str, said: str) -> None:
    assert [finding for finding in errors_of(draft(body)) if said in finding.message]


def test_a_language_without_rules_is_said_so() -> None:
    found = lint(draft(OUT, language="xx"))
    assert [finding.level for finding in found] == ["warning"]
    assert "“xx”" in found[0].message


@pytest.mark.parametrize("language", sorted(languages()))
@pytest.mark.parametrize("purpose", ["opt_out_confirmation", "opt_in_confirmation", "help_reply", "opt_in_question"])
def test_an_empty_reply_breaks_rules_in_every_language(purpose: str, language: str) -> None:
    assert errors_of(draft("x" * 30, purpose, language))


@given(st.text(max_size=400), st.sampled_from(sorted(languages())))
def test_any_text_can_be_looked_at(body: str, language: str) -> None:
    for finding in lint(draft(body, language=language)):
        assert finding.message
        assert finding.level in (ERROR, "warning")


@pytest.mark.parametrize(("frequency", "rule"), [("Now 50% OFF!", "US-12"), ("See bit.ly/x", "NET-17")])
def test_how_often_is_no_way_round_the_rules(frequency: str, rule: str) -> None:
    said = "{brand}: You are unsubscribed and will get no more messages. {frequency} Help: {help_contact}"
    assert rule in broken(said, frequency=frequency)


def test_ct10_a_name_does_not_say_how_to_stop() -> None:
    said = "Thank you for subscribing to {brand}."
    assert broken(said, "opt_in_confirmation", brand="Reply HELP for help, STOP to end Ltd") == {"CT-10"}


def test_net17_a_shortener_is_none_in_the_help_contact_either() -> None:
    assert broken(OUT, help_contact="bit.ly/help") == {"NET-17"}


@pytest.mark.parametrize("language", sorted(questions()))
def test_net20_a_question_names_a_word_that_is_read_as_a_yes(language: str) -> None:
    assert errors_of(draft(built_in(QUESTION, language), QUESTION, language)) == []
    assert "NET-20" in broken("{brand}: do you want our texts? Tell us.", QUESTION, language=language)


def test_net20_yes_itself_is_read_in_every_language() -> None:
    assert "NET-20" not in broken(
        "{brand}: 確認のためYESと返信してください。お待ちしております。", QUESTION, language="ja"
    )
