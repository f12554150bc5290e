"""Schedules of background work: for platform operators alone, and never those that finish what was left."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.admin_base import unregister
from optout_project.celery import SWEEPERS

SCHEDULES = (IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule)


class OperatorsOnly(ModelAdmin):  # type: ignore[misc]
    """Pages that only a platform operator sees, whatever a role may hold."""

    list_before_template = "admin/beat_note.html"
    change_form_before_template = "admin/beat_note.html"
    list_filter_submit = True
    empty_title = "No schedules of your own"
    empty_text = "What you add here, the background worker runs at the times that you choose."

    def _is_operator(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        words = {"title": capfirst(self.opts.verbose_name_plural)}
        answer: HttpResponse = super().changelist_view(request, {**words, **(extra_context or {})})
        return answer

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_operator(request)

    has_add_permission = has_change_permission = has_view_permission

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """The package's form in our widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = UnfoldAdminSelectWidget(choices=self.fields["regtask"].choices)


class TaskAdmin(OperatorsOnly, beat.PeriodicTaskAdmin):  # type: ignore[misc]
    """Periodic tasks but for our own: those can't be switched off here."""

    form = TaskForm
    date_hierarchy = None
    list_filter = ("enabled", "one_off")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).exclude(name__in=SWEEPERS)
        return rows


class ScheduleAdmin(OperatorsOnly):
    """Schedules but for those that our own tasks run by."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.exclude(periodictask__name__in=SWEEPERS)


def register() -> None:
    """Put our pages in place of the package's, and take out what nobody needs on a screen."""
    unregister(PeriodicTask, *SCHEDULES)
    admin.site.register(PeriodicTask, TaskAdmin)
    admin.site.register(SCHEDULES, ScheduleAdmin)
    _hide_axes()


def _hide_axes() -> None:
    from axes.models import AccessAttempt, AccessFailureLog, AccessLog

    unregister(AccessAttempt, AccessFailureLog, AccessLog)
