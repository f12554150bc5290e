"""Filters of lists. Their choices come from what the person may see; any other value answers 404."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, RelatedDropdownFilter

from accounts.models import SenderNumber

CHOICES_AT_MOST = 500


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
        return queryset.filter(self.condition(value))

    def has_output(self) -> bool:
        """Shown, and heeded, even where there is nothing to choose."""
        return True

    def condition(self, value: str) -> Q:
        """What a row must be to be shown."""
        raise NotImplementedError


class CompanyNumberFilter(OneOf):
    """By company number, as its digits stand in the row."""

    title = "company number"
    parameter_name = "number"
    fields: tuple[str, ...] = ("sender",)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        rows = SenderNumber.objects.visible_to(request.user).order_by("number")[:CHOICES_AT_MOST]  # type: ignore[arg-type]
        return list({row.number: (row.number, _name(row)) for row in rows}.values())

    def condition(self, value: str) -> Q:
        found = Q()
        for field in self.fields:
            found |= Q(**{field: value})
        return found


def _name(row: SenderNumber) -> str:
    return f"{row} · {row.label}" if row.label else str(row)


class DayFilter(RangeDateFilter):  # type: ignore[misc]
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
    return timezone.make_aware(datetime.combine(day, time.min)) if day else None
