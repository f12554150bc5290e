"""The admin site, without the doors that its packages leave open."""

from functools import wraps
from typing import Any, NoReturn
from urllib.parse import unquote_plus

from django.apps import apps
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from unfold.sites import UnfoldAdminSite

from accounts.admin_base import person_of
from accounts.log_ins import is_guessing, locked_out


class OfferedChoices(AutocompleteJsonView):
    """The choices of fields that a form of ours lets people search.

    The stock view serves every foreign key of every model: the words of texts would be read past the record of reading.
    """

    def process_request(self, request: HttpRequest) -> Any:
        if not self._is_offered(request):
            raise PermissionDenied
        return super().process_request(request)

    def _is_offered(self, request: HttpRequest) -> bool:
        """Whether the page of the model that is named lets people search the field that is named."""
        site = self.admin_site
        try:
            model = apps.get_model(request.GET.get("app_label", ""), request.GET.get("model_name", ""))
        except LookupError:
            return False
        if site is None or not site.is_registered(model):
            return False
        return request.GET.get("field_name") in site.get_model_admin(model).get_autocomplete_fields(request)


class OurAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """Where `admin.site` comes from, see `accounts.apps.OurAdminConfig`."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Behind the log-in, and for addresses that every database can be asked with: PostgreSQL breaks on a NUL."""

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\x00" in unquote_plus(request.META.get("QUERY_STRING", "")):
                raise Http404
            return view(request, *args, **kwargs)

        return super().admin_view(answer, cacheable)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        return OfferedChoices.as_view(admin_site=self)(request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> NoReturn:
        """Nothing leads to the search over all pages; it needs a cache that answers, and breaks on `?page=x`."""
        raise Http404

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One's own password. Whoever guesses the old one in a browser left open is held off as at the log-in."""
        if request.method == "POST" and is_guessing(request, person_of(request), request.POST.get("old_password", "")):
            return locked_out(request)
        answer: HttpResponse = super().password_change(request, extra_context)
        return answer
