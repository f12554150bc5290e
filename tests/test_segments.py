"""How long a text is on the air: GSM-7 and UCS-2, and where segments are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.segments import GSM_7, UCS_2, measure, suggest


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", GSM_7, 0),
        ("a" * 160, GSM_7, 1),
        ("a" * 161, GSM_7, 2),
        ("a" * 306, GSM_7, 2),
        ("a" * 307, GSM_7, 3),
        ("é" * 160, GSM_7, 1),
        ("€" * 80, GSM_7, 1),
        ("€" * 80 + "a", GSM_7, 2),
        ("a" * 152 + "€" + "a" * 8, GSM_7, 2),
        ("ê" * 70, UCS_2, 1),
        ("ê" * 71, UCS_2, 2),
        ("ê" + "a" * 133, UCS_2, 2),
        ("😀" * 35, UCS_2, 1),
        ("😀" * 36, UCS_2, 2),
        ("😀" * 67, UCS_2, 3),  # 33 of them to a segment: none is cut in two
    ],
)
def test_segments(text: str, encoding: str, segments: int) -> None:
    measured = measure(text)
    assert (measured.encoding, measured.segments) == (encoding, segments)


def test_a_character_of_two_units_is_not_cut_in_two() -> None:
    assert measure("a" * 152 + "€" + "a" * 151).segments == 2
    assert measure("a" * 152 + "€" + "a" * 152).segments == 3


def test_the_costly_characters_are_named_once_in_their_order() -> None:
    assert measure("Fête – fête’s").costly == ("ê", "–", "’")
    assert [suggest(char) for char in "ê–’…ł字"] == ["é", "-", "'", "...", "l", ""]


@given(st.text(max_size=400))
def test_any_text_has_a_measure(text: str) -> None:
    measured = measure(text)
    assert measured.characters == len(text)
    assert (measured.segments == 0) == (text == "")
    assert (measured.encoding == UCS_2) == bool(measured.costly)
    assert measured.room >= 0
