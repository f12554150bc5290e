"""Does an outgoing text say how to stop, and does it ask for an opt-out word that means something else?

Reads every language, since a text need not be in that of its business. Imports no Django.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from compliance import keywords
from compliance.keywords.folding import plain
from compliance.text_rules import FALLBACK, InstructionWords, LanguageRules, languages, readable, rules_of

_QUOTES = "\"'“”„«»‘’‹›「」『』*_ "
_SENTENCE = re.compile(r"[^.!?\n。！？]+[.!?\n。！？]*")
_END = r"\s*(?:[.!)\]\n。]|$|at any ?time|anytime|any ?time)"
_TEXTS = (
    r"(?:all |these |our |the |any |future |further |receiving |getting |sms |text )*"
    r"(?:texts?|messages?|msgs?|alerts?|sms|notifications?|updates|texting|subscription)"
)
CAPITALS = re.compile(r"(?<![\w@./-])[^\W\d_a-z]{2,}(?:[ -](?:OUT|ALL))?(?![\w@])")
_TOKEN = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LONG_ENOUGH = {"stop", "arret", "optout", "unsub", "unsubscribe"}  # to be told at the beginning of a token
_UNSPACED_SIGNS = ("退", "停止", "拒", "解除", "거부", "중지")
_UNSPACED_LANGUAGES = ("zh", "ja", "ko")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The opt-out words that a business added to the lists, and those that it switched off."""

    added: frozenset[str] = frozenset()
    switched_off: frozenset[str] = frozenset()


NO_OWN_WORDS = OwnWords()


def has_instruction(text: str, own: OwnWords = NO_OWN_WORDS) -> bool:
    """Whether a text says how to stop: "Reply STOP to unsubscribe", "Txt STOP 2 end", "STOP pour vous désabonner"."""
    read = readable(text)
    if not _may_hold(read, own):
        return False
    read = _as_listed(read, own)
    return any(pattern.search(read) for pattern in _instructions())


def instruction_in(language: str) -> str:
    """The instruction that is appended, in a language or else in English."""
    return _words_in(language).append


def one_way_instruction_in(language: str, page: str) -> str:
    """What is appended where nobody can answer (US-08): that, and the address of the page on which people stop it."""
    return _words_in(language).append_one_way.format(page=page)


def _words_in(language: str) -> InstructionWords:
    return (rules_of(language) or languages()[FALLBACK]).instruction


def append_instruction(text: str, language: str, one_way_page: str = "") -> str:
    """A text with the instruction behind it. one_way_page: where people stop what nobody can answer."""
    said = one_way_instruction_in(language, one_way_page) if one_way_page else instruction_in(language)
    return f"{text.rstrip()} {said}"


def asks_for_opt_out_word(text: str, own: OwnWords = NO_OWN_WORDS) -> str:
    """The opt-out word that a text asks people to answer with for another reason, as written there; "" for none.

    "Reply CANCEL to cancel your appointment": whoever does is opted out.
    """
    return next((word for sentence in _SENTENCE.findall(text) for word in _misused(sentence, own)), "")


def _misused(sentence: str, own: OwnWords) -> Iterator[str]:
    read = readable(sentence)
    if not _may_hold(read, own) or has_instruction(sentence, own):
        return
    words = opt_out_words(own)
    if ask := _asks().search(read):
        for found in CAPITALS.findall(sentence) if sentence.upper() != sentence else []:
            if plain(found) in words and read.find(readable(found), ask.start()) >= 0:
                yield found
        for direct in _direct(own).finditer(read):
            yield direct["word"]


@lru_cache(maxsize=256)
def opt_out_words(own: OwnWords = NO_OWN_WORDS) -> frozenset[str]:
    """Every word that opts people out, folded: those of the lists and of the business."""
    listed = {word for word, entry in _listed() if entry.intent == "opt_out"}
    return frozenset(listed - set(map(plain, own.switched_off)) | set(map(plain, own.added)))


def _may_hold(read: str, own: OwnWords) -> bool:
    """Whether an opt-out word can be in a text at all: spares most texts the patterns."""
    whole, beginnings, unspaced = _beginnings(own)
    if any(token in whole or token.startswith(beginnings) for token in _TOKEN.findall(read)):
        return True
    return not read.isascii() and any(word in read for word in unspaced)


