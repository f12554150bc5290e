"""May a business list this word with this meaning? Each refusal is a sentence that names the rule.

Imports no Django.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compliance.classifier import Intent, classify
from compliance.double_opt_in import is_yes
from compliance.keywords import PROTECTED, load
from compliance.keywords.folding import plain
from compliance.replies import texts
from compliance.text_rules.instructions import CAPITALS, instruction_in

MOST_WORDS = 4
LONGEST_FOLDED = 160  # characters
CAMPAIGN, ANSWER, OFF = "campaign", "answer", "off"
_TOLD = "Our texts tell people to send “{word}”, so it has to work (CT-01)."
# What stands for letters; a 1 may be an i or an l.
_SIGNS = tuple(str.maketrans("0345$@71!|", f"oeassat{one * 3}") for one in "il")
# The kind of reply that goes with a meaning.
REPLY_KINDS = {
    "opt_out": "opt_out_confirmation",
    "opt_in": "opt_in_confirmation",
    CAMPAIGN: "opt_in_confirmation",
    "help": "help_reply",
    ANSWER: "keyword_reply",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A keyword as somebody wants it. `home` and `home_language` are the country and the language of the business."""

    word: str
    meaning: str
    language: str = ""
    country: str = ""
    reply_kind: str = ""
    reply_name: str = ""
    campaign: str = ""
    shown: str = ""
    note: str = ""
    home: str = "US"
    home_language: str = "en"

    @property
    def folded(self) -> str:
        """The form in which words are compared."""
        return plain(self.word)

    @property
    def intent(self) -> str:
        """What the classifier answers."""
        return {CAMPAIGN: "opt_in", ANSWER: "other", OFF: "other"}.get(self.meaning, self.meaning)


def faults_of(entry: Entry) -> dict[str, str]:
    """What keeps an entry from being saved, by field; empty where it may be."""
    found: dict[str, str] = {}
    for field, sentence in (*_faults_of_word(entry), *_faults_of_rest(entry)):
        found.setdefault(field, sentence)
    return found


def _faults_of_word(entry: Entry) -> Iterator[tuple[str, str]]:
    folded = entry.folded
    if not folded:
        yield "word", "Write a word with letters or digits."
    elif folded.isascii() and len(folded) == 1:
        yield "word", "One letter or digit is too short: too many people text it for other reasons."
    elif len(folded) > LONGEST_FOLDED:
        yield "word", "This is too long: some of its characters stand for many letters."
    elif folded.count(" ") >= MOST_WORDS:
        yield "word", f"A keyword has at most {MOST_WORDS} words."
    elif fixed := _fixed(entry):
        yield "word", fixed
    else:
        yield from _switching_off(entry) if entry.meaning == OFF else _adding(entry)


def _fixed(entry: Entry) -> str:
    """Why a word of the lists means the same for everybody."""
    for row in _rules()["fixed"]:
        if entry.folded in row["words"] and entry.home in row.get("countries", [entry.home]):
            return f"“{entry.word}” {row['why']} ({row['rule']}). It can't be switched off or mean anything else."
    if entry.folded in PROTECTED:
        return f"“{entry.word}” means the same for everybody. It can't be switched off or mean anything else."
    return ""


def _switching_off(entry: Entry) -> Iterator[tuple[str, str]]:
    if not is_listed(entry.folded):
        yield "word", f"“{entry.word}” is on none of the lists, so there is nothing to switch off."
    elif entry.folded in told_words():
        yield "word", _TOLD.format(word=entry.word)


def _adding(entry: Entry) -> Iterator[tuple[str, str]]:
    found = classify(entry.word, entry.language or entry.home_language)
    if entry.intent == "opt_in" and is_yes(entry.word):
        sentence = "answers ordinary questions too; it opts in only while you ask for a YES (NET-20)."
        yield "word", f"“{entry.word}” {sentence}"
    elif found.intent == entry.intent != Intent.OTHER and not (entry.reply_name or entry.meaning == CAMPAIGN):
        yield "word", f"“{entry.word}” is read {_meaning(found.intent)} already; there is nothing to add."
    elif found.intent == Intent.OPT_OUT != entry.intent and not is_listed(entry.folded):
        yield "word", f"“{entry.word}” is a way to say an opt-out word (US-01, CT-04); it can't mean anything else."
    elif found.intent != entry.intent and is_listed(entry.folded) and entry.folded in told_words():
        yield "word", _TOLD.format(word=entry.word)
    elif entry.intent != Intent.OPT_OUT and (protected := _written_with_signs(entry.word)):
        yield "word", f"“{entry.word}” is a way to write “{protected.upper()}” (CT-04); it can't mean anything else."
    elif found.intent not in (entry.intent, Intent.OTHER) and not entry.note.strip():
        yield "note", f"The lists read “{entry.word}” {_meaning(found.intent)}. Write why it means something else here."


def _faults_of_rest(entry: Entry) -> Iterator[tuple[str, str]]:
    if entry.meaning == CAMPAIGN and not entry.campaign.strip():
        yield "campaign", "Name the campaign that advertises the word: it is kept with every consent."
    if entry.meaning == CAMPAIGN and not entry.shown.strip():
        yield "wording", "Write what people are shown: it is the proof of what they agreed to (CT-13)."
    if entry.meaning == ANSWER and not entry.reply_name:
        yield "reply", "Choose the reply that answers this word; write it under Replies first, with a name."
    if entry.reply_kind and entry.reply_kind != REPLY_KINDS.get(entry.meaning):
        yield "reply", "This reply is for something else; choose one that fits what the word means."
    elif entry.reply_kind and not entry.reply_name:
        yield "reply", "This is the usual reply, which is sent anyway; leave the field empty."


def is_listed(folded: str) -> bool:
    """Whether a word stands on one of the lists."""
    return any(folded in by_word for by_word in load().words.values())


@cache
def told_words() -> frozenset[str]:
    """The words that our texts tell people to send, in any language: each is answered in the language it is in."""
    said = (text for language, named in texts().items() for text in (instruction_in(language), *named.values()))
    return frozenset(plain(word) for text in said for word in CAPITALS.findall(text))


def _written_with_signs(word: str) -> str:
    """The fixed word that a word is with digits and signs for letters ("ST0P", "$TOP", "HE1P"), "" for none."""
    read = {plain(word.lower().translate(signs)) for signs in _SIGNS}
    return next(iter(sorted(read & PROTECTED)), "")


def _meaning(intent: str) -> str:
    meanings: Mapping[str, str] = _rules()["meanings"]
    return meanings[intent]


@cache
def _rules() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "rules.toml").read_text(encoding="utf-8"))
