"""How many opted out, and came back, on which days: counted from history, so that what was counted stays so."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, QuerySet
from django.db.models.functions import TruncDate

from compliance.models import OptOut

DRAWN_WITHIN = timedelta(hours=72)
_WHERE = ("sender", "texted", "preceding_campaign_id", "source")


@dataclass(frozen=True, slots=True)
class ChangeCount:
    """Opt-outs of one day, one source, and one company number and campaign where there is one.

    recorded: the day on which they reached us. day: the one that they count for. It differs for `drawn`, the opt-outs
    within 72 hours of a campaign's text, which count for the day of the text; and for what was undone, which is taken
    off the day of the opt-out.
    """

    recorded: date
    day: date
    number: str
    campaign_id: int | None
    source: str
    opt_outs: int = 0
    opted_back_in: int = 0
    drawn: int = 0


def count_changes(tenant_id: int, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[ChangeCount]:
    """Count the changes that were recorded from `start` until before `end`."""
    changes = OptOut.history.filter(tenant_id=tenant_id, changed_at__gte=start, changed_at__lt=end)
    changes = changes.annotate(recorded=TruncDate("changed_at", tzinfo=zone)).order_by()
    out, undone = changes.filter(action=OptOut.Action.OPTED_OUT), changes.filter(action=OptOut.Action.UNDONE)
    yield from _count(out, None, opt_outs=1)
    yield from _count(changes.filter(action=OptOut.Action.LIFTED), None, opted_back_in=1)
    yield from _count(undone, TruncDate("opted_out_at", tzinfo=zone), opt_outs=-1)
    of_text = TruncDate("preceding_at", tzinfo=zone)
    yield from _count(_drawn(out), of_text, drawn=1)
    yield from _count(_drawn(undone), of_text, drawn=-1)


def _drawn(changes: QuerySet[Any]) -> QuerySet[Any]:
    within = F("preceding_at") + DRAWN_WITHIN
    return changes.filter(
        preceding_campaign_id__isnull=False, opted_out_at__gte=F("preceding_at"), opted_out_at__lte=within
    )


def _count(changes: QuerySet[Any], day: TruncDate | None, **each: int) -> Iterator[ChangeCount]:
    """Count by the day on which a change was recorded and, where it is another one, the day that it counts for."""
    rows = changes.annotate(on=day) if day else changes
    found = rows.values("recorded", *_WHERE, *(["on"] if day else [])).annotate(times=Count("history_id"))
    for row in found:
        yield ChangeCount(
            row["recorded"],
            row["on"] if day else row["recorded"],
            row["texted"] or row["sender"],
            row["preceding_campaign_id"],
            row["source"],
            **{name: sign * row["times"] for name, sign in each.items()},
        )
