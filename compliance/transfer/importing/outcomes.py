"""What can become of a line, and the file that says it of every line."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accounts.phone import is_e164
from compliance.list_files import escape
from compliance.transfer.importing.staged import Entry

HEADER = ("line", "recipient", "outcome", "why")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that can become of a line. `letter` stands for it in ImportedBatch."""

    key: str
    letter: str
    foreseen: str  # as the check says it
    done: str  # as the result says it
    colour: str
    why: str = ""


OUTCOMES = {
    outcome.key: outcome
    for outcome in (
        Outcome("new", "n", "will be opted out", "opted out", "green"),
        Outcome("already", "a", "opted out already", "opted out already", "grey", "A later date is kept."),
        Outcome(
            "newer_opt_in",
            "o",
            "opted in later",
            "left: opted in later",
            "blue",
            "The person opted in after this date.",
        ),
        Outcome(
            "would_opt_in", "w", "does not say opted out", "refused: an import never opts anyone back in", "orange"
        ),
        Outcome("invalid", "i", "can't be read", "invalid", "red"),
    )
}
BY_LETTER = {outcome.letter: outcome for outcome in OUTCOMES.values()}
NOT_YET = Outcome("", "", "", "not imported", "grey", "The import had not come to this line.")


class _Lines:
    """A file for csv.writer that hands back what was written."""

    def write(self, text: str) -> str:
        return text


def write_lines(entries: Iterable[tuple[Entry, Outcome]], *, foreseen: bool = False) -> Iterator[str]:
    """The lines of a CSV file, one for each line of the list."""
    row = csv.writer(_Lines()).writerow
    for entry, outcome in entries:
        said = outcome.foreseen if foreseen else outcome.done
        yield str(row((entry.line, shown(entry), said, entry.problem or outcome.why)))


def header_line() -> str:
    return ",".join(HEADER) + "\r\n"


def shown(entry: Entry) -> str:
    """The recipient's number; what is none, as it was written, so that no spreadsheet runs it."""
    if entry.listed is not None:
        return entry.listed.number
    return entry.written if is_e164(entry.written) else escape(entry.written)
