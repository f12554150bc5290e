"""What a compiled list holds, and how the classifier looks words up in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

_FOREIGN = "An opt-out word of a language that this conversation is not in."


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
    elsewhere: str = ""

    def read_in(self, language: str) -> "Entry | None":
        """What the word means in a conversation in `language`; None where it is an ordinary word there."""
        if not self.elsewhere or language == self.language:
            return self
        return None if self.elsewhere == "other" else replace(self, intent="unclear", reason=_FOREIGN)


@dataclass(frozen=True, slots=True)
class Filler:
    """Words around a keyword that change nothing."""

    place: str
    intents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern for a part of a sentence, or for a whole clause of it, with a space before its first word.

    `source` is its regular expression, compiled when a text first holds one of its trigger words: most processes meet
    few of the languages, and all patterns together take a second.
    """

    rule: str
    intent: str
    language: str
    source: str
    reason: str
    sources: tuple[str, ...]
    also: frozenset[str] = frozenset()
    clause: bool = False
    whole: bool = False
    examples: tuple[str, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression."""
        return _compiled(self.source)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    return re.compile(source)


@dataclass(slots=True)
class Lexicon:
    """All lists, ready to be looked up by folded text.

    `words` is by the language of the conversation first. `own` is what a business laid over the lists: its own words,
    and None for a listed word that it switched off. `starts` are the first words of all words and fillers, with how
    many words the longest of them has; `strong` the longest words of all strong keywords. `footers` lead from copied
    instructions without spaces to the same with spaces and what they say. `respellings` and `hedges` are kept by
    language; `misspelled` leads from a word to all that it stands for in any of them. `phrases` are in the order of
    the lists; `by_word` and `by_prefix` lead from a trigger word to the numbers of its phrases, and `prefixes` finds
    the latter. `rows` says the same in bits, for other spellings too: the lower half of a word's bits are the phrases
    that it triggers, the upper half those that need it besides; `alone` are those that need nothing besides,
    `clear` the clauses that are acted on; `prefix_rows` are the bits of a prefix.
    `unspaced` holds the phrases of languages that put no spaces between words. `signatures` are what mail programs
    add, where one of the `signature_words` occurs.
    """

    words: dict[str, dict[str, Entry]] = field(default_factory=dict)
    own: dict[str, Entry | None] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    stretched: dict[str, Entry] = field(default_factory=dict)
    typos: dict[str, Entry] = field(default_factory=dict)
    strong: set[str] = field(default_factory=set)
    footers: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    fillers: dict[str, Filler] = field(default_factory=dict)
    emoji: dict[str, Entry] = field(default_factory=dict)
    phrases: list[Phrase] = field(default_factory=list)
    by_word: dict[str, list[int]] = field(default_factory=dict)
    by_prefix: dict[str, list[int]] = field(default_factory=dict)
    prefixes: re.Pattern[str] = re.compile(r"(?!)")
    rows: dict[str, int] = field(default_factory=dict)
    prefix_rows: dict[str, int] = field(default_factory=dict)
    alone: int = 0
    clear: int = 0
    unspaced: list[Phrase] = field(default_factory=list)
    unspaced_fillers: list[str] = field(default_factory=list)
    respellings: dict[str, dict[str, str]] = field(default_factory=dict)
    misspelled: dict[str, frozenset[str]] = field(default_factory=dict)
    hedges: dict[str, frozenset[str]] = field(default_factory=dict)
    reactions: list[tuple[re.Pattern[str], Entry]] = field(default_factory=list)
    signatures: re.Pattern[str] = re.compile(r"(?!)")
    signature_words: frozenset[str] = frozenset()

    def find(self, word: str, language: str) -> Entry | None:
        """What a listed word means in a conversation in this language."""
        return self.own[word] if word in self.own else self.words[language].get(word)


def make_entry(language: str, kind: str, row: Mapping[str, Any], *, intent: str) -> Entry:
    """An entry from its row, under the rule id "<language>.<kind>.<id>"."""
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
        elsewhere=row.get("elsewhere", ""),
    )
