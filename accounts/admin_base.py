"""What every admin page of a business shares: its own rows alone, 404 for the rest, and nothing is ever deleted."""

from typing import Any, NoReturn, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator as UnfoldInfinitePaginator

from accounts.admin_choices import RowsByKey, SearchedChoice, SearchedChoices
from accounts.admin_filters import BusinessFilter
from accounts.admin_words import number
from accounts.models import Tenant, User
from accounts.number_search import search_numbers
from accounts.scoping import TenantOwned, businesses_open_to

M = TypeVar("M", bound=models.Model)
PAGES_AT_MOST = 100
LONGEST_SEARCH = 200
COUNT_AT_MOST = 100
READS = ("GET", "HEAD")


class InfinitePaginator(UnfoldInfinitePaginator):  # type: ignore[misc]
    """Pages without a count. The offset stays small: whoever wants more narrows the list by search or filter."""

    template_name = "admin/pagination_next.html"
    has_next_page = False

    @cached_property
    def count(self) -> int:
        return int(PAGES_AT_MOST * self.per_page)

    def page(self, number: int | str) -> Any:
        """One page; a row more than it shows tells whether there is a next one."""
        valid = self.validate_number(number)
        start = (valid - 1) * self.per_page
        rows = list(self.object_list[start : start + self.per_page + 1])
        self.has_next_page = len(rows) > self.per_page and valid < PAGES_AT_MOST
        return self._get_page(rows[: self.per_page], valid, self)


class BusinessForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of a row of a business: the business is set before anything is checked, and all of it belongs together."""

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        person = self.request.user
        if self.instance._state.adding and isinstance(person, User) and person.tenant_id:
            self.instance.tenant_id = person.tenant_id

    def _get_validation_exclusions(self) -> set[str]:
        """“Once per business” is checked although the business itself is not a field of the form."""
        return set(super()._get_validation_exclusions()) - {"tenant"}  # type: ignore[misc]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for name, value in list(self.cleaned_data.items()):
            for row in value if isinstance(value, models.QuerySet) else [value]:
                if self._is_foreign(row):
                    self.add_error(name, "This belongs to another business.")

    def _is_foreign(self, row: Any) -> bool:
        owned = isinstance(row, TenantOwned | User)
        return owned and row.tenant_id != self.instance.tenant_id


class TenantAdmin(ModelAdmin):  # type: ignore[misc]
    """The start of every admin page. What a person may do comes from their role, through has_perm."""

    form: type[forms.ModelForm] = BusinessForm  # type: ignore[type-arg]
    actions = None
    list_per_page = 25
    list_fullwidth = True
    list_filter_submit = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = InfinitePaginator
    sortable_by: tuple[str, ...] = ()
    tenant_path = "tenant"
    empty_title = "Nothing here yet"
    empty_text = ""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = self.model.objects.visible_to(request.user)
        if self.shows_business(request):  # here, because Django heeds no more of them once a page has named some itself
            rows = rows.select_related(*self.get_list_select_related(request))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        return [*columns, "tenant"] if self.shows_business(request) else columns

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = list(super().get_list_filter(request))
        return [("tenant", BusinessFilter), *filters] if self.shows_business(request) else filters

    def shows_business(self, request: HttpRequest) -> bool:
        """Whether this person sees rows of several businesses."""
        return bool(self.tenant_path and person_of(request).is_platform_operator)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        wanted = super().get_list_select_related(request)
        return [*(wanted or ()), "tenant"] if self.shows_business(request) else wanted

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Nothing is called by a name that long, and SQLite refuses to look for it."""
        if len(search_term) > LONGEST_SEARCH:
            return queryset.none(), False
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term)
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter of the page offers: an address must not ask for digests letter by letter."""
        if request is None:
            return False
        return any(lookup.startswith(asked_by(item)) for item in self.get_list_filter(request))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        if self.shows_business(request) and "tenant" not in fields:
            return ["tenant", *fields]
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_readonly_fields(request, obj))
        return [*fields, "tenant"] if obj is not None and self.tenant_path else fields

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.verbose_name == "is active":
            kwargs.setdefault("label", "Active")
            kwargs.setdefault("help_text", "Nothing is deleted here: switch it off instead.")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", choices_for(db_field, request))
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", SearchedChoice(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", choices_for(db_field, request))
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", SearchedChoices(db_field, self.admin_site))
        kwargs.setdefault("form_class", RowsByKey)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list as an address asks for it. PostgreSQL takes no NUL in a filter; a search looks at digits alone."""
        if any("\x00" in value for name, values in request.GET.lists() if name != SEARCH_VAR for value in values):
            raise Http404("No such choice.")
        return super().get_changelist_instance(request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        words = {"title": capfirst(self.opts.verbose_name_plural)}
        answer: HttpResponse = super().changelist_view(request, {**words, **(extra_context or {})})
        return answer

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        raise Http404

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        self.find(request, object_id)
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        return answer

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404

    def find(self, request: HttpRequest, object_id: str) -> Any:
        """The row of a page, or 404 where this person may not know of it. 403 where the role sees no such rows."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def door(self, address: str, view: Any, name: str) -> URLPattern:
        """An address of our own below the model's, behind the log-in."""
        pattern: URLPattern = path(address, self.admin_site.admin_view(view), name=self.name_of(name))
        return pattern

    def name_of(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def address(self, name: str, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:{self.name_of(name)}", args=args)

    def go_to(self, name: str, *args: Any) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.address(name, *args))

    def show(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        """A page of our own in the admin's frame."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media, "model_admin": self}
        named = {"title": capfirst(str(context.get("original", self.opts.verbose_name_plural)))}
        return TemplateResponse(request, template, {**frame, **named, **context})


class SearchedByNumber:
    """Rows that are found by a recipient's number, in any format, or by its last digits, and by nothing else."""

    search_fields: tuple[str, ...] = ("recipient__number",)
    search_help_text = "A number in any format, or its last four digits"
    nothing_text = "A number is found in any format, or by at least three of its last digits."

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        to_recipient = self.search_fields[0].removesuffix("number")
        return search_numbers(queryset, search_term, person_of(request), to_recipient), False

    @admin.display(description="recipient")
    def shown_number(self, row: Any) -> SafeString:
        """Whose row it is, as the first column."""
        return number(row.recipient.number)


class ReadOnlyAdmin(TenantAdmin):
    """Rows that nobody writes by hand. What changes them is a button that calls the code which owns them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return answer


class PageAdmin(ReadOnlyAdmin):
    """Read-only rows whose page is a template of our own."""

    page_template = ""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        row = self.find(request, object_id)
        return self.show(request, self.page_template, {"original": row, **self.page_context(request, row)})

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the template shows beside the row itself."""
        return {}


def person_of(request: HttpRequest) -> User:
    """Who is at the screen. Behind the log-in that is always one of ours."""
    assert isinstance(request.user, User)  # noqa: S101
    return request.user


def require(request: HttpRequest, permission: str) -> None:
    """403 where the role may not."""
    if not person_of(request).has_perm(permission):
        raise PermissionDenied


def asked_by(list_filter: Any) -> str:
    """How the addresses of a filter begin: its field, or the name that it gives itself."""
    if isinstance(list_filter, tuple):
        return str(list_filter[0])
    return list_filter if isinstance(list_filter, str) else str(list_filter.parameter_name)


def choices_for(db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
    """What a field may be set to: rows that this person may see."""
    model = db_field.remote_field.model
    if model is Tenant:
        return businesses_of(request)
    rows: models.QuerySet[Any] = model.objects.visible_to(request.user)
    return rows


def businesses_of(request: HttpRequest) -> models.QuerySet[Tenant]:
    """The businesses whose rows this person may see: their own; a platform operator those that they visit."""
    return Tenant.objects.filter(pk__in=businesses_open_to(person_of(request)))


def count_some(rows: models.QuerySet[Any], at_most: int = COUNT_AT_MOST) -> str:
    """How many rows, up to a hundred or so: counting stops early, so that it costs the same in every business."""
    count = len(rows.order_by().values_list("pk", flat=True)[:at_most])
    return f"{at_most - 1:,}+" if count == at_most else f"{count:,}"


def address_of(row: models.Model | None, request: HttpRequest) -> str:
    """The address of a row's page, or "" where this role has none."""
    if row is None:
        return ""
    opts = row._meta  # noqa: SLF001 - Django's own name for it
    if not person_of(request).has_perm(f"{opts.app_label}.view_{opts.model_name}"):
        return ""
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])


def unregister(*models_: type[models.Model]) -> None:
    """Take pages of other packages out of the admin."""
    for model in models_:
        if admin.site.is_registered(model):
            admin.site.unregister(model)
