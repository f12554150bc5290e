"""Text that a database can store, from whoever sends it."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """NUL and lone surrogates become U+FFFD. Raw bytes are kept beside what matters."""
    return _UNSTORABLE.sub("\ufffd", text)
