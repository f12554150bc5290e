"""What is known of each provider, as data: its settings and where to find them, its words, its replies, its errors.

One TOML file per provider, named after its slug. A mistake in one stops the first use of that provider, with its name.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from messaging.providers.failures import Blocker, Failure, FailureKind

_DIRECTORY = Path(__file__).parent
LONGEST_RAW = 2000


class Replies(StrEnum):
    """Whether a provider answers its own words by itself."""

    ALWAYS = "always"
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of the form that connects a provider.

    find: where to find the value over there. A secret is kept as a list and never shown.
    """

    name: str
    label: str
    find: str
    secret: bool = False
    required: bool = True
    multiline: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    choice_words: tuple[str, ...] = ()  # what people read in their place, in the same order

    @property
    def named_choices(self) -> list[tuple[str, str]]:
        """Each choice with its words."""
        return list(zip(self.choices, self.choice_words or self.choices, strict=True))


@dataclass(frozen=True, slots=True)
class Code:
    """One line of a provider's error table."""

    kind: FailureKind
    meaning: str
    by: Blocker = Blocker.PROVIDER
    has: str = ""  # words that its text must hold to count, in lower case


@dataclass(frozen=True, slots=True)
class Facts:
    """A provider as the rest of the product knows it.

    replies: by kind of company number, or "default". own_words: by intent (`opt_out`, `opt_in`, `help`), in lower case.
    steps: what to do over there, in order; `{inbound}` and `{status}` stand for the addresses to paste.
    """

    slug: str
    label: str
    summary: str
    sources: tuple[str, ...]
    settings: tuple[Setting, ...]
    base_url: str
    replies: Mapping[str, Replies]
    own_words: Mapping[str, tuple[str, ...]]
    matches: str  # "whole": the text is that word alone; "first": it begins with it
    codes: Mapping[str, Code]
    steps: tuple[str, ...] = ()
    on_stop: str = ""
    answer_within_seconds: int = 15
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(setting.name for setting in self.settings if setting.required)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(setting.name for setting in self.settings)

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(setting.name for setting in self.settings if setting.secret)

    def replies_on(self, number_kind: str) -> Replies:
        """Whether the provider answers its words by itself on this kind of company number."""
        return self.replies.get(number_kind, self.replies.get("default", Replies.NEVER))

    def knows(self, intent: str, text: str) -> bool:
        """Whether the provider's own engine reads this text as `intent`."""
        said = " ".join(text.split()).casefold()
        words = self.own_words.get(intent, ())
        if self.matches == "first":
            return any(said == word or said.startswith(f"{word} ") for word in words)
        return said in words

    def explain(self, code: object, text: str = "", raw: str = "") -> Failure:
        """What an error code means; one that is not in the table is `other`."""
        name = "" if code is None else str(code).strip()
        found = self.codes.get(name)
        if found is None or (found.has and found.has not in text.lower()):
            return Failure(FailureKind.OTHER, name, text, raw=raw[:LONGEST_RAW])
        return Failure(found.kind, name, text or found.meaning, found.by, raw[:LONGEST_RAW])


@cache
def load_facts(slug: str) -> Facts:
    """The facts of one provider. Raises ValueError that names the file where it is wrong."""
    try:
        return _read(slug, tomllib.loads((_DIRECTORY / f"{slug}.toml").read_text(encoding="utf-8")))
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{slug}.toml is not right: {error!r}") from error


def _read(slug: str, data: Mapping[str, Any]) -> Facts:
    return Facts(
        slug=slug,
        label=data["label"],
        summary=data["summary"],
        sources=tuple(data["sources"]),
        settings=tuple(_read_setting(row) for row in data.get("setting", ())),
        base_url=data.get("base_url", ""),
        replies={kind: Replies(value) for kind, value in data.get("replies", {}).items()},
        own_words={intent: tuple(words) for intent, words in data.get("own_words", {}).items()},
        matches=data.get("matches", "whole"),
        codes={row_code: _read_code(row) for row in data.get("code", ()) for row_code in row["codes"]},
        steps=tuple(data.get("steps", ())),
        on_stop=data.get("on_stop", ""),
        answer_within_seconds=data.get("answer_within_seconds", 15),
        extras=data.get("extras", {}),
    )


def _read_setting(row: Mapping[str, Any]) -> Setting:
    lists = {name: tuple(row.get(name, ())) for name in ("choices", "choice_words")}
    return Setting(**{**row, **lists})


def _read_code(row: Mapping[str, Any]) -> Code:
    return Code(
        FailureKind(row["kind"]), row["meaning"], Blocker(row.get("by", Blocker.PROVIDER)), row.get("has", "").lower()
    )
