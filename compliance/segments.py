"""How long a text is on the air: GSM-7 or UCS-2, and how many segments carriers charge for. Imports no Django."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import gsm0338

GSM_7, UCS_2 = "GSM-7", "UCS-2"
# Units of one segment alone, and of each of several: a header tells how they belong together (3GPP TS 23.040).
_ROOM = {GSM_7: (160, 153), UCS_2: (70, 67)}
_CODEC = gsm0338.Codec()


@dataclass(frozen=True, slots=True)
class Measure:
    """A text on the air.

    `units` are septets of GSM-7 or UTF-16 units of UCS-2; `room` is what is left of them in the last segment.
    `costly` are the characters that GSM-7 does not know, in the order they occur.
    """

    characters: int
    encoding: str
    units: int
    segments: int
    room: int
    costly: tuple[str, ...]


def measure(text: str) -> Measure:
    """Measure a text as carriers do. Characters of two units are never cut in two between segments."""
    costly = tuple(dict.fromkeys(char for char in text if not _septets(char)))
    encoding = UCS_2 if costly else GSM_7
    sizes = [_utf16_units(char) if costly else _septets(char) for char in text]
    units = sum(sizes)
    alone, each = _ROOM[encoding]
    if units <= alone:
        return Measure(len(text), encoding, units, 1 if text else 0, alone - units, costly)
    segments, used = _cut(sizes, each)
    return Measure(len(text), encoding, units, segments, each - used, costly)


def _cut(sizes: Iterable[int], room: int) -> tuple[int, int]:
    """How many segments, and how much of the last one is used."""
    segments, used = 1, 0
    for size in sizes:
        if used + size > room:
            segments, used = segments + 1, 0
        used += size
    return segments, used


@lru_cache(maxsize=4096)
def _septets(char: str) -> int:
    """1 for the basic alphabet, 2 for its extension, 0 for a character that GSM-7 does not know."""
    try:
        return len(_CODEC.encode(char)[0]) if char not in "\x1b\x0c" else 0
    except UnicodeEncodeError:
        return 0


def _utf16_units(char: str) -> int:
    return 2 if ord(char) > 0xFFFF else 1


# What a costly character may be written as instead: the closest one that GSM-7 knows.
_CLOSE = dict(
    chain(
        zip("êëÊËáâãÁÂíîïÍÎÏóôõÓÔÕúûÚÛçÀÈÌÒÙœŒ", "ééEEaaaAAiiiIIIoooOOOuuUUcAEIOUoO", strict=True),
        zip("ąćęłńśźżĄĆĘŁŃŚŹŻ", "acelnszzACELNSZZ", strict=True),
        zip("‘’‚“”„«»–—‐‑•·`´\u00a0\u202f\u2009\u200a", "'''\"\"\"\"\"-----.''    ", strict=True),
    )
)


def suggest(char: str) -> str:
    """A GSM-7 character that may stand for a costly one; "" where there is none."""
    return "..." if char == "…" else _CLOSE.get(char, "")
