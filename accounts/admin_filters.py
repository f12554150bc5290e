"""Filters of lists. Their choices come from what the person may see; any other value answers 404."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter, RelatedDropdownFilter

from accounts.local_time import is_on_every_calendar
from accounts.models import SenderNumber, Site, User

CHOICES_AT_MOST = 500
BUSINESS = "tenant__id__exact"
LONGEST_KEY = 18  # digits of the largest one that a database counts to, less one


class BusinessFilter(RelatedDropdownFilter):  # type: ignore[misc]
    """By business: offered to platform operators alone."""


class OneOf(DropdownFilter):  # type: ignore[misc]
    """One value out of those that this person may see."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        if value not in {str(choice[0]) for choice in self.lookup_choices}:
            raise Http404("No such choice.")
        return self.of_owners(queryset, value).filter(self.condition(value))

    def of_owners(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows of the business that a value belongs to: a platform operator's list is then as quick as its own."""
        return queryset

    def has_output(self) -> bool:
        """Shown, and heeded, even where there is nothing to choose."""
        return True

    def condition(self, value: str) -> Q:
        """What a row must be to be shown."""
        raise NotImplementedError


class Titled:
    """A filter of a field that is called otherwise on the screen than in the row."""

    said = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.said:
            self.title = self.said


class KnownChoicesFilter(Titled, ChoicesDropdownFilter):  # type: ignore[misc]
    """One of a field's choices, and no other word."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value and value not in {str(choice[0]) for choice in self.field.flatchoices}:
            raise Http404("No such choice.")
        narrowed: QuerySet[Any] = super().queryset(request, queryset)
        return narrowed


class OneOfRows(OneOf):
    """One row out of those that this person may see. The list to choose from is cut short, what is asked for is not."""

    at_most = CHOICES_AT_MOST

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = self.rows(request)
        found = {str(row.pk): self.name_of(row) for row in rows[: self.at_most]}
        value = str(self.value() or "")
        if (key := read_key(value)) is not None and value not in found:
            found |= {str(row.pk): self.name_of(row) for row in rows.filter(pk=key)}
        return list(found.items())

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        """What may be chosen, in the order of the list."""
        raise NotImplementedError

    def name_of(self, row: Any) -> str:
        return str(row)


def within_business(rows: QuerySet[Any], request: HttpRequest) -> QuerySet[Any]:
    """The rows of the business that a platform operator has chosen beside; everybody else sees their own alone."""
    chosen = read_key(request.GET.get(BUSINESS, ""))
    return rows if chosen is None else rows.filter(tenant=chosen)


def read_key(text: str) -> int | None:
    """The key of a row out of an address, or None for what can be none."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_KEY else None


class SiteFilter(OneOfRows):
    """By site: the rows of its company numbers."""

    title = "site"
    parameter_name = "site"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return within_business(Site.objects.visible_to(request.user), request).order_by("name", "pk")  # type: ignore[arg-type]


class EmployeeFilter(OneOfRows):
    """By employee."""

    title = "employee"
    parameter_name = "employee"
    at_most = 1_000

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        rows = within_business(User.objects.visible_to(request.user), request)
        return rows.filter(tenant__isnull=False).order_by("first_name", "last_name", "username")

    def name_of(self, row: User) -> str:
        return row.display_name


class CompanyNumberFilter(OneOf):
    """By company number, as its digits stand in the row."""

    title = "company number"
    parameter_name = "number"
    fields: tuple[str, ...] = ("sender",)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = within_business(SenderNumber.objects.visible_to(request.user), request)  # type: ignore[arg-type]
        found = {row.number: _name(row) for row in rows.order_by("number")[:CHOICES_AT_MOST]}
        if (value := self.value()) and value not in found:
            found |= {row.number: _name(row) for row in rows.filter(number=value)[:1]}
        return list(found.items())

    def condition(self, value: str) -> Q:
        found = Q()
        for field in self.fields:
            found |= Q(**{field: value})
        return found


def _name(row: SenderNumber) -> str:
    return f"{row} · {row.label}" if row.label else str(row)


class DayFilter(Titled, RangeDateFilter):  # type: ignore[misc]
    """From one day to another, both included, in the time zone of the business."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first = _day(self.used_parameters.get(f"{self.parameter_name}_from"))
        last = _day(self.used_parameters.get(f"{self.parameter_name}_to"))
        if first:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": last + timedelta(days=1)})
        return queryset


def _day(text: Any) -> datetime | None:
    """The start of a day, or None for what is no date."""
    try:
        day = parse_date(str(text or ""))
    except ValueError:
        return None
    return timezone.make_aware(datetime.combine(day, time.min)) if day and is_on_every_calendar(day) else None
