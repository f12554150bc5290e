"""Why a provider did not deliver, in words that are the same for all of them. The codes are data, in `facts/`."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What a failure means for the next text to the same person."""

    OPTED_OUT = "opted_out"
    INVALID_NUMBER = "invalid_number"
    UNREACHABLE = "unreachable"
    FILTERED = "filtered"
    RATE_LIMITED = "rate_limited"
    SETTINGS = "settings"
    TEMPORARY = "temporary"
    AMBIGUOUS = "ambiguous"
    OTHER = "other"


class Blocker(StrEnum):
    """Who keeps the list that a text was refused by."""

    PROVIDER = "provider"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Failure:
    """One refusal: what it means, the provider's code and words, and its raw answer as evidence."""

    kind: FailureKind
    code: str = ""
    text: str = ""
    by: Blocker = Blocker.PROVIDER
    raw: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.code and self.text else self.code or self.text or self.kind
