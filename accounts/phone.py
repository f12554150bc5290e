"""The only place that parses phone numbers. Inside, every number is E.164 text."""

import re
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
SHORT_CODE = re.compile(r"[0-9]{3,8}")
ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
TOLL_FREE_PREFIXES = ("+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888")
LONGEST_PARTY = 32


class NumberKind(StrEnum):
    LONG_CODE = "long_code"
    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


class InvalidNumber(ValueError):
    """A text that is no phone number; the message is a sentence for the person who typed it."""


@lru_cache(maxsize=1024)
def possible_lengths(country_code: str) -> frozenset[int]:
    """Lengths that a national number may have behind a country code; empty where there is no such code."""
    if not country_code.isdigit():
        return frozenset()
    metadata = PhoneMetadata.metadata_for_nongeo_region(int(country_code), None)
    if metadata is None:
        region = phonenumbers.region_code_for_country_code(int(country_code))
        metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.general_desc is None:
        return frozenset()
    return frozenset(metadata.general_desc.possible_length)


def is_e164(text: str) -> bool:
    """Whether a text is E.164 of a possible length. A table look-up: phonenumbers costs 20 µs a number."""
    if not E164.fullmatch(text):
        return False
    return any(len(text) - 1 - size in possible_lengths(text[1 : 1 + size]) for size in (1, 2, 3))


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
        raise InvalidNumber(f"“{text[:40]}” is not a phone number; write it like +12025550123.") from None
    if parsed.extension or not phonenumbers.is_possible_number(parsed):
        raise InvalidNumber(f"“{text[:40]}” is not a possible phone number; write it like +12025550123.")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def parse_company_number(raw: str, region: str) -> str:
    """A company number: E.164, a short code or an alphanumeric sender. Raises InvalidNumber."""
    text = raw.strip()
    if SHORT_CODE.fullmatch(text) or ALPHANUMERIC.fullmatch(text):
        return text
    return parse_number(text, region)


def read_party(raw: str, region: str) -> str:
    """The stored form of whoever stands in an inbound text. Never fails: nothing inbound is refused."""
    try:
        return parse_company_number(raw, region)
    except InvalidNumber:
        return raw.strip()[:LONGEST_PARTY]


def kind_of(number: str) -> NumberKind:
    """What sort of company number this is, from its form alone."""
    if number.startswith(TOLL_FREE_PREFIXES):
        return NumberKind.TOLL_FREE
    if number.startswith("+"):
        return NumberKind.LONG_CODE
    return NumberKind.SHORT_CODE if number.isdigit() else NumberKind.ALPHANUMERIC


def is_country(code: str) -> bool:
    """Whether numbers of this country (ISO 3166, two capital letters) can be read."""
    return code in phonenumbers.SUPPORTED_REGIONS


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
