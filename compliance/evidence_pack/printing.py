"""The pack on paper: the same that the JSON says, in the order in which a lawyer asks."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from accounts.phone import format_for_people
from compliance.evidence_pack.lettering import FAMILY, Letters

INK, GREY, LINE = (17, 24, 39), (90, 98, 110), (205, 210, 218)
TITLED_BY = (
    "action_in_words",
    "outcome_in_words",
    "status_in_words",
    "way_in_words",
    "sentence",
    "kind_in_words",
    "provider_event",
)
MOMENTS = ("at", "occurred_at", "given_at", "asked_at", "opted_out_at", "compared_at", "first_at", "made_at")
NOTHING: tuple[Any, ...] = (None, "", [], {})
NAMES = {"id": "record", "at": "when", "sha256": "SHA-256", "evidence": "evidence record", "opt_out": "opt-out record"}
WORDS = {("scope", "tenant"): "all company numbers", ("scope", "number"): "one company number"}
LABEL_WIDTH = 46


class Sheet(FPDF):
    """A4 pages with the number, the digest and the count of pages on each."""

    def __init__(self, about: str, digest: str) -> None:
        super().__init__(format="A4")
        self.about, self.digest = about, digest
        self.set_margins(18, 16)
        self.set_auto_page_break(True, margin=20)
        self.letters = Letters(self)
        self.set_title(f"Evidence pack: {about}")
        self.add_page()

    def footer(self) -> None:
        self.set_y(-14)
        self.set_text_color(*GREY)
        self.set_font(FAMILY, size=7)
        self.cell(
            0, 4, f"{self.about} · page {self.page_no()} of {{nb}}", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
        self.cell(0, 4, f"SHA-256 of the JSON: {self.digest}", align="C")

    def say(self, text: str, *, size: float = 9, bold: bool = False, grey: bool = False, height: float = 4.6) -> None:
        """A paragraph over the whole width."""
        style, colour = "B" if bold else "", GREY if grey else INK
        for line in self._lines(text, self.l_margin, size, style):
            self._begin_line(height)
            self._write(line, self.l_margin, height, size, style, colour)
            self.ln(height)

    def section(self, title: str) -> None:
        """The heading of a part, never alone at the foot of a page."""
        if self.will_page_break(30):
            self.add_page()
        self.ln(4)
        self.say(title, size=13, bold=True, height=7)
        self.set_draw_color(*LINE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(2)

    def fact(self, name: str, value: str) -> None:
        """One line of a row: what, and beside it its value."""
        beside, height, size = self.l_margin + LABEL_WIDTH, 4.2, 8.0
        self._begin_line(height)
        self._write(self.letters.spell(name), self.l_margin, height, size, "", GREY)
        for line in self._lines(value or "–", beside, size, ""):
            self._begin_line(height)
            self._write(line, beside, height, size, "", INK)
            self.ln(height)

    def _lines(self, text: str, x: float, size: float, style: str) -> Iterator[str]:
        room = (self.w - self.r_margin - self.c_margin - x - self.c_margin) * self.k * 1000 / size
        return self.letters.lines(self.letters.spell(text), room, style)

    def _begin_line(self, height: float) -> None:
        if self.will_page_break(height):
            self.add_page()

    def _write(self, line: str, x: float, height: float, size: float, style: str, colour: tuple[int, int, int]) -> None:
        """One line at the height where the page stands, its baseline as that of a cell."""
        self.set_text_color(*colour)
        x += self.c_margin
        for family, run, width in self.letters.runs(line, style):
            self.set_font(family, style=style if family == FAMILY else "", size=size)
            self.text(x, self.get_y() + 0.5 * height + 0.3 * self.font_size, run)
            x += width * self.font_size / 1000


def print_pack(said: dict[str, Any], digest: str) -> bytes:
    """The PDF of what a pack's JSON says."""
    number = format_for_people(said["recipient"]["number"])
    sheet = Sheet(f"{said['business']['name']}, {number}", digest)
    _print_front(sheet, said, number, digest)
    sheet.section("What stands")
    for standing in said["state"]:
        _print_standing(sheet, standing)
    sheet.section("What was checked")
    for sentence in _checks(said["checks"]):
        sheet.say(sentence)
    for part in said["parts"]:
        _print_part(sheet, part)
    return bytes(sheet.output())


