"""Figures as the start page shows them: a few sums over counted days, never over texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.db.models import F, Min, Q, QuerySet, Sum

from accounts.models import User
from compliance.models import Source
from messaging.figures.days import ONE
from messaging.models import CountedDay, DayFigures

# Lists that come in at once say nothing of the day on which people asked.
LISTS = (Source.IMPORT, Source.PROVIDER)
CAMPAIGNS_AT_MOST = 50
# Texting platforms ask businesses to stay below 1 % and warn them at 2 %. One or two people are no trend.
WATCH_FROM, HIGH_FROM = 0.01, 0.02
FEWEST = 3


class Order(StrEnum):
    """How the table of campaigns may be sorted, the largest first."""

    RATE = "rate"
    TEXTS = "texts"
    OPT_OUTS = "opt_outs"


@dataclass(frozen=True, slots=True)
class Sums:
    """What one day brought, or several days together."""

    texts_in: int = 0
    texts_out: int = 0
    failed: int = 0
    blocked: int = 0
    blocked_opted_out: int = 0
    blocked_segments: int = 0
    opt_outs: int = 0
    by_list: int = 0
    opted_back_in: int = 0

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Sums":
        return cls(**{name: max(0, found[name] or 0) for name in cls.__slots__})

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class CampaignSums:
    """What a campaign sent in a span of days, and how many of those texts were followed by an opt-out."""

    pk: int
    name: str
    texts: int
    opt_outs: int
    blocked: int

    @property
    def rate(self) -> float:
        return self.opt_outs / self.texts if self.texts else 0.0

    @property
    def percent(self) -> str:
        return f"{self.rate:.1%}"

    @property
    def colour(self) -> str:
        """Whether carriers will look at it: red, orange, or "" for what is usual."""
        if self.opt_outs < FEWEST or self.rate < WATCH_FROM:
            return ""
        return "red" if self.rate >= HIGH_FROM else "orange"


def figures_of(person: User, today: date, days: int) -> QuerySet[Any]:
    """The figures that a person may see, of the last days, today included."""
    first = today - (days - 1) * ONE
    rows: QuerySet[Any] = DayFigures.objects.visible_to(person).filter(day__gte=first, day__lte=today)
    return rows


def sum_by_day(rows: QuerySet[Any], today: date, days: int) -> dict[date, Sums]:
    """Every day of the span in its order, quiet ones included."""
    names = [name for name in Sums.__slots__ if name not in ("opt_outs", "by_list")]
    lists = Q(source__in=LISTS)
    found = rows.values("day").annotate(
        **{f"sum_{name}": Sum(name) for name in names},
        sum_opt_outs=Sum("opt_outs", filter=~lists),
        sum_by_list=Sum("opt_outs", filter=lists),
    )
    by_day = {row["day"]: Sums.of({name: row[f"sum_{name}"] for name in Sums.__slots__}) for row in found.order_by()}
    return {day: by_day.get(day, Sums()) for day in (today - place * ONE for place in reversed(range(days)))}


def sum_by_campaign(rows: QuerySet[Any], order: Order) -> list[CampaignSums]:
    """The campaigns that sent something, or were kept from it."""
    found = (
        rows.filter(campaign__isnull=False)
        .values("campaign_id", "campaign__name")
        .annotate(texts=Sum("texts_out"), opt_outs=Sum("drawn"), refused=Sum("blocked"))
        .filter(Q(texts__gt=0) | Q(refused__gt=0))
        .order_by(F("texts").desc())
    )
    campaigns = [
        CampaignSums(one["campaign_id"], one["campaign__name"], one["texts"], max(0, one["opt_outs"]), one["refused"])
        for one in found
    ]
    return sorted(campaigns, key=lambda one: (-_measure(one, order), one.name))[:CAMPAIGNS_AT_MOST]


def _measure(campaign: CampaignSums, order: Order) -> float:
    match order:
        case Order.RATE:
            return campaign.rate
        case Order.TEXTS:
            return campaign.texts
        case Order.OPT_OUTS:
            return campaign.opt_outs


def sum_by_source(rows: QuerySet[Any]) -> list[tuple[str, int]]:
    """How people opted out, the most usual way first."""
    found = rows.exclude(source="").values("source").annotate(times=Sum("opt_outs")).filter(times__gt=0)
    return [(Source(one["source"]).label, one["times"]) for one in found.order_by("-times", "source")]


def counted_until(person: User, today: date) -> datetime | None:
    """Until when today is counted: the longest ago of the businesses in sight. None where it is not counted yet."""
    rows = CountedDay.objects.visible_to(person).filter(day=today, counted_at__isnull=False)
    moment: datetime | None = rows.aggregate(first=Min("counted_at"))["first"]
    return moment
