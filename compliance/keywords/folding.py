"""What counts as "the same text": trivial differences must not defeat an opt-out (CT-04)."""

import re
import unicodedata

_INVISIBLE = frozenset({"Mn", "Me", "Cf"})
# Fillers and blanks that Unicode files under letters, though nobody can see them.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_APOSTROPHES = str.maketrans("", "", "'\u2018\u2019\u02bc\u00b4`\u2032\uff07")
_NOT_A_WORD = re.compile(r"[\W_]+")
# Most texts are plain ASCII, and tables of bytes are far faster than those of characters.
_ASCII_APOSTROPHES = b"'`"
_ASCII_WORDS = bytes(code if chr(code).isalnum() else ord(" ") for code in range(256))
_FEWEST_SPELLED_OUT = 3
_SPELLED_OUT = re.compile(r"(?<!\S)\w(?: \w){2,}(?!\S)")
_REPEATED = re.compile(r"(.)\1+")
# Han, kana, Hangul: written without spaces between words.
_UNSPACED_LETTERS = "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED = re.compile(f"[{_UNSPACED_LETTERS}]")
_SCRIPT_CHANGES = re.compile(f"(?<=[{_UNSPACED_LETTERS}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{_UNSPACED_LETTERS}])")

# Letters whose stroke Unicode does not take for an accent, though people leave it out in texts.
_STROKES = str.maketrans("łŁøØđĐħŧı", "lLoOdDhti")
# Letters of other alphabets that look like Latin ones, capitals and small letters apart; small capitals, and letters in
# filled boxes and circles.
_CYRILLIC_AND_GREEK = str.maketrans(
    "АВЕКМНОРСТУХЅІЈаеорсухѕіјԁԛԝһкмтвнпг" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοερτυνικχη",
    "ABEKMHOPCTYXSIJaeopcyxsijdqwhkmtbhnr" + "ABEZHIKMNOPTYXaoeptuvikxn",
)
_STYLED = str.maketrans(
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ" + "".join(map(chr, (*range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)))),
    "abcdefghijklmnoprstuvwyz" + 2 * "abcdefghijklmnopqrstuvwxyz",
)
_WORD = re.compile(r"\w+")
_DISGUISED = frozenset(
    {"stop", "stopall", "quit", "end", "cancel", "unsubscribe", "unsub", "revoke", "optout", "opt", "remove"}
    | {"help", "start", "unstop"}
)


def strip_invisible(text: str) -> str:
    """Remove combining marks, variation selectors, zero-width and bidirectional characters, soft hyphens."""
    if text.isascii():
        return text
    hidden = [char for char in set(text) if unicodedata.category(char) in _INVISIBLE or char in _BLANK_LETTERS]
    return text.translate({ord(char): None for char in hidden}) if hidden else text


def fold(text: str) -> str:
    """One form for all ways of writing a text: compatible, without case, accents and apostrophes (NFKC, CT-04)."""
    if text.isascii():
        return text.lower().encode().translate(None, _ASCII_APOSTROPHES).decode()
    # Marks go before normalising too: sorting a long run of them takes quadratic time.
    visible = strip_invisible(text).translate(_APOSTROPHES)
    return strip_accents(_unmask(visible)).casefold()


def strip_accents(text: str) -> str:
    """Compatible characters without accents and strokes, in the case they were in."""
    # Put together again at the end: Korean syllables are taken apart along with the accents.
    return unicodedata.normalize("NFC", strip_invisible(unicodedata.normalize("NFKD", text)).translate(_STROKES))


def _unmask(text: str) -> str:
    """Latin words written with letters of other alphabets ("SТОР"); true words of those alphabets stay."""
    letters = {ord(char) for char in set(text)}
    if not letters.isdisjoint(_STYLED):
        text = text.translate(_STYLED)
    if letters.isdisjoint(_CYRILLIC_AND_GREEK):
        return text
    return _WORD.sub(lambda found: _latin(found.group()), text)


def _latin(word: str) -> str:
    latin = word.translate(_CYRILLIC_AND_GREEK)
    mixed = any("a" <= char <= "z" for char in word.casefold())
    return latin if latin.isascii() and (mixed or latin.casefold() in _DISGUISED) else word


def words_of(folded: str) -> str:
    """The words alone, one space between them; letters spelled out one by one ("s.t.o.p") become a word."""
    if folded.isascii():
        tokens = folded.encode().translate(_ASCII_WORDS).decode().split()
    else:
        tokens = _SCRIPT_CHANGES.sub(" ", _NOT_A_WORD.sub(" ", folded)).split()
    words = " ".join(tokens)
    if list(map(len, tokens)).count(1) < _FEWEST_SPELLED_OUT:
        return words
    return _SPELLED_OUT.sub(lambda found: found.group().replace(" ", ""), words)


def is_unspaced(words: str) -> bool:
    """Whether a text holds letters of a language that puts no spaces between words."""
    return not words.isascii() and _UNSPACED.search(words) is not None


def unspaced(words: str) -> str:
    """The words run together, as languages without spaces write them."""
    return words.replace(" ", "")


def plain(text: str) -> str:
    """A text as the word lists hold it."""
    return words_of(fold(text))


def squeeze(word: str) -> str:
    """Stretched letters ("stopppp") cut to one each."""
    return _REPEATED.sub(r"\1", word)
