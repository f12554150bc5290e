"""Slips of the finger: everything one keystroke away from a word."""

from collections.abc import Iterator

_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
# A word this long is hardly ever another word with one wrong letter, whichever letter it is.
LONG = 8
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def _neighbours() -> dict[str, str]:
    places = {key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys)}
    return {
        key: "".join(
            other
            for other, (r, c) in places.items()
            if other != key and abs(r - row) <= 1 and abs(c - column) <= 1 and (r == row or c - column in (0, row - r))
        )
        for key, (row, column) in places.items()
    }


_NEAR = _neighbours()


def misspellings(word: str) -> set[str]:
    """A letter left out, doubled, swapped with the next, or hit beside its key; for long words any wrong letter."""
    return {*_slips(word)} - {word}


def _slips(word: str) -> Iterator[str]:
    for place, letter in enumerate(word):
        before, after = word[:place], word[place + 1 :]
        yield before + after
        if after:
            yield before + after[0] + letter + after[1:]
        for wrong in _ALPHABET if len(word) >= LONG else _NEAR.get(letter, ""):
            yield before + wrong + after
            yield before + wrong + letter + after
            yield before + letter + wrong + after
        yield before + letter + letter + after
