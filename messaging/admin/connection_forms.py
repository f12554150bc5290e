"""Forms of provider connections: exactly the fields that a provider has, the numbers, and who answers."""

import re
from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import widgets

from accounts import phone
from accounts.models import ProviderAccount, SenderNumber, Tenant
from messaging.connections import NotConnected, Wish, settings_of
from messaging.diagnosis import words
from messaging.providers.base import secrets_of
from messaging.providers.facts import Facts, Setting

SETTING, FORGET, KIND = "setting_", "forget_", "kind_"
NUMBERS_AT_MOST = 500
KINDS = [choice for choice in SenderNumber.Kind.choices if choice[0] != SenderNumber.Kind.ALPHANUMERIC]


class SecretTextarea(widgets.UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A secret of several lines. Like a password it is never written back into the page."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        return context


class ConnectionForm(forms.Form):
    """What it takes to connect a provider, or to change a connection. An empty secret keeps the one that stands."""

    def __init__(self, tenant: Tenant, facts: Facts, account: ProviderAccount | None, *args: Any) -> None:
        super().__init__(*args)
        self.tenant, self.facts, self.account = tenant, facts, account
        self.kept = (settings_of(account) if account else None) or {}
        self.stated = [setting for setting in facts.settings if not setting.secret]
        for setting in facts.settings:
            self.fields[SETTING + setting.name] = self._field_of(setting)
            if setting.secret and not setting.required and secrets_of(self.kept, setting.name):
                self.fields[FORGET + setting.name] = _forget_field(setting)
        self._add_numbers()
        self.fields["name"] = forms.CharField(
            label="Name of this connection",
            max_length=120,
            initial=account.name if account else facts.label,
            widget=widgets.UnfoldAdminTextInputWidget,
            help_text="For your own people, such as “Twilio, Ohio office”.",
        )

    def _field_of(self, setting: Setting) -> forms.Field:
        has_one = setting.secret and bool(secrets_of(self.kept, setting.name))
        common: dict[str, Any] = {
            "label": setting.label,
            "required": setting.required and not has_one,
            "help_text": f"{_KEPT if has_one else ''}{setting.find}",
        }
        if setting.secret:
            return forms.CharField(widget=_secret_widget(setting), **common)
        common["initial"] = self.kept.get(setting.name, setting.default)
        if setting.choices:
            blank = [] if setting.required else [("", "–")]
            choices = [*blank, *setting.named_choices]
            return forms.ChoiceField(choices=choices, widget=widgets.UnfoldAdminSelectWidget, **common)
        widget = widgets.UnfoldAdminTextareaWidget if setting.multiline else widgets.UnfoldAdminTextInputWidget
        return forms.CharField(widget=widget(attrs={"autocomplete": "off"}), **common)

    def _add_numbers(self) -> None:
        rows = SenderNumber.objects.for_tenant(self.tenant).select_related("account").order_by("number")
        mine = list(rows.filter(account=self.account)) if self.account else []
        others = rows.exclude(pk__in=[row.pk for row in mine])[:NUMBERS_AT_MOST]
        choices = [(row.number, self._name_of(row)) for row in (*mine, *others)]
        if choices:
            self.fields["numbers"] = forms.MultipleChoiceField(
                label="Company numbers",
                choices=choices,
                required=False,
                initial=[row.number for row in mine],
                widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget,
                help_text="A number belongs to one connection: ticked here, it leaves the one that it is on. "
                "Without a connection no text leaves from a number.",
            )
        self.fields["new_numbers"] = forms.CharField(
            label="New company numbers" if choices else "Company numbers",
            required=not choices and self.account is None,
            max_length=20_000,
            widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "(202) 555-0123"}),
            help_text="One a line, in any usual way of writing; short codes too.",
        )

    def _name_of(self, row: SenderNumber) -> str:
        on = f"now on {row.account.name}" if row.account and row.account != self.account else ""
        parts = [str(row), row.label, on, "" if row.is_active else "switched off"]
        return " · ".join(part for part in parts if part)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        typed = [line.strip() for line in re.split(r"[\n,;]", cleaned.get("new_numbers", "")) if line.strip()]
        for line in typed:
            try:
                phone.parse_company_number(line, self.tenant.country)
            except phone.InvalidNumber as error:
                self.add_error("new_numbers", str(error))
        chosen = [*cleaned.get("numbers", ()), *typed]
        if not chosen and self.account is None and not self.errors:
            self.add_error("new_numbers", "Name at least one number that texts through this connection.")
        cleaned["chosen"] = tuple(chosen)
        return cleaned

    def wish(self) -> Wish:
        """What was asked for, without what was left as it is."""
        said = self.cleaned_data
        given = {setting.name: str(said[SETTING + setting.name]).strip() for setting in self.facts.settings}
        changed = {name: [value] for name, value in given.items() if value and value != self.kept.get(name)}
        gone = [row.name for row in self.stated if not row.required and not given[row.name] and row.name in self.kept]
        gone += [name.removeprefix(FORGET) for name, is_on in said.items() if name.startswith(FORGET) and is_on]
        return Wish(self.facts.slug, said["chosen"], changed, forget=tuple(gone), name=said["name"])

    def refuse(self, error: NotConnected) -> None:
        """Put what the connection was refused for beside its field, in the form's own words."""
        sentence = str(error)
        for setting in self.facts.settings:
            if f"“{setting.name}”" in sentence:
                self.add_error(SETTING + setting.name, sentence.replace(f"“{setting.name}”", f"“{setting.label}”"))
                return
        self.add_error(None, sentence)


