"""What a reply asks for: plain, deterministic, explained by a rule id (US-01, US-02, CT-02 to CT-04).

Three levels: a keyword alone, or with nothing but politeness around it, or a clause that can mean nothing else is
certain; a text that may well ask for an end is unclear and goes to a person; everything else passes. Opting in is
certain only as a bare word, because a wrong opt-in is the dear mistake (NET-20). Imports no Django.
"""

import re
from dataclasses import replace
from string import ascii_lowercase

from compliance import keywords
from compliance.classifier.answers import Classification, Intent, Reading, other
from compliance.classifier.quotes import read_reaction, without_quoted_lines, without_signature
from compliance.classifier.sentences import read_sentences
from compliance.classifier.unspaced import read_unspaced
from compliance.classifier.whole import read_disguised, read_polite, read_signs, read_whole
from compliance.keywords import Lexicon
from compliance.keywords.folding import fold, words_of

__all__ = ["Classification", "Intent", "classify"]

_LEXICON = keywords.load()
_DEFAULT_LANGUAGE = "en"
# Looking for each letter three times is far cheaper than the pattern.
_TRIPLED = [3 * letter for letter in ascii_lowercase]
_STRETCHED = re.compile(r"(\w)\1{2,}")
_STRETCHED_WORDS = "Asks for an end, with stretched letters."


def classify(text: str, language: str = _DEFAULT_LANGUAGE, lexicon: Lexicon | None = None) -> Classification:
    """Decide what a reply asks for; no text raises.

    `language` is the conversation's ("fr", "pt-BR"), for words that belong to several; an unknown one counts as
    English. `lexicon` is what `keywords.extend` made of a business's own words, to be compiled once and kept by the
    caller; without it the lists alone are read.
    """
    lexicon = lexicon or _LEXICON
    language = _known(language)
    return read_reaction(text, language, lexicon, _read) or _read(text, language, lexicon)


def _read(text: str, language: str, lexicon: Lexicon) -> Classification:
    reading = _reading(without_quoted_lines(text), language, lexicon)
    if (unsigned := without_signature(reading.text, reading.tokens, lexicon)) is not reading.text:
        reading = _reading(unsigned, language, lexicon)
    if not reading.words:
        return read_signs(reading)
    return (
        read_whole(reading)
        or read_polite(reading)
        or read_unspaced(reading)
        or read_sentences(reading)
        or read_disguised(reading)
        or _read_stretched(reading)
        or other(language)
    )


def _read_stretched(reading: Reading) -> Classification | None:
    """A text that asks for an end only once its stretched letters are cut ("leave me aloneeee"): a person looks."""
    if not any(letters in reading.words for letters in _TRIPLED):
        return None
    found = _read(_STRETCHED.sub(r"\1", reading.words), reading.language, reading.lexicon)
    if found.intent not in (Intent.OPT_OUT, Intent.UNCLEAR):
        return None
    return replace(found, intent=Intent.UNCLEAR, word="", reason=found.reason or _STRETCHED_WORDS)


def _reading(text: str, language: str, lexicon: Lexicon) -> Reading:
    folded = fold(text)
    words = words_of(folded)
    return Reading(text, folded, words, words.split(" "), language, lexicon)


def _known(language: str) -> str:
    primary = language[:2].lower()
    return primary if primary in keywords.LANGUAGES else _DEFAULT_LANGUAGE
