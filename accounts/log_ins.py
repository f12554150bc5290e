"""Log-ins on record: who came in, who failed, and what changed in how somebody logs in."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.password_validation import NumericPasswordValidator
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import LogIn, User

ONCE_IN = timedelta(minutes=15)
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
    """Once for each lock-out, however long a guesser goes on."""
    person = _named(username)
    if person is None:
        return
    since = timezone.now() - ONCE_IN
    address = str(request.META.get("REMOTE_ADDR") or "")[:45]
    if not LogIn.objects.filter(person=person, what=What.LOCKED_OUT, address=address, at__gt=since).exists():
        note(person, What.LOCKED_OUT, request)


def locked_out(request: HttpRequest, answer: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
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


class NotesPasswordChange(NumericPasswordValidator):
    """Refuses passwords of figures alone, and puts every change of a password on record.

    Django tells its validators of each change, by whatever page or command it is made. A first password is none.
    """

    def password_changed(self, password: str, user: User) -> None:
        if user.last_login is not None:
            note(user, What.PASSWORD_CHANGED)
