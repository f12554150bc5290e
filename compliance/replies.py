"""The texts we send ourselves: one confirmation of an opt-out, of an opt-in, and the answer to HELP.

The wording is data, a TOML file per language in `reply_texts/`; what each must hold stands there with its rule
(US-12, CT-09 to CT-11, NET-10, CA-06). Imports no Django.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PURPOSES = ("opt_out_confirmation", "opt_in_confirmation", "help_reply")
SHORTEST, LONGEST = 20, 320

_DIRECTORY = Path(__file__).parent / "reply_texts"
_DEFAULT_LANGUAGE = "en"
_LONGEST_CONTACT = 120
_PLACE = re.compile(r"\{(brand|help_contact)\}")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """The texts by language and name."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_DIRECTORY.glob("*.toml"))}


def render_reply(purpose: str, language: str, *, brand: str, help_contact: str, number_scope: bool = False) -> str:
    """The text of a reply, in `language` or else in English, at most 320 characters (NET-10).

    With `number_scope` the confirmation of an opt-out speaks of the one number and offers STOPALL (LIT-07).
    A help contact is kept up to 120 characters, because half an address helps nobody; the brand takes what is left.
    """
    template = _template(purpose, language, number_scope=number_scope)
    contact = _one_line(help_contact)[:_LONGEST_CONTACT].rstrip()
    room = LONGEST - len(_fill(template, brand="", help_contact=contact))
    return _fill(template, brand=_one_line(brand)[:room].rstrip(), help_contact=contact)


def _template(purpose: str, language: str, *, number_scope: bool) -> str:
    if purpose not in PURPOSES:
        raise ValueError(f"There is no reply for the purpose {purpose!r}; the replies are {', '.join(PURPOSES)}.")
    by_name = texts().get(language[:2].lower()) or texts()[_DEFAULT_LANGUAGE]
    return by_name["opt_out_confirmation_number" if number_scope and purpose == "opt_out_confirmation" else purpose]


def _fill(template: str, *, brand: str, help_contact: str) -> str:
    """One pass, so that braces in a business's name are just characters."""
    values = {"brand": brand, "help_contact": help_contact}
    return _PLACE.sub(lambda place: values[place[1]], template)


def _one_line(value: str) -> str:
    return _UNPRINTABLE.sub(" ", value).strip()
