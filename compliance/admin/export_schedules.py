"""Schedules of exports: what, when, and to whom. They run with the rights of whoever saved them last."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts.admin_base import BusinessForm, TenantAdmin, person_of, require
from accounts.admin_words import active_label, choice_label, moment
from compliance.admin.list_jobs import COLOURS
from compliance.models import ExportSchedule, ListJob, OptOutExport, read_addresses
from compliance.transfer.exporting import delivering, schedules
from compliance.transfer.exporting.running import EXPORT
from compliance.transfer.exporting.selecting import Selection, WrongFilters, select_rows

SHOWN_RUNS = 20


class RowsInput(forms.TextInput):
    """The rows in words; what asks for them travels along unseen."""

    words = ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        context = {"name": name, "value": value or "", "words": self.words}
        return SafeString(render_to_string("admin/compliance/exportschedule/rows.html", context))


CHANGES_ONLY = (
    "Each file holds the rows that changed since the run before; the first one holds the whole list. "
    "Choose rows of every state, so that people who opted back in are among them."
)


class ScheduleForm(BusinessForm):
    """A schedule, checked as a whole: what it asks for, when, and whether it can be handed over."""

    rows = forms.CharField(label="Rows", required=False, widget=RowsInput)

    class Meta:
        model = ExportSchedule
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.request.GET.get("filters")
        self.initial["rows"] = self.instance.filters if asked is None else asked
        if "changes_only" in self.fields:
            self.fields["changes_only"].help_text = CHANGES_ONLY
        for name in {"reason", "mail_to"} & self.fields.keys():
            self.fields[name].widget.attrs["rows"] = 2
        if "rows" in self.fields:  # whoever may only look gets no fields
            chosen = self.data.get("rows", "") if self.is_bound else self.initial["rows"]
            self.fields["rows"].widget.words = self._say(chosen)

    def _say(self, filters: str) -> str:
        try:
            return select_rows(person_of(self.request), filters).words
        except WrongFilters as error:
            return str(error)

    def clean_rows(self) -> Selection:
        try:
            return select_rows(person_of(self.request), self.cleaned_data["rows"])
        except WrongFilters as error:
            raise forms.ValidationError(str(error)) from None

    def clean_mail_to(self) -> str:
        addresses = read_addresses(self.cleaned_data["mail_to"])
        if addresses and not settings.EMAIL_ALERTS:
            raise forms.ValidationError("This installation can send no e-mail: whoever runs it sets EMAIL_URL first.")
        return "\n".join(addresses)

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        if said.get("every") == ExportSchedule.Every.CRON:
            try:
                schedules.check_cron(said.get("cron", ""), timezone.now())
            except schedules.WrongCron as error:
                self.add_error("cron", str(error))
        return said


@admin.register(ExportSchedule)
class ExportScheduleAdmin(TenantAdmin):
    form = ScheduleForm
    list_before_template = "admin/compliance/exportschedule/failing.html"
    change_form_outer_after_template = "admin/compliance/exportschedule/runs.html"
    list_display = ("name", "when", "what", "next_run", "last_run", "owner", active_label)
    ordering = ("name",)
    readonly_fields = ("actor_name", "next_at")
    conditional_fields = {"at": "every != 'cron'", "weekday": "every == 'week'", "cron": "every == 'cron'"}
    empty_title = "Nothing is exported by itself yet"
    empty_text = (
        "A schedule makes an export every day, every week or by cron, mails a link, and keeps every run on record."
    )
    fieldsets = (
        ("What", {"fields": ("name", "rows", "changes_only", "file_format", "reason")}),
        ("When", {"fields": ("every", "at", "weekday", "cron", "is_active")}),
        ("Where to", {"fields": ("mail_to", "to_storage")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        latest = OptOutExport.objects.filter(schedule=OuterRef("pk")).order_by("-id")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(last_state=Subquery(latest.values("state")[:1]))
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what, when, (title, to) = self.fieldsets
        fields = to["fields"] if delivering.can_copy() else ("mail_to",)
        who = (("Rights", {"fields": ("actor_name", "next_at")}),) if obj else ()
        business = (("Business", {"fields": ("tenant",)}),) if self.shows_business(request) else ()
        return (*business, what, when, (title, {"fields": fields}), *who)

    @admin.display(description="when")
    def when(self, row: ExportSchedule) -> str:
        return schedules.say_when(row)

    @admin.display(description="Rows")
    def rows(self, row: ExportSchedule) -> str:
        """What stands in the place of the field for whoever may only look."""
        return row.filter_words

    @admin.display(description="rows")
    def what(self, row: ExportSchedule) -> str:
        return f"Changes; {row.filter_words}" if row.changes_only else row.filter_words

    @admin.display(description="next run")
    def next_run(self, row: ExportSchedule) -> SafeString:
        return moment(row.next_at if row.is_active else None)

    @admin.display(description="last run")
    def last_run(self, row: Any) -> SafeString:
        if not row.last_state:
            return SafeString("–")
        return choice_label(ListJob.State(row.last_state).label, row.last_state, COLOURS)

    @admin.display(description="with the rights of")
    def owner(self, row: ExportSchedule) -> str:
        return row.actor_name

    def get_urls(self) -> list[Any]:
        return [self.door("<int:object_id>/run/", require_POST(self.run_view), "run"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        failing = self.model.objects.visible_to(person_of(request)).failing()
        return super().changelist_view(request, {"failing": list(failing), **(extra_context or {})})

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        runs = list(row.runs.select_related("result").order_by("-id")[:SHOWN_RUNS]) if row else []
        shown = {
            "runs": [(run, choice_label(run.get_state_display(), run.state, COLOURS)) for run in runs],
            "may_run": row is not None and person_of(request).has_perm(EXPORT),
            "schedule": row,
        }
        return super().changeform_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: ExportSchedule, form: Any, change: bool) -> None:
        """Who saves it lends it their rights. Other rows than before: the next run holds all of them."""
        selection = form.cleaned_data["rows"]
        if selection.filters != obj.filters or "changes_only" in form.changed_data:
            obj.boundary = None
        obj.filters, obj.filter_words = selection.filters, selection.words
        schedules.take_over(obj, person_of(request), timezone.now())
        super().save_model(request, obj, form, change)

    def run_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, EXPORT)
        run = schedules.start_run(row, timezone.now())
        messages.success(request, "A run has begun. The planned ones stay as they are.")
        return redirect("admin:compliance_optoutexport_change", run.pk)
