"""Providers' own opt-out lists beside ours: every comparison, every difference, and the buttons that settle one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import PageAdmin, SearchedByNumber, person_of, require
from accounts.admin_filters import OneOf
from accounts.admin_words import choice_label, moment, number
from accounts.models import ProviderAccount
from messaging import reconciling
from messaging.models import Difference, Reconciliation

COMPARE = "messaging.compare_reconciliation"
STAGE_COLOURS = {"reading": "blue", "comparing": "blue", "writing": "blue", "done": "green", "failed": "red"}
STATE_COLOURS = {"open": "orange", "taken_over": "green", "written": "green", "released": "green", "refused": "red"}
SHOWN = 20


def comparable_connections(request: HttpRequest) -> list[ProviderAccount]:
    """The connections of this person's business whose provider keeps a list."""
    rows = ProviderAccount.objects.visible_to(person_of(request)).filter(is_active=True).select_related("tenant")
    return [row for row in rows.order_by("name") if reconciling.can_compare(row.provider)]


@admin.register(Reconciliation)
class ReconciliationAdmin(PageAdmin):
    page_template = "admin/messaging/reconciliation/page.html"
    list_before_template = "admin/messaging/reconciliation/connections.html"
    list_display = ("began", "connection", "stage_label", "read", "came", "lacking", "back")
    list_select_related = ("account",)
    ordering = ("-started_at", "-id")
    empty_title = "No list was compared yet"
    empty_text = "Providers that keep an opt-out list of their own are compared with yours once a day."

    @admin.display(description="began")
    def began(self, row: Reconciliation) -> SafeString:
        return moment(row.started_at)

    @admin.display(description="connection")
    def connection(self, row: Reconciliation) -> str:
        return row.account.name

    @admin.display(description="state")
    def stage_label(self, row: Reconciliation) -> SafeString:
        return choice_label(row.get_stage_display(), row.stage, STAGE_COLOURS)

    @admin.display(description="entries read")
    def read(self, row: Reconciliation) -> int:
        return row.entries_read

    @admin.display(description="taken over")
    def came(self, row: Reconciliation) -> int:
        return row.taken_over

    @admin.display(description="only on your list")
    def lacking(self, row: Reconciliation) -> int:
        return row.missing_there

    @admin.display(description="back here, blocked there")
    def back(self, row: Reconciliation) -> int:
        return row.only_there

    def get_urls(self) -> list[Any]:
        return [
            self.door("compare/<int:account_id>/", require_POST(self.compare_view), "compare"),
            self.door("writing/<int:account_id>/", require_POST(self.writing_view), "writing"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {
            "title": "Providers' lists",
            "connections": self._connections(request),
            "may_compare": person_of(request).has_perm(COMPARE),
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def _connections(self, request: HttpRequest) -> list[dict[str, Any]]:
        return [
            {
                "row": row,
                "can_read": reconciling.can_read(row.provider),
                "can_write": reconciling.can_write(row.provider),
                "under_way": reconciling.find_under_way(row),
            }
            for row in comparable_connections(request)
        ]

    def page_context(self, request: HttpRequest, row: Reconciliation) -> dict[str, Any]:
        differences = Difference.objects.filter(run=row).order_by("-id")
        return {
            "label": self.stage_label(row),
            "groups": [
                {"kind": kind, "title": kind.label, "rows": list(differences.filter(kind=kind)[:SHOWN])}
                for kind in Difference.Kind
            ],
            "may_compare": person_of(request).has_perm(COMPARE),
        }

    def compare_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Start a comparison now."""
        account = self._account(request, account_id)
        run = reconciling.start_comparison(account, person_of(request).display_name, timezone.now())
        messages.success(request, f"{account.name} is compared with your list within seconds.")
        return self.go_to("change", run.pk)

    def writing_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        """Choose whether ours are written to the provider's list."""
        account = self._account(request, account_id)
        chosen = request.POST.get("writes") == "on" and reconciling.can_write(account.provider)
        ProviderAccount.objects.filter(pk=account.pk).update(writes_opt_outs=chosen)
        self.log_change(request, account, f"Writing opt-outs to the provider was switched {'on' if chosen else 'off'}.")
        said = "will be written to" if chosen else "will not be written to"
        messages.success(request, f"Your opt-outs {said} the list of {account.name} from the next comparison on.")
        return self.go_to("changelist")

    def _account(self, request: HttpRequest, account_id: int) -> ProviderAccount:
        if not self.has_view_permission(request):
            raise PermissionDenied
        account = next((row for row in comparable_connections(request) if row.pk == account_id), None)
        if account is None:
            raise Http404
        require(request, COMPARE)
        return account


class ConnectionFilter(OneOf):
    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(row.pk), row.name) for row in comparable_connections(request)]

    def condition(self, value: str) -> Q:
        return Q(run__account_id=value)


@admin.register(Difference)
class DifferenceAdmin(SearchedByNumber, PageAdmin):
    page_template = "admin/messaging/difference/page.html"
    list_display = ("shown_number", "kind", "state_label", "connection", "cause", "found")
    list_select_related = ("run__account",)
    ordering = ("-run_id", "-id")
    search_fields = ("number",)
    list_filter = (("kind", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter), ConnectionFilter)
    empty_title = "No differences"
    empty_text = "Where a provider's own list and yours do not agree on a number, it stands here with the likely cause."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("run__account__tenant")

    @admin.display(description="number")
    def shown_number(self, row: Difference) -> SafeString:
        return number(row.number)

    @admin.display(description="what was done")
    def state_label(self, row: Difference) -> SafeString:
        return choice_label(row.get_state_display(), row.state, STATE_COLOURS)

    @admin.display(description="connection")
    def connection(self, row: Difference) -> str:
        return row.run.account.name

    @admin.display(description="found")
    def found(self, row: Difference) -> SafeString:
        return moment(row.run.started_at)

    def get_urls(self) -> list[Any]:
        return [self.door("<int:object_id>/settle/", require_POST(self.settle_view), "settle"), *super().get_urls()]

    def page_context(self, request: HttpRequest, row: Difference) -> dict[str, Any]:
        return {
            "label": self.state_label(row),
            "button": reconciling.what_settles(row) if person_of(request).has_perm(COMPARE) else "",
        }

    def settle_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, COMPARE)
        try:
            settled = reconciling.settle(row, person_of(request).display_name, timezone.now())
        except reconciling.CantBeSettled as error:
            messages.error(request, str(error))
            exists = Difference.objects.filter(pk=row.pk).exists()
            return self.go_to("change", row.pk) if exists else self.go_to("changelist")
        if settled.error:
            messages.error(request, f"The provider refused it: {settled.error}")
        else:
            messages.success(request, settled.get_state_display() + ".")
        return self.go_to("change", row.pk)