_KEPT = "One is kept, and never shown. Leave this empty to keep it; a new one counts beside it until you drop the old. "


def _secret_widget(setting: Setting) -> forms.Widget:
    attrs = {"autocomplete": "off", "spellcheck": "false"}
    if setting.multiline:
        return SecretTextarea(attrs={**attrs, "rows": 6})
    widget: forms.Widget = widgets.UnfoldAdminPasswordWidget(attrs=attrs)
    return widget


def _forget_field(setting: Setting) -> forms.BooleanField:
    return forms.BooleanField(
        label=f"Forget “{setting.label}”", required=False, widget=widgets.UnfoldBooleanSwitchWidget
    )


class AnswersForm(forms.Form):
    """Who answers STOP, START and HELP, for each kind of number of a connection."""

    def __init__(self, account: ProviderAccount, facts: Facts, kinds: list[str], *args: Any) -> None:
        super().__init__(*args)
        self.facts = facts
        for kind, title in KINDS:
            if kind in kinds:
                self.fields[KIND + kind] = forms.ChoiceField(
                    label=title,
                    choices=_choices(facts, kind),
                    required=False,
                    initial=account.answered_by.get(kind, ""),
                    widget=forms.RadioSelect,
                )

    def choices(self) -> dict[str, str]:
        """By kind of number, "us", "provider" or ""."""
        return {name.removeprefix(KIND): who for name, who in self.cleaned_data.items()}

    def rows(self) -> Iterator[tuple[BoundField, str, str]]:
        """Each kind with what is known of the provider, and what nobody can change."""
        for name in self.fields:
            kind = name.removeprefix(KIND)
            known = words()["known"][self.facts.replies_on(kind)].format(provider=self.facts.label)
            fixed = words()["toll_free"]["says"] if kind == SenderNumber.Kind.TOLL_FREE else ""
            yield self[name], known, fixed


def _choices(facts: Facts, kind: str) -> list[tuple[str, SafeString]]:
    """Each choice with what follows from it."""
    made = [("", _choice("As is known of the provider", words()["default"][facts.replies_on(kind)]))]
    for who in ("us", "provider"):
        said = {name: text.format(provider=facts.label) for name, text in words()[who].items()}
        made.append((who, _choice(said["label"], said["says"])))
    return made


def _choice(title: str, says: str) -> SafeString:
    return format_html('<span><strong>{}</strong><br><span class="oo-muted">{}</span></span>', title, says)
