"""Times on the screen are the business's own."""

from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, date, datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from accounts.models import User

Answer = Callable[[HttpRequest], HttpResponse]


def say_moment(moment: datetime, time_zone: str) -> str:
    """A moment in words, in a business's own time."""
    return date_format(moment.astimezone(ZoneInfo(time_zone)), "N j, Y, P")


def say_day(moment: datetime, time_zone: str) -> str:
    """The day of a moment in words, in a business's own time."""
    return date_format(moment.astimezone(ZoneInfo(time_zone)), "N j, Y")


def read_moment(text: str) -> datetime | None:
    """A moment out of an address, or None for what is none that a database can hold."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment and moment.tzinfo and is_on_every_calendar(moment) else None


def is_on_every_calendar(day: date) -> bool:
    """Whether a day stays one in any time zone, with the day before and the day after it."""
    return MINYEAR < day.year < MAXYEAR


def local_time_middleware(get_response: Answer) -> Answer:
    """Show people who are logged in their business's time. Programs and webhooks stay in UTC."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return get_response(request)
        person = request.user
        tenant = person.tenant if isinstance(person, User) else None
        with timezone.override(ZoneInfo(tenant.time_zone) if tenant else None):
            return get_response(request)

    return answer
