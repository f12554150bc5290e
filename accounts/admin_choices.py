"""Choices that are searched instead of listed: too many for a list, and each known by the key of its row."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple

from accounts.admin_filters import read_key


class _ShowsKnownKeys:
    """Shows what was chosen. Django asks the database for whatever was sent, and breaks where that is no key."""

    def optgroups(self, name: str, value: list[Any], attr: Any = None) -> list[Any]:
        keys = [key for key in value if read_key(str(key)) is not None]
        groups: list[Any] = super().optgroups(name, keys, attr)  # type: ignore[misc]
        return groups


class SearchedChoice(_ShowsKnownKeys, AutocompleteSelect):  # type: ignore[misc]
    """One row."""


class SearchedChoices(_ShowsKnownKeys, AutocompleteSelectMultiple):  # type: ignore[misc]
    """Any number of rows."""


class RowsByKey(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rows by their keys. Django asks for all of them at once, and SQLite breaks on a number that it can't hold."""

    def clean(self, value: Any) -> Any:
        for key in value or ():
            if read_key(str(key)) is None:
                raise forms.ValidationError(self.error_messages["invalid_choice"], params={"value": key})
        return super().clean(value)
