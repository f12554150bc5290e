"""The only place that parses phone numbers. Inside, every number is E.164 text."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
BARE = re.compile(r"[1-9][0-9]{10,14}")  # long enough to have a country code
SHORT_CODE = re.compile(r"[0-9]{3,8}")
ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
TOLL_FREE_PREFIXES = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")
LONGEST_PARTY = 32
MOBILES = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


class NumberKind(StrEnum):
    LONG_CODE = "long_code"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


class InvalidNumber(ValueError):
    """A text that is no phone number; the message is a sentence for the person who typed it."""


@dataclass(frozen=True, slots=True)
class NationalRules:
    """What a national number may be behind a country code: its lengths, and what must not begin it."""

    lengths: frozenset[int]
    trunk_prefix: re.Pattern[str] | None


@lru_cache(maxsize=1024)
def rules_of(country_code: str) -> NationalRules | None:
    """The rules of a country code; None where there is no such code."""
    code = int(country_code)
    metadata = PhoneMetadata.metadata_for_nongeo_region(code, None)
    if metadata is None:
        metadata = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(code), None)
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return NationalRules(frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None)


def is_e164(text: str) -> bool:
    """Whether a text is E.164 as it stands. A table look-up: phonenumbers costs 20 µs a number.

    False leaves it to `parse_number`: +49 0151… has a possible length, and is +49 151… all the same.
    """
    return bool(E164.fullmatch(text)) and any(_is_national(text[1 : 1 + size], text[1 + size :]) for size in (1, 2, 3))


def _is_national(country_code: str, number: str) -> bool:
    rules = rules_of(country_code)
    if rules is None or len(number) not in rules.lengths:
        return False
    return rules.trunk_prefix is None or not rules.trunk_prefix.match(number)


def parse_number(raw: str, region: str) -> str:
    """E.164 of a number written in any usual way.

    region: ISO 3166 country of numbers without a country code. Raises InvalidNumber.
    """
    text = raw.strip()
    if is_e164(text):
        return text
    try:
        parsed = phonenumbers.parse(text, region.upper())
    except phonenumbers.NumberParseException:
        told = f"“{text[:40]}” is not a phone number" if text else "No phone number is given"
        raise InvalidNumber(f"{told}; write it like +12025550123.") from None
    # Not `is_possible_number`: it takes 555-0177, which can be dialled within its area alone, for +1 555 0177.
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    if parsed.extension or not possible:
        raise InvalidNumber(f"“{text[:40]}” is not a possible phone number; write it like +12025550123.")
    if BARE.fullmatch(text):
        parsed = _with_its_country_code(text, parsed)
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _with_its_country_code(digits: str, national: PhoneNumber) -> PhoneNumber:
    """491701234567, as spreadsheets and gateways write it, is a mobile of Germany rather than a landline in its 0491.

    Where numbers have any length, the national reading would be somebody else's number.
    """
    if f"{national.country_code}{national.national_number}" == digits:
        return national
    with suppress(phonenumbers.NumberParseException):
        return max(national, phonenumbers.parse(f"+{digits}"), key=_how_likely_texted)
    return national


def _how_likely_texted(number: PhoneNumber) -> int:
    """2 for a mobile, 1 for another number in service."""
    if not phonenumbers.is_valid_number(number):
        return 0
    return 2 if phonenumbers.number_type(number) in MOBILES else 1


def parse_company_number(raw: str, region: str) -> str:
    """A company number: E.164, a short code or an alphanumeric sender. Raises InvalidNumber."""
    text = raw.strip()
    if SHORT_CODE.fullmatch(text) or ALPHANUMERIC.fullmatch(text):
        return text
    return parse_number(text, region)


def read_party(raw: str, region: str) -> str:
    """The stored form of whoever stands in an inbound text. Never fails: nothing inbound is refused.

    Gateways write foreign numbers without “+”, with “00”, or inside an address. A reading that is a number in service
    goes before one that merely has a possible length.
    """
    text = raw.strip()
    if SHORT_CODE.fullmatch(text) or ALPHANUMERIC.fullmatch(text) or is_e164(text):
        return text
    readings = list(_readings(text, region))
    in_service = (number for number in readings if phonenumbers.is_valid_number(phonenumbers.parse(number)))
    return next(in_service, readings[0] if readings else text[:LONGEST_PARTY])


def add_plus(digits: str) -> str:
    """A number that a gateway writes without its “+”, as E.164. Short codes and names stay as they are."""
    text = digits.strip()
    return f"+{text}" if text.isascii() and text.isdigit() and not SHORT_CODE.fullmatch(text) else text


def _readings(text: str, region: str) -> Iterator[str]:
    embedded = E164.search(text)
    digits = re.sub(r"\D", "", text).removeprefix("00")
    for way in (text, embedded.group() if embedded else "", f"+{digits}"):
        with suppress(InvalidNumber):
            yield parse_number(way, region)


def kind_of(number: str) -> NumberKind:
    """What sort of company number this is, from its form alone."""
    if number.startswith(TOLL_FREE_PREFIXES):
        return NumberKind.TOLL_FREE
    if number.startswith("+"):
        return NumberKind.LONG_CODE
    return NumberKind.SHORT_CODE if number.isdigit() else NumberKind.ALPHANUMERIC


def example_of(region: str) -> str:
    """A number of a country as people there write it down for abroad, to show how one looks."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return "+1 202-555-0123"
    return str(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


@lru_cache(maxsize=1)
def countries() -> list[tuple[str, str]]:
    """Every country whose numbers can be read, with its name in English, by name."""
    from phonenumbers.geodata.locale import LOCALE_DATA  # large, and for one page alone

    def name_of(code: str) -> str:
        names = LOCALE_DATA.get(code, {})
        name = str(names.get("en", code))
        return str(names[name[1:]]) if name.startswith("*") else name  # “*aa”: as in that language

    listed = [
        (code, f"{name_of(code)} (+{phonenumbers.country_code_for_region(code)})")
        for code in phonenumbers.SUPPORTED_REGIONS
    ]
    return sorted(listed, key=lambda country: country[1])


def is_country(code: str) -> bool:
    """Whether numbers of this country (ISO 3166, two capital letters) can be read."""
    return code in phonenumbers.SUPPORTED_REGIONS


def country_of(number: str) -> str:
    """The country of an E.164 number (ISO 3166), by its area code where several share +1; "" where none is known."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def in_north_america(number: str) -> bool:
    """Whether a recipient's number is a +1 number, to which US rules apply (US-15, US-23)."""
    return number.startswith("+1")


def read_search(raw: str, region: str) -> str:
    """The digits to search for, from any way of writing a whole number or a part of one."""
    try:
        return parse_number(raw, region)
    except InvalidNumber:
        return re.sub(r"\D", "", raw)


def format_for_people(number: str) -> str:
    """A number as people read it: +1 202-555-0123."""
    if not number.startswith("+"):
        return number
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def mask_number(number: str) -> str:
    """A number for logs: enough to recognise, too little to call."""
    return f"{number[:5]}****{number[-2:]}" if len(number) > 7 else "****"
