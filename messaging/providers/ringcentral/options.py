"""The settings of a RingCentral connection beside its secrets."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

OWN_EXTENSION = "~"  # RingCentral's word for the extension that the credential belongs to


class Mode(StrEnum):
    """As what texts are sent: as a person's, or through the high-volume service."""

    SMS = "sms"
    A2P = "a2p"


def mode_of(settings: Mapping[str, Any]) -> Mode:
    """How this connection texts: one of the choices that the facts name."""
    return Mode(str(settings.get("mode") or Mode.SMS))


def extensions_of(settings: Mapping[str, Any]) -> list[str]:
    """The ids of the extensions that are listened to; the first one sends. Raises ValueError with a sentence."""
    ids = [part.strip() for part in str(settings.get("extension") or OWN_EXTENSION).split(",") if part.strip()]
    if not all(part == OWN_EXTENSION or (part.isascii() and part.isdigit()) for part in ids):
        raise ValueError("The setting “extension” must be the id of an extension, or several with commas between.")
    return ids or [OWN_EXTENSION]
