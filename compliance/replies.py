"""The texts we send ourselves: one confirmation of an opt-out, of an opt-in, and the answer to HELP.

The built-in wording is data, a TOML file per language in `reply_texts/`; what each must hold stands there with its rule
(US-12, CT-09 to CT-11, NET-10, CA-06). What a business wrote itself goes before it. Imports no Django.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compliance.double_opt_in import questions
from compliance.text_rules.lint import fill

PURPOSES = ("opt_out_confirmation", "opt_in_confirmation", "help_reply")
NUMBER_SCOPE = "opt_out_confirmation_number"
QUESTION, ANSWER = "opt_in_question", "keyword_reply"
SHORTEST, LONGEST = 20, 320

_DIRECTORY = Path(__file__).parent / "reply_texts"
_DEFAULT_LANGUAGE = "en"
_LONGEST_CONTACT = 120
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class OwnText:
    """A reply in the words of a business."""

    body: str
    frequency: str = ""


# By kind and name ("" for the usual reply), then by language.
OwnTexts = Mapping[tuple[str, str], Mapping[str, OwnText]]
NO_OWN_TEXTS: OwnTexts = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The reply that is looked for.

    `language` is that of the word or of the conversation, `or_language` that of the business. `name` is the name of a
    reply that a keyword asks for. With `number_scope` the confirmation of an opt-out speaks of the one number and
    offers STOPALL (LIT-07).
    """

    kind: str
    language: str
    or_language: str = ""
    name: str = ""
    number_scope: bool = False


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """The built-in texts by language and name."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_DIRECTORY.glob("*.toml"))}


def built_in(kind: str, language: str) -> str:
    """The built-in wording of a reply in a language, "" where there is none."""
    if kind == QUESTION:
        return str(questions().get(language, {}).get("question", ""))
    return texts().get(language, {}).get(kind, "")


def render_reply(
    kind: str,
    language: str,
    *,
    brand: str,
    help_contact: str,
    number_scope: bool = False,
    or_language: str = "",
    name: str = "",
    own: OwnTexts = NO_OWN_TEXTS,
    company_number: str = "",
) -> str:
    """The text of a reply, in `language` or else in English, at most 320 characters (NET-10).

    A help contact is kept up to 120 characters, because half an address helps nobody; the brand takes what is left.
    """
    text = find_text(Wanted(kind, language, or_language, name, number_scope), own)
    values = {
        "help_contact": _one_line(help_contact)[:_LONGEST_CONTACT].rstrip(),
        "frequency": _one_line(text.frequency),
        "company_number": company_number,
    }
    room = max(LONGEST - len(fill(text.body, {**values, "brand": ""})), 0)
    return fill(text.body, {**values, "brand": _one_line(brand)[:room].rstrip()})


def find_text(wanted: Wanted, own: OwnTexts = NO_OWN_TEXTS) -> OwnText:
    """The wording of a reply: one of the business in the language, the built-in one, or one in another language."""
    kind = NUMBER_SCOPE if wanted.number_scope and wanted.kind == PURPOSES[0] else wanted.kind
    named = own.get((kind, wanted.name)) if wanted.name else None
    if named:
        return _in(named, wanted.language) or _in(named, wanted.or_language) or named[min(named)]
    usual = own.get((kind, ""), {})
    found = _in(usual, wanted.language) or _standard(kind, wanted.language)
    found = found or _in(usual, wanted.or_language) or _standard(kind, _DEFAULT_LANGUAGE)
    if found is None:
        raise ValueError(f"There is no reply for the purpose {kind!r}; the replies are {', '.join(PURPOSES)}.")
    return found


def _in(by_language: Mapping[str, OwnText], language: str) -> OwnText | None:
    return by_language.get(language[:2].lower())


def _standard(kind: str, language: str) -> OwnText | None:
    body = built_in(kind, language[:2].lower())
    return OwnText(body) if body else None


def _one_line(value: str) -> str:
    return _UNPRINTABLE.sub(" ", value).strip()
