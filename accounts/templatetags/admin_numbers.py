"""Phone numbers in templates."""

from django import template

from accounts.phone import format_for_people

register = template.Library()


@register.filter
def phone(value: str) -> str:
    """A number as people read it."""
    return format_for_people(value)
