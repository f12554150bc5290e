"""Small pieces that admin pages are made of: labels, numbers, moments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.phone import format_for_people


def label(text: Any, colour: str = "grey") -> SafeString:
    """A coloured label: red, green, orange, blue or grey."""
    return format_html('<span class="oo-label oo-{}">{}</span>', colour, text)


def choice_label(text: str, value: str, colours: Mapping[str, str]) -> SafeString:
    """The label of a choice, with the colour that goes with its value."""
    return label(text, colours.get(value, "grey"))


def number(value: str) -> SafeString:
    """A phone number as people read it, in figures that stand below each other."""
    return format_html('<span class="oo-number">{}</span>', format_for_people(value)) if value else SafeString("–")


def quote(words: str, at_most: int = 80) -> SafeString:
    """Somebody's own words, cut short for a list."""
    if not words:
        return SafeString("–")
    cut = words if len(words) <= at_most else f"{words[: at_most - 1]}…"
    return format_html('<span class="oo-quote" title="{}">“{}”</span>', words[:500], cut)


def two_lines(first: Any, second: Any) -> SafeString:
    """Two facts of one cell, below each other; a dash where there is neither."""
    said = [part for part in (first, second) if part]
    lines = format_html_join(SafeString("<br>"), "{}", ((part,) for part in said))
    return format_html('<span class="oo-lines">{}</span>', lines) if said else SafeString("–")


def moment(value: datetime | None) -> SafeString:
    """A moment in a list: the day, and below it the time."""
    if value is None:
        return SafeString("–")
    local = timezone.localtime(value)
    return format_html(
        '<time class="oo-when" datetime="{}">{}<br>{}</time>',
        local.isoformat(),
        date_format(local, "N j, Y"),
        date_format(local, "P"),
    )


@admin.display(description="state")
def active_label(row: Any) -> SafeString:
    """Whether a row is in use."""
    return label("Active", "green") if row.is_active else label("Switched off", "grey")