@lru_cache(maxsize=256)
def _beginnings(own: OwnWords) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Tokens of opt-out words; how longer ones begin ("stop2end"); and words of languages without spaces."""
    words = opt_out_words(own)
    spaced = {word.split(" ")[0] for word in words if not _UNSPACED.search(word)} | {"opt"}
    unspaced = (readable(word) for word in words if _UNSPACED.search(word))
    return frozenset(spaced), tuple(sorted(_LONG_ENOUGH & spaced)), (*unspaced, *_UNSPACED_SIGNS)


def _as_listed(read: str, own: OwnWords) -> str:
    """A text in which the business's own opt-out words stand as STOP, and those that it switched off as nothing."""
    for words, instead in ((own.added, "stop"), (own.switched_off, "-")):
        if words:
            read = re.sub(rf"(?<!\w)(?:{_either(set(map(plain, words)))})(?!\w)", instead, read)
    return read


@cache
def _instructions() -> tuple[re.Pattern[str], ...]:
    """What an instruction looks like in each language, with its own opt-out words and the English ones."""
    listed = list(_listed())
    return tuple(
        _compile(
            rules,
            {word for word, entry in listed if entry.intent == "opt_out" and entry.language in _known_in(rules)},
            {word for word, entry in listed if entry.strong and entry.language in _known_in(rules)},
        )
        for rules in sorted(languages().values(), key=lambda rules: rules.language != FALLBACK)
    )


def _known_in(rules: LanguageRules) -> tuple[str, ...]:
    return (rules.language, FALLBACK, "any")


def _listed() -> Iterator[tuple[str, keywords.Entry]]:
    """Every word of the lists, with what it means in its language."""
    for by_word in keywords.load().words.values():
        yield from by_word.items()


def _compile(rules: LanguageRules, every_word: Collection[str], strong_words: Collection[str]) -> re.Pattern[str]:
    """The shapes of an instruction: "STOP to unsubscribe", "to unsubscribe reply STOP", "reply STOP"."""
    words, spaced = rules.instruction, rules.language not in _UNSPACED_LANGUAGES
    every, strong = _either(every_word), _either(strong_words)
    quote = f"[{re.escape(_QUOTES)}]{{0,3}}"
    edge, end = (r"(?<!\w)", r"(?!\w)") if spaced else ("", "")
    link = rf"{quote}\s*(?:\([^)]{{0,20}}\)\s*)?(?:{words.link})\s*"
    between = r"(?:\w+ ){0,3}"
    unlinked = rf"(?:(?!(?:{words.link})\b)\w+ ){{0,3}}"
    shapes = [
        rf"{edge}(?:{every}){end}{link}{between}(?:{words.goal})",
        rf"{edge}(?:{strong}){end}{link}(?:{words.bare_goal}){end}(?: {_TEXTS})?{_END}",
        (
            rf"(?:{words.goal}|{words.bare_goal}(?: {_TEXTS})){end}[^.!?\n]{{0,30}}?"
            rf"{edge}(?:{words.ask}){end}\W{{0,3}}{between}{quote}(?:{every}){end}"
        ),
        rf"{edge}(?:{words.ask}){end}\W{{0,3}}{unlinked}{quote}(?:{strong}){end}{quote}{_END}",
        rf"{edge}(?:{words.more})",
    ]
    return re.compile("|".join(f"(?:{shape})" for shape in shapes))


@cache
def _asks() -> re.Pattern[str]:
    return re.compile("|".join(rf"(?<!\w)(?:{rules.instruction.ask})" for rules in languages().values()))


@lru_cache(maxsize=256)
def _direct(own: OwnWords) -> re.Pattern[str]:
    """An opt-out word right behind the request to answer, however it is written: "reply cancel to cancel"."""
    asks = "|".join(
        rules.instruction.ask for rules in languages().values() if rules.language not in _UNSPACED_LANGUAGES
    )
    words = _either(opt_out_words(own))
    return re.compile(
        rf"(?<!\w)(?:{asks})(?: with| back| the word| par| mit| con| com| met)?:?\s+[\"'“„«‘]?(?P<word>{words})(?!\w)"
    )


def _either(words: Collection[str]) -> str:
    """Longest first, so that "stop all" is not read as "stop"; a space may be a hyphen or missing."""
    return "|".join(
        re.escape(word).replace(r"\ ", "[ -]?") for word in sorted(words, key=lambda word: (-len(word), word))
    )
