"""Forms behind the buttons “Opt out a number”, “Opt back in”, “Record a consent” and the answers to reviews."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from unfold import widgets

from accounts import phone
from accounts.models import OptOutScope, SenderNumber, Tenant, User
from accounts.scoping import businesses_open_to
from compliance import opt_outs
from compliance.models import ConsentWay, Source

BY_HAND = (Source.VOICE, Source.EMAIL, Source.IN_PERSON, Source.LETTER, Source.WEB_PAGE, Source.STAFF)
BACK_IN = (Source.VOICE, Source.EMAIL, Source.IN_PERSON, Source.LETTER, Source.WEB_PAGE, Source.KEYWORD)
IN_WORDS = {Source.KEYWORD: "Text message", Source.STAFF: "Another way", Source.VOICE: "Phone call or voicemail"}
AGREED_BY = [
    (way.value, way.label)
    for way in (
        ConsentWay.SPOKEN,
        ConsentWay.WRITTEN,
        ConsentWay.POINT_OF_SALE,
        ConsentWay.ONLINE,
        ConsentWay.CAMPAIGN,
        ConsentWay.STAFF,
    )
]
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
    """The business, for platform operators: one that they visit. Everybody else has their own."""

    def __init__(self, person: User) -> None:
        rows = Tenant.objects.filter(pk__in=businesses_open_to(person)).order_by("name")
        super().__init__(rows, label="Business", widget=widgets.UnfoldAdminSelectWidget)


class ForBusinessForm(forms.Form):
    """What somebody enters for their business. Platform operators name the business first."""

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if person.is_platform_operator:
            self.fields = {"business": BusinessField(person), **self.fields}

    @property
    def tenant(self) -> Tenant | None:
        """The business; None where an operator named none, which the form refuses."""
        return self.cleaned_data.get("business") or self.person.tenant


class AboutNumberForm(ForBusinessForm):
    """What is known of a number, for all company numbers or for one."""

    number = forms.CharField(
        label="Number",
        max_length=40,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"autofocus": True, "placeholder": "(202) 555-0123"}),
        help_text="In any usual format.",
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
    at = MomentField(label="When they asked")
    words = forms.CharField(
        label="What they said",
        required=False,
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Their own words, where you have them.",
    )
    taken_by = forms.CharField(
        label="Who took it",
        required=False,
        max_length=160,
        widget=widgets.UnfoldAdminTextInputWidget(),
        help_text="The colleague whom they spoke or wrote to.",
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(person, *args, **kwargs)
        self.fields["at"].initial = timezone.now
        self.fields["taken_by"].initial = person.display_name
        rows = SenderNumber.objects.visible_to(person).select_related("tenant", "account").filter(is_active=True)
        self.fields["sender"].queryset = rows.order_by("number")  # type: ignore[attr-defined]

    @property
    def details(self) -> dict[str, Any]:
        """What the evidence keeps beside words and moment: who entered it, and who took it."""
        return {
            "entered_by": self.person.pk,
            "taken_by": self.cleaned_data["taken_by"] or self.person.display_name,
        }

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
        if sender is None and cleaned.get("scope") == OptOutScope.NUMBER and "sender" not in self.errors:
            self.add_error("sender", "Choose the company number.")
        elif sender is not None and self.tenant is not None and sender.tenant_id != self.tenant.pk:
            self.add_error("sender", "This belongs to another business.")


class OptOutForm(AboutNumberForm):
    """A number that asked to stop by another way than a text, or that the business will not text any more."""

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
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept in the history with your name.",
    )
    field_order = (
        "number", "requested_by", "source", "at", "words", "taken_by", "scope", "sender", "reason",
    )  # fmt: skip

    def _check_sender(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("scope") == OptOutScope.TENANT:
            cleaned["sender"] = None
        super()._check_sender(cleaned)


class ConsentForm(AboutNumberForm):
    """Somebody who agreed to be texted, by another way than a text."""

    way = forms.ChoiceField(
        label="How", choices=AGREED_BY, initial=ConsentWay.SPOKEN, widget=widgets.UnfoldAdminSelectWidget
    )
    wording = forms.CharField(
        label="What they were told or shown",
        max_length=5000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Word for word: what you read out, or what stood on the form or screen. This is your proof.",
    )
    campaign = forms.CharField(
        label="Campaign",
        required=False,
        max_length=120,
        widget=widgets.UnfoldAdminTextInputWidget(),
        help_text="What they signed up for, where it has a name.",
    )
    field_order = (
        "number", "way", "at", "wording", "words", "taken_by", "campaign", "scope", "sender",
    )  # fmt: skip

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(person, *args, **kwargs)
        self.fields["at"].label = "When they agreed"
        self.fields["taken_by"].help_text = "The colleague whom they said or gave it to."
        sender = self.fields["sender"]
        sender.label, sender.help_text = (
            "Confirm from",
            "They get one text from it, at most once in 24 hours. With “One company number”, it is that number.",
        )
        sender.empty_label = "Text nobody"  # type: ignore[attr-defined]
        numbers = list(sender.queryset[:2])  # type: ignore[attr-defined]
        sender.initial = numbers[0] if len(numbers) == 1 else None


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


class UndoForm(forms.Form):
    """Why an opt-out that was read from a sentence was none, and who agrees."""

    reason = forms.CharField(
        label="Why it was no opt-out",
        error_messages={"required": "Write why this was no opt-out."},
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        help_text="Kept in the history with your name.",
    )
    approver = forms.CharField(
        label="Who agrees",
        error_messages={"required": "Name the person who agrees."},
        max_length=160,
        widget=widgets.UnfoldAdminTextInputWidget(),
        help_text="The name of a second person. Kept in the history too.",
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_approver(self) -> str:
        named = str(self.cleaned_data["approver"]).strip()
        own = (self.person.display_name, self.person.username, self.person.email, self.person.get_full_name())
        if any(opt_outs.names_one_person(named, name) for name in own if name):
            raise forms.ValidationError("A second person must agree: name somebody else than yourself.")
        return named


class AnswerForm(forms.Form):
    """An answer to a review."""

    OPTED_OUT, NOT_OPT_OUT, LATER, CLOSED = "opted_out", "not_opt_out", "later", "closed"
    answer = forms.ChoiceField(choices=[(name, name) for name in (OPTED_OUT, NOT_OPT_OUT, LATER, CLOSED)])
    note = forms.CharField(required=False, max_length=2000)


class PackForm(forms.Form):
    """Why the whole record of a recipient is handed out."""

    why = forms.CharField(
        label="Why it is made",
        error_messages={"required": "Write for whom and why this is made."},
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2, "autofocus": True}),
        help_text="For whom and why, such as a complaint or a lawsuit. Printed in the pack and kept with your name.",
    )
