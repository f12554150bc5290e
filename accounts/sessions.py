"""How long a log-in lasts, and what stands between the password and the pages: the second step."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.second_factor import has_second_factor, must_have_one

Answer = Callable[[HttpRequest], HttpResponse]
ADMIN = "/admin/"
BEGAN, SEEN, ASKS_CODE = "began_at", "seen_at", "asks_code"
NOTE_EVERY = 60  # seconds: a click must not cost a write each
ALWAYS_OPEN = ("admin:logout", "admin:jsi18n", "admin:login")
CODE_PAGE, CONNECT_PAGE = "admin:accounts_user_second_step", "admin:accounts_user_connect_app"


def connect() -> None:
    """Note when a log-in begins. Called once, when the apps are ready."""
    user_logged_in.connect(_begin, dispatch_uid="begin_session")


def _begin(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    if request is not None:
        request.session[BEGAN] = request.session[SEEN] = _now()
        request.session[ASKS_CODE] = has_second_factor(user)


def _now() -> int:
    return int(timezone.now().timestamp())


def session_age_middleware(get_response: Answer) -> Answer:
    """End a log-in that is idle or old. It stands behind the messages, to say why."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(ADMIN) and request.user.is_authenticated and (why := _why_over(request)):
            logout(request)
            messages.info(request, why)
        return get_response(request)

    return answer


def _why_over(request: HttpRequest) -> str:
    """Why a log-in is over, or "" while it goes on; then its last click is noted."""
    now, session = _now(), request.session
    began, seen = session.setdefault(BEGAN, now), session.setdefault(SEEN, now)
    if now - seen > settings.SESSION_IDLE_MINUTES * 60:
        return f"You were logged out, because nothing happened for {settings.SESSION_IDLE_MINUTES} minutes."
    if now - began > settings.SESSION_HOURS * 3600:
        return f"You were logged out: a log-in lasts {settings.SESSION_HOURS} hours."
    if now - seen > NOTE_EVERY:
        session[SEEN] = now
    return ""


def second_step_middleware(get_response: Answer) -> Answer:
    """Between password and pages: a code where the person has a second step, its set-up where they must have one."""

    def answer(request: HttpRequest) -> HttpResponse:
        page = _page_first(request) if request.path.startswith(ADMIN) else ""
        if not page:
            return get_response(request)
        after = {"next": request.get_full_path()} if request.method == "GET" else {}
        return HttpResponseRedirect(f"{reverse(page)}?{urlencode(after)}" if after else reverse(page))

    return answer


def _page_first(request: HttpRequest) -> str:
    """The page that comes before the one asked for, or "" where nothing does."""
    person = request.user
    if not isinstance(person, User) or person.is_verified() or _is_open(request, *ALWAYS_OPEN):  # type: ignore[attr-defined]
        return ""
    page = CODE_PAGE if _asks_code(request, person) else CONNECT_PAGE if must_have_one(person) else ""
    return "" if page and _is_open(request, page) else page


def _asks_code(request: HttpRequest, person: User) -> bool:
    """Whether this log-in asks for a code. One that began without a second step ends when the person gets one."""
    if request.session.get(ASKS_CODE) is not False:
        request.session[ASKS_CODE] = has_second_factor(person)
    return bool(request.session[ASKS_CODE])


def _is_open(request: HttpRequest, *pages: str) -> bool:
    return request.path in {reverse(page) for page in pages}


def end_other_sessions(request: HttpRequest, person: User) -> None:
    """Log somebody out everywhere but here."""
    end_sessions(person)
    update_session_auth_hash(request, person)


def end_sessions(person: User) -> None:
    """Log somebody out everywhere."""
    User.objects.filter(pk=person.pk).update(log_in_round=F("log_in_round") + 1)
    person.refresh_from_db(fields=["log_in_round"])