def _print_front(sheet: Sheet, said: dict[str, Any], number: str, digest: str) -> None:
    business, by = said["business"], said["made_by"]
    sheet.say("Evidence pack", size=20, bold=True, height=10)
    sheet.say(number, size=15, bold=True, height=8)
    sheet.ln(2)
    for name, value in (
        ("Business", f"{business['name']} (in its texts: {business['name_in_texts']})"),
        ("Contact", business["contact"]),
        ("Recipient", f"{said['recipient']['number']}, first seen {when(said['recipient']['first_seen_at'])}"),
        ("Made", when(said["made_at"])),
        ("Made by", f"{by['name']} ({by['role']})"),
        ("Why", said["why"]),
        ("Times", f"As in {business['time_zone']}, with their distance from UTC"),
        ("SHA-256 of the JSON", digest),
    ):
        sheet.fact(name, value)
    sheet.ln(2)
    sheet.say(said["how_to_check"], size=7.5, grey=True, height=3.8)


def _print_standing(sheet: Sheet, standing: dict[str, Any]) -> None:
    sheet.say(f"{standing['for']}: {standing['state']}", bold=True)
    for sentence in (*standing["sentences"], standing["consent"]):
        sheet.say(sentence)
    sheet.ln(1.5)


def _checks(checks: dict[str, Any]) -> Iterable[str]:
    total, good = checks["evidence_rows"], checks["evidence_whose_digest_holds"]
    yield f"Evidence: {good} of {total} match the digest that was taken when they were kept."
    if checks["faults"]:
        yield "These things do not hold:"
        yield from (f"– {fault}" for fault in checks["faults"])
    else:
        yield "The history is complete: every state follows from the change before it, every change from its evidence."
        yield "The database refused changes of history and evidence when this was made: its triggers stand."


def _print_part(sheet: Sheet, part: dict[str, Any]) -> None:
    rows = part["rows"]
    sheet.section(f"{part['title']} ({len(rows)})")
    if part["older_rows_left_out"]:
        sheet.say(f"These are the newest {len(rows):,}; older ones are left out of this pack.", bold=True)
    if not rows:
        sheet.say("None.", grey=True)
    for row in rows:
        _print_row(sheet, row)


def _print_row(sheet: Sheet, row: dict[str, Any]) -> None:
    if sheet.will_page_break(18):
        sheet.add_page()
    at = next((row[name] for name in MOMENTS if row.get(name)), None)
    titled_by = next((name for name in TITLED_BY if row.get(name)), "")
    title = str(row.get(titled_by, ""))
    sheet.say(" · ".join(filter(None, (when(at) if at else "", title))), bold=True)
    for name, value in row.items():
        if value not in NOTHING and name != titled_by and f"{name}_in_words" not in row:
            sheet.fact(_named(name), _in_words(name, value))
    sheet.ln(2)


def _named(name: str) -> str:
    said = NAMES.get(name, name.removesuffix("_in_words").replace("_", " "))
    return said[:1].upper() + said[1:]


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(
            f"{key.replace('_', ' ')}: {_in_words(key, item)}" for key, item in value.items() if item not in NOTHING
        )
    if isinstance(value, list):
        return "; ".join(_in_words(name, item) for item in value)
    if name == "at" or name.endswith("_at"):
        return when(value)
    return WORDS.get((name, value), str(value))


def when(text: str) -> str:
    """A moment of the JSON in the time of the business, to the second."""
    moment: datetime | None = parse_datetime(text)
    return date_format(timezone.localtime(moment), r"N j, Y, H:i:s (\U\T\C O)") if moment else text
