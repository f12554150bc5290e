"""What counts as "the same text": trivial differences must not defeat an opt-out (CT-04)."""

import re
import unicodedata

_INVISIBLE = frozenset({"Mn", "Me", "Cf"})
# Fillers and blanks that Unicode files under letters, though nobody can see them.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
_APOSTROPHES = str.maketrans("", "", "'\u2018\u2019\u02bc\u00b4`\u2032\uff07")
_NOT_A_WORD = re.compile(r"[\W_]+")
_SPELLED_OUT = re.compile(r"(?<!\S)\w(?: \w){2,}(?!\S)")
_REPEATED = re.compile(r"(.)\1+")


def strip_invisible(text: str) -> str:
    """Remove combining marks, variation selectors, zero-width and bidirectional characters, soft hyphens."""
    if text.isascii():
        return text
    hidden = [char for char in set(text) if unicodedata.category(char) in _INVISIBLE or char in _BLANK_LETTERS]
    return text.translate({ord(char): None for char in hidden}) if hidden else text


def fold(text: str) -> str:
    """One form for all ways of writing a text: compatible, without case, accents and apostrophes (NFKC, CT-04)."""
    if text.isascii():
        return text.translate(_APOSTROPHES).lower()
    # Marks go before normalising too: sorting a long run of them takes quadratic time.
    visible = strip_invisible(text).translate(_APOSTROPHES)
    return strip_invisible(unicodedata.normalize("NFKD", visible).casefold())


def words_of(folded: str) -> str:
    """The words alone, one space between them; letters spelled out one by one ("s.t.o.p") become a word."""
    plain = _NOT_A_WORD.sub(" ", folded).strip()
    return _SPELLED_OUT.sub(lambda found: found.group().replace(" ", ""), plain)


def plain(text: str) -> str:
    """A text as the word lists hold it."""
    return words_of(fold(text))


def squeeze(word: str) -> str:
    """Stretched letters ("stopppp") cut to one each."""
    return _REPEATED.sub(r"\1", word)
