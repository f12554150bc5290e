"""Forms of an import: the file, and what its columns mean."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from unfold import widgets

from accounts import phone
from accounts.models import SenderNumber, Tenant, User
from compliance.admin.forms import ForBusinessForm
from compliance.admin.uploads import largest
from compliance.file_formats import FORMATS
from compliance.list_files import DAY_FIRST, MONTH_FIRST
from compliance.transfer.importing.options import ALL_NUMBERS, AS_WRITTEN, MEANINGS, Options

ENDINGS = tuple(ending for known in FORMATS for ending in known.endings)
LEFT_OUT = ("", "– leave out –")


def too_large() -> str:
    return (
        f"The file is larger than {settings.UPLOAD_LIMIT_MB:,} MB. Split it, or let whoever runs the installation "
        "import it with the command import_opt_outs."
    )


class UploadForm(ForBusinessForm):
    """A list to import."""

    file = forms.FileField(
        label="File",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(ENDINGS)}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(person, *args, **kwargs)
        self.fields["file"].help_text = f"CSV or XLSX, up to {settings.UPLOAD_LIMIT_MB:,} MB."

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > largest():
            raise forms.ValidationError(too_large())
        if PurePath(file.name).suffix.lower() not in ENDINGS:
            raise forms.ValidationError("This is no list that can be read: save it as CSV or as XLSX.")
        return file


class ColumnsForm(forms.Form):
    """What the columns of a list mean, a field for each, and how its cells are read."""

    has_header = forms.BooleanField(
        label="The first row names the columns", required=False, widget=widgets.UnfoldBooleanWidget
    )
    country = forms.ChoiceField(
        label="Country of numbers without a country code", widget=widgets.UnfoldAdminSelectWidget
    )
    dates = forms.ChoiceField(
        label="Dates such as 3/4/2026 mean",
        choices=[(MONTH_FIRST, "March 4: the month first"), (DAY_FIRST, "3 April: the day first")],
        widget=widgets.UnfoldAdminSelectWidget,
    )
    numbers = forms.ChoiceField(label="They opted out of", widget=widgets.UnfoldAdminSelectWidget)
    undated = forms.DateField(
        label="Lines without a date count from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "oo-input"}),
        help_text="Empty: from today. Whoever opted in after that date stays opted in.",
    )

    def __init__(self, tenant: Tenant, options: Options, header: int, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", _initial(options))
        super().__init__(*args, **kwargs)
        self.tenant, self.options, self.header = tenant, options, header
        choices = [LEFT_OUT, *MEANINGS.items()]
        for place, _ in enumerate(options.columns):
            select = widgets.UnfoldAdminSelectWidget(attrs={"aria-label": f"Column {place + 1}"})
            self.fields[_column(place)] = forms.ChoiceField(choices=choices, required=False, widget=select)
        self.fields["country"].choices = phone.countries()  # type: ignore[attr-defined]
        self.fields["numbers"].choices = _numbers(tenant)  # type: ignore[attr-defined]

    @property
    def columns(self) -> list[Any]:
        return [self[_column(place)] for place, _ in enumerate(self.options.columns)]

    @property
    def others(self) -> list[Any]:
        return [self[name] for name in ("numbers", "country", "dates", "undated", "has_header")]

    def clean_undated(self) -> Any:
        day = self.cleaned_data["undated"]
        if day and day > timezone.localdate():
            raise forms.ValidationError("This date lies in the future.")
        return day

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = [cleaned.get(_column(place), "") for place, _ in enumerate(self.options.columns)]
        for name in {name for name in chosen if name and chosen.count(name) > 1}:
            self.add_error(None, f"Two columns are “{MEANINGS[name]}”: leave one of them out.")
        if "recipient" not in chosen:
            self.add_error(None, "Say which column holds the recipients’ numbers.")
        if cleaned.get("numbers") == AS_WRITTEN and "sender" not in chosen:
            self.add_error("numbers", "No column is “Company number”.")
        return cleaned

    def chosen(self) -> Options:
        """What the person said."""
        said = self.cleaned_data
        return Options(
            columns=tuple(said[_column(place)] for place, _ in enumerate(self.options.columns)),
            header=self.header if said["has_header"] else 0,
            country=said["country"],
            dates=said["dates"],
            numbers=said["numbers"],
            undated=said["undated"].isoformat() if said["undated"] else "",
            source=self.options.source,
            sheets=self.options.sheets,
        )


def _column(place: int) -> str:
    return f"column_{place}"


def _initial(options: Options) -> dict[str, Any]:
    columns = {_column(place): name for place, name in enumerate(options.columns)}
    said = {name: getattr(options, name) for name in ("country", "dates", "numbers")}
    return {**columns, **said, "undated": options.undated or None, "has_header": bool(options.header)}


def _numbers(tenant: Tenant) -> Sequence[tuple[str, str]]:
    rows = SenderNumber.objects.for_tenant(tenant).order_by("number").values_list("number", flat=True)
    own = [(number, f"{phone.format_for_people(number)} alone") for number in rows]
    return [
        (ALL_NUMBERS, "All numbers of the business"),
        (AS_WRITTEN, "The number in the column “Company number”"),
        *own,
    ]
