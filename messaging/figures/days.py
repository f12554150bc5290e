"""Days of a business: from midnight to midnight on its own clocks, 23 to 25 hours long."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ONE = timedelta(days=1)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The day of a moment, where the business is."""
    return moment.astimezone(zone).date()


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day, in UTC: what follows a midnight that is skipped, the first of one that comes twice."""
    return datetime.combine(day, time.min, zone).astimezone(ZoneInfo("UTC"))


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """The first moment that is no longer of a day."""
    return start_of(day + ONE, zone)
