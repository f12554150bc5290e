"""Counting a business's days, in sets and by index: texts of the days, and what compliance recorded on them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from accounts.models import SenderNumber, Tenant
from compliance.day_counts import count_changes
from compliance.gate import Refusal
from compliance.purposes import ASKED_FOR, Purpose
from compliance.segments import measure
from messaging.figures.days import end_of, start_of
from messaging.models import DayFigures, InboundMessage, OutboundMessage

Status = OutboundMessage.Status
LEFT = (Status.SENDING, Status.SENT, Status.DELIVERED, Status.UNKNOWN)
PAID_FOR = (Purpose.MARKETING, Purpose.TRANSACTIONAL)
BODIES_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Place:
    """What a row of figures is about."""

    counted_on: date
    day: date
    number_id: int | None = None
    campaign_id: int | None = None
    source: str = ""


_Counted = tuple[_Place, dict[str, int]]


def count_days(tenant: Tenant, first: date, last: date) -> list[DayFigures]:
    """The figures of some days, both included, as rows that are not saved. Nothing is locked meanwhile."""
    zone = ZoneInfo(tenant.time_zone)
    span = (tenant.pk, start_of(first, zone), end_of(last, zone), zone)
    found: defaultdict[_Place, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in (_count_out, _count_blocked_segments, _count_in, _count_changes):
        for place, figures in count(*span):
            for name, value in figures.items():
                found[place][name] += value
    return [_row(tenant.pk, place, figures) for place, figures in found.items() if any(figures.values())]


def _row(tenant_id: int, place: _Place, figures: dict[str, int]) -> DayFigures:
    return DayFigures(
        tenant_id=tenant_id,
        counted_on=place.counted_on,
        day=place.day,
        sender_number_id=place.number_id,
        campaign_id=place.campaign_id,
        source=place.source,
        **figures,
    )


def _count_out(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[_Counted]:
    refused = Q(status=Status.BLOCKED, purpose__in=ASKED_FOR)
    rows = (
        _outbound(tenant_id, start, end, zone)
        .values_list("on", "sender_number_id", "campaign_id")
        .annotate(
            texts_out=Count("pk", filter=Q(status__in=LEFT)),
            failed=Count("pk", filter=Q(status=Status.FAILED)),
            blocked=Count("pk", filter=refused),
            blocked_opted_out=Count("pk", filter=refused & Q(reason=Refusal.OPTED_OUT)),
        )
    )
    for on, number_id, campaign_id, *counts in rows:
        names = ("texts_out", "failed", "blocked", "blocked_opted_out")
        yield _Place(on, on, number_id, campaign_id), dict(zip(names, counts, strict=True))


def _outbound(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Any:
    rows = OutboundMessage.objects.for_tenant(tenant_id).filter(created_at__gte=start, created_at__lt=end)
    return rows.annotate(on=TruncDate("created_at", tzinfo=zone)).order_by()


def _count_blocked_segments(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[_Counted]:
    """A mailing's text is measured once, however many people were spared it."""
    blocked = _outbound(tenant_id, start, end, zone).filter(status=Status.BLOCKED, purpose__in=PAID_FOR)
    rows = blocked.values_list("on", "sender_number_id", "campaign_id", "body").annotate(times=Count("pk"))
    for on, number_id, campaign_id, body, times in rows.iterator():
        yield _Place(on, on, number_id, campaign_id), {"blocked_segments": times * _segments(body)}


@lru_cache(BODIES_REMEMBERED)
def _segments(body: str) -> int:
    return measure(body).segments


def _count_in(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[_Counted]:
    rows = InboundMessage.objects.for_tenant(tenant_id).filter(received_at__gte=start, received_at__lt=end)
    days = rows.annotate(on=TruncDate("received_at", tzinfo=zone)).order_by().values_list("on", "sender_number_id")
    for on, number_id, times in days.annotate(times=Count("pk")):
        yield _Place(on, on, number_id), {"texts_in": times}


def _count_changes(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[_Counted]:
    numbers = dict(SenderNumber.objects.for_tenant(tenant_id).values_list("number", "pk"))
    for one in count_changes(tenant_id, start, end, zone):
        place = _Place(one.recorded, one.day, numbers.get(one.number), one.campaign_id, one.source)
        yield place, {"opt_outs": one.opt_outs, "opted_back_in": one.opted_back_in, "drawn": one.drawn}
