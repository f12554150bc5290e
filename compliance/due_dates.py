"""Until when an unclear text must be answered, in business days (US-07, CA-02, AU-02)."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

BUSINESS_DAYS = {"AU": 5}
USUAL_BUSINESS_DAYS = 10


@lru_cache(maxsize=64)
def _calendar(country: str) -> holidays.HolidayBase | dict[date, str]:
    try:
        return holidays.country_holidays(country)
    except NotImplementedError:  # a country whose holidays nobody keeps: weekends alone, which is the earlier date
        return {}


def add_business_days(start: date, days: int, country: str) -> date:
    """The day that lies a number of business days after another, without weekends and public holidays."""
    calendar = _calendar(country)
    day = start
    while days:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in calendar:
            days -= 1
    return day


def due_at(received_at: datetime, country: str, time_zone: str) -> datetime:
    """When a text received at a moment must have been answered: the same local time on the last business day."""
    local = received_at.astimezone(ZoneInfo(time_zone))
    last = add_business_days(local.date(), BUSINESS_DAYS.get(country, USUAL_BUSINESS_DAYS), country)
    return local.replace(year=last.year, month=last.month, day=last.day)
