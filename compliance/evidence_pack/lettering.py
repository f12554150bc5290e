"""The letters of a printed pack: fonts that cover the languages we read, and no letter that vanishes.

DejaVu Sans has Latin, Cyrillic and Greek, WenQuanYi Micro Hei Chinese, Japanese and Korean. What neither has is
written as its code point, so that nobody takes an empty box for the words.

Lines are broken here: fpdf2 measures a line anew for every letter of it, which is most of the time that a pack took.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import cast

from fpdf import FPDF
from fpdf.fonts import TTFFont

FONTS = Path(__file__).parent / "fonts"
MAIN, BOLD, REST = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "WenQuanYiMicroHei.ttf"
FAMILY, FALLBACK = "main", "rest"
LINE_END = "\n"


class Letters:
    """The fonts of a document. Only the letters that are used end up in the file."""

    def __init__(self, pdf: FPDF) -> None:
        pdf.add_font(FAMILY, fname=FONTS / MAIN)
        pdf.add_font(FAMILY, style="B", fname=FONTS / BOLD)
        pdf.add_font(FALLBACK, fname=FONTS / REST)
        self._spelled = _Spelled(pdf)
        self._widths = {style: _Widths(pdf, style) for style in ("", "B")}

    def spell(self, text: str) -> str:
        """A text as the fonts can print it: what they lack is named by its code point."""
        return text.translate(self._spelled)

    def lines(self, text: str, room: float, style: str) -> Iterator[str]:
        """A spelled text in lines of at most `room` thousandths of the font's size."""
        for paragraph in text.split(LINE_END):
            yield from _break(paragraph, room, self._widths[style])

    def runs(self, line: str, style: str) -> Iterator[tuple[str, str, float]]:
        """What one font prints of a line after another: its family, the letters, and how wide they are."""
        widths = self._widths[style]
        for is_main, letters in groupby(line, widths.is_main):
            run = "".join(letters)
            yield FAMILY if is_main else FALLBACK, run, sum(widths[letter] for letter in run)


class _Spelled(dict[int, str]):
    """How each character is printed, for str.translate."""

    def __init__(self, pdf: FPDF) -> None:
        self._known = [_font(pdf, name).cmap for name in (FAMILY, f"{FAMILY}B", FALLBACK)]

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        prints = letter == LINE_END or (letter.isprintable() and any(code in cmap for cmap in self._known))
        self[code] = letter if prints else f"[U+{code:04X}]"
        return self[code]


class _Widths(dict[str, float]):
    """How wide each letter is, in thousandths of the size."""

    def __init__(self, pdf: FPDF, style: str) -> None:
        self._main, self._rest = _font(pdf, FAMILY + style), _font(pdf, FALLBACK)

    def is_main(self, letter: str) -> bool:
        """Whether the main font prints it."""
        return ord(letter) in self._main.cmap

    def __missing__(self, letter: str) -> float:
        font = self._main if self.is_main(letter) else self._rest
        self[letter] = font.cw[ord(letter)]
        return self[letter]


def _font(pdf: FPDF, name: str) -> TTFFont:
    return cast("TTFFont", pdf.fonts[name])


def _break(text: str, room: float, widths: _Widths) -> Iterator[str]:
    """Break after the last space that fits; a word that is longer than a line, and what has no spaces, anywhere."""
    begin, space, used, since_space = 0, -1, 0.0, 0.0
    for place, letter in enumerate(text):
        width = widths[letter]
        while used + width > room and letter != " " and place > begin:
            end = space if space > begin else place
            yield text[begin:end]
            begin, used = (end + 1, since_space) if end < place else (place, 0.0)
        used += width
        since_space += width
        if letter == " ":
            space, since_space = place, 0.0
    yield text[begin:]
