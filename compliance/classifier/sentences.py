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

_FULL_STOPS = r".!?;\n\r\u2028\u2029…。！？"
_STOPS = rf"{_FULL_STOPS}:,、，"
_FULL_STOP, _ANY_STOP = re.compile(rf"[{_FULL_STOPS}]+"), re.compile(rf"[{_STOPS}]+")
# A clause and what ends it.
_CLAUSE = re.compile(rf"([^{_STOPS}]+)([{_STOPS}]*)")
# Requests are short; in long talk among friends a sentence by itself says little.
_LONGEST_APART = 120
_QUOTES = frozenset('"“”„«»')
# The letters that people stretch in the words that matter; looking for each is far cheaper than the pattern.
_TRIPLED = [3 * letter for letter in "oepstumn"]
_STRETCHED = re.compile(r"(\w)\1{2,}")
_OWN_SENTENCE = "An opt-out word stands alone in a longer text."
_HEDGED = "A request to stop together with a question, a quotation or a condition."


def read_sentences(reading: Reading) -> Classification | None:
    """Read a text of several words; None where no rule says anything about it."""
    tokens = set(reading.tokens)
    phrases = _Phrases(reading, tokens)
    said = phrases.read()
    if said and said.intent == Intent.OPT_OUT:
        return said
    own = _own_sentence(reading, tokens)
    if own or (said and said.intent != Intent.OTHER):
        return own or said
    # A negation may have reached over a comma: "ya les dije que no, dejen de molestar".
    end = _ANY_STOP if said and said.rule.endswith(".negation") else _FULL_STOP
    return (phrases.met and _apart(reading, end)) or said


def _apart(reading: Reading, end: re.Pattern[str]) -> Classification | None:
    """What a sentence of a short text says when it is read for itself: its edges are not those of the text."""
    if len(reading.folded) > _LONGEST_APART:
        return None
    sentences = list(filter(str.strip, end.split(reading.folded)))
    for sentence in sentences if len(sentences) > 1 else ():
        words = words_of(sentence)
        part = Reading(sentence, sentence, words, words.split(" "), reading.language, reading.lexicon)
        said = _Phrases(part, set(part.tokens)).read()
        if said and said.intent != Intent.OTHER:
            return said
    return None


def _own_sentence(reading: Reading, tokens: set[str]) -> Classification | None:
    if tokens.isdisjoint(reading.lexicon.strong):
        return None
    for sentence, _ in _CLAUSE.findall(reading.folded):
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
        self.clauses: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
        self.met = False

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
        clear = chosen & self.lexicon.clear
        self.met = chosen != clear
        return [phrases[number] for number in (*_places(clear), *_places(chosen & ~clear))]

    def _clause(self, phrase: Phrase) -> Classification | None:
        for words, asked in self._clauses(phrase.language, whole=phrase.whole):
            if _is_nothing_but(phrase, words, self.lexicon):
                return _phrase_answer(phrase, _HEDGED if asked or self._is_hedged(phrase.language) else "")
        return None

    def _clauses(self, language: str, *, whole: bool) -> list[tuple[str, bool]]:
        """The clauses of the text, or the text as one, spelled right; and whether each is asked or quoted."""
        key = (language, whole)
        if key not in self.clauses:
            spellings = self.lexicon.respellings.get(language, {})
            parts = [(self.folded, self.folded)] if whole else _CLAUSE.findall(self.folded)
            spelled = ((_respell(words_of(part), spellings), part, end) for part, end in parts)
            self.clauses[key] = [
                (words, "?" in end or not _QUOTES.isdisjoint(part)) for words, part, end in spelled if words
            ]
        return self.clauses[key]

    def _is_hedged(self, language: str) -> bool:
        misspelled = self.lexicon.misspelled
        meant = self.tokens.union(*map(misspelled.__getitem__, misspelled.keys() & self.tokens))
        return not meant.isdisjoint(self.lexicon.hedges[language])


def _is_nothing_but(phrase: Phrase, words: str, lexicon: Lexicon) -> bool:
    return bool(phrase.pattern.fullmatch(f" {words}") or phrase.pattern.fullmatch(f" {bare(words, lexicon)}"))


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
