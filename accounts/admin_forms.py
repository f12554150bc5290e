"""Forms of a business's people and settings, in the words of the people who fill them in."""

from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf.locale import LANG_INFO
from django.utils.safestring import SafeString
from unfold.forms import AuthenticationForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import phone
from accounts.admin_base import BusinessForm
from accounts.roles import Role

Choices = Callable[[], list[tuple[str, str]]]
USERNAME = {"label": "Log-in name", "help_text": "Such as an e-mail address: letters, digits and @ . + - _"}
MAY_LOG_IN = "Off for people whose texts go out through another program."
ACTIVE = "Nobody is deleted: switch off whoever leaves. They can't log in; their texts stay."
LANGUAGE_CODE = 2
CHOSEN = {"country", "time_zone", "language"}
HELP = {
    "country": "Where numbers without a country code belong, and whose holidays count.",
    "time_zone": "Its clocks are those of every page and every schedule.",
    "language": "Of replies, where a text does not tell its own.",
}


class LogInForm(AuthenticationForm):  # type: ignore[misc]
    """The door of the admin."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and this password don't belong together. Mind capital letters.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = USERNAME["label"]


class _Worded:
    """Django's words on the fields of a person, replaced by plain ones."""

    fields: dict[str, Any]

    def use_our_words(self) -> None:
        for name, words in {
            "username": USERNAME,
            "email": {"label": "E-mail address"},
            "is_staff": {"help_text": MAY_LOG_IN},
            "is_active": {"help_text": ACTIVE},
        }.items():
            for attribute, said in words.items():
                if name in self.fields:
                    setattr(self.fields[name], attribute, said)


class RoleForm(BusinessForm):
    """Somebody's role: that of an employee goes with a business, that of a platform operator with none."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.instance.is_superuser = cleaned.get("role") == Role.PLATFORM_OPERATOR
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """The rule of the database names it: left out, the rule would not be looked at before saving breaks on it."""
        return super()._get_validation_exclusions() - {"is_superuser"}


class PersonForm(_Worded, RoleForm, UserChangeForm):  # type: ignore[misc]
    """An employee. Nobody locks themselves out, and roles stay within the business."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_our_words()
        if "password" in self.fields:
            link = '<a class="oo-a" href="../password/">Set a new one</a>'
            self.fields["password"].help_text = SafeString(
                f"Nobody can read it. {link} where somebody has forgotten theirs."
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and self.instance.pk == self.request.user.pk:
            for name in ("is_active", "is_staff", "role"):
                if name in cleaned and cleaned[name] != self.initial.get(name):
                    self.add_error(name, "Ask a colleague: you can't change this for yourself.")
        return cleaned


class NewPersonForm(_Worded, RoleForm, UserCreationForm):  # type: ignore[misc]
    """A new employee, with a first password."""

    usable_password = None  # everybody who logs in has one: there is no other door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_our_words()


def settings_field(name: str, field: Any) -> forms.Field | None:
    """A choice where the model keeps a code: whoever sets up a business need not know it."""
    choices: dict[str, Choices] = {"country": phone.countries, "time_zone": time_zones, "language": languages}
    if name not in choices:
        return None
    return forms.ChoiceField(
        label=field.verbose_name.capitalize(),
        choices=choices[name],
        initial=field.default,
        widget=UnfoldAdminSelectWidget,
        help_text=HELP[name],
    )


def time_zones() -> list[tuple[str, str]]:
    """Every place that has its own clock."""
    placed = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in placed)]


def languages() -> list[tuple[str, str]]:
    """Every language that has a code of two letters, by its name in English."""
    named = [(code, info["name"]) for code, info in LANG_INFO.items() if len(code) == LANGUAGE_CODE and "name" in info]
    return sorted([*named, ("zh", "Chinese")], key=lambda pair: pair[1])
