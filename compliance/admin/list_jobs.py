"""What the pages of imports and exports share: the state, a bar that follows the work, its buttons and its files."""

from typing import Any

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from accounts.admin_base import PageAdmin, person_of, require
from accounts.admin_words import choice_label, moment
from compliance.models import ListJob
from compliance.transfer import files, jobs
from compliance.transfer.exporting.links import note_download

State = ListJob.State
COLOURS: dict[str, str] = {
    State.DRAFT: "grey",
    State.WAITING: "blue",
    State.RUNNING: "blue",
    State.PAUSED: "orange",
    State.DONE: "green",
    State.FAILED: "red",
    State.CANCELLED: "grey",
}


class ListJobAdmin(PageAdmin):
    """The rows of one sort of work on lists. A subclass names the permission that its buttons ask for.

    `files`: fields of the row that are stored files, each to be downloaded below `<id>/file/<field>/`.
    """

    permission = ""
    downloads = ""  # the permission that a download asks for, where it is another one
    files: tuple[str, ...] = ()
    verb = "work on"
    ordering = ("-created_at", "-id")

    @admin.display(description="started")
    def began(self, row: ListJob) -> SafeString:
        return moment(row.created_at)

    @admin.display(description="state")
    def state_label(self, row: ListJob) -> SafeString:
        return choice_label(row.get_state_display(), row.state, COLOURS)

    def get_urls(self) -> list[Any]:
        buttons = [
            self.door(f"<int:object_id>/{name}/", require_POST(getattr(self, f"{name}_view")), name)
            for name in ("pause", "resume", "cancel")
        ]
        progress = self.door("<int:object_id>/progress/", require_GET(self.progress_view), "progress")
        file = self.door("<int:object_id>/file/<str:which>/", require_GET(self.file_view), "file")
        return [*buttons, progress, file, *super().get_urls()]

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        may = person_of(request).has_perm(self.permission)
        return {
            "title": str(row),
            "label": self.state_label(row),
            "may": may,
            "progress": self.progress_of(row),
            "progress_address": self.address("progress", row.pk),
            "may_pause": may and row.is_under_way,
            "may_resume": may and row.state in (State.PAUSED, State.FAILED),
            "may_cancel": may and row.state not in (State.DONE, State.CANCELLED),
        }

    def progress_of(self, row: Any) -> dict[str, Any]:
        """What the bar shows; static/optout/progress.js reads the same as JSON."""
        return {
            "state": row.state,
            "phase": f"{row.state} {self.phase_of(row)}",
            "percent": row.percent,
            "words": self.words_of(row),
            "error": row.error,
            "follows": row.is_under_way,
        }

    def phase_of(self, row: Any) -> str:
        """A word that changes when the page must be drawn anew."""
        return ""

    def words_of(self, row: Any) -> str:
        """How far it is, in words."""
        if row.state == State.WAITING:
            return "Waiting for a worker; it starts within seconds."
        if row.rows_total is None:
            return rows_said(row.rows_done)
        return f"{row.rows_done:,} of {row.rows_total:,} rows"

    def progress_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        answer = JsonResponse(self.progress_of(self.find(request, str(object_id))))
        answer["Cache-Control"] = "no-store"
        return answer

    def pause_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._mine(request, object_id)
        if jobs.pause(row):
            messages.success(request, "Paused. What is done stays; it goes on from there when you resume.")
        return self.go_to("change", row.pk)

    def resume_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._mine(request, object_id)
        if jobs.resume(row, timezone.now()):
            messages.success(request, "It goes on from where it stopped.")
        return self.go_to("change", row.pk)

    def cancel_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._mine(request, object_id)
        if jobs.cancel(row, timezone.now()):
            messages.success(request, "Cancelled. What was done before stays.")
        return self.go_to("change", row.pk)

    def _mine(self, request: HttpRequest, object_id: int) -> Any:
        row = self.find(request, str(object_id))
        require(request, self.permission)
        return row

    def file_view(self, request: HttpRequest, object_id: int, which: str) -> HttpResponse | FileResponse:
        """One of the row's files. Every download asks who is there."""
        row = self.find(request, str(object_id))
        stored = getattr(row, which) if which in self.files else None
        if stored is None:
            raise Http404
        require(request, self.downloads or self.permission)
        try:
            content = files.open_file(stored)
        except files.FileGone as error:
            messages.error(request, str(error))
            return self.go_to("change", row.pk)
        person = person_of(request)
        note_download(stored, person.display_name, timezone.now(), actor_id=str(person.pk))
        answer = FileResponse(content, as_attachment=True, filename=stored.name, content_type=stored.content_type)
        answer["Cache-Control"] = "private, no-store"
        return answer


def rows_said(count: int) -> str:
    """How many rows, in words."""
    return "1 row" if count == 1 else f"{count:,} rows"
