"""The names of languages on the screen."""

from django.utils.translation import get_language_info

_NAMES = {"zh": "Chinese"}


def language_name(code: str) -> str:
    """A language as people call it; its code where it has no name here."""
    try:
        return _NAMES.get(code) or str(get_language_info(code)["name"])
    except KeyError:
        return code
