"""Texts that are a listed word and nothing else, or with nothing but politeness around it (US-01, CT-04)."""

import re
import string
import unicodedata
from dataclasses import replace

from compliance.classifier.answers import Classification, Intent, Reading, answer, other
from compliance.keywords import Entry, Filler, Lexicon
from compliance.keywords.folding import squeeze, words_of

_LONGEST_WORD = 40
_LONGEST_FOOTER = 80
_MOST_TOKENS = 12
_SHORTEST_BROKEN = 4
_SHORTEST_STRETCHED = 4
_AROUND_A_WORD = string.whitespace + string.punctuation + "“”„‘’«»…¡¿\u00a0"
_UNCLEAR_SIGN = "A stop sign or a similar sign together with other signs."
_MIXED_SIGN = "A stop sign together with a word that asks for the opposite."
_DISGUISE = re.compile(r"[a-z][013457$@!+|]|[013457$@!+|][a-z]")
_LETTERS = str.maketrans("013457$@!+|", "oieastsaitl")
_DISGUISED = "Looks like an opt-out word with other signs for letters."
_TWO_THINGS = "Asks for two things at once."


def read_signs(reading: Reading) -> Classification:
    """A text without words: emoji alone (LIT-14)."""
    emoji = reading.lexicon.emoji
    signs = [char for char in dict.fromkeys(reading.folded) if unicodedata.category(char) in ("So", "Cn")]
    known = [emoji[sign] for sign in signs if sign in emoji]
    if not known:
        return other(reading.language)
    if len(known) < len(signs) or len({entry.intent for entry in known}) > 1:
        return answer(known[0], reading.language, reason=_UNCLEAR_SIGN)
    return answer(known[0], reading.language)


def read_whole(reading: Reading) -> Classification | None:
    """The whole text is a word of the lists, however it is written (US-01, CT-04)."""
    entry = reading.lexicon.find(reading.words, reading.language) or _joined(reading)
    if entry is None:
        return None
    if entry.intent == Intent.OPT_IN and "?" in reading.folded:
        return other(reading.language, "any.question")
    if entry.intent in (Intent.OPT_IN, Intent.HELP) and reading.has_stop_sign():
        return answer(entry, reading.language, reason=_MIXED_SIGN)
    return answer(entry, reading.language, _word(entry, reading.text))


def _joined(reading: Reading) -> Entry | None:
    """ "sto p", "STOP2END", "stop = quit": listed words and copied footers without their spaces."""
    if len(reading.words) > _LONGEST_FOOTER:
        return None
    joined = reading.words.replace(" ", "")
    if footer := reading.lexicon.footers.get(joined):
        copied, said = footer
        return replace(said, canonical=copied)
    entry = reading.lexicon.find(joined, reading.language) if len(joined) >= _SHORTEST_BROKEN else None
    return entry if entry and entry.intent == Intent.OPT_OUT else None


def _word(entry: Entry, text: str) -> str:
    if not entry.network or text.strip(_AROUND_A_WORD).lower() == entry.canonical:
        return entry.canonical
    return _as_written(text)


def _as_written(text: str) -> str:
    return " ".join(text[: 4 * _LONGEST_WORD].casefold().split())[:_LONGEST_WORD]


def read_polite(reading: Reading) -> Classification | None:
    """Listed words with nothing but fillers around them: "Stop. Thank you", "STOPALL NOW"."""
    entries = listed(reading.tokens, reading.language, reading.lexicon)
    intents = {entry.intent for entry in entries}
    if intents <= {Intent.OPT_IN, Intent.OTHER}:
        return None
    entry = _widest(entries)
    if len(intents - {Intent.UNCLEAR}) > 1:
        return answer(entry, reading.language, rule=f"{entry.rule.split('.')[0]}.filler.mixed", reason=_TWO_THINGS)
    if entry.intent == Intent.HELP and reading.has_stop_sign():
        return answer(entry, reading.language, reason=_MIXED_SIGN)
    word = _as_written(reading.text) if entry.network else entry.canonical
    rule = entry.rule if entry.rule.startswith("own.") else entry.rule.replace(".keyword.", ".filler.")
    return answer(entry, reading.language, word, rule=rule)


def read_disguised(reading: Reading) -> Classification | None:
    """A listed opt-out word with figures and signs for letters ("$top", "s+op", "5t0p pls"): a person looks at it."""
    if len(reading.folded) > _LONGEST_WORD or not _DISGUISE.search(reading.folded):
        return None
    tokens = words_of(reading.folded.translate(_LETTERS)).split(" ")
    for entry in listed(tokens, reading.language, reading.lexicon):
        if entry.intent == Intent.OPT_OUT and len(entry.canonical) >= _SHORTEST_BROKEN:
            return answer(
                entry, reading.language, rule=f"{entry.language}.disguise.{entry.canonical}", reason=_DISGUISED
            )
    return None


def _widest(entries: list[Entry]) -> Entry:
    """What is doubtful makes the whole doubtful; of the certain, STOPALL reaches furthest."""
    return min(entries, key=lambda entry: (entry.intent != Intent.UNCLEAR, entry.canonical != "stopall"))


def listed(tokens: list[str], language: str, lexicon: Lexicon) -> list[Entry]:
    """The listed words of a text, where it holds nothing but them and fillers in their places."""
    if len(tokens) > _MOST_TOKENS:
        return []
    pieces = _pieces(tokens, language, lexicon)
    entries = [piece for piece in pieces if isinstance(piece, Entry)]
    fillers = len(pieces) - len(entries)
    if fillers and not all(entry.fillers and _takes_fillers(entry, pieces) for entry in entries):
        return []
    return entries if _in_place(pieces) else []


def _pieces(tokens: list[str], language: str, lexicon: Lexicon) -> list[Entry | Filler]:
    pieces: list[Entry | Filler] = []
    position = 0
    while position < len(tokens):
        length, piece = _longest(tokens, position, language, lexicon)
        if piece is None:
            return []
        pieces.append(piece)
        position += length
    return pieces


def _longest(tokens: list[str], position: int, language: str, lexicon: Lexicon) -> tuple[int, Entry | Filler | None]:
    longest = lexicon.starts.get(tokens[position], 0)
    for length in range(min(longest, len(tokens) - position), 0, -1):
        phrase = " ".join(tokens[position : position + length]) if length > 1 else tokens[position]
        if piece := lexicon.find(phrase, language) or lexicon.fillers.get(phrase):
            return length, piece
    return 1, _nearly(tokens[position], lexicon)


def _nearly(token: str, lexicon: Lexicon) -> Entry | None:
    """A listed word with stretched letters or one slip of the finger."""
    entry = lexicon.typos.get(token)
    if entry is None and len(token) >= _SHORTEST_STRETCHED:
        entry = lexicon.stretched.get(squeeze(token))
    return None if entry and entry.canonical in lexicon.own else entry


def _takes_fillers(entry: Entry, pieces: list[Entry | Filler]) -> bool:
    wanted = Intent.OPT_OUT if entry.intent == Intent.UNCLEAR else entry.intent
    return all(wanted in piece.intents for piece in pieces if isinstance(piece, Filler))


def _in_place(pieces: list[Entry | Filler]) -> bool:
    seen = False
    for piece in pieces:
        if isinstance(piece, Entry):
            seen = True
        elif piece.place == ("before" if seen else "after"):
            return False
    return True
