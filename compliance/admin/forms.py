"""Forms behind the buttons “Opt out a number”, “Opt back in” and the answers to reviews."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from unfold import widgets

from accounts import phone
from accounts.models import OptOutScope, SenderNumber, Tenant, User
from compliance.models import Source

BY_HAND = (Source.VOICE, Source.EMAIL, Source.IN_PERSON, Source.WEB_PAGE, Source.STAFF)
BACK_IN = (Source.VOICE, Source.EMAIL, Source.IN_PERSON, Source.WEB_PAGE, Source.KEYWORD)
IN_WORDS = {Source.KEYWORD: "Text message"}
MOMENT = "%Y-%m-%dT%H:%M"
MINUTE = timedelta(minutes=1)


class MomentInput(forms.DateTimeInput):
    """The browser's own field for a date and a time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(widgets.INPUT_CLASSES)}, format=MOMENT)


class MomentField(forms.DateTimeField):
    """A date and a time in the reader's time zone, not in the future. The minute that is running means now."""

    widget = MomentInput

    def clean(self, value: Any) -> Any:
        moment: datetime | None = super().clean(value)
        now = timezone.now()
        if moment is not None and moment > now:
            raise forms.ValidationError("This date lies in the future.")
        return now if moment is not None and now - moment < MINUTE else moment


def ways(sources: tuple[Source, ...]) -> list[tuple[str, str]]:
    return [(str(source), IN_WORDS.get(source, str(source.label))) for source in sources]


class BusinessField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """The business, for platform operators; everybody else has their own."""

    def __init__(self) -> None:
        super().__init__(Tenant.objects.all(), label="Business", widget=widgets.UnfoldAdminSelectWidget)


class OptOutForm(forms.Form):
    """A number that asked to stop by another way than a text, or that the business will not text any more."""

    number = forms.CharField(
        label="Number",
        max_length=40,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"autofocus": True, "placeholder": "(202) 555-0123"}),
        help_text="In any usual format.",
    )
    requested_by = forms.ChoiceField(
        label="Who asked",
        choices=[("recipient", "The recipient asked to stop"), ("business", "The business decided not to text them")],
        initial="recipient",
        widget=widgets.UnfoldAdminRadioSelectWidget,
        help_text="What the business decides, the recipient's START does not undo.",
    )
    source = forms.ChoiceField(
        label="How", choices=ways(BY_HAND), initial=Source.VOICE, widget=widgets.UnfoldAdminSelectWidget
    )
    scope = forms.ChoiceField(
        label="For which numbers",
        choices=[("tenant", "All numbers of the business"), ("number", "One company number")],
        initial="tenant",
        widget=widgets.UnfoldAdminRadioSelectWidget,
    )
    sender = forms.ModelChoiceField(
        SenderNumber.objects.none(),
        label="Company number",
        required=False,
        empty_label="Choose a number",
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="Only for “One company number”.",
    )
    words = forms.CharField(
        label="What they said",
        required=False,
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Their own words, where you have them.",
    )
    at = MomentField(label="When they asked")
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history with your name.",
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["at"].initial = timezone.now
        if person.is_platform_operator:
            self.fields = {"business": BusinessField(), **self.fields}
        rows = SenderNumber.objects.visible_to(person).filter(is_active=True).order_by("number")
        self.fields["sender"].queryset = rows  # type: ignore[attr-defined]

    @property
    def tenant(self) -> Tenant | None:
        return self.cleaned_data.get("business") or self.person.tenant

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._check_number(cleaned)
        self._check_sender(cleaned)
        return cleaned

    def _check_number(self, cleaned: dict[str, Any]) -> None:
        if "number" not in cleaned or self.tenant is None:
            return
        try:
            cleaned["number"] = phone.parse_number(cleaned["number"], self.tenant.country)
        except phone.InvalidNumber as error:
            self.add_error("number", str(error))
            return
        if SenderNumber.objects.for_tenant(self.tenant).filter(number=cleaned["number"]).exists():
            self.add_error("number", "This is one of your company numbers.")

    def _check_sender(self, cleaned: dict[str, Any]) -> None:
        sender = cleaned.get("sender")
        if cleaned.get("scope") == OptOutScope.TENANT:
            cleaned["sender"] = None
        elif sender is None and "sender" not in self.errors:
            self.add_error("sender", "Choose the company number.")
        elif sender is not None and self.tenant is not None and sender.tenant_id != self.tenant.pk:
            self.add_error("sender", "This belongs to another business.")


class OptBackInForm(forms.Form):
    """What proves that a person wants texts again."""

    way = forms.ChoiceField(label="How they said so", choices=ways(BACK_IN), widget=widgets.UnfoldAdminSelectWidget)
    words = forms.CharField(
        label="Their own words",
        error_messages={"required": "Write the person's own words."},
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        help_text="As they said or wrote them. This is your evidence.",
    )
    at = MomentField(label="When they said so", help_text="It must be after they opted out.")
    reason = forms.CharField(
        label="Reason",
        error_messages={"required": "Write why this person may be texted again."},
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Why this person may be texted again. Kept in the history with your name.",
    )


class AnswerForm(forms.Form):
    """An answer to a review."""

    OPTED_OUT, NOT_OPT_OUT, LATER, CLOSED = "opted_out", "not_opt_out", "later", "closed"
    answer = forms.ChoiceField(choices=[(name, name) for name in (OPTED_OUT, NOT_OPT_OUT, LATER, CLOSED)])
    note = forms.CharField(required=False, max_length=2000)
