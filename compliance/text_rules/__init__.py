"""What the texts of a business must say and must not, per language: rules as data, one TOML file a language.

`rules.toml` names each rule with the texts it goes for; the languages' files hold the words that satisfy or break it.
Imports no Django.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compliance.keywords.folding import fold

_DIRECTORY = Path(__file__).parent
_NOT_LANGUAGES = ("rules", "any")
FALLBACK = "en"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of rules.toml: what is looked at, in which texts, and what is said where it fails."""

    check: str
    rules: str
    message: str
    level: str = "error"
    recurring: bool = False
    purposes: tuple[str, ...] = ()

    def goes_for(self, purpose: str) -> bool:
        """Whether it concerns a text; a rule that names none concerns all."""
        return not self.purposes or purpose in self.purposes


@dataclass(frozen=True, slots=True)
class InstructionWords:
    """How a language tells people to stop: what is appended, and the parts that an instruction is made of.

    append_one_way: for texts that nobody can answer; `{page}` is the address where people stop them.
    """

    append: str
    append_one_way: str
    ask: str
    link: str
    goal: str
    bare_goal: str
    more: str


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """The words of one language. The patterns are compared with what `readable` makes of a text."""

    language: str
    elements: Mapping[str, re.Pattern[str]]
    forbidden: Mapping[str, re.Pattern[str]]
    instruction: InstructionWords


def readable(text: str) -> str:
    """A text as the patterns expect it: folded, but with its punctuation, and Korean syllables whole."""
    return unicodedata.normalize("NFC", fold(text))


@cache
def languages() -> Mapping[str, LanguageRules]:
    """The rules by language; a mistake in a file stops the start rather than a text."""
    names = sorted(path.stem for path in _DIRECTORY.glob("*.toml") if path.stem not in _NOT_LANGUAGES)
    return {name: _language(_read(name)) for name in names}


def rules_of(language: str) -> LanguageRules | None:
    """The rules of a language, "fr" for "fr-CA"; None where there are none."""
    return languages().get(language[:2].lower())


@cache
def general() -> Mapping[str, Any]:
    """Measures, placeholders and rules for all languages."""
    return _read("rules")


@cache
def rules(kind: str) -> tuple[Rule, ...]:
    """The rules of a kind: `element` must be there, `forbidden` must not."""
    return tuple(Rule(**{**row, "purposes": tuple(row.get("purposes", ()))}) for row in general()[kind])


@cache
def written() -> Mapping[str, re.Pattern[str]]:
    """What is looked for in a text as it is written: links, shorteners, codes, marks of an offer."""
    row = _read("any")
    hosts = "|".join(map(re.escape, row["shorteners"]))
    return {
        "link": re.compile(row["link"], re.IGNORECASE),
        "shortener": re.compile(rf"(?<![\w@.-])(?:www\.)?(?:{hosts})(?![\w.-]*\w@)(?:/\S*)?(?![\w-])", re.IGNORECASE),
        "marketing": re.compile("|".join([row["coupon"], *map(re.escape, row["marketing"])])),
    }


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_DIRECTORY / f"{name}.toml").read_text(encoding="utf-8"))


def _language(row: Mapping[str, Any]) -> LanguageRules:
    said = {name: row["instruction"][name] for name in ("append", "append_one_way")}
    words = {name: readable(value) for name, value in row["instruction"].items() if isinstance(value, str)}
    more = "|".join(map(readable, row["instruction"]["more"]))
    return LanguageRules(
        row["language"],
        {name: _one_of(patterns) for name, patterns in row["elements"].items()},
        {name: _one_of(patterns) for name, patterns in row["forbidden"].items()},
        InstructionWords(**{**words, **said, "more": more}),
    )


def _one_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{readable(pattern)})" for pattern in patterns))
