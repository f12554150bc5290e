"""What the page says: a TOML file per language in `texts/`, chosen by the visitor's own choice or their browser's."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.utils.translation.trans_real import parse_accept_lang_header

_DIRECTORY = Path(__file__).parent / "texts"
_DEFAULT_LANGUAGE = "en"


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """The texts by language and name."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_DIRECTORY.glob("*.toml"))}


def choose_language(asked_for: str, accepted: str, business: str) -> str:
    """The first of these that we have: what the visitor chose, what their browser accepts, the business's, English."""
    wanted = [asked_for, *(language for language, _ in parse_accept_lang_header(accepted.lower())), business]
    return next((language[:2] for language in wanted if language[:2] in texts()), _DEFAULT_LANGUAGE)


def say(language: str, **values: str) -> dict[str, str]:
    """Every text of a language with the places filled in that are known. Braces in a value are just characters."""
    return {name: _fill(text, values) for name, text in texts()[language].items()}


def _fill(text: str, values: Mapping[str, str]) -> str:
    before, brace, rest = text.partition("{")
    if not brace:
        return text
    name, _, after = rest.partition("}")
    return before + values.get(name, f"{{{name}}}") + _fill(after, values)
