"""Log-ins on record: who came in, who failed, and what changed in how somebody logs in."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import NumericPasswordValidator
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.callers import caller_behind, caller_of
from accounts.models import LogIn, Tenant, User

ONCE_IN = timedelta(minutes=15)
LONGEST_GUARDED = 255
DELETED_AT_ONCE = 5_000
What = LogIn.What


def note(person: User, what: LogIn.What, request: HttpRequest | None = None, by: str = "") -> None:
    """Put on record what happened with somebody's log-in."""
    headers = request.META if request else {}
    LogIn.objects.create(
        tenant_id=person.tenant_id,
        person=person,
        what=what,
        address=str(headers.get("REMOTE_ADDR") or "")[:45],
        browser=str(headers.get("HTTP_USER_AGENT") or "").replace("\x00", "")[:200],
        by=by,
    )


def connect() -> None:
    """Listen to Django's log-in and to the guard against guessing. Called once, when the apps are ready."""
    user_logged_in.connect(_came_in, dispatch_uid="note_log_in")
    user_login_failed.connect(_failed, dispatch_uid="note_failed_log_in")
    user_locked_out.connect(_locked_out, dispatch_uid="note_lock_out")


def _came_in(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    note(user, What.LOGGED_IN, request)


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """A wrong password. One that is not even looked at, because of a lock-out, is told as that."""
    person = _named(credentials.get("username"))
    if person is not None and not getattr(request, "axes_locked_out", False):
        note(person, What.WRONG_PASSWORD, request)


def _locked_out(sender: Any, request: HttpRequest, username: str, **_: Any) -> None:
    """Once for each lock-out, however long a guesser goes on, and by whichever addresses of a line."""
    person = _named(username)
    if person is None:
        return
    recent = LogIn.objects.filter(person=person, what=What.LOCKED_OUT, at__gt=timezone.now() - ONCE_IN)
    callers = {caller_of(address) for address in recent.values_list("address", flat=True)}
    if (caller_behind(request) or "") not in callers:
        note(person, What.LOCKED_OUT, request)


def guarded_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The name that somebody is guarded by: as much of it as the guard keeps, or a longer one would break the page."""
    return str((credentials or request.POST).get("username") or "")[:LONGEST_GUARDED]


def is_own_password(request: HttpRequest, person: User, password: str) -> bool:
    """Ask for a password once more. Wrong ones are on record, and held off by the guard, like those of a log-in."""
    return authenticate(request, username=person.get_username(), password=password) is not None


def is_guessing(request: HttpRequest, person: User, password: str) -> bool:
    """Whether a password that is asked for once more is one wrong one too many."""
    return not is_own_password(request, person, password) and getattr(request, "axes_locked_out", False)


def locked_out(
    request: HttpRequest, answer: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The page of a lock-out: for how long, and what else there is to do."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    context = {"minutes": minutes, "failure_limit": settings.AXES_FAILURE_LIMIT}
    return render(request, "locked_out.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)


def _named(username: Any) -> User | None:
    """The person of a log-in name. What nobody is called is not kept: it may be a password in the wrong field."""
    name = str(username or "")
    if not name or "\x00" in name:
        return None
    person: User | None = User.objects.filter(username=name).first()
    return person


def delete_old(now: datetime) -> int:
    """Delete log-ins that were kept long enough, and sessions that are over. Returns how many log-ins."""
    SessionStore.clear_expired()
    kept_from = now - timedelta(days=settings.LOG_INS_KEPT_DAYS)
    tenants = [None, *Tenant.objects.values_list("pk", flat=True)]  # one by one, as the index has them
    return sum(_delete_some(LogIn.objects.filter(tenant=tenant, at__lt=kept_from)) for tenant in tenants)


def _delete_some(rows: QuerySet[LogIn]) -> int:
    """A batch that holds no lock for long; the next turn goes on."""
    oldest = list(rows.order_by("at").values_list("pk", flat=True)[:DELETED_AT_ONCE])
    return LogIn.objects.filter(pk__in=oldest).delete()[0]


class NotesPasswordChange(NumericPasswordValidator):
    """Refuses passwords of figures alone, and puts every change of a password on record.

    Django tells its validators of each change, by whatever page or command it is made. A first password is none.
    """

    def password_changed(self, password: str, user: User) -> None:
        if user.last_login is not None:
            note(user, What.PASSWORD_CHANGED)
