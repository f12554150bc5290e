"""The question of a double opt-in, and what counts as a yes: data, a TOML file per language. Imports no Django."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from compliance.keywords.folding import plain

LONGEST_YES = 60
_FALLBACK = "en"

_DIRECTORY = Path(__file__).parent / "question_texts"


@cache
def questions() -> Mapping[str, Mapping[str, Any]]:
    """Question and words for yes by language."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_DIRECTORY.glob("*.toml"))}


@cache
def _yes_words() -> frozenset[str]:
    return frozenset(word for language in questions().values() for word in language["yes"])


def asks_for_yes(text: str, language: str) -> bool:
    """Whether a text names a word that is read as a yes: one of its language, or an English one."""
    listed = [questions()[code]["yes"] for code in (language[:2].lower(), _FALLBACK) if code in questions()]
    said = f" {plain(text)} "
    return any(f" {word} " in said for words in listed for word in words if len(word) > 1)


def is_yes(text: str) -> bool:
    """Whether a whole text says yes, in any of the languages. It means something only where a question is open."""
    return len(text) <= LONGEST_YES and plain(text) in _yes_words()
