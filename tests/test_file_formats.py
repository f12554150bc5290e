"""Files of lists as rows: every way of separating, quoting and encoding; a broken row costs one line."""

import csv
import io
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from compliance import file_formats
from compliance.file_formats import XLSX, BrokenRow, UnreadableFile, first_rows, format_of
from compliance.list_files import DAY_FIRST, MONTH_FIRST, guess_columns, parse_moment

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufeff"), max_size=8)


def rows_of(content: bytes, name: str = "list.csv") -> list[tuple[int, list[str]]]:
    return list(format_of(name).read(io.BytesIO(content)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_encodings_and_line_ends(delimiter: str, encoding: str, end: str) -> None:
    text = end.join([f"phone{delimiter}note", f"+12125550177{delimiter}über", ""])
    assert rows_of(text.encode(encoding)) == [(1, ["phone", "note"]), (2, ["+12125550177", "über"])]


@given(
    rows=st.lists(
        st.lists(CELL | st.sampled_from(['"', 'a"b', "x,y", "two\nlines"]), min_size=2, max_size=3), max_size=6
    )
)
def test_what_csv_writes_is_read_again(rows: list[list[str]]) -> None:
    to = io.StringIO()
    csv.writer(to).writerows([["a,b", "c"], *rows])
    read = [cells for _, cells in rows_of(b"a,b\n" + to.getvalue().encode())][2:]
    assert read == [[cell.strip() for cell in row] for row in rows]


def test_a_cell_of_several_lines_counts_them() -> None:
    assert rows_of(b'a,b\n"x\ny",1\nz,2\n') == [(1, ["a", "b"]), (2, ["x\ny", "1"]), (4, ["z", "2"])]


@pytest.mark.parametrize("filling", [0, 1, 3, 500])
def test_a_quote_that_is_never_closed_costs_its_own_line(filling: int) -> None:
    lines = [*(f"{n},x" for n in range(filling)), '9,"open', *(f"{n},y" for n in range(filling))]
    rows = rows_of(("a,b\n" + "\n".join(lines)).encode())
    assert len(rows) == len(lines) + 1
    assert [number for number, cells in rows if isinstance(cells, BrokenRow)] == [filling + 2]
    assert [number for number, _ in rows] == list(range(1, len(lines) + 2))


def test_inches_within_a_cell_break_nothing() -> None:
    assert rows_of(b'a,b\n1,5" pipe\n2,x\n')[1:] == [(2, ["1", '5" pipe']), (3, ["2", "x"])]


@pytest.mark.parametrize(
    "content",
    [
        'phone,note\n+12125550177,"bad\n+12125550178,x\n+12125550179,"y"\n',
        'phone,note\n+12125550177,"bad\n+12125550178,x\n+12125550179,y"\n',
        'phone\n"+12125550177\n+12125550178\n+12125550179"\n',
    ],
)
def test_two_lines_with_a_quote_too_many_swallow_nobody_between_them(content: str) -> None:
    rows = rows_of(content.encode())[1:]
    assert [(number, cells[0].strip('"')) for number, cells in rows] == [
        (2, "+12125550177"),
        (3, "+12125550178"),
        (4, "+12125550179"),
    ]
    assert isinstance(rows[0][1], BrokenRow)


def test_words_of_several_lines_stay_one_cell() -> None:
    words = "Called 212 555 0199,\nsaid: stop, and\n555-0100 is no longer hers."
    assert rows_of(f'phone,note,by\n+12125550177,"{words}",Ada\n'.encode())[1:] == [
        (2, ["+12125550177", words, "Ada"]),
    ]
    assert rows_of(b'note,phone\n"her\nwords",+12125550177\n')[1:] == [(2, ["her\nwords", "+12125550177"])]


def test_a_cell_longer_than_any_costs_its_own_line() -> None:
    csv.field_size_limit(128 * 1024)  # the usual one; a command that reads longer texts raises it for its process
    rows = rows_of(b'a,b\n1,"' + b"x" * 200_000 + b'"\n2,y\n')
    assert isinstance(rows[1][1], BrokenRow)
    assert rows[2] == (3, ["2", "y"])


def test_a_file_without_line_ends_is_read_in_pieces() -> None:
    rows = rows_of(b"x" * 2_500_000)
    assert [len(cells[0]) for _, cells in rows] == [1024 * 1024, 1024 * 1024, 2_500_000 - 2 * 1024 * 1024]


def test_control_characters_that_no_database_takes_are_left_out() -> None:
    assert rows_of(b"a,b\n1\x00,\xff\n")[1] == (2, ["1", "ÿ"])


def test_a_workbook_that_unpacks_without_end_is_refused(settings: object) -> None:
    settings.UPLOAD_LIMIT_MB = 1  # type: ignore[attr-defined]
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 9 * 1024 * 1024)
    with pytest.raises(UnreadableFile, match="far too large"):
        rows_of(raw.getvalue(), "list.xlsx")


def test_what_is_held_of_a_workbook_has_its_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_formats, "HELD_AT_MOST_MB", 1)
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b" " * 2 * 1024 * 1024)
    with pytest.raises(UnreadableFile, match="far too large"):
        rows_of(raw.getvalue(), "list.xlsx")


