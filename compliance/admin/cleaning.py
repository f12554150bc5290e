"""Clean a list: who of the people in a file may be texted, who may not, and why."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST
from openpyxl.utils import get_column_letter
from unfold import widgets

from accounts.admin_base import person_of
from accounts.models import SenderNumber, User
from compliance.admin.exports import downloads_of
from compliance.admin.forms import ForBusinessForm
from compliance.admin.uploads import UploadAdmin, largest
from compliance.file_formats import UnreadableFile
from compliance.models import CleanedList
from compliance.models.cleaning import ASKED_PURPOSES
from compliance.purposes import Purpose
from compliance.transfer import files
from compliance.transfer.cleaning import columns_of_numbers, read_first_lines, start_cleaning, take_list
from compliance.transfer.cleaning.running import CLEAN, KEPT, places_of

SHOWN_LINES = 6


def too_large() -> str:
    return f"The file is larger than {settings.UPLOAD_LIMIT_MB:,} MB; split it."


class ListForm(ForBusinessForm):
    """A list of people to text, and what they are to be texted for. Platform operators name the business."""

    file = forms.FileField(
        label="List",
        widget=widgets.UnfoldAdminFileFieldWidget,
        help_text="CSV or Excel (.xlsx), with whatever columns; one of them holds the phone numbers.",
    )
    purpose = forms.ChoiceField(
        label="What the texts are",
        choices=ASKED_PURPOSES,
        initial=Purpose.MARKETING,
        widget=widgets.UnfoldAdminSelectWidget,
    )
    sender = forms.ModelChoiceField(
        SenderNumber.objects.none(),
        label="Company number",
        required=False,
        empty_label="Any of them",
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="Without one, whoever is opted out for any of your numbers is removed.",
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(person, *args, **kwargs)
        rows = SenderNumber.objects.visible_to(person).filter(is_active=True).order_by("number")
        self.fields["sender"].queryset = rows  # type: ignore[attr-defined]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > largest():
            raise forms.ValidationError(too_large())
        return file

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        sender = said.get("sender")
        if sender is not None and self.tenant is not None and sender.tenant_id != self.tenant.pk:
            self.add_error("sender", "This belongs to another business.")
        return said


class ColumnsForm(forms.Form):
    """Which column holds the numbers."""

    number_column = forms.TypedChoiceField(
        label="The numbers are in", coerce=int, widget=widgets.UnfoldAdminSelectWidget
    )
    has_header = forms.BooleanField(
        label="The first line names the columns", required=False, widget=widgets.UnfoldBooleanWidget
    )

    def __init__(self, lines: list[list[str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        width = max((len(line) for line in lines), default=0)
        first = lines[0] if lines else []
        named = [f"{get_column_letter(n + 1)}: {first[n][:40] if n < len(first) else '–'}" for n in range(width)]
        self.fields["number_column"].choices = list(enumerate(named))  # type: ignore[attr-defined]


@admin.register(CleanedList)
class CleanedListAdmin(UploadAdmin):
    permission = CLEAN
    downloads = "compliance.view_cleanedlist"
    files = ("kept", "removed")
    page_template = "admin/compliance/cleanedlist/page.html"
    change_list_template = "admin/compliance/cleanedlist/list.html"
    list_display = ("began", "file", "state_label", "rows", "may_be_texted", "removed_rows", "by")
    list_select_related = ("source", "sender")
    empty_title = "No list was cleaned yet"
    empty_text = (
        "Upload a list of people to text. You get back who may be texted, and who not, with the reason line by line."
    )

    @admin.display(description="list")
    def file(self, row: CleanedList) -> str:
        return row.source.name

    @admin.display(description="lines")
    def rows(self, row: CleanedList) -> str:
        return f"{row.rows_done:,}"

    @admin.display(description="may be texted")
    def may_be_texted(self, row: CleanedList) -> str:
        return f"{row.counts.get(KEPT, 0):,}" if row.kept_id else "–"

    @admin.display(description="removed")
    def removed_rows(self, row: CleanedList) -> str:
        return f"{row.rows_done - row.counts.get(KEPT, 0):,}" if row.kept_id else "–"

    @admin.display(description="by")
    def by(self, row: CleanedList) -> str:
        return row.actor_name

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("source", "kept", "removed", "sender", "tenant")

    def get_urls(self) -> list[Any]:
        return [
            self.upload_door("new/", self.new_view, "new"),
            self.door("<int:object_id>/start/", require_POST(self.start_view), "start"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"may_clean": person_of(request).has_perm(CLEAN)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def show_too_large(self, request: HttpRequest) -> HttpResponse:
        return self._show_new(request, ListForm(person_of(request)), too_large())

    def new_view(self, request: HttpRequest) -> HttpResponse:
        form = ListForm(person_of(request), request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and (job := take(form)):
            return self.go_to("change", job.pk)
        return self._show_new(request, form)

    def _show_new(self, request: HttpRequest, form: ListForm, refusal: str = "") -> HttpResponse:
        context = {"form": form, "title": "Clean a list", "refusal": refusal}
        return self.show(request, "admin/compliance/cleanedlist/new.html", context)

    def start_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._mine(request, object_id)
        form = ColumnsForm(first_lines(row), request.POST)
        if row.state != row.State.DRAFT:
            return self.go_to("change", row.pk)
        if not form.is_valid():
            messages.error(request, "Choose the column that holds the numbers.")
        else:
            start_cleaning(row, form.cleaned_data["number_column"], form.cleaned_data["has_header"], timezone.now())
        return self.go_to("change", row.pk)

    def phase_of(self, row: CleanedList) -> str:
        return "done" if row.kept_id else ""

    def page_context(self, request: HttpRequest, row: CleanedList) -> dict[str, Any]:
        shown = {
            **super().page_context(request, row),
            "counts": list(places_of(row.counts)),
            "downloads": [*downloads_of(row.kept), *downloads_of(row.removed)],
        }
        if row.state != row.State.DRAFT:
            return shown
        lines = first_lines(row)
        chosen = {"number_column": row.number_column, "has_header": row.has_header}
        several = len(columns_of_numbers(lines, row.tenant.country)) > 1
        return {**shown, "lines": lines[:SHOWN_LINES], "several": several, "form": ColumnsForm(lines, initial=chosen)}


def take(form: ListForm) -> CleanedList | None:
    """Keep an uploaded list; one that can't be read becomes an error of the form."""
    said, upload = form.cleaned_data, form.cleaned_data["file"]
    assert form.tenant is not None  # noqa: S101 - the form is valid
    asked = {"purpose": said["purpose"], "sender": said["sender"]}
    try:
        return take_list(form.person, form.tenant, upload.name, upload.file, asked, timezone.now())
    except UnreadableFile as error:
        form.add_error("file", str(error))
        return None


def first_lines(row: CleanedList) -> list[list[str]]:
    """What the file begins with; nothing where it is gone."""
    try:
        with files.open_file(row.source) as content:
            return read_first_lines(content, row.source.name)
    except (files.FileGone, UnreadableFile):
        return []
