"""A business's own keywords laid over the lists (DESIGN 4; US-01 stays whatever a business does)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from compliance.keywords.folding import plain
from compliance.keywords.lexicon import Entry, Lexicon
from compliance.keywords.loading import count_words, load

# The seven words of US-01 with the ways to write them, and what phones, carriers and providers rely on.
PROTECTED = frozenset(
    map(plain, ("stop", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe", "stop all", "stopall"))
) | {"start", "unstop", "help"}
_INTENTS = ("opt_out", "opt_in", "help", "unclear", "other")


@dataclass(frozen=True, slots=True)
class OwnKeyword:
    """Words that a business listed itself; an answer resting on them has the rule "own.keyword.<id>".

    `intent` is one of opt_out, opt_in, help, unclear and other; "other" is for a word that only gets a reply of its
    own: the caller finds the reply by the rule. `language` is what the answer is given in; where it is left out, the
    conversation's.
    """

    id: str
    intent: str
    words: tuple[str, ...]
    language: str = ""
    reason: str = "A word that your business asked to see."


def extend(own: Iterable[OwnKeyword] = (), switched_off: Collection[str] = ()) -> Lexicon:
    """The lists with a business's own words added and others switched off; compile it once and keep it.

    Words match as listed ones do: a whole text, however it is written; opt-out and help words also with politeness
    around them. `switched_off` names single words of the lists, as a person would write them. Raises ValueError, with
    a sentence, for a word of US-01, STOP, START or HELP, for one without letters, and for an unknown intent.
    """
    words: dict[str, Entry | None] = dict.fromkeys(map(_checked, switched_off))
    for keyword in own:
        words.update((_checked(word), _entry(keyword)) for word in keyword.words)
    starts = dict(load().starts)
    for word, count in count_words(words).items():
        starts[word] = max(starts.get(word, 0), count)
    return replace(load(), own=words, starts=starts)


def _checked(word: str) -> str:
    found = plain(word)
    if not found:
        raise ValueError(f"The word {word!r} holds no letter or digit.")
    if found in PROTECTED:
        raise ValueError(f"{word!r} always means the same: the law or the phone networks fix it.")
    return found


def _entry(keyword: OwnKeyword) -> Entry:
    if keyword.intent not in _INTENTS:
        raise ValueError(f"{keyword.intent!r} is no intent: use one of {', '.join(_INTENTS)}.")
    return Entry(
        rule=f"own.keyword.{keyword.id}",
        intent=keyword.intent,
        language=keyword.language,
        canonical=plain(keyword.words[0]),
        sources=("D",),
        reason=keyword.reason if keyword.intent == "unclear" else "",
        fillers=keyword.intent in ("opt_out", "help"),
    )
