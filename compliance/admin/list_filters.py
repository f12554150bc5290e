"""What the list of opt-outs can be narrowed by. None of the choices is read from the list itself."""

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.lookups import In
from django.http import HttpRequest

from accounts.admin_base import person_of
from accounts.admin_filters import (
    CompanyNumberFilter,
    DayFilter,
    EmployeeFilter,
    KnownChoicesFilter,
    OneOf,
    OneOfRows,
    SiteFilter,
    within_business,
)
from accounts.models import SenderNumber, Site
from compliance.campaigns import visible_campaigns
from compliance.keywords import LANGUAGES
from compliance.languages import language_name
from compliance.models import CompanyNumber


class StateFilter(KnownChoicesFilter):
    said = "state"


class HowFilter(KnownChoicesFilter):
    said = "how they asked"


class WhoAskedFilter(KnownChoicesFilter):
    said = "who asked"


class OptedOutDayFilter(DayFilter):
    said = "day of the opt-out"


class ChangedDayFilter(DayFilter):
    said = "day of the last change"


def of_one(queryset: QuerySet[Any], owners: list[int]) -> QuerySet[Any]:
    """The rows of the one business; of several they are left as they are."""
    return queryset.filter(tenant=owners[0]) if len(owners) == 1 else queryset


class TextedNumberFilter(CompanyNumberFilter):
    """The number that is closed, or that was texted to close all."""

    def of_owners(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        owners = SenderNumber.objects.filter(number=value).values_list("tenant", flat=True)
        return of_one(queryset, list(owners))

    def condition(self, value: str) -> Any:
        return In(CompanyNumber(), [value])


class TextedSiteFilter(SiteFilter):
    """The same for all numbers of a site."""

    def of_owners(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return of_one(queryset, list(Site.objects.filter(pk=int(value)).values_list("tenant", flat=True)))

    def condition(self, value: str) -> Any:
        numbers = SenderNumber.objects.filter(site=int(value)).values_list("number", flat=True)
        return In(CompanyNumber(), list(numbers)) if numbers else Q(pk__in=[])


class PrecedingEmployeeFilter(EmployeeFilter):
    """By who sent the text that came before."""

    title = "employee of the text before"

    def condition(self, value: str) -> Q:
        return Q(preceding_user_id=int(value))


class CampaignFilter(OneOfRows):
    """By the campaign of the text that came before."""

    title = "campaign"
    parameter_name = "campaign"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        return within_business(visible_campaigns(person_of(request)), request).order_by("name", "pk")

    def name_of(self, row: Any) -> str:
        return str(row.name)

    def condition(self, value: str) -> Q:
        return Q(preceding_campaign_id=int(value))


class LanguageFilter(OneOf):
    """By the language of their words."""

    title = "language"
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((code, language_name(code)) for code in LANGUAGES), key=lambda choice: choice[1])

    def condition(self, value: str) -> Q:
        return Q(language=value)
