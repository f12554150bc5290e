"""What a reply asks for: plain, deterministic, explained by a rule id (US-01, US-02, CT-02 to CT-04).

Three levels: a keyword alone, or with nothing but politeness around it, is certain; a text that may well ask for
an end is unclear and goes to a person; everything else passes. Opting in is certain only as a bare word, because
a wrong opt-in is the dear mistake (NET-20). Imports no Django.
"""

import re
import string
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from compliance import keywords
from compliance.keywords import Entry, Filler, Phrase
from compliance.keywords.folding import fold, squeeze, strip_invisible, words_of


class Intent(StrEnum):
    """What the person wants."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"
    UNCLEAR = "unclear"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Classification:
    """A decision and what it rests on.

    `word` is the keyword in its one form: "stopall" for every way of writing STOP ALL, and "stop" only where the
    text is that word alone, which toll-free networks answer themselves (NET-01); other ways of saying STOP
    ("stop please", "s t o p") keep what was written. `reason` tells a person why a text is unclear.
    """

    intent: Intent
    rule: str
    language: str
    word: str = ""
    reason: str = ""


_LEXICON = keywords.load()
_DEFAULT_LANGUAGE = "en"
_LONGEST_WORD = 40
_MOST_TOKENS = 12
_LONGEST_LISTED = 4
_SHORTEST_BROKEN = 4
_AROUND_A_WORD = string.whitespace + string.punctuation + "“”„‘’«»…¡¿\u00a0"
_SENTENCE_END = re.compile(r"[.!?;:,\n\r\u2028\u2029…。！？]+")
_UNCLEAR_SIGN = "A stop sign or a similar sign together with other signs."
_MIXED_SIGN = "A stop sign together with a word that asks for the opposite."
_TWO_THINGS = "Asks for two things at once."
_OWN_SENTENCE = "An opt-out word stands alone in a longer text."
_AFTER_REACTION = "Words after a quoted reaction may ask for an end."
_SPOKEN_SIGNS = str.maketrans(
    {sign: " stop " for sign, entry in _LEXICON.emoji.items() if entry.intent == Intent.OPT_OUT}
)


def classify(text: str, language: str = _DEFAULT_LANGUAGE) -> Classification:
    """Decide what a reply asks for; `language` is the conversation's, for words that belong to several."""
    language = _known(language)
    folded = fold(text)
    words = words_of(folded)
    if not words:
        return _signs(folded, language)
    return (
        _reaction(text, language)
        or _whole(text, folded, words, language)
        or _polite(text, folded, words, language)
        or _sentences(folded, words, language)
    )


def _known(language: str) -> str:
    primary = language[:2].lower()
    return primary if primary in keywords.LANGUAGES else _DEFAULT_LANGUAGE


def _answer(entry: Entry, language: str, word: str = "", *, rule: str = "", reason: str = "") -> Classification:
    intent = Intent.UNCLEAR if reason else Intent(entry.intent)
    spoken = language if entry.shared or entry.language not in keywords.LANGUAGES else entry.language
    return Classification(intent, rule or entry.rule, spoken, word or entry.canonical, reason or entry.reason)


def _other(language: str, rule: str = "none") -> Classification:
    return Classification(Intent.OTHER, rule, language)


def _signs(folded: str, language: str) -> Classification:
    """A text without words: emoji alone (LIT-14)."""
    signs = [char for char in dict.fromkeys(folded) if unicodedata.category(char) in ("So", "Cn")]
    known = [_LEXICON.emoji[sign] for sign in signs if sign in _LEXICON.emoji]
    if not known:
        return _other(language)
    if len(known) < len(signs) or len({entry.intent for entry in known}) > 1:
        return _answer(known[0], language, reason=_UNCLEAR_SIGN)
    return _answer(known[0], language)


def _has_stop_sign(folded: str) -> bool:
    return not folded.isascii() and any(
        entry.intent == Intent.OPT_OUT and sign in folded for sign, entry in _LEXICON.emoji.items()
    )


def _reaction(text: str, language: str) -> Classification | None:
    """A quoted reaction repeats the business's own words: only what follows the quote is the person's (A.4)."""
    visible = strip_invisible(text)
    for pattern, entry in _LEXICON.reactions:
        if found := pattern.match(visible):
            own_words = _after_quote(visible[found.end() :])
            said = classify(own_words, language) if own_words else _other(language)
            if said.intent in (Intent.OPT_OUT, Intent.UNCLEAR):
                return _answer(entry, language, reason=_AFTER_REACTION)
            return _reaction_alone(entry, visible[: found.end()], language)
    return None


def _after_quote(quoted: str) -> str:
    end = max(quoted.rfind(quote) for quote in '"”»')
    return quoted[end + 1 :].strip(_AROUND_A_WORD) if end >= 0 else ""


def _reaction_alone(entry: Entry, lead: str, language: str) -> Classification:
    for sign, meaning in _LEXICON.emoji.items():
        if sign in lead:
            return _answer(entry, language, rule=meaning.rule, reason=meaning.reason or _UNCLEAR_SIGN)
    return _answer(entry, language)


def _whole(text: str, folded: str, words: str, language: str) -> Classification | None:
    """The whole text is a word of the lists, however it is written (US-01, CT-04)."""
    entry = _LEXICON.words.get(words) or _joined(words)
    if entry is None:
        return None
    if entry.intent == Intent.OPT_IN and "?" in folded:
        return _other(language, "any.question")
    if entry.intent in (Intent.OPT_IN, Intent.HELP) and _has_stop_sign(folded):
        return _answer(entry, language, reason=_MIXED_SIGN)
    return _answer(entry, language, _word(entry, text))


