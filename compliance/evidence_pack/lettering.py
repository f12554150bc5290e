"""The letters of a printed pack: fonts that cover the languages we read, and no letter that vanishes.

DejaVu Sans has Latin, Cyrillic and Greek, WenQuanYi Micro Hei Chinese, Japanese and Korean. What neither has is
written as its code point, so that nobody takes an empty box for the words.
"""

from pathlib import Path
from typing import Any

from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
MAIN, BOLD, REST = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "WenQuanYiMicroHei.ttf"
FAMILY, FALLBACK = "main", "rest"


def add_letters(pdf: FPDF) -> None:
    """Give a document its fonts. Only the letters that are used end up in the file."""
    pdf.add_font(FAMILY, fname=FONTS / MAIN)
    pdf.add_font(FAMILY, style="B", fname=FONTS / BOLD)
    pdf.add_font(FALLBACK, fname=FONTS / REST)
    pdf.set_fallback_fonts([FALLBACK], exact_match=False)


def spell(pdf: FPDF, text: str) -> str:
    """A text as the fonts can print it: what they lack is named by its code point."""
    known: list[Any] = [pdf.fonts[FAMILY], pdf.fonts[f"{FAMILY}B"], pdf.fonts[FALLBACK]]
    return "".join(character if _prints(character, known) else f"[U+{ord(character):04X}]" for character in text)


def _prints(character: str, fonts: list[Any]) -> bool:
    if character == "\n":
        return True
    return character.isprintable() and any(ord(character) in font.cmap for font in fonts)
