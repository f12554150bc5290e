"""Languages written without spaces between words (US-06): listed words with politeness, and phrases anywhere."""

from compliance.classifier.answers import Classification, Intent, Reading, answer
from compliance.keywords import Phrase
from compliance.keywords.folding import is_unspaced, unspaced

_LONGEST_POLITE = 60
_MOST_FILLERS = 4


def read_unspaced(reading: Reading) -> Classification | None:
    """A text with Chinese, Japanese or Korean letters; None where no list of theirs says anything about it."""
    if not is_unspaced(reading.words):
        return None
    joined = unspaced(reading.words)
    return _polite(joined, reading) or _phrases(joined, reading)


def _polite(joined: str, reading: Reading) -> Classification | None:
    if len(joined) > _LONGEST_POLITE:
        return None
    fillers = reading.lexicon.unspaced_fillers
    for core in _without(joined, fillers):
        if entry := reading.lexicon.find(core, reading.language):
            polite = core != joined and entry.rule.split(".")[1] == "keyword"
            if not polite or (entry.fillers and entry.intent != Intent.OPT_IN):
                rule = entry.rule.replace(".keyword.", ".filler.") if polite else entry.rule
                return answer(entry, reading.language, rule=rule)
    return None


def _without(joined: str, fillers: list[str]) -> list[str]:
    """The text, then the text with one filler less at a time."""
    cores = [joined]
    for _ in range(_MOST_FILLERS):
        core = cores[-1]
        shorter = next((core[len(f) :] for f in fillers if core.startswith(f)), "") or next(
            (core[: -len(f)] for f in fillers if core.endswith(f)), ""
        )
        if not shorter:
            break
        cores.append(shorter)
    return cores


def _phrases(joined: str, reading: Reading) -> Classification | None:
    fillers = reading.lexicon.unspaced_fillers
    for phrase in reading.lexicon.unspaced:
        if phrase.clause:
            if "?" not in reading.folded and any(map(phrase.pattern.fullmatch, _without(joined, fillers))):
                return _said(phrase)
        elif phrase.intent == Intent.OTHER:
            joined = phrase.pattern.sub(" ", joined)
        elif phrase.pattern.search(joined):
            return _said(phrase)
    return None


def _said(phrase: Phrase) -> Classification:
    return Classification(Intent(phrase.intent), phrase.rule, phrase.language, "", phrase.reason)