def _joined(words: str) -> Entry | None:
    """ "sto p", "STOP2END", "stop = quit": listed words and copied footers without their spaces."""
    joined = words.replace(" ", "")
    if footer := _LEXICON.footers.get(joined):
        return footer
    entry = _LEXICON.words.get(joined) if len(joined) >= _SHORTEST_BROKEN else None
    return entry if entry and entry.intent == Intent.OPT_OUT else None


def _word(entry: Entry, text: str) -> str:
    if not entry.network or text.strip(_AROUND_A_WORD).lower() == entry.canonical:
        return entry.canonical
    return _as_written(text)


def _as_written(text: str) -> str:
    return " ".join(text[: 4 * _LONGEST_WORD].casefold().split())[:_LONGEST_WORD]


def _polite(text: str, folded: str, words: str, language: str) -> Classification | None:
    """Listed words with nothing but fillers around them: "Stop. Thank you", "STOPALL NOW"."""
    entries = _listed(words)
    intents = {entry.intent for entry in entries}
    if intents <= {Intent.OPT_IN}:
        return None
    entry = _widest(entries)
    if len(intents - {Intent.UNCLEAR}) > 1:
        return _answer(entry, language, rule=f"{entry.language}.filler.mixed", reason=_TWO_THINGS)
    if entry.intent == Intent.HELP and _has_stop_sign(folded):
        return _answer(entry, language, reason=_MIXED_SIGN)
    word = _as_written(text) if entry.network else entry.canonical
    return _answer(entry, language, word, rule=entry.rule.replace(".keyword.", ".filler."))


def _widest(entries: list[Entry]) -> Entry:
    """What is doubtful makes the whole doubtful; of the certain, STOPALL reaches furthest."""
    return min(entries, key=lambda entry: (entry.intent != Intent.UNCLEAR, entry.canonical != "stopall"))


def _listed(words: str) -> list[Entry]:
    """The listed words of a text, where it holds nothing but them and fillers in their places."""
    tokens = words.split(" ", _MOST_TOKENS)
    pieces = _pieces(tokens) if len(tokens) <= _MOST_TOKENS else []
    entries = [piece for piece in pieces if isinstance(piece, Entry)]
    fillers = len(pieces) - len(entries)
    if fillers and not all(entry.fillers and _takes_fillers(entry, pieces) for entry in entries):
        return []
    return entries if _in_place(pieces) else []


def _pieces(tokens: list[str]) -> list[Entry | Filler]:
    pieces: list[Entry | Filler] = []
    position = 0
    while position < len(tokens):
        length, piece = _longest(tokens, position)
        if piece is None:
            return []
        pieces.append(piece)
        position += length
    return pieces


def _longest(tokens: list[str], position: int) -> tuple[int, Entry | Filler | None]:
    for length in range(min(_LONGEST_LISTED, len(tokens) - position), 0, -1):
        phrase = " ".join(tokens[position : position + length])
        if piece := _LEXICON.words.get(phrase) or _LEXICON.fillers.get(phrase):
            return length, piece
    return 1, _LEXICON.stretched.get(squeeze(tokens[position]))


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


def _sentences(folded: str, words: str, language: str) -> Classification:
    """A longer text: an opt-out word as a sentence of its own, or a phrase that asks for an end (US-02)."""
    tokens = set(words.split(" "))
    return _own_sentence(folded, tokens, language) or _phrases(folded, words, tokens, language)


def _own_sentence(folded: str, tokens: set[str], language: str) -> Classification | None:
    if tokens.isdisjoint(_LEXICON.strong_starts):
        return None
    for sentence in _SENTENCE_END.split(folded):
        for entry in _listed(words_of(sentence)):
            if entry.strong:
                rule = entry.rule.replace(".keyword.", ".sentence.")
                return _answer(entry, language, rule=rule, reason=_OWN_SENTENCE)
    return None


def _phrases(folded: str, words: str, tokens: set[str], language: str) -> Classification:
    if _has_stop_sign(folded):
        words = words_of(folded.translate(_SPOKEN_SIGNS))
        tokens = set(words.split(" "))
    ordinary = "none"
    for phrase in _candidates(tokens):
        if phrase.intent == Intent.OTHER:
            words, times = phrase.pattern.subn("|", words)
            ordinary = phrase.rule if times else ordinary
        elif phrase.pattern.search(words):
            return _phrase_answer(phrase)
    return _other(language, ordinary)


def _candidates(tokens: set[str]) -> list[Phrase]:
    """The phrases whose trigger words occur, in the order of the lists."""
    numbers: set[int] = set()
    for token in tokens & _LEXICON.phrases_by_word.keys():
        numbers.update(_LEXICON.phrases_by_word[token])
    for prefix, rows in _LEXICON.phrases_by_prefix.items():
        if any(token.startswith(prefix) for token in tokens):
            numbers.update(rows)
    return [_LEXICON.phrases[number] for number in sorted(numbers)]


def _phrase_answer(phrase: Phrase) -> Classification:
    spoken = phrase.language if phrase.language in keywords.LANGUAGES else _DEFAULT_LANGUAGE
    return Classification(Intent(phrase.intent), phrase.rule, spoken, "", phrase.reason)
