"""Times on the screen are the business's own."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User

Answer = Callable[[HttpRequest], HttpResponse]


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
