"""A decision, what it rests on, and the text it is read from."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from compliance import keywords
from compliance.keywords import Entry, Lexicon


class Intent(StrEnum):
    """What the person wants."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    UNCLEAR = "unclear"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Classification:
    """A decision and what it rests on.

    `rule` names the row of a list: "<language or own>.<kind>.<id>", "none" where nothing matched. `word` is the
    keyword in its one form: "stopall" for every way of writing STOP ALL, and "stop" only where the text is that word
    alone, which toll-free networks answer themselves (NET-01); other ways of saying STOP ("stop please", "s t o p")
    keep what was written. `reason` tells a person why a text is unclear.
    """

    intent: Intent
    rule: str
    language: str
    word: str = ""
    reason: str = ""


@dataclass(slots=True)
class Reading:
    """A text in the forms that the rules look at."""

    text: str
    folded: str
    words: str
    tokens: list[str]
    language: str
    lexicon: Lexicon

    def has_stop_sign(self) -> bool:
        """Whether a sign that opts out when it stands alone is among the characters (LIT-14)."""
        return not self.folded.isascii() and any(
            entry.intent == Intent.OPT_OUT and sign in self.folded for sign, entry in self.lexicon.emoji.items()
        )


def answer(entry: Entry, language: str, word: str = "", *, rule: str = "", reason: str = "") -> Classification:
    """What a listed word says; with a reason it is unclear, whatever the list says."""
    reason = reason or entry.reason
    intent = Intent.UNCLEAR if reason else Intent(entry.intent)
    return Classification(intent, rule or entry.rule, spoken(entry, language), word or entry.canonical, reason)


def spoken(entry: Entry, language: str) -> str:
    """The language to answer in: the word's own, but the conversation's for a word of many languages (CA-06)."""
    return language if entry.shared or entry.language not in keywords.LANGUAGES else entry.language


@cache
def other(language: str, rule: str = "none") -> Classification:
    """Ordinary talk."""
    return Classification(Intent.OTHER, rule, language)
