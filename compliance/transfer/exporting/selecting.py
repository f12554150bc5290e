"""Which rows an export takes: those that the list in the admin shows with the same search and filters.

The list itself is asked, so that a filter that is added there works here, and one that it refuses is refused here.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, QueryDict
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import User
from compliance.models import OptOut

ALL_ROWS = "The whole list"
VIEW = "compliance.view_optout"
RANGES = {"_from": "from", "_to": "to", "__gte": "from", "__lte": "to"}


class WrongFilters(ValueError):
    """Filters that the list would not take; the message says so."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows, the parameters that ask for them, and the same in words."""

    rows: QuerySet[Any]
    filters: str
    words: str


def select_rows(person: User, filters: str) -> Selection:
    """What the list of opt-outs holds for a person with those address parameters. Raises WrongFilters."""
    zone = ZoneInfo(person.tenant.time_zone) if person.tenant else None
    with timezone.override(zone):  # the days of a filter are the person's own, as on their screen
        shown = _list_for(person, filters)
    wanted = QueryDict(mutable=True)
    heeded = {name for spec in shown.filter_specs for name in spec.expected_parameters()} | {SEARCH_VAR}
    for name, values in QueryDict(filters).lists():
        if name in heeded and any(values):
            wanted.setlist(name, values)
    return Selection(shown.queryset, wanted.urlencode(), _say(shown) or ALL_ROWS)


def _list_for(person: User, filters: str) -> ChangeList:
    request = HttpRequest()
    request.method = "GET"
    request.GET = QueryDict(filters)
    request.user = person
    if "\x00" in "".join(value for _, values in request.GET.lists() for value in values):
        raise WrongFilters("The search holds a character that no number has.")
    try:
        found: ChangeList = admin.site.get_model_admin(OptOut).get_changelist_instance(request)
    except (Http404, SuspiciousOperation, IncorrectLookupParameters):
        said = "The list of opt-outs does not know one of these filters, or no longer offers what it asks for."
        raise WrongFilters(said) from None
    return found


def _say(shown: ChangeList) -> str:
    said = [f"Search: {shown.query}"] if shown.query else []
    said += [f"{capfirst(spec.title)}: {words}" for spec in shown.filter_specs if (words := _say_one(spec))]
    return "; ".join(said)


def _say_one(spec: Any) -> str:
    """What a filter is set to, in the words of its choices where it has any."""
    asked = {name: value for name, value in spec.used_parameters.items() if value not in (None, "", [])}
    names = {str(value): str(label) for value, label in _choices_of(spec)}
    said = []
    for name, value in asked.items():
        values = value if isinstance(value, list | tuple) else [value]
        bound = next((word for ending, word in RANGES.items() if name.endswith(ending)), "")
        said.append(f"{bound} {', '.join(names.get(str(one), str(one)) for one in values)}".strip())
    return " ".join(said)


def _choices_of(spec: Any) -> list[tuple[Any, Any]]:
    offered = getattr(spec, "lookup_choices", None)
    field = getattr(spec, "field", None)
    return list(offered if offered is not None else getattr(field, "flatchoices", ()))
