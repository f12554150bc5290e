"""“Visit a business”: where a platform operator says why, and for how long, they look into a business."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold import widgets

from accounts import visits
from accounts.admin_base import TenantAdmin, person_of
from accounts.models import OperatorVisit, Tenant

SHOWN = 20


class VisitForm(forms.Form):
    """Which business, why, and for how long."""

    business = forms.ModelChoiceField(
        Tenant.objects.order_by("name"), empty_label="Choose a business", widget=widgets.UnfoldAdminSelectWidget
    )
    reason = forms.CharField(
        label="Why",
        max_length=1000,
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "Ticket 4711: texts stay queued"}),
        help_text="The business's admins, compliance officers and auditors read it in “Who read what”.",
    )
    minutes = forms.TypedChoiceField(
        label="For how long",
        choices=[(minutes, f"{minutes} minutes") for minutes in visits.LENGTHS],
        coerce=int,
        initial=visits.LENGTHS[1],
        widget=widgets.UnfoldAdminRadioSelectWidget,
    )


class VisitPages(TenantAdmin):
    """The doors of visits, below the list of businesses."""

    def get_urls(self) -> list[Any]:
        own = [
            self.door("visits/", self.visits_view, "visits"),
            self.door("<int:object_id>/end-visit/", require_POST(self.end_visit_view), "end_visit"),
        ]
        return [*own, *super().get_urls()]

    def visits_view(self, request: HttpRequest) -> HttpResponse:
        _operators_only(request)
        person, now = person_of(request), timezone.now()
        form = VisitForm(request.POST or None, initial={"business": request.GET.get("business")})
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                visit = visits.start_visit(
                    person, said["business"], said["reason"], timedelta(minutes=said["minutes"]), now
                )
            except ValueError as error:
                form.add_error("reason", str(error))
            else:
                messages.success(request, f"You see the data of {visit.tenant} for {said['minutes']} minutes.")
                return self.go_to("visits")
        past = OperatorVisit.objects.filter(operator=person).select_related("tenant").order_by("-started_at")
        context = {
            "form": form,
            "title": "Visit a business",
            "opts": None,
            "model_admin": None,
            "going_on": visits.current_visits(person, now),
            "past": past[:SHOWN],
        }
        return self.show(request, "admin/accounts/tenant/visits.html", context)

    def end_visit_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        _operators_only(request)
        tenant = Tenant.objects.filter(pk=object_id).first()
        if tenant is None:
            raise Http404
        if visits.end_visit(person_of(request), tenant, timezone.now()):
            messages.success(request, f"Your visit to {tenant} has ended.")
        return self.go_to("visits")


def _operators_only(request: HttpRequest) -> None:
    if not person_of(request).is_platform_operator:
        raise PermissionDenied
