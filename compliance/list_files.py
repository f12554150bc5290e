"""Reading lists of opt-outs: CSV or XLSX, with whatever headers other systems write."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import load_workbook

from accounts.models import Tenant
from accounts.phone import InvalidNumber, is_e164, parse_company_number, parse_number

# What other systems call the same thing, in lower case with every run of other characters as one "_".
HEADERS = {
    "recipient": (
        "recipient",
        "phone",
        "phone_number",
        "phonenumber",
        "number",
        "mobile",
        "cell",
        "msisdn",
        "to",
        "destination",
        "address",
        "contact",
    ),
    "status": ("status", "state", "opt_status", "optstatus"),
    "subscribed": ("subscribed", "opted_in", "opt_in", "consent"),
    "scope": ("scope",),
    "sender": ("sender", "company_number", "from", "sender_id"),
    "requested_by": ("requested_by",),
    "opted_out_at": (
        "opted_out_at",
        "opt_out_date",
        "opted_out_on",
        "date",
        "created_at",
        "timestamp",
        "opt_out_time",
        "last_modified_time",
    ),
    "reason": ("reason", "note", "notes", "comment"),
    "language": ("language", "lang"),
    "words": ("words", "text", "message", "keyword"),
}
SAYS_OUT = {
    "",
    "active",
    "opted_out",
    "opted out",
    "opt_out",
    "opt-out",
    "optout",
    "out",
    "stop",
    "stopped",
    "unsubscribed",
    "blocked",
    "no",
    "false",
    "0",
}
SAYS_NO = {"no", "n", "false", "0", "out", "unsubscribed", "opted_out", "opted out"}
ESCAPED = "'"


class UnreadableFile(ValueError):
    """A file that is no list; the message says what to mend."""


class BadLine(ValueError):
    """A line that can't be taken; `kind` tells why, the message names the field."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ListedOptOut:
    """One readable line: E.164 number, company number or "", moment or None, words and reason as written."""

    number: str
    sender: str
    at: datetime | None
    reason: str
    words: str
    language: str
    requested_by: str


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and named cells of every filled line. Raises UnreadableFile."""
    rows = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    header: list[str] | None = None
    for number, cells in rows:
        if not any(cells):
            continue
        if header is None:
            header = _read_header(cells)
            if "recipient" in header:
                continue
            if not _looks_like_number(cells[0]):
                raise UnreadableFile("No column names the recipient; give one the header “recipient”.")
            header = ["recipient"]
        yield number, dict(zip(header, cells, strict=False))
    if header is None:
        raise UnreadableFile("The file is empty.")


def read_line(cells: dict[str, str], tenant: Tenant) -> ListedOptOut:
    """The opt-out that a line asks for. Raises BadLine."""
    if not _says_out(cells):
        raise BadLine("would_opt_in", "It does not say opted out; an import never opts anyone back in.")
    try:
        number = parse_number(unescape(cells.get("recipient", "")), tenant.country)
        sender = _read_sender(cells, tenant)
    except InvalidNumber as error:
        raise BadLine("invalid", str(error)) from None
    return ListedOptOut(
        number=number,
        sender=sender,
        at=_read_time(cells.get("opted_out_at", ""), tenant),
        reason=unescape(cells.get("reason", "")),
        words=unescape(cells.get("words", "")),
        language=cells.get("language", "")[:8],
        requested_by=_read_requested_by(cells),
    )


def unescape(text: str) -> str:
    """Undo the apostrophe that an export puts before what a spreadsheet would run."""
    return text[1:] if text[:1] == ESCAPED and text[1:2] in ("=", "+", "-", "@", "\t", "\r") else text


def _read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count))
            for cells in reader:
                yield reader.line_num, [cell.strip().replace("\x00", "") for cell in cells]
    except (OSError, csv.Error) as error:
        raise UnreadableFile(f"The file can't be read: {error}") from None


def _read_xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever zipfile and the XML parser raise
        raise UnreadableFile(f"The file can't be read: {error}") from None
    for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
        yield number, [_cell_text(cell) for cell in cells]


def _cell_text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():  # Excel keeps a bare phone number as a number
        return str(int(value))
    return "" if value is None else str(value).strip()


def _read_header(cells: list[str]) -> list[str]:
    known = {alias: name for name, aliases in HEADERS.items() for alias in aliases}
    plain = ["_".join("".join(c if c.isalnum() else " " for c in cell.lower()).split()) for cell in cells]
    return [known.get(word, word) for word in plain]


def _looks_like_number(cell: str) -> bool:
    return is_e164(cell) or (sum(c.isdigit() for c in cell) >= 7 and not any(c.isalpha() for c in cell))


def _says_out(cells: dict[str, str]) -> bool:
    if "subscribed" in cells and cells["subscribed"].lower() not in SAYS_NO:
        return False
    return cells.get("status", "").lower() in SAYS_OUT


def _read_sender(cells: dict[str, str], tenant: Tenant) -> str:
    scope, sender = cells.get("scope", "").lower(), unescape(cells.get("sender", ""))
    if scope == "tenant" or not sender or sender == "*":
        if scope == "number":
            raise BadLine("invalid", "The field “sender” must name the company number of a “number” scope.")
        return ""
    return parse_company_number(sender, tenant.country)


def _read_requested_by(cells: dict[str, str]) -> str:
    asked = cells.get("requested_by", "").lower() or "recipient"
    if asked not in ("recipient", "business"):
        raise BadLine("invalid", "The field “requested_by” must be recipient or business.")
    return asked


def _read_time(text: str, tenant: Tenant) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadLine(
            "invalid", f"“{text[:40]}” is not a date; write it like 2026-11-23 or 2026-11-23T10:30:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(tenant.time_zone))).astimezone(UTC)
