"""Pages that take a file. What is too large is refused by its announced length, before the first byte of it is read."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.admin_base import require
from compliance.admin.list_jobs import ListJobAdmin
from compliance.file_formats import MEGABYTE

FORM_AROUND = 64 * 1024  # what a form is larger than its file


def largest() -> int:
    """How many bytes an uploaded list may have."""
    return settings.UPLOAD_LIMIT_MB * MEGABYTE


class UploadAdmin(ListJobAdmin):
    """Work on lists that begins with an upload."""

    def upload_door(self, address: str, view: Callable[[HttpRequest], HttpResponse], name: str) -> URLPattern:
        """An address that takes a file. The token is asked for after the length: it stands in the body."""

        def take(request: HttpRequest) -> HttpResponse:
            require(request, self.permission)
            if int(request.META.get("CONTENT_LENGTH") or 0) > largest() + FORM_AROUND:
                answer: HttpResponse = self.show_too_large(request)
                answer.status_code = 413
                return answer
            checked: HttpResponse = csrf_protect(view)(request)
            return checked

        return self.door(address, csrf_exempt(take), name)

    def show_too_large(self, request: HttpRequest) -> Any:
        """The page of the upload, which says so."""
        raise NotImplementedError
