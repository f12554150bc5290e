"""Reading JSON that came over the wire: one object or a list, bad bytes and bad dates and all."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from messaging.providers.base import RawWebhook, Unreadable

_Read = TypeVar("_Read")


def read_items(raw: RawWebhook) -> list[Any]:
    """What a body holds, bad UTF-8 and all: a text is never lost to one bad byte. Raises Unreadable."""
    try:
        value = json.loads(raw.body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}") from None
    items = value if isinstance(value, list) else [value]
    if not items:
        raise Unreadable("The body must be a JSON object, or a list of them.")
    return items


def read_each(items: Sequence[object], read_one: Callable[[dict[str, Any], int], _Read]) -> list[_Read | Unreadable]:
    """Every item, with an Unreadable in the place of what can't be read. Raises it where that is all of them.

    read_one: gets an object and its place in the list.
    """
    found = [_try_to_read(item, place, read_one) for place, item in enumerate(items)]
    if all(isinstance(item, Unreadable) for item in found):
        raise next(item for item in found if isinstance(item, Unreadable))
    return found


def _try_to_read(item: object, place: int, read_one: Callable[[dict[str, Any], int], _Read]) -> _Read | Unreadable:
    try:
        return read_one(as_object(item), place)
    except Unreadable as error:
        return error


def as_object(item: object) -> dict[str, Any]:
    """An item that is a JSON object. Raises Unreadable."""
    if not isinstance(item, dict):
        raise Unreadable("The body must be a JSON object, or a list of them.")
    return item


def object_in(holder: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that is a JSON object; {} where it is anything else."""
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def objects_in(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The JSON objects in a field that is a list; none where it is anything else."""
    value = holder.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def read_time(value: object) -> datetime | None:
    """A moment as ISO 8601 or seconds since 1970. None where it can't be read: a bad date refuses no text."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_word(item: Mapping[str, Any], name: str) -> str:
    """A field that is a text or a whole number, without the space around it; "" where it is anything else."""
    value = item.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
