"""What is not the person's own words: quoted reactions of phones, quoted lines, signatures of mail programs (A.4)."""

import re
import string
from collections.abc import Callable, Collection

from compliance.classifier.answers import Classification, Intent, answer, other
from compliance.keywords import Entry, Lexicon
from compliance.keywords.folding import strip_invisible

_AFTER_REACTION = "Words after a quoted reaction may ask for an end."
_SIGN_IN_REACTION = "A reaction with a sign that may mean no more texts."
_AROUND = string.whitespace + string.punctuation + "“”„‘’«»「」『』…¡¿\u00a0"
_OPENING = frozenset("“”„«‘「『")
_CLOSING = '"”“»」』'
_LONGEST_SIGNED = 640
_QUOTED_LINE = re.compile(r"^\s*>")

_Reader = Callable[[str, str, Lexicon], Classification]


def read_reaction(text: str, language: str, lexicon: Lexicon, read: _Reader) -> Classification | None:
    """A quoted reaction repeats the business's own words: only what follows the quote is the person's (A.4)."""
    if '"' not in text and (text.isascii() or _OPENING.isdisjoint(text)):
        return None
    visible = strip_invisible(text)
    for pattern, entry in lexicon.reactions:
        if found := pattern.match(visible):
            own_words = _after_quote(visible[found.end() :])
            said = read(own_words, language, lexicon) if own_words else other(language)
            if said.intent in (Intent.OPT_OUT, Intent.UNCLEAR):
                return answer(entry, language, reason=_AFTER_REACTION)
            return _reaction_alone(entry, visible[: found.end()], language, lexicon)
    return None


def _after_quote(quoted: str) -> str:
    end = max(quoted.rfind(quote) for quote in _CLOSING)
    return quoted[end + 1 :].strip(_AROUND) if end >= 0 else ""


def _reaction_alone(entry: Entry, lead: str, language: str, lexicon: Lexicon) -> Classification:
    for sign, meaning in lexicon.emoji.items():
        if sign in lead:
            return answer(entry, language, rule=meaning.rule, reason=meaning.reason or _SIGN_IN_REACTION)
    return answer(entry, language)


def without_quoted_lines(text: str) -> str:
    """The text without "> quoted" lines, unless nothing else is left."""
    if "\n" not in text and "\r" not in text:
        return text
    own = [line for line in text.splitlines() if not _QUOTED_LINE.match(line)]
    return "\n".join(own) if any(map(_has_words, own)) else text


def without_signature(text: str, tokens: Collection[str], lexicon: Lexicon) -> str:
    """The text without "Sent from my iPhone" at the end of a line, unless nothing else is left."""
    if lexicon.signature_words.isdisjoint(tokens) or len(text) > _LONGEST_SIGNED:
        return text
    own = "\n".join(lexicon.signatures.sub("", line) for line in text.splitlines())
    return own if _has_words(own) else text


def _has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)
