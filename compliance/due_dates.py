"""Until when an unclear text must be answered, in business days (US-07, CA-02, AU-02)."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

BUSINESS_DAYS = {"AU": 5}
USUAL_BUSINESS_DAYS = 10
ALERT_BEFORE = 2  # business days


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


def subtract_business_days(end: date, days: int, country: str) -> date:
    """The day from which a number of business days are left until another."""
    day = end
    while add_business_days(day, days, country) > end:
        day -= timedelta(days=1)
    return day


def alert_at(due: datetime, country: str, time_zone: str) -> datetime:
    """When people are told that a review is due soon: the same local time, two business days before."""
    local = due.astimezone(ZoneInfo(time_zone))
    first = subtract_business_days(local.date(), ALERT_BEFORE, country)
    return local.replace(year=first.year, month=first.month, day=first.day)


def due_at(received_at: datetime, country: str, time_zone: str) -> datetime:
    """When a text received at a moment must have been answered: the same local time on the last business day."""
    local = received_at.astimezone(ZoneInfo(time_zone))
    last = add_business_days(local.date(), BUSINESS_DAYS.get(country, USUAL_BUSINESS_DAYS), country)
    return local.replace(year=last.year, month=last.month, day=last.day)
