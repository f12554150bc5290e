"""Does a reply hold what the rules ask for, and nothing that they forbid? Each finding names its rule.

Imports no Django.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compliance.double_opt_in import asks_for_yes
from compliance.segments import UCS_2, measure, suggest
from compliance.text_rules import LanguageRules, Rule, general, readable, rules, rules_of, written

ERROR, WARNING = "error", "warning"
# Scripts that GSM-7 does not hold at all: there UCS-2 is no slip.
_UCS_2_LANGUAGES = frozenset({"ar", "bg", "el", "fa", "he", "hi", "ja", "ko", "ru", "sr", "th", "uk", "ur", "zh"})
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_CONTACT = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|\+?\d[\d ().-]{6,}\d")
_SPACES = re.compile(r"\s+")
_MOST_NAMED = 8
_ANYWHERE = frozenset({"shortener"})  # what carriers block wherever it stands, in a help contact too


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply to look at: its wording, and what it is filled in with."""

    purpose: str
    language: str
    body: str
    brand: str
    help_contact: str
    frequency: str = ""
    company_number: str = ""
    is_recurring: bool = False

    @property
    def filled(self) -> str:
        """The text as a recipient would read it."""
        return fill(self.body, self.values)

    @property
    def values(self) -> dict[str, str]:
        """What each placeholder stands for."""
        names = general()["placeholders"]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (`error`) or unwise (`warning`), with the rule and what to do."""

    level: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} ({self.rule})" if self.rule else self.message


def fill(body: str, values: dict[str, str]) -> str:
    """Fill placeholders in one pass, so that braces in a business's name are just characters."""
    return _PLACEHOLDER.sub(lambda place: values.get(place[1], place[0]), body)


def lint(draft: Draft) -> list[Finding]:
    """Everything that is wrong with a reply, errors first. Nothing wrong is an empty list."""
    found = [*_placeholders(draft), *_length(draft), *_missing(draft), *_present(draft), *_characters(draft)]
    return sorted(found, key=lambda finding: finding.level != ERROR)


def errors_of(draft: Draft) -> list[Finding]:
    """What keeps a reply from being used."""
    return [finding for finding in lint(draft) if finding.level == ERROR]


def _placeholders(draft: Draft) -> Iterator[Finding]:
    known = general()["placeholders"]
    for name in dict.fromkeys(_PLACEHOLDER.findall(draft.body)):
        if name not in known:
            choice = ", ".join(f"{{{name}}}" for name in known)
            yield Finding(ERROR, "", f"{{{name}}} stands for nothing; choose from {choice}.")
        elif not draft.values[name].strip():
            yield Finding(ERROR, "", f"{{{name}}} is empty: enter {known[name]}.")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", draft.body)):
        yield Finding(ERROR, "", "There is a single brace; placeholders are written like {brand}.")


def _length(draft: Draft) -> Iterator[Finding]:
    shortest, longest, length = general()["shortest"], general()["longest"], len(draft.filled)
    if shortest <= length <= longest:
        return
    level = ERROR if draft.purpose in general()["purposes"]["fixed_length"] or length > longest else WARNING
    yield Finding(level, "NET-10", f"Filled in, it has {length} characters; {shortest} to {longest} are allowed.")


def _missing(draft: Draft) -> Iterator[Finding]:
    words, text = rules_of(draft.language), readable(_own_words(draft))
    if words is None:
        yield Finding(WARNING, "", f"What a reply must say can't be checked in the language “{draft.language}”.")
    for rule in rules("element"):
        asked = rule.goes_for(draft.purpose) and (draft.is_recurring or not rule.recurring)
        if asked and not _has(rule.check, draft, words, text):
            yield Finding(rule.level, rule.rules, rule.message)


def _has(element: str, draft: Draft, words: LanguageRules | None, text: str) -> bool:
    if element == "brand":
        return "{brand}" in draft.body or (bool(draft.brand) and readable(draft.brand) in readable(draft.filled))
    if element == "contact":
        own = bool(draft.help_contact) and draft.help_contact in draft.filled
        return own or "{help_contact}" in draft.body or bool(_CONTACT.search(draft.body))
    if element == "frequency" and "{frequency}" in draft.body:
        return True
    if element == "yes":
        return asks_for_yes(draft.body, draft.language)
    return words is None or bool(words.elements[element].search(text))


def _present(draft: Draft) -> Iterator[Finding]:
    own = _own_words(draft)
    for rule in rules("forbidden"):
        text = draft.filled if rule.check in _ANYWHERE else own
        if rule.goes_for(draft.purpose) and (found := _find(rule, draft.language, text)):
            yield Finding(rule.level, rule.rules, rule.message.format(found=found))


def _find(rule: Rule, language: str, own: str) -> str:
    patterns: list[tuple[re.Pattern[str], str]] = []
    if rule.check in written():
        patterns.append((written()[rule.check], own))
    words = rules_of(language)
    if words and rule.check in words.forbidden:
        patterns.append((words.forbidden[rule.check], readable(own)))
    return next((found[0].strip() for pattern, text in patterns if (found := pattern.search(text))), "")


def _own_words(draft: Draft) -> str:
    """The wording without the business's name and contact: no brand makes an offer, or says how to stop."""
    text = fill(draft.body, dict.fromkeys(draft.values, " ") | {"frequency": draft.frequency})
    for value in (draft.help_contact, draft.brand):
        if value.strip():
            text = re.sub(re.escape(value.strip()), " ", text, flags=re.IGNORECASE)
    return _SPACES.sub(" ", text)


def _characters(draft: Draft) -> Iterator[Finding]:
    measured = measure(draft.filled)
    if measured.encoding != UCS_2 or draft.language[:2].lower() in _UCS_2_LANGUAGES:
        return
    named = ", ".join(name_character(char) for char in measured.costly[:_MOST_NAMED])
    parts = "1 segment" if measured.segments == 1 else f"{measured.segments} segments"
    yield Finding(WARNING, "GSM-7", f"With {named} a segment holds 70 characters rather than 160: {parts}.")


def name_character(char: str) -> str:
    """A character that GSM-7 does not know, with what to write instead where there is such a thing."""
    shown = f"“{char}”" if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
    instead = suggest(char)
    return f"{shown} (better “{instead}”)" if instead.strip() else shown
