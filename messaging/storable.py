"""Text that a database can store, from whoever sends it."""

import re
from math import isfinite
from typing import Any

DEEPEST = 20
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """NUL and lone surrogates become U+FFFD. Raw bytes are kept beside what matters."""
    return _UNSTORABLE.sub("\ufffd", text)


def clean_json(value: Any, depth: int = 0) -> Any:
    """A value out of somebody's JSON as every database can store it; what is nested too deep is left out."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {clean(str(name)): clean_json(item, depth + 1) for name, item in value.items()}
    return [clean_json(item, depth + 1) for item in value]
