"""Imports of opt-outs: upload, columns, what would change, and how far it is."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts.admin_base import person_of, require
from accounts.admin_words import label, two_lines
from compliance.admin.import_forms import ColumnsForm, UploadForm, too_large
from compliance.admin.opt_outs import actor_of
from compliance.admin.uploads import UploadAdmin, largest
from compliance.file_formats import UnreadableFile
from compliance.models import ListJob, OptOutImport
from compliance.transfer import files
from compliance.transfer.exporting.links import note_download
from compliance.transfer.importing import starting
from compliance.transfer.importing.checking import SAMPLES
from compliance.transfer.importing.guessing import find_doubts
from compliance.transfer.importing.options import SHOWN, Options
from compliance.transfer.importing.outcomes import OUTCOMES
from compliance.transfer.importing.reading import look
from compliance.transfer.importing.running import result_lines

IMPORT = "compliance.import_optout"
Stage, State = OptOutImport.Stage, OptOutImport.State
LONGEST_CELL = 40


@admin.register(OptOutImport)
class ImportAdmin(UploadAdmin):
    permission = IMPORT
    files = ("source", "preview", "result")
    page_template = "admin/compliance/optoutimport/page.html"
    change_list_template = "admin/compliance/optoutimport/list.html"
    list_display = ("began", "file", "state_label", "came", "by")
    list_select_related = ("source",)
    empty_title = "No list was imported yet"
    empty_text = "Bring the opt-outs of your other systems here, so that all of your texts respect them."

    @admin.display(description="file")
    def file(self, row: OptOutImport) -> str:
        return row.source.name

    @admin.display(description="state")
    def state_label(self, row: ListJob) -> SafeString:
        """What waits for a person says for what."""
        if isinstance(row, OptOutImport) and row.state == State.DRAFT:
            return label(row.get_stage_display(), "orange")
        return super().state_label(row)

    @admin.display(description="opted out")
    def came(self, row: OptOutImport) -> SafeString:
        lines = f"of {row.rows_total:,} lines" if row.rows_total else ""
        return two_lines(f"{row.counts.get('new', 0):,}", lines)

    @admin.display(description="by")
    def by(self, row: OptOutImport) -> str:
        return row.actor_name

    def get_urls(self) -> list[Any]:
        own = [
            self.upload_door("upload/", self.upload_view, "upload"),
            self.door("<int:object_id>/columns/", self.columns_view, "columns"),
            self.door("<int:object_id>/begin/", require_POST(self.begin_view), "begin"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        buttons = {"may_import": person_of(request).has_perm(IMPORT)}
        return super().changelist_view(request, {**buttons, **(extra_context or {})})

    def show_too_large(self, request: HttpRequest) -> HttpResponse:
        return self._show_upload(request, UploadForm(person_of(request)), {"refusal": too_large()})

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        person = person_of(request)
        form = UploadForm(person, request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            assert form.tenant is not None  # noqa: S101 - the form is valid
            sent = form.cleaned_data["file"]
            try:
                run = starting.take_file(form.tenant, sent.name, sent.file, actor_of(person), timezone.now())
            except UnreadableFile as error:
                form.add_error("file", str(error))
            else:
                return self.go_to("columns", run.pk)
        return self._show_upload(request, form, {})

    def _show_upload(self, request: HttpRequest, form: UploadForm, more: dict[str, Any]) -> HttpResponse:
        context = {"form": form, "title": "Import a list", "limit": largest(), "too_large": too_large(), **more}
        return self.show(request, "admin/compliance/optoutimport/upload.html", context)

    def columns_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        run: OptOutImport = self._mine(request, object_id)
        if not starting.can_be_read_again(run):
            messages.warning(request, "The columns of this import can't be changed any more.")
            return self.go_to("change", run.pk)
        try:
            with files.open_file(run.source) as content:
                rows = look(content, run.source.name)
        except (files.FileGone, UnreadableFile) as error:
            messages.error(request, str(error))
            return self.go_to("change", run.pk)
        options = Options.from_json(run.options)
        form = ColumnsForm(run.tenant, options, rows[0][0], request.POST or None)
        if request.method == "POST" and form.is_valid():
            if starting.confirm_columns(run, form.chosen(), timezone.now()):
                messages.success(request, "The list is being checked. Nothing is imported before you say so.")
            return self.go_to("change", run.pk)
        width = len(options.columns)
        context = {
            "original": run,
            "form": form,
            "rows": [[cell[:LONGEST_CELL] for cell in cells[:width]] for _, cells in rows[:SHOWN]],
            "source": options.recognised,
            "doubts": find_doubts(rows, options, run.tenant),
            "title": "What do the columns mean?",
        }
        return self.show(request, "admin/compliance/optoutimport/columns.html", context)

    def begin_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        run: OptOutImport = self._mine(request, object_id)
        checked = request.POST.get("checked", "")
        seen = int(checked) if checked.isdecimal() else 0
        if starting.begin(run, seen, actor_of(person_of(request)), timezone.now()):
            messages.success(request, "The import has begun. It goes on when you leave this page.")
        else:
            messages.warning(request, "Something has changed since you looked: see how it stands now.")
        return self.go_to("change", run.pk)

    def page_context(self, request: HttpRequest, row: OptOutImport) -> dict[str, Any]:
        context = super().page_context(request, row)
        may = context["may"]
        begun = row.stage in (Stage.IMPORTING, Stage.ENDED)
        return {
            **context,
            "source": Options.from_json(row.options).recognised if row.options else None,
            "begun": begun,
            "would_be_new": f"{row.foreseen.get('new', 0):,}",
            "ready": row.stage == Stage.READY and row.state == State.DRAFT,
            "may_read_again": may and starting.can_be_read_again(row),
            "may_resume": context["may_resume"] and not (row.state == State.FAILED and not begun),
            "outcomes": self._outcomes(row, begun=begun),
            "so_far": begun and row.result is None and not row.is_under_way,
        }

    def _outcomes(self, row: OptOutImport, *, begun: bool) -> list[dict[str, Any]]:
        """Lines by what became, or would become, of them."""
        counts = row.counts if begun else row.foreseen
        return [
            {
                "count": f"{counts.get(key, 0):,}" if key in counts else "",
                "words": outcome.done if begun else outcome.foreseen,
                "colour": outcome.colour,
                "samples": [] if begun else row.samples.get(key, []),
                "has_more": counts.get(key, 0) > SAMPLES,
            }
            for key, outcome in OUTCOMES.items()
        ]

    def phase_of(self, row: OptOutImport) -> str:
        return row.stage

    def words_of(self, row: OptOutImport) -> str:
        doing = {Stage.CHECKING: "Checking", Stage.IMPORTING: "Importing"}.get(Stage(row.stage))
        words = super().words_of(row)
        return f"{doing}: {words}" if doing and row.state == State.RUNNING else words

    def file_view(self, request: HttpRequest, object_id: int, which: str) -> Any:
        """The result of an import that was stopped is written while it is read."""
        row: OptOutImport = self.find(request, str(object_id))
        if which != "result" or row.result is not None or row.stage != Stage.IMPORTING or row.staged is None:
            return super().file_view(request, object_id, which)
        require(request, self.permission)
        try:
            lines = result_lines(row)
            first = next(lines)
        except files.FileGone as error:
            messages.error(request, str(error))
            return self.go_to("change", row.pk)
        person = person_of(request)
        note_download(row.staged, person.display_name, timezone.now(), actor_id=str(person.pk))
        answer = StreamingHttpResponse(_all(first, lines), content_type=files.CSV)
        answer["Content-Disposition"] = 'attachment; filename="result so far.csv"'
        answer["Cache-Control"] = "private, no-store"
        return answer


def _all(first: bytes, rest: Any) -> Any:
    yield first
    yield from rest