def test_a_row_that_no_sheet_has_keeps_nobody_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_formats, "MOST_ROWS", 10_000)
    raw, twin = io.BytesIO(book_of([["phone"], ["+12125550177"]])), io.BytesIO()
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(twin, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry, content.replace(b'r="2"', b'r="9999999999"').replace(b"A2", b"A9999999999"))
    with pytest.raises(UnreadableFile, match="at most 10,000 rows"):
        rows_of(twin.getvalue(), "list.xlsx")


def test_all_sheets_with_the_same_columns_are_read_and_their_rows_counted_on() -> None:
    header = ["phone", "note"]
    content = book_of([header, ["1", "a"]], [], [[], header, ["2", "b"]], [header])
    rows = rows_of(content, "list.xlsx")
    assert [row for row in rows if any(row[1])] == [(1, header), (2, ["1", "a"]), (5, ["2", "b"])]
    assert XLSX().sheets(io.BytesIO(content)) == 3
    bare = book_of([["+12125550177"]], [["+12125550178"]])
    assert rows_of(bare, "list.xlsx") == [(1, ["+12125550177"]), (2, ["+12125550178"])]
    same = book_of([["+12125550177"]], [["+12125550177"]])
    assert rows_of(same, "list.xlsx") == [(1, ["+12125550177"]), (2, ["+12125550177"])], "a person is no header"


def test_a_sheet_with_other_columns_is_refused_by_its_name() -> None:
    with pytest.raises(UnreadableFile, match="“Sheet1” has other columns than the first"):
        rows_of(book_of([["phone"], ["1"]], [["By month"], ["May"]]), "list.xlsx")


def test_a_letter_far_down_the_file_tells_its_encoding() -> None:
    rows = rows_of(b"phone,note\n" + b"1,x\n" * 100_000 + "2,Jürgen\n".encode("cp1252"))
    assert rows[-1] == (100_002, ["2", "Jürgen"])


def test_more_columns_than_anybody_can_look_over_are_refused() -> None:
    wide = [(1, [""] * 3_000), (2, ["x"] * 500 + [""] * 3_000)]
    assert first_rows(wide) == wide[1:]
    with pytest.raises(UnreadableFile, match="100,000 columns; at most 500"):
        first_rows([(1, ["x"] * 100_000)])


def book_of(*sheets: list[list[str]]) -> bytes:
    book, to = Workbook(), io.BytesIO()
    for place, rows in enumerate(sheets):
        sheet = book.create_sheet() if place else book.worksheets[0]
        for row in rows:
            sheet.append(row)
    book.save(to)
    return to.getvalue()


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (["Phone Number", "Opt-Out Date"], ["recipient", "opted_out_at"]),
        (["Address", "Mobile"], ["address", "recipient"]),
        (["phone", "phone", "Note"], ["recipient", "phone", "reason"]),
        (["date", "date"], ["opted_out_at", "date"]),
        (["Name", "Name"], ["name", ""]),
    ],
)
def test_columns_are_known_by_their_headers(header: list[str], columns: list[str]) -> None:
    assert guess_columns(header) == columns


@pytest.mark.parametrize(
    ("text", "dates", "moment"),
    [
        ("2026-01-02", MONTH_FIRST, datetime(2026, 1, 2)),  # noqa: DTZ001
        ("3/4/2026", MONTH_FIRST, datetime(2026, 3, 4)),  # noqa: DTZ001
        ("3/4/2026", DAY_FIRST, datetime(2026, 4, 3)),  # noqa: DTZ001
        ("03.04.2026 15:30", DAY_FIRST, datetime(2026, 4, 3, 15, 30)),  # noqa: DTZ001
        ("2026-01-02 03:04:05 UTC", MONTH_FIRST, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("Mon, 02 Jan 2023 10:00:00 +0000", MONTH_FIRST, datetime(2023, 1, 2, 10, tzinfo=UTC)),
        ("Jan 2, 2023, 10:00 PM", MONTH_FIRST, datetime(2023, 1, 2, 22)),  # noqa: DTZ001
        ("1697049600", MONTH_FIRST, datetime(2023, 10, 11, 18, 40, tzinfo=UTC)),
        ("1697049600000", MONTH_FIRST, datetime(2023, 10, 11, 18, 40, tzinfo=UTC)),
        ("12", MONTH_FIRST, None),
        ("May", MONTH_FIRST, None),
        ("10:30", MONTH_FIRST, None),
        ("the other day", MONTH_FIRST, None),
        ("99999999999999", MONTH_FIRST, None),
    ],
)
def test_dates_in_any_usual_way_of_writing(text: str, dates: str, moment: datetime | None) -> None:
    assert parse_moment(text, dates) == moment


@given(text=st.text(max_size=30), dates=st.sampled_from([MONTH_FIRST, DAY_FIRST]))
def test_no_text_breaks_the_reading_of_dates(text: str, dates: str) -> None:
    moment = parse_moment(text, dates)
    assert moment is None or isinstance(moment, datetime)


def test_a_workbook_that_was_renamed_is_no_text() -> None:
    with pytest.raises(UnreadableFile, match=r"name it \.xlsx"):
        rows_of(b"PK\x03\x04\x14\x00")
