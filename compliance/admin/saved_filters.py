"""Filters of a list that people keep under a name: for themselves, or shared with the business."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import IGNORED_PARAMS, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict

from accounts.admin_base import TenantAdmin, person_of
from accounts.models import User
from compliance.models import SavedFilter

SHARE = "compliance.share_savedfilter"
AT_MOST = 50
NOT_KEPT = {*IGNORED_PARAMS, PAGE_VAR} - {SEARCH_VAR}


class SaveForm(forms.Form):
    """The name of a filter, and what it asks."""

    name = forms.CharField(max_length=60, error_messages={"required": "Give the filter a name."})
    query = forms.CharField(max_length=4_000, error_messages={"required": "Search or filter the list first."})
    shared = forms.BooleanField(required=False)


class WithSavedFilters(TenantAdmin):
    """A list with a row of saved filters above it."""

    list_before_template = "admin/saved_filters.html"

    def get_urls(self) -> list[Any]:
        own = [
            self.door("filters/save/", self.save_filter_view, "save_filter"),
            self.door("filters/<int:filter_id>/remove/", self.remove_filter_view, "remove_filter"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        person, asked = person_of(request), kept_query(request.GET)
        row = {
            "asked": asked,
            "saved_filters": [offer(item, person, asked) for item in self.filters_of(person)[:AT_MOST]],
            "may_share": may_share(person),
        }
        return super().changelist_view(request, {**row, **(extra_context or {})})

    def filters_of(self, person: User) -> Any:
        rows = SavedFilter.objects.offered_to(person).filter(page=self.opts.label_lower)
        return rows.select_related("owner").order_by("name", "pk")

    def save_filter_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        require_view(self, request)
        form = SaveForm(request.POST)
        refused = "" if form.is_valid() else " ".join(map(str, form.errors[next(iter(form.errors))]))
        refused = refused or self.keep(request, form.cleaned_data)
        if refused:
            messages.error(request, refused)
        return self.back_to(form.data.get("query", ""))

    def keep(self, request: HttpRequest, said: dict[str, Any]) -> str:
        """Keep a filter that this person could ask by hand. Returns why not, in a sentence, or ""."""
        person, query = person_of(request), kept_query(QueryDict(said["query"]))
        if not query or not self.can_ask(request, query):
            return "This filter can't be read: search or filter the list first, then save it."
        own = SavedFilter.objects.filter(owner=person, page=self.opts.label_lower)
        others = own.exclude(name=said["name"])
        if others.count() >= AT_MOST:
            return f"You have {AT_MOST} filters already: remove one first."
        shared = said["shared"] and may_share(person)
        values = {"query": query, "is_shared": shared, "tenant_id": person.tenant_id}
        own.update_or_create(owner=person, page=self.opts.label_lower, name=said["name"], defaults=values)
        messages.success(request, f"Saved as “{said['name']}”{', for your whole business' if shared else ''}.")
        return ""

    def can_ask(self, request: HttpRequest, query: str) -> bool:
        """Whether the list accepts it. What this person may not see answers 404, as in the list itself."""
        request.GET = QueryDict(query)
        try:
            self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return False
        return True

    def remove_filter_view(self, request: HttpRequest, filter_id: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        require_view(self, request)
        person = person_of(request)
        row = self.filters_of(person).filter(pk=filter_id).first()
        if row is None or not may_remove(row, person):
            raise Http404
        row.delete()
        messages.success(request, f"The filter “{row.name}” is removed. The list itself is as it was.")
        return self.back_to("")

    def back_to(self, query: str) -> HttpResponseRedirect:
        asked = kept_query(QueryDict(query))
        return HttpResponseRedirect(f"{self.address('changelist')}{'?' if asked else ''}{asked}")


def require_view(page: TenantAdmin, request: HttpRequest) -> None:
    """403 where the role may not open the list."""
    if not page.has_view_permission(request):
        raise PermissionDenied


def kept_query(asked: QueryDict) -> str:
    """What an address asks of a list, in a fixed order, without the page."""
    kept = QueryDict(mutable=True)
    for key in sorted(asked):
        values = [value for value in asked.getlist(key) if value]
        if key not in NOT_KEPT and values:
            kept.setlist(key, values)
    return kept.urlencode()


def offer(row: SavedFilter, person: User, asked: str) -> dict[str, Any]:
    """A filter as it stands above the list."""
    by = "" if row.owner_id == person.pk else f"Shared by {row.owner.display_name}"
    return {"row": row, "by": by, "may_remove": may_remove(row, person), "is_chosen": row.query == asked}


def may_share(person: User) -> bool:
    return person.tenant_id is not None and person.has_perm(SHARE)


def may_remove(row: SavedFilter, person: User) -> bool:
    """One's own, and for those who may share also what colleagues shared: an owner may have left."""
    return row.owner_id == person.pk or (row.is_shared and may_share(person))
