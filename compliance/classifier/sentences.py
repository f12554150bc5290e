"""Longer texts: an opt-out word as a sentence of its own, or a phrase that asks for an end (US-02)."""

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_

from compliance import keywords
from compliance.classifier.answers import Classification, Intent, Reading, answer, other
from compliance.classifier.whole import listed
from compliance.keywords import Lexicon, Phrase
from compliance.keywords.folding import words_of

_SENTENCE_END = re.compile(r"[.!?;:,\n\r\u2028\u2029…。！？、，]+")
# The letters that people stretch in the words that matter; looking for each is far cheaper than the pattern.
_TRIPLED = [3 * letter for letter in "oepstumn"]
_STRETCHED = re.compile(r"(\w)\1{2,}")
_OWN_SENTENCE = "An opt-out word stands alone in a longer text."
_HEDGED = "A request to stop together with a question or a condition."


def read_sentences(reading: Reading) -> Classification | None:
    """Read a text of several words; None where no rule says anything about it."""
    tokens = set(reading.tokens)
    return _own_sentence(reading, tokens) or _Phrases(reading, tokens).read()


def _own_sentence(reading: Reading, tokens: set[str]) -> Classification | None:
    if tokens.isdisjoint(reading.lexicon.strong):
        return None
    for sentence in _SENTENCE_END.split(reading.folded):
        for entry in listed(words_of(sentence).split(" "), reading.language, reading.lexicon):
            if entry.strong:
                rule = entry.rule.replace(".keyword.", ".sentence.")
                return answer(entry, reading.language, rule=rule, reason=entry.reason or _OWN_SENTENCE)
    return None


class _Phrases:
    """One pass over the phrases whose trigger words occur, in the order of the lists."""

    def __init__(self, reading: Reading, tokens: set[str]) -> None:
        self.reading, self.lexicon, self.tokens = reading, reading.lexicon, tokens
        self.folded, self.plain = reading.folded, reading.words
        if reading.has_stop_sign():
            self.folded = _spoken_signs(reading)
            self.plain = words_of(self.folded)
        for letters in _TRIPLED:
            if letters in self.plain:
                self.plain = _STRETCHED.sub(r"\1", self.plain)
        if self.plain is not reading.words:
            self.tokens = tokens.union(self.plain.split(" "))
        self.words: dict[str, str] = {}

    def read(self) -> Classification | None:
        """The first phrase that asks for an end; ordinary talk is set aside on the way."""
        ordinary = ""
        for phrase in self._candidates():
            words = self._spelled(phrase.language)
            if phrase.clause:
                if found := self._clause(phrase):
                    return found
            elif phrase.intent == Intent.OTHER:
                self.words[phrase.language], times = phrase.pattern.subn(" |", words)
                ordinary = phrase.rule if times else ordinary
            elif phrase.pattern.search(words):
                return _phrase_answer(phrase)
        return other(self.reading.language, ordinary) if ordinary else None

    def _spelled(self, language: str) -> str:
        """The text, a space before each word, spelled right in a language, once a phrase of it is looked for."""
        if language not in self.words:
            spellings = self.lexicon.respellings.get(language, {})
            right = spellings.keys().isdisjoint(self.tokens)
            self.words[language] = f" {self.plain if right else _respell(self.plain, spellings)}"
        return self.words[language]

    def _candidates(self) -> list[Phrase]:
        rows, phrases = self.lexicon.rows, self.lexicon.phrases
        found = reduce(or_, map(rows.__getitem__, rows.keys() & self.tokens), 0)
        for prefix in self.lexicon.prefixes.findall(f" {self.plain}"):
            found |= self.lexicon.prefix_rows[prefix]
        chosen = found & (found >> len(phrases) | self.lexicon.alone) & (1 << len(phrases)) - 1
        return [phrases[number] for number in _places(chosen)]

    def _clause(self, phrase: Phrase) -> Classification | None:
        spellings = self.lexicon.respellings.get(phrase.language, {})
        for sentence in _SENTENCE_END.split(self.folded):
            words = _respell(words_of(sentence), spellings)
            if words and phrase.pattern.fullmatch(f" {bare(words, self.lexicon)}"):
                return _phrase_answer(phrase, _HEDGED if self._is_hedged(phrase.language) else "")
        return None

    def _is_hedged(self, language: str) -> bool:
        misspelled = self.lexicon.misspelled
        meant = self.tokens.union(*map(misspelled.__getitem__, misspelled.keys() & self.tokens))
        return "?" in self.folded or not meant.isdisjoint(self.lexicon.hedges[language])


def _places(bits: int) -> Iterator[int]:
    """The places of the bits that are set, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def bare(words: str, lexicon: Lexicon) -> str:
    """A clause without the politeness at its edges."""
    tokens = words.split(" ")
    while len(tokens) > 1 and _is_filler(tokens[0], lexicon, "before"):
        del tokens[0]
    while len(tokens) > 1 and _is_filler(tokens[-1], lexicon, "after"):
        del tokens[-1]
    return " ".join(tokens)


def _is_filler(token: str, lexicon: Lexicon, place: str) -> bool:
    filler = lexicon.fillers.get(token)
    return filler is not None and filler.place in (place, "around") and Intent.OPT_OUT in filler.intents


def _respell(words: str, spellings: dict[str, str]) -> str:
    if not spellings:
        return words
    return " ".join(filter(None, [spellings.get(token, token) for token in words.split(" ")]))


def _spoken_signs(reading: Reading) -> str:
    emoji = reading.lexicon.emoji
    signs: dict[str, str | int | None] = {
        sign: " stop " for sign in emoji if emoji[sign].intent == Intent.OPT_OUT and sign in reading.folded
    }
    return reading.folded.translate(str.maketrans(signs))


def _phrase_answer(phrase: Phrase, doubt: str = "") -> Classification:
    spoken = phrase.language if phrase.language in keywords.LANGUAGES else keywords.LANGUAGES[0]
    reason = doubt or phrase.reason
    return Classification(Intent.UNCLEAR if reason else Intent(phrase.intent), phrase.rule, spoken, "", reason)
