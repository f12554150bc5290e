"""Errors of the API as problems (RFC 9457): one form, made in one place, always with a `code` for programs."""

from collections.abc import Iterator
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DataError, IntegrityError
from django.db import Error as AnyDatabaseError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.response import Response

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
TRY_AGAIN_SECONDS = "5"


class Problem(APIException):
    """An answer that is no success: its status, its code, a sentence, and further members."""

    def __init__(self, status: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status
        self.members = members


def refuse_field(path: str, message: str) -> ValidationError:
    """A 400 that names one field; dots lead into an object, as in `evidence.at`."""
    detail: Any = [message]
    for name in reversed(path.split(".")):
        detail = {name: detail}
    return ValidationError(detail)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. What is nobody's mistake but ours is left to Django's 500."""
    known = _as_api_error(error)
    if known is None:
        return None
    members, headers = _members_of(known), _headers_of(known)
    return Response(_body(known.status_code, **members), known.status_code, headers=headers, content_type=MEDIA_TYPE)


def _as_api_error(error: Exception) -> APIException | None:
    match error:
        case APIException():
            return error
        case Http404():
            return NotFound()
        case DjangoPermissionDenied():
            return PermissionDenied()
        case IntegrityError() | DataError():  # the database answered: what was asked of it is our mistake
            return None
        case AnyDatabaseError():
            log.error("api_database_failed", exc_info=error)
            return Problem(503, "state_unavailable", "The database can't be reached, so nothing was decided or sent.")
    return None


def _members_of(error: APIException) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        errors = list(_flatten(error.detail, ""))[:MOST_ERRORS]
        sentence = " ".join(f"{e['field']}: {e['message']}" if e["field"] else e["message"] for e in errors)
        return {"code": "invalid", "detail": sentence, "errors": errors}
    return {"code": str(error.get_codes()), "detail": str(error.detail), **getattr(error, "members", {})}


def _flatten(detail: Any, path: str) -> Iterator[dict[str, str]]:
    """REST framework's nested messages as a list of fields, each with its whole path."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _flatten(inner, own)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield {"field": clean(path), "message": clean(str(detail))}


def _headers_of(error: APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, ceil(wait)))
    if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = TRY_AGAIN_SECONDS
    return headers


def _body(status: int, code: str, detail: str, **members: Any) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": clean(detail), **members}


def clean(text: str) -> str:
    """A text that can be written as UTF-8: callers send lone surrogates, and we repeat what they sent."""
    return text.encode("utf-8", "replace").decode()


def _respond(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(_body(status, code, detail), status=status, content_type=MEDIA_TYPE)


@csrf_exempt
def api_not_found(request: HttpRequest) -> JsonResponse:
    """Every address below /api/ that is none of ours."""
    return _respond(404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500: a problem to programs, the usual page to people."""
    if request.path.startswith("/api/"):
        return _respond(500, "internal_error", "Something broke on our side; it has been logged.")
    return defaults.server_error(request)
