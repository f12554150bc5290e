"""The only place that parses numbers: any usual way of writing one is one E.164 text."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import phone
from accounts.phone import InvalidNumber, NumberKind


@pytest.mark.parametrize(
    ("written", "region", "read"),
    [
        ("+12125550177", "US", "+12125550177"),
        (" +1 (212) 555-0177 ", "US", "+12125550177"),
        ("212.555.0177", "US", "+12125550177"),
        ("1-212-555-0177", "us", "+12125550177"),
        ("tel:+1-212-555-0177", "US", "+12125550177"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 20 7946 0018", "US", "+442079460018"),
        ("0412 345 678", "AU", "+61412345678"),
        ("491701234567", "DE", "+491701234567"),
        ("12025550123", "DE", "+12025550123"),
        ("01701234567", "DE", "+491701234567"),
        ("0491 2345678", "DE", "+494912345678"),
        ("33612345678", "DE", "+33612345678"),
        ("1701234567", "DE", "+491701234567"),
        ("436641234567", "AT", "+436641234567"),
        ("393401234567", "IT", "+393401234567"),
        ("12025550123", "US", "+12025550123"),
    ],
)
def test_any_usual_way_of_writing_is_one_number(written: str, region: str, read: str) -> None:
    assert phone.parse_number(written, region) == read


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "abc",
        "123",
        "+",
        "+1",
        "+999123456789",
        "+12125550177 ext. 5",
        "555-0177",
        "+15550177",
        "+121255501770000000",
        "STOP",
        "\x00",
    ],
)
def test_what_is_no_number_is_refused_with_a_sentence(wrong: str) -> None:
    with pytest.raises(InvalidNumber, match="write it like"):
        phone.parse_number(wrong, "US")


@pytest.mark.parametrize(
    ("written", "read", "kind"),
    [
        ("72345", "72345", NumberKind.SHORT_CODE),
        ("ACME", "ACME", NumberKind.ALPHANUMERIC),
        ("+18885550102", "+18885550102", NumberKind.TOLL_FREE),
        ("(888) 555-0102", "+18885550102", NumberKind.TOLL_FREE),
        ("+12025550100", "+12025550100", NumberKind.LONG_CODE),
    ],
)
def test_company_numbers_of_every_kind(written: str, read: str, kind: NumberKind) -> None:
    assert phone.parse_company_number(written, "US") == read
    assert phone.kind_of(read) == kind


@pytest.mark.parametrize("prefix", ["800", "833", "844", "855", "866", "877", "888"])
def test_every_toll_free_prefix_is_known(prefix: str) -> None:
    assert phone.kind_of(f"+1{prefix}5550100") == NumberKind.TOLL_FREE


@given(st.text(max_size=80))
def test_reading_whoever_stands_in_a_text_never_fails(raw: str) -> None:
    assert len(phone.read_party(raw, "US")) <= phone.LONGEST_PARTY


@given(st.from_regex(r"\+[1-9][0-9]{5,15}", fullmatch=True))
def test_the_fast_path_takes_what_the_library_takes(text: str) -> None:
    try:
        parsed = phonenumbers.parse(text)
        reason = phonenumbers.is_possible_number_with_reason(parsed)
        possible = reason == phonenumbers.ValidationResult.IS_POSSIBLE
        written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        possible, written = False, ""
    if phone.is_e164(text):
        assert possible, text
    elif possible:
        assert phone.parse_number(text, "US") == written


@given(st.from_regex(r"\+1[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True))
def test_a_number_survives_being_written_for_people(number: str) -> None:
    assert phone.parse_number(phone.format_for_people(number), "US") == number


@pytest.mark.parametrize(("number", "inside"), [("+12125550177", True), ("+442079460018", False), ("72345", False)])
def test_north_america_is_plus_one(number: str, inside: bool) -> None:
    assert phone.in_north_america(number) is inside


def test_a_masked_number_can_not_be_called() -> None:
    assert "5550" not in phone.mask_number("+12125550177")
    assert phone.mask_number("72345") == "****"


@pytest.mark.parametrize(
    ("written", "region", "stored"),
    [
        ("447911123401", "US", "+447911123401"),
        ("00447911123401", "US", "+447911123401"),
        ("12025550123", "GB", "+12025550123"),
        ("12025550123", "DE", "+12025550123"),
        ("sip:+13035557739@gateway.example", "US", "+13035557739"),
        ("+49015112345607", "US", "+4915112345607"),
        ("2025550123", "US", "+12025550123"),
        ("72345", "US", "72345"),
        ("no number", "US", "no number"),
    ],
)
def test_whoever_texts_has_one_identity_however_a_gateway_writes_it(written: str, region: str, stored: str) -> None:
    assert phone.read_party(written, region) == stored


def test_a_trunk_prefix_behind_the_country_code_is_no_second_identity() -> None:
    assert not phone.is_e164("+49015112345607")
    assert phone.parse_number("+49015112345607", "US") == phone.parse_number("+4915112345607", "US")
    assert phone.is_e164("+390669812345"), "Italian numbers do begin with 0"


@pytest.mark.parametrize(
    ("written", "number"),
    [("12025550123", "+12025550123"), ("+12025550123", "+12025550123"), ("12345", "12345"), ("Acme", "Acme"), ("", "")],
)
def test_a_plus_that_a_gateway_leaves_away_is_added(written: str, number: str) -> None:
    assert phone.add_plus(written) == number
