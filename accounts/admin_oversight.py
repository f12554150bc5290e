"""“Who read what” and “Log-ins”: what is on record of people at the screen, for those who answer for them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import ReadOnlyAdmin, address_of, person_of
from accounts.admin_filters import DayFilter, EmployeeFilter
from accounts.admin_words import label, moment, two_lines
from accounts.models import AccessRecord, LogIn, ReaderKind, User


class PersonFilter(EmployeeFilter):
    """By employee; to platform operators by operator, too."""

    parameter_name = "person"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = User.objects.visible_to(person_of(request))
        return rows.order_by("first_name", "last_name", "username")

    def condition(self, value: str) -> Q:
        return Q(person_id=value)


class ReaderFilter(PersonFilter):
    """By employee, or all platform operators."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        others = [(ReaderKind.OPERATOR, "Platform operators"), (ReaderKind.LINK, "Signed links")]
        return [*others, *super().lookups(request, model_admin)]

    def condition(self, value: str) -> Q:
        return Q(reader_id=value) if value.isdecimal() else Q(reader_kind=value)


@admin.register(AccessRecord)
class AccessRecordAdmin(ReadOnlyAdmin):
    list_display = ("when", "reader", "what", "shown_about", "reason")
    list_filter = (("what", ChoicesDropdownFilter), ReaderFilter, ("at", DayFilter))
    ordering = ("-at", "-id")
    fields = ("when", "reader", "what", "shown_about", "reason")
    readonly_fields = ("when", "reader", "shown_about")
    empty_title = "Nobody has read anything yet"
    empty_text = (
        "When somebody opens a conversation of numbers that are not theirs, a recipient's page, an evidence pack or an "
        "export, it is listed here. So is every visit of a platform operator."
    )

    @admin.display(description="when")
    def when(self, row: AccessRecord) -> SafeString:
        return moment(row.at)

    @admin.display(description="who")
    def reader(self, row: AccessRecord) -> SafeString:
        return two_lines(row.reader_name, row.get_reader_role_display() or row.get_reader_kind_display())

    @admin.display(description="what was read", empty_value="–")
    def shown_about(self, row: Any) -> SafeString | str | None:
        return getattr(row, "link", None) or row.about or None

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            name_rows([row], request)
        return row

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        shown = super().get_changelist_instance(request)
        name_rows(shown.result_list, request)
        return shown


def name_rows(rows: Iterable[Any], request: HttpRequest) -> None:
    """Give each row a link to what was read, named as it is called today: a query for each sort of thing."""
    wanted: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.about_type:
            wanted[row.about_type].append(row)
    for kind, records in wanted.items():
        found = {str(thing.pk): thing for thing in _things(kind, records, request)}
        for record in records:
            thing = found.get(record.about_id)
            if thing is not None and (address := address_of(thing, request)):
                record.link = format_html('<a class="oo-a" href="{}">{}</a>', address, thing)


def _things(kind: str, records: list[Any], request: HttpRequest) -> QuerySet[Any] | list[Any]:
    """The rows that were read, as far as the reader of this page may see them."""
    try:
        model = apps.get_model(kind)
    except (LookupError, ValueError):
        return []
    if not admin.site.is_registered(model):
        return []
    page = admin.site.get_model_admin(model)
    return page.get_queryset(request).filter(pk__in=[record.about_id for record in records])


BAD = (LogIn.What.WRONG_PASSWORD, LogIn.What.WRONG_CODE, LogIn.What.LOCKED_OUT)


@admin.register(LogIn)
class LogInAdmin(ReadOnlyAdmin):
    """Log-ins and failures of a business's own people."""

    list_display = ("when", "who", "outcome", "address", "by")
    list_select_related = ("person",)
    list_filter = (("what", ChoicesDropdownFilter), PersonFilter, ("at", DayFilter))
    ordering = ("-at", "-id")
    fields = ("when", "who", "outcome", "address", "browser", "by")
    readonly_fields = ("when", "who", "outcome")
    empty_title = "No log-ins yet"
    empty_text = "Every log-in of your people, and every failed one, is listed here."

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="when")
    def when(self, row: LogIn) -> SafeString:
        return moment(row.at)

    @admin.display(description="employee")
    def who(self, row: LogIn) -> SafeString:
        return two_lines(row.person.display_name, row.person.get_role_display())

    @admin.display(description="what happened")
    def outcome(self, row: LogIn) -> SafeString:
        colour = "red" if row.what in BAD else "green" if row.what == LogIn.What.LOGGED_IN else "grey"
        return label(row.get_what_display(), colour)
