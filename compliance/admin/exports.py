"""Exports of the opt-out list: asked for with a reason, followed, and downloaded; every one stays on record."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import widgets
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import address_of, person_of, require
from accounts.admin_filters import OneOf
from accounts.models import User
from compliance.admin.forms import ForBusinessForm
from compliance.admin.list_jobs import ListJobAdmin, rows_said
from compliance.models import ExportSchedule, FileFormat, OptOutExport, StoredFile
from compliance.transfer.exporting.running import EXPORT, start_export
from compliance.transfer.exporting.selecting import Selection, WrongFilters, select_rows

SCHEDULE = "compliance.add_exportschedule"
SHOWN_DOWNLOADS = 50
BUSINESS_PARAMETER = "tenant__id__exact"


class ExportForm(ForBusinessForm):
    """What is wanted, as the list showed it, and why. Platform operators name the business."""

    filters = forms.CharField(required=False, widget=forms.HiddenInput)
    file_format = forms.ChoiceField(
        label="Format",
        choices=FileFormat.choices,
        initial=FileFormat.CSV,
        widget=widgets.UnfoldAdminRadioSelectWidget,
        help_text="CSV for other systems and for moving in again, Excel for reading.",
    )
    reason = forms.CharField(
        label="What it is for",
        max_length=2000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept on record with your name.",
        error_messages={"required": "Say what the export is for."},
    )

    def clean_filters(self) -> Selection:
        """The rows that they ask for. The list itself judges them."""
        try:
            return select_rows(self.person, self.cleaned_data["filters"])
        except WrongFilters as error:
            raise forms.ValidationError(str(error)) from None


class ScheduleFilter(OneOf):
    """By the schedule that started it."""

    title = "schedule"
    parameter_name = "schedule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = ExportSchedule.objects.visible_to(person_of(request)).order_by("name")
        return [("none", "By hand"), *((str(row.pk), row.name) for row in rows[:500])]

    def condition(self, value: str) -> Q:
        return Q(schedule=None) if value == "none" else Q(schedule_id=value)


@admin.register(OptOutExport)
class ExportAdmin(ListJobAdmin):
    permission = EXPORT
    downloads = "compliance.view_optoutexport"
    files = ("result",)
    page_template = "admin/compliance/optoutexport/page.html"
    change_list_template = "admin/compliance/optoutexport/list.html"
    list_display = ("began", "what", "format", "state_label", "rows", "checksum", "by")
    list_filter = (("state", ChoicesDropdownFilter), ScheduleFilter)
    list_select_related = ("result", "schedule")
    empty_title = "Nothing was exported yet"
    empty_text = "Search and filter the list of opt-outs, then press “Export” there: what it shows is what comes out."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("result", "schedule", "tenant")

    @admin.display(description="rows wanted")
    def what(self, row: OptOutExport) -> str:
        words = f"Changes; {row.filter_words}" if row.changed_after is not None else row.filter_words
        return words if len(words) <= 80 else f"{words[:79]}…"

    @admin.display(description="format")
    def format(self, row: OptOutExport) -> str:
        return row.file_format.upper()

    @admin.display(description="rows")
    def rows(self, row: OptOutExport) -> str:
        return f"{row.rows_done:,}" if row.result else "–"

    @admin.display(description="SHA-256")
    def checksum(self, row: OptOutExport) -> SafeString:
        if row.result is None:
            return SafeString("–")
        return format_html('<code title="{}">{}…</code>', row.result.sha256, row.result.sha256[:12])

    @admin.display(description="by")
    def by(self, row: OptOutExport) -> str:
        return f"{row.schedule} (schedule)" if row.schedule else row.actor_name

    def get_urls(self) -> list[Any]:
        return [self.door("new/", self.new_view, "new"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {"may_export": person_of(request).has_perm(EXPORT)}
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def phase_of(self, row: OptOutExport) -> str:
        return "done" if row.result else ""

    def words_of(self, row: OptOutExport) -> str:
        if row.state == row.State.DONE:
            return rows_said(row.rows_done)
        if written := row.cursor.get("written"):
            return f"Writing the Excel file: {written:,} of {row.rows_done:,} rows"
        return super().words_of(row)

    def page_context(self, request: HttpRequest, row: OptOutExport) -> dict[str, Any]:
        return {
            **super().page_context(request, row),
            "asker": row.actor_name,
            "schedule_address": address_of(row.schedule, request),
            "expires_at": row.result.expires_at if row.result else None,
            "downloads": downloads_of(row.result),
        }

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for an export: the list's own address parameters come along from its button."""
        require(request, EXPORT)
        person = person_of(request)
        asked = request.POST.get("filters", "") if request.method == "POST" else request.GET.urlencode()
        chosen = {"filters": asked, "business": QueryDict(asked).get(BUSINESS_PARAMETER)}
        form = ExportForm(person, request.POST or None, initial=chosen)
        if request.method == "POST" and form.is_valid() and form.tenant:
            said = form.cleaned_data
            job = start_export(
                person, form.tenant, said["filters"], said["file_format"], said["reason"], timezone.now()
            )
            messages.success(request, "The export has begun. It goes on without you; this page follows.")
            return self.go_to("change", job.pk)
        return self.show(request, "admin/compliance/optoutexport/new.html", self._asked(person, form, asked))

    def _asked(self, person: User, form: ExportForm, asked: str) -> dict[str, Any]:
        context = {"form": form, "title": "Export opt-outs", "may_schedule": person.has_perm(SCHEDULE)}
        try:
            selection = select_rows(person, asked)
        except WrongFilters as error:
            return {**context, "wrong": str(error)}
        schedules = ExportSchedule.objects.visible_to(person).order_by("name") if context["may_schedule"] else []
        return {**context, "words": selection.words, "filters": selection.filters, "schedules": schedules}


def downloads_of(stored: StoredFile | None) -> list[Any]:
    """Who took a file away, the newest first."""
    return list(stored.downloads.all()[:SHOWN_DOWNLOADS]) if stored else []
