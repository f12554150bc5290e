"""What a reply asks for: US-01, US-02, CT-02 to CT-04, CT-08, CT-11, CA-05, NET-01, NET-20, LIT-03, LIT-04, LIT-14."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import keywords
from compliance.classifier import Classification, Intent, classify
from tests.processor_time import runs_within

DATA = Path(__file__).parent / "data"
GATHERED = DATA / "replies_gathered.csv"
REQUIRED = DATA / "replies_required.csv"

ALLOWED = {
    "opt_out": {Intent.OPT_OUT, Intent.UNCLEAR},
    "opt_out_or_unclear": {Intent.OPT_OUT, Intent.UNCLEAR},
    "opt_in": {Intent.OPT_IN},
    "opt_in_if_pending": {Intent.OTHER},
    "help": {Intent.HELP},
    "other": {Intent.OTHER},
    "other_or_unclear": {Intent.OTHER, Intent.UNCLEAR},
    "not_opt_in": {Intent.OTHER, Intent.UNCLEAR},
    "not_global": {Intent.UNCLEAR},
    "unclear": {Intent.UNCLEAR},
}
# Spanish and Portuguese word lists come later; these words opt in elsewhere, but answer ordinary questions (NET-20).
LATER_LANGUAGES = {"es", "pt"}
NOT_OPT_IN_HERE = {"CONTINUE", "RESUME", "BEGIN"}

PER_SE = ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]
LISTED = [*PER_SE, "stopall", "stop all", "unsub", "unsuscribe", "opt-out", "optout", "remove", "TD"]
FRENCH = ["arret", "arrêt", "ARRÊT", "arrete", "ARRETT", "arrêtez", "désabonner"]


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def intent(text: str, language: str = "en") -> Intent:
    return classify(text, language).intent


@pytest.mark.parametrize("word", LISTED)
def test_us01_a_listed_word_alone_opts_out(word: str) -> None:
    for text in (word, word.upper(), word.title(), f"{word}.", f'"{word}"', f"\n {word}!! \r\n", f"“{word}”"):
        assert intent(text) is Intent.OPT_OUT, text


@pytest.mark.parametrize("word", FRENCH)
def test_ca05_french_words_opt_out_in_french(word: str) -> None:
    found = classify(word)
    assert (found.intent, found.language) == (Intent.OPT_OUT, "fr")


def test_ca06_a_word_of_both_languages_takes_the_language_of_the_conversation() -> None:
    assert [classify("STOP", hint).language for hint in ("en", "fr", "fr-CA", "xx", "")] == [
        "en",
        "fr",
        "fr",
        "en",
        "en",
    ]
    assert classify("UNSUBSCRIBE", "fr").language == "en"
    assert classify("AIDE").language == "fr"
    assert classify("HELP", "fr").language == "fr"


@pytest.mark.parametrize(
    "text",
    [
        "s t o p",
        "S.T.O.P.",
        "s-t-o-p",
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "st\u200bop",
        "\u202estop\u202c",
        "st\u00adop",
        "s\u0336t\u0336o\u0336p\u0336",
        "STOP 🙏",
        "🛑 stop",
        "STOP!! 😡",
        "Stop 👍🏽",
        "stóp",
        "S\x00T\x00O\x00P\x00",
        "STOP\ud83d",
        "sto p",
        "\ufffdSTOP",
        "stop?",
    ],
)
def test_ct04_trivial_differences_do_not_defeat_an_opt_out(text: str) -> None:
    assert intent(text) is Intent.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "stop please",
        "please stop",
        "Stop. Thank you",
        "STOPALL NOW",
        "CANCEL THIS",
        "END IT",
        "stop stop stop",
        "Ok stop",
        "stop, quit, end",
        "arrêt svp",
        "s t o p please",
        "I said STOP",
    ],
)
def test_politeness_around_a_word_keeps_it_certain(text: str) -> None:
    found = classify(text)
    assert found.intent is Intent.OPT_OUT
    assert ".filler." in found.rule


@pytest.mark.parametrize(
    "text",
    [
        "STOP2END",
        "stop2quit",
        "stop 2 quit",
        "stop=quit",
        "stop to quit",
        "Stop to opt out",
        "Reply STOP",
        "text STOP to end",
    ],
)
def test_copied_footers_opt_out(text: str) -> None:
    assert intent(text) is Intent.OPT_OUT


def test_net01_the_word_is_stop_only_where_it_stands_alone() -> None:
    assert [classify(text).word for text in ("STOP", " stop ", "Stop!", '"stop"')] == ["stop"] * 4
    assert all(
        classify(text).word != "stop"
        for text in ("stop please", "s t o p", "STOP 🙏", "stop2end", "CANCEL", "please stop texting me")
    )


def test_a_word_that_is_nearly_one_is_named() -> None:
    assert [classify(text).word for text in ("Exit!", "STPO", "stopppp")] == ["exit", "stpo", "stop"]


def test_lit07_stopall_is_recognised_however_it_is_written() -> None:
    assert {
        classify(text).word
        for text in ("STOPALL", "stop all", "STOPALL NOW", "s t o p a l l", "stop stopall", "arrêt tout")
    } == {"stopall"}


@pytest.mark.parametrize("text", ["START", "unstop", "Start!", "opt in", "OPT-IN", "s t a r t", "start 😀"])
def test_net02_opt_in_words(text: str) -> None:
    assert intent(text) is Intent.OPT_IN


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "continue",
        "resume",
        "join",
        "begin",
        "start?",
        "start please",
        "start over",
        "when do we start",
        "st art",
        "start start",
    ],
)
def test_net20_nothing_but_the_bare_word_opts_in(text: str) -> None:
    assert intent(text) is not Intent.OPT_IN


@pytest.mark.parametrize("text", ["HELP", "info", " info please", "Help!", "aide", "aide stp", "AIDE SVP", "help?"])
def test_ct11_help_words(text: str) -> None:
    assert intent(text) is Intent.HELP


@pytest.mark.parametrize("sign", ["🛑", "⛔", "⛔️", "🚫", "✋", "✋🏽", "🛑🛑🛑", "🛑 !"])
def test_lit14_a_stop_sign_alone_opts_out(sign: str) -> None:
    assert intent(sign) is Intent.OPT_OUT


@pytest.mark.parametrize("row", rows_of(REQUIRED), ids=lambda row: row["text"].strip())
def test_us02_requests_are_never_ignored_and_ct03_ordinary_talk_passes(row: dict[str, str]) -> None:
    found = classify(row["text"], row["language"])
    assert found.intent in ALLOWED[row["label"]]
    assert found.intent is not Intent.UNCLEAR or found.reason.endswith(".")


@pytest.mark.parametrize(
    "lead",
    [
        "Liked",
        "Loved",
        "Laughed at",
        "Emphasized",
        "Questioned",
        "👍 to",
        "Reacted 😂 to",
        "A aimé",
        "Removed a like from",
    ],
)
def test_a4_a_quoted_reaction_is_no_request(lead: str) -> None:
    assert intent(f"{lead} “Sale today! Reply STOP to end”") is Intent.OTHER
    assert intent(f'\u200a{lead}\u200b "STOP"') is Intent.OTHER
    assert intent(f"{lead} “Sale today! Reply STOP to e…") is Intent.OTHER


def test_a4_a_dislike_is_held() -> None:
    assert intent("Disliked “Sale today! Reply STOP to end”") is Intent.UNCLEAR
    assert intent("👎 to “Sale today! Reply STOP to end”") is Intent.UNCLEAR


def test_a4_words_after_the_quote_are_read() -> None:
    assert intent("Liked “Sale today” but stop texting me") is Intent.UNCLEAR
    assert intent("Liked “Sale today” STOP") is Intent.UNCLEAR


@pytest.mark.parametrize(
    "row",
    [row for row in rows_of(GATHERED) if row["language"] not in LATER_LANGUAGES],
    ids=lambda row: row["text"].strip(),
)
def test_replies_gathered_from_other_projects(row: dict[str, str]) -> None:
    allowed = {Intent.OTHER} if row["text"] in NOT_OPT_IN_HERE else ALLOWED[row["label"]]
    assert intent(row["text"], row["language"][:2]) in allowed


@pytest.mark.parametrize("hint", ["en", "fr", "es"])
def test_ordinary_replies_of_any_language_opt_nobody_out(hint: str) -> None:
    ordinary = [row["text"] for row in rows_of(GATHERED) if row["label"].startswith(("other", "not_", "opt_in"))]
    assert [text for text in ordinary if intent(text, hint) is Intent.OPT_OUT] == []


OPT_OUT_WORDS = sorted({word for word, entry in keywords.load().words["en"].items() if entry.intent == "opt_out"})
ALL_WORDS = sorted(word for word, entry in keywords.load().words["en"].items() if entry.intent != "unclear")
INVISIBLE = ["", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u0336", "\u0301", "\ufe0f", "\u202a"]
AROUND = [
    "",
    " ",
    "  ",
    "\n",
    "\t",
    ".",
    "!",
    "!!!",
    '"',
    "“",
    "”",
    "'",
    "(",
    ")",
    "*",
    "-",
    "…",
    "😡",
    "🙏",
    " 👍🏽",
    "❤️",
    "\u00a0",
    "¡",
]


@st.composite
def decorated(draw: st.DrawFn, words: list[str]) -> tuple[str, str]:
    """A listed word as people, phones and filters write it."""
    word = draw(st.sampled_from(words))
    letters = [
        draw(
            st.sampled_from(
                [char, char.upper(), chr(ord(char) + 0xFEE0) if char.isascii() and char.isalnum() else char]
            )
        )
        for char in word
    ]
    hidden = "".join(letter + draw(st.sampled_from(INVISIBLE)) for letter in letters)
    before, after = (draw(st.lists(st.sampled_from(AROUND), max_size=4)) for _ in range(2))
    return word, "".join(before) + hidden + "".join(after)


@given(decorated(ALL_WORDS))
def test_ct04_decoration_never_changes_the_answer(case: tuple[str, str]) -> None:
    word, text = case
    assert intent(text) is intent(word)


@given(st.text(st.characters(exclude_categories=())), st.sampled_from(["en", "fr", "es", "", "zz-ZZ"]))
def test_no_text_raises(text: str, language: str) -> None:
    assert isinstance(classify(text, language), Classification)


@given(st.sampled_from(["Liked", "Loved", "Disliked", "👍 to"]), st.text(), decorated(OPT_OUT_WORDS))
def test_a4_no_quote_in_a_reaction_ever_opts_out(lead: str, text: str, case: tuple[str, str]) -> None:
    assert intent(f"{lead} “{text} {case[1]}”") is not Intent.OPT_OUT


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=1))
def test_only_listed_words_and_fillers_opt_out(text: str) -> None:
    found = classify(text)
    assert found.intent is not Intent.OPT_OUT or found.rule.split(".")[1] in {
        "keyword",
        "filler",
        "footer",
        "typo",
        "phrase",
    }


LONG = 100_000


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "stop ",
        "stop. ",
        "please ",
        "s t o p ",
        "dont want to ",
        "\u0315\u0316",
        "🛑",
        "don't you ",
        "ﷺ",
        "Liked “",
        "un",
        "take off ",
        "not wrong ",
        "no ne me contactez ",
        "\x00",
        "\ud800",
        "stop the with ",
        "dont ",
        "do not want to receive ",
        "aa ",
        "ne arret d ",
    ],
)
def test_time_is_linear_in_the_length_of_the_text(piece: str) -> None:
    text = (piece * LONG)[:LONG]
    assert runs_within(1.0, lambda: classify(text))


def test_every_rule_names_its_sources() -> None:
    lexicon = keywords.load()
    entries: list[keywords.Entry | keywords.Phrase] = [
        *(entry for words in lexicon.words.values() for entry in words.values()),
        *lexicon.emoji.values(),
        *lexicon.phrases,
    ]
    assert [entry.rule for entry in entries if not entry.sources] == []
    assert [entry.rule for entry in entries if entry.intent == "unclear" and not entry.reason] == []
