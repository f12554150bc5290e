"""Reads the lists and compiles them; the package's docstring explains the format."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, reduce
from itertools import product
from operator import or_
from pathlib import Path
from typing import Any

from compliance.keywords.folding import fold, plain, squeeze, strip_accents, unspaced
from compliance.keywords.lexicon import Entry, Filler, Lexicon, Phrase, make_entry
from compliance.keywords.typos import LONG, misspellings

_DIRECTORY = Path(__file__).parent
_NO_LANGUAGE = "any"
# Where a word belongs to several languages and the conversation is in none of them, the first one has it.
LANGUAGES = ("en", "fr", "es", "pt", "de", "it", "nl", "pl", "ru", "zh", "ja", "ko")
_SHORTEST_STRETCHED = 3
_STRETCHED = "Looks like an opt-out word with stretched letters."
_MISTYPED = "Looks like a mistyped opt-out word."
_SYNTAX = re.compile(r"[\\?*+()\[<]")
_GROUP = re.compile(r"<([a-z_]+)>")


@cache
def load() -> Lexicon:
    """Read every list; a mistake in one stops the start rather than a text (patterns are compiled by a test)."""
    lexicon = Lexicon(words={language: {} for language in LANGUAGES})
    lists = [
        tomllib.loads((_DIRECTORY / f"{name}.toml").read_text(encoding="utf-8")) for name in (*LANGUAGES, _NO_LANGUAGE)
    ]
    for data in lists:
        _add(lexicon, data)
    _add_reactions(lexicon, [data["reaction"] for data in lists if "reaction" in data])
    for data in lists:
        _add_signatures(lexicon, data.get("signature", {}))
    _index_prefixes(lexicon)
    _index_misspelled(lexicon)
    _index_rows(lexicon)
    listed = {*lexicon.fillers, *(word for words in lexicon.words.values() for word in words)}
    lexicon.starts = count_words(listed)
    return lexicon


def count_words(listed: Iterable[str]) -> dict[str, int]:
    """By the first word of each: how many words the longest one has."""
    starts: dict[str, int] = {}
    for tokens in (word.split(" ") for word in listed):
        starts[tokens[0]] = max(starts.get(tokens[0], 0), len(tokens))
    return starts


def _index_prefixes(lexicon: Lexicon) -> None:
    """One pattern for all prefixes: the longest is found, and stands for those that it starts with."""
    known = {prefix: list(rows) for prefix, rows in lexicon.by_prefix.items()}
    for prefix, rows in lexicon.by_prefix.items():
        rows.extend(row for other in known if other != prefix and prefix.startswith(other) for row in known[other])
    longest_first = sorted(known, key=len, reverse=True)
    lexicon.prefixes = re.compile(rf" ({'|'.join(longest_first)})")


def _index_misspelled(lexicon: Lexicon) -> None:
    """Every word put right in some language: what it becomes there, and what later languages make of that."""
    spellings = list(lexicon.respellings.values())

    @cache
    def become(wanted: str, later: int) -> frozenset[str]:
        words = frozenset(wanted.split(" "))
        again = ((place, word) for place in range(later, len(spellings)) for word in spellings[place].keys() & words)
        return words.union(*(become(spellings[place][word], place + 1) for place, word in again))

    for place, spelling in enumerate(spellings):
        for written, wanted in spelling.items():
            meant = become(wanted, place + 1)
            known = lexicon.misspelled.get(written)
            lexicon.misspelled[written] = known | meant if known else meant


def _index_rows(lexicon: Lexicon) -> None:
    """For each word the rows that it triggers and those that need it besides, as the bits of one number."""
    rows, phrases = lexicon.rows, lexicon.phrases
    for word, numbers in lexicon.by_word.items():
        rows[word] = sum(1 << number for number in set(numbers))
    for prefix, numbers in lexicon.by_prefix.items():
        lexicon.prefix_rows[prefix] = sum(1 << number for number in set(numbers))
    for number, phrase in enumerate(phrases):
        for word in phrase.also:
            rows[word] = rows.get(word, 0) | 1 << len(phrases) + number
    lexicon.alone = sum(1 << number for number, phrase in enumerate(phrases) if not phrase.also)
    lexicon.clear = sum(1 << number for number, phrase in enumerate(phrases) if phrase.intent == "opt_out")
    meanings = {words: reduce(or_, (rows.get(word, 0) for word in words)) for words in set(lexicon.misspelled.values())}
    for word, words in lexicon.misspelled.items():
        if bits := rows.get(word, 0) | meanings[words]:
            rows[word] = bits


def _add_signatures(lexicon: Lexicon, row: Mapping[str, Any]) -> None:
    if row:
        lines = "|".join(row["lines"])
        lexicon.signatures = re.compile(rf"(?:^|(?<=[\s.,!;-]))(?:{lines})\W*$", re.IGNORECASE)
        lexicon.signature_words = frozenset(map(plain, row["when"]))


@dataclass(frozen=True, slots=True)
class _List:
    """One file while it is read."""

    lexicon: Lexicon
    language: str
    spaced: bool
    ordinary: frozenset[str]
    groups: Mapping[str, list[str]]

    def key(self, word: str) -> str:
        """A word as the texts of this language will hold it."""
        return plain(word) if self.spaced else unspaced(plain(word))


def _add(lexicon: Lexicon, data: Mapping[str, Any]) -> None:
    ordinary = frozenset(map(plain, data.get("ordinary", ())))
    file = _List(lexicon, data["language"], data.get("spaced", True), ordinary, data.get("groups", {}))
    for kind, add in _KINDS.items():
        for row in data.get(kind, ()):
            add(file, row)
    lexicon.hedges[file.language] = frozenset(map(plain, data.get("hedges", ())))


def _add_word(lexicon: Lexicon, word: str, entry: Entry) -> None:
    """In a conversation in its own language a word has its own meaning; elsewhere the first language has it."""
    for language, words in lexicon.words.items():
        if (read := entry.read_in(language)) and _comes_first(read, words.get(word), language):
            words[word] = read


def _comes_first(entry: Entry, present: Entry | None, language: str) -> bool:
    if present is None:
        return True
    if present.language == language:
        return False
    return entry.language == language or (present.intent == "unclear" and entry.intent != "unclear")


def _add_keyword(file: _List, row: Mapping[str, Any]) -> None:
    entry = make_entry(file.language, "keyword", row, intent=row["intent"])
    for word in map(file.key, row["words"]):
        _add_word(file.lexicon, word, entry)
        if entry.strong:
            file.lexicon.strong.add(max(word.split(" "), key=len))
        # A word that is ordinary elsewhere is so with a letter more: "finn" is a name.
        if entry.intent == "opt_out" and not entry.elsewhere and " " not in word and file.spaced:
            _add_variants(file, word, row)


def _add_variants(file: _List, word: str, row: Mapping[str, Any]) -> None:
    if len(word) >= _SHORTEST_STRETCHED:
        file.lexicon.stretched.setdefault(squeeze(word), _variant(file, "stretched", word, row, _STRETCHED))
    if row.get("typos", False):
        # A long word is nothing but itself with one wrong letter in it; a short one may be another word.
        variant = _variant(file, "typo", word, row, "" if len(word) >= LONG else _MISTYPED)
        for typo in misspellings(word) - file.ordinary:
            file.lexicon.typos.setdefault(typo, variant)


def _variant(file: _List, kind: str, word: str, row: Mapping[str, Any], reason: str) -> Entry:
    details = {**row, "reason": reason, "network": False}
    entry = make_entry(file.language, kind, details, intent="unclear" if reason else row["intent"])
    return entry if entry.canonical == "stopall" else replace(entry, canonical=word)


def _add_nearly(file: _List, row: Mapping[str, Any]) -> None:
    entry = make_entry(file.language, "nearly", row, intent="unclear")
    for word in map(file.key, row["words"]):
        _add_word(file.lexicon, word, replace(entry, canonical=word))


def _add_fillers(file: _List, row: Mapping[str, Any]) -> None:
    """A filler of several rows or languages may stand wherever one of them lets it stand."""
    for word in map(plain, row["words"]):
        known = file.lexicon.fillers.get(word)
        place = row["place"] if known is None or known.place == row["place"] else "around"
        intents = frozenset(row["intents"]) | (known.intents if known else frozenset())
        file.lexicon.fillers[word] = Filler(place=place, intents=intents)
        if not file.spaced:
            file.lexicon.unspaced_fillers.append(unspaced(word))


def _add_footers(file: _List, row: Mapping[str, Any]) -> None:
    """ "STOP2END", "stop to quit", "Reply STOP to unsubscribe": every combination, with and without spaces."""
    leads, firsts, links, seconds = ([*map(plain, row[part])] for part in ("lead", "first", "link", "second"))
    entries = {first: make_entry(file.language, "footer", {"id": first}, intent="opt_out") for first in firsts}
    endings = [("", ""), *product(links, seconds)]
    for lead, first, (link, second) in product(leads, firsts, endings):
        # "end to end" is no footer.
        if (lead or second) and first != second:
            copied = " ".join(filter(None, (lead, first, link, second)))
            file.lexicon.footers[copied.replace(" ", "")] = (copied, entries[first])


def _add_emoji(file: _List, row: Mapping[str, Any]) -> None:
    entry = make_entry(file.language, "emoji", row, intent=row["intent"])
    file.lexicon.emoji.update((fold(sign), entry) for sign in row["signs"])


def _add_spelling(file: _List, row: Mapping[str, Any]) -> None:
    spellings = file.lexicon.respellings.setdefault(file.language, {})
    wanted = plain(row["to"])
    spellings.update((plain(word), wanted) for word in row["from"])
    if row.get("typos", False):
        for typo in misspellings(wanted) - file.ordinary:
            spellings.setdefault(typo, wanted)


def _add_phrase(file: _List, row: Mapping[str, Any]) -> None:
    patterns = f"{row.get('before', '')}(?:{'|'.join(row['patterns'])}){row.get('after', '')}"
    source = _grouped(patterns, file.groups)
    if not file.spaced:
        file.lexicon.unspaced.append(_phrase(file, row, source.replace("~", r"\w{0,6}")))
        return
    lexicon, number = file.lexicon, len(file.lexicon.phrases)
    spelled_out = source.replace("~", r"(?:\w{1,30} ){0,3}").replace(r"\w+", r"\w{1,30}")
    # With a space first, the search leaps from word to word; "^" is then where no word stands before the space.
    anchored = spelled_out.replace("^", r"(?<!\S )")
    lexicon.phrases.append(_phrase(file, row, rf" (?:{anchored})(?!\S)"))
    for word in _triggers(row.get("when", ()), file.groups):
        lexicon.by_word.setdefault(word, []).append(number)
    for prefix in map(plain, row.get("when_prefix", ())):
        lexicon.by_prefix.setdefault(prefix, []).append(number)


def _grouped(source: str, groups: Mapping[str, list[str]]) -> str:
    """A pattern with "<name>" replaced by the words or patterns of that group of the file, accents folded."""
    spelled = _GROUP.sub(lambda name: f"(?:{'|'.join(map(_part, groups[name[1]]))})", source)
    return strip_accents(source) if spelled == source else _grouped(spelled, groups)


def _part(word: str) -> str:
    return word if _SYNTAX.search(word) else plain(word)


def _triggers(words: Iterable[str], groups: Mapping[str, list[str]]) -> Iterator[str]:
    for word in words:
        yield from map(plain, groups[name[1]] if (name := _GROUP.fullmatch(word)) else (word,))


def _phrase(file: _List, row: Mapping[str, Any], source: str) -> Phrase:
    return Phrase(
        rule=f"{file.language}.phrase.{row['id']}",
        intent=row["intent"],
        language=file.language,
        source=source,
        reason=row.get("reason", ""),
        sources=tuple(row["sources"]),
        also=frozenset(_triggers(row.get("also", ()), file.groups)),
        clause=row.get("clause", False),
        whole=row.get("whole", False),
        examples=tuple(row.get("examples", ())),
    )


_KINDS: Mapping[str, Callable[[_List, Mapping[str, Any]], None]] = {
    "keyword": _add_keyword,
    "nearly": _add_nearly,
    "filler": _add_fillers,
    "footer": _add_footers,
    "emoji": _add_emoji,
    "spelling": _add_spelling,
    "phrase": _add_phrase,
}


def _add_reactions(lexicon: Lexicon, rows: list[Mapping[str, Any]]) -> None:
    """The words in front of a quote, of all languages in one pattern per meaning; a dislike is looked for first."""
    sources = tuple(dict.fromkeys(source for row in rows for source in row["sources"]))
    for intent in ("unclear", "other"):
        leads = "|".join(lead for row in rows for lead in row.get(intent, ()))
        reason = next(row["reason"] for row in rows if "reason" in row) if intent == "unclear" else ""
        entry = Entry("any.quote.reaction", intent, "any", "", sources, reason)
        pattern = re.compile(rf"\s*(?:{leads})\s*[\"“”„«‘「『]", re.IGNORECASE)
        lexicon.reactions.append((pattern, entry))
