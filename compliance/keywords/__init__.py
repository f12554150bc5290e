"""The word lists, one TOML file per language, loaded once and compiled.

Lists are data: each entry carries an id and the rules it rests on, so that a decision can name what it relied on.
Nothing here imports Django.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from compliance.keywords.folding import fold, plain, squeeze

# Part of what a decision is recorded with; raise it whenever a list or the way it is read changes.
VERSION = "1"

LANGUAGES = ("en", "fr", "es")
_DIRECTORY = Path(__file__).parent
_SHORTEST_STRETCHED = 3
_STRETCHED = "Looks like an opt-out word with stretched letters."


@dataclass(frozen=True, slots=True)
class Entry:
    """A word that says something when it stands alone."""

    rule: str
    intent: str
    language: str
    canonical: str
    sources: tuple[str, ...]
    reason: str = ""
    shared: bool = False
    strong: bool = False
    fillers: bool = True
    network: bool = False


@dataclass(frozen=True, slots=True)
class Filler:
    """Words around a keyword that change nothing."""

    place: str
    intents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern for a part of a sentence."""

    rule: str
    intent: str
    language: str
    pattern: re.Pattern[str]
    reason: str
    sources: tuple[str, ...]


@dataclass(slots=True)
class Lexicon:
    """All lists, ready to be looked up by folded text."""

    words: dict[str, Entry] = field(default_factory=dict)
    stretched: dict[str, Entry] = field(default_factory=dict)
    strong_starts: set[str] = field(default_factory=set)
    footers: dict[str, Entry] = field(default_factory=dict)
    fillers: dict[str, Filler] = field(default_factory=dict)
    emoji: dict[str, Entry] = field(default_factory=dict)
    phrases: list[Phrase] = field(default_factory=list)
    phrases_by_word: dict[str, list[int]] = field(default_factory=dict)
    phrases_by_prefix: dict[str, list[int]] = field(default_factory=dict)
    reactions: list[tuple[re.Pattern[str], Entry]] = field(default_factory=list)


@cache
def load() -> Lexicon:
    """Read every list; a mistake in one stops the start rather than a text."""
    lexicon = Lexicon()
    for name in (*LANGUAGES, "any"):
        _add(lexicon, tomllib.loads((_DIRECTORY / f"{name}.toml").read_text(encoding="utf-8")))
    return lexicon


def _add(lexicon: Lexicon, data: Mapping[str, Any]) -> None:
    language: str = data["language"]
    for row in data.get("keyword", ()):
        _add_keyword(lexicon, language, row)
    for row in data.get("nearly", ()):
        _add_nearly(lexicon, language, row)
    for row in data.get("filler", ()):
        filler = Filler(place=row["place"], intents=frozenset(row["intents"]))
        lexicon.fillers.update((plain(word), filler) for word in row["words"])
    for row in data.get("footer", ()):
        _add_footers(lexicon, language, row)
    for row in data.get("emoji", ()):
        entry = _entry(language, "emoji", row, intent=row["intent"])
        lexicon.emoji.update((fold(sign), entry) for sign in row["signs"])
    for row in data.get("phrase", ()):
        _add_phrase(lexicon, language, row)
    if "reaction" in data:
        _add_reactions(lexicon, language, data["reaction"])


def _entry(language: str, kind: str, row: Mapping[str, Any], *, intent: str) -> Entry:
    return Entry(
        rule=f"{language}.{kind}.{row['id']}",
        intent=intent,
        language=language,
        canonical=row["id"],
        sources=tuple(row.get("sources", ())),
        reason=row.get("reason", ""),
        shared=row.get("shared", False),
        strong=row.get("strong", False),
        fillers=row.get("fillers", True),
        network=row.get("network", False),
    )


def _add_keyword(lexicon: Lexicon, language: str, row: Mapping[str, Any]) -> None:
    entry = _entry(language, "keyword", row, intent=row["intent"])
    for word in map(plain, row["words"]):
        lexicon.words[word] = entry
        if entry.strong:
            lexicon.strong_starts.add(word.split(" ")[0])
        if entry.intent == "opt_out" and len(word) >= _SHORTEST_STRETCHED and " " not in word:
            lexicon.stretched.setdefault(squeeze(word), _stretched(language, row))


def _stretched(language: str, row: Mapping[str, Any]) -> Entry:
    return _entry(language, "stretched", {**row, "reason": _STRETCHED, "network": False}, intent="unclear")


def _add_nearly(lexicon: Lexicon, language: str, row: Mapping[str, Any]) -> None:
    entry = _entry(language, "nearly", row, intent="unclear")
    for word in map(plain, row["words"]):
        lexicon.words.setdefault(word, replace(entry, canonical=word))


def _add_footers(lexicon: Lexicon, language: str, row: Mapping[str, Any]) -> None:
    """ "STOP2END", "stop to quit", "Reply STOP to unsubscribe": every combination, with and without spaces."""
    endings = [("", ""), *product(row["link"], row["second"])]
    for lead, first, (link, second) in product(row["lead"], row["first"], endings):
        # "end to end" is no footer.
        if (lead or second) and first != second:
            copied = plain(f"{lead} {first} {link} {second}")
            entry = _entry(language, "footer", {"id": plain(first)}, intent="opt_out")
            lexicon.footers[copied.replace(" ", "")] = replace(entry, canonical=copied)


def _add_phrase(lexicon: Lexicon, language: str, row: Mapping[str, Any]) -> None:
    for source in row["patterns"]:
        number = len(lexicon.phrases)
        lexicon.phrases.append(_phrase(language, source, row))
        for word in row.get("when", ()):
            lexicon.phrases_by_word.setdefault(word, []).append(number)
        if "when_prefix" in row:
            lexicon.phrases_by_prefix.setdefault(row["when_prefix"], []).append(number)


def _phrase(language: str, source: str, row: Mapping[str, Any]) -> Phrase:
    spelled_out = source.replace("~", r"(?:\w{1,30} ){0,3}").replace(r"\w+", r"\w{1,30}")
    return Phrase(
        rule=f"{language}.phrase.{row['id']}",
        intent=row["intent"],
        language=language,
        pattern=re.compile(rf"(?<!\S)(?:{spelled_out})(?!\S)"),
        reason=row.get("reason", ""),
        sources=tuple(row["sources"]),
    )


def _add_reactions(lexicon: Lexicon, language: str, row: Mapping[str, Any]) -> None:
    for intent, prefixes in _reactions(row):
        details = {"id": "reaction", "sources": row["sources"], "reason": row["reason"] if intent == "unclear" else ""}
        pattern = re.compile(rf"\s*(?:{'|'.join(prefixes)})\s*[\"“„«]", re.IGNORECASE)
        lexicon.reactions.append((pattern, replace(_entry(language, "quote", details, intent=intent), canonical="")))


def _reactions(row: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "unclear", row["unclear"]
    yield "other", row["other"]
