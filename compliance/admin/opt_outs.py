"""The list of opt-outs. Its pages are read-only; two buttons call `compliance.opt_outs`."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import READS, PageAdmin, address_of, person_of
from accounts.admin_filters import CompanyNumberFilter, DayFilter, OneOf
from accounts.admin_words import choice_label, moment, number, quote, search_numbers, two_lines
from accounts.models import User
from compliance import opt_outs
from compliance.admin.forms import OptBackInForm, OptOutForm
from compliance.admin.history import timeline_of
from compliance.evidence import Proof
from compliance.models import ActorKind, OptOut
from compliance.sentences import reach, state_sentence

COLOURS: dict[str, str] = {OptOut.Status.ACTIVE: "red", OptOut.Status.LIFTED: "green"}
RECORD, LIFT = "compliance.record_optout", "compliance.lift_optout"
SAID = {
    OptOut.Action.OPTED_OUT: "{number} is opted out for {reach}.",
    OptOut.Action.REPEATED: "{number} was opted out already for {reach}; that they asked again is on record.",
    OptOut.Action.SUPERSEDED: "{number} opted in after that moment, so the newer wish stands. Your entry is on record.",
}


class TextedNumberFilter(CompanyNumberFilter):
    """The number that is closed, or that was texted to close all."""

    fields = ("sender", "texted")


class CampaignFilter(OneOf):
    """By the campaign of the text that came before."""

    title = "campaign"
    parameter_name = "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in campaigns_named(person_of(request))]

    def condition(self, value: str) -> Q:
        return Q(preceding_campaign_id=value)


def campaigns_named(person: User) -> list[tuple[int, str]]:
    """Campaigns that opt-outs name. The names stand in the rows themselves, so no other table is asked."""
    rows = OptOut.objects.visible_to(person).exclude(preceding_campaign_id=None)
    return list(
        rows.order_by("preceding_campaign").values_list("preceding_campaign_id", "preceding_campaign").distinct()[:500]
    )


@admin.register(OptOut)
class OptOutAdmin(PageAdmin):
    page_template = "admin/compliance/optout/page.html"
    change_list_template = "admin/compliance/optout/list.html"
    list_display = ("shown_number", "state", "shown_scope", "asked", "changed_by", "before", "opted_out")
    list_select_related = ("recipient", "evidence")
    ordering = ("-changed_at", "-id")
    search_fields = ("recipient__number",)
    search_help_text = "A number in any format, or its last digits"
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("source", ChoicesDropdownFilter),
        ("requested_by", ChoicesDropdownFilter),
        TextedNumberFilter,
        CampaignFilter,
        ("opted_out_at", DayFilter),
    )
    empty_title = "Nobody is opted out"
    empty_text = "Opt-outs that arrive by text appear here by themselves. What comes by phone or e-mail, enter above."

    @admin.display(description="recipient")
    def shown_number(self, row: OptOut) -> SafeString:
        return number(row.recipient.number)

    @admin.display(description="state")
    def state(self, row: OptOut) -> SafeString:
        return choice_label(row.get_status_display(), row.status, COLOURS)

    @admin.display(description="for")
    def shown_scope(self, row: OptOut) -> str:
        return reach(row.scope, row.sender)

    @admin.display(description="how, and their words")
    def asked(self, row: OptOut) -> SafeString:
        words = quote(row.evidence.words, 40) if row.evidence.words else ""
        return two_lines(row.evidence.get_way_display(), words)

    @admin.display(description="changed by")
    def changed_by(self, row: OptOut) -> str:
        return row.actor_name or row.get_actor_kind_display()

    @admin.display(description="text before")
    def before(self, row: OptOut) -> SafeString:
        return two_lines(row.preceding_campaign, row.preceding_user)

    @admin.display(description="opted out at")
    def opted_out(self, row: OptOut) -> SafeString:
        return moment(row.opted_out_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recipient", "evidence")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return search_numbers(queryset, search_term, person_of(request), "recipient__"), False

    def get_urls(self) -> list[Any]:
        own = [
            self.door("opt-out/", self.opt_out_view, "opt_out"),
            self.door("<int:object_id>/opt-back-in/", self.opt_back_in_view, "opt_back_in"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        buttons = {"may_record": person_of(request).has_perm(RECORD)}
        return super().changelist_view(request, {**buttons, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: OptOut) -> dict[str, Any]:
        return {
            "sentence": state_sentence(row, row.evidence.words),
            "recipient_address": address_of(row.recipient, request),
            "timeline": timeline_of(row)[:5],
            "may_lift": row.is_active and person_of(request).has_perm(LIFT),
            "colour": COLOURS[row.status],
            "reach": reach(row.scope, row.sender),
        }

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        row = self.find(request, object_id)
        context = {"original": row, "timeline": timeline_of(row), "sentence": state_sentence(row, row.evidence.words)}
        return self.show(request, "admin/compliance/optout/history.html", context)

    def opt_out_view(self, request: HttpRequest) -> HttpResponse:
        require(request, RECORD)
        form = OptOutForm(person_of(request), request.POST or None, initial={"number": request.GET.get("number", "")})
        if request.method == "POST" and form.is_valid():
            done = record(form, person_of(request))
            row = done.opt_out
            said = SAID[done.action].format(number=number_of(form), reach=reach(row.scope, row.sender))
            messages.success(request, said)
            return self.go_to("change", row.pk)
        context = {"form": form, "title": "Opt out a number"}
        return self.show(request, "admin/compliance/optout/opt_out.html", context)

    def opt_back_in_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, LIFT)
        row = self.find(request, str(object_id))
        form = OptBackInForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and lift(row, form, person_of(request)):
            messages.success(request, f"{row.recipient} is opted back in for {reach(row.scope, row.sender)}.")
            return self.go_to("change", row.pk)
        sentence = state_sentence(row, row.evidence.words)
        context = {"form": form, "original": row, "sentence": sentence, "title": "Opt back in"}
        return self.show(request, "admin/compliance/optout/opt_back_in.html", context)


def require(request: HttpRequest, permission: str) -> None:
    """403 where the role may not."""
    if not person_of(request).has_perm(permission):
        raise PermissionDenied


def actor_of(person: User) -> opt_outs.Actor:
    """A person as history names them."""
    return opt_outs.Actor(ActorKind.USER, str(person.pk), person.display_name)


def number_of(form: OptOutForm) -> str:
    return str(form.cleaned_data["number"])


def record(form: OptOutForm, person: User) -> opt_outs.OptedOut:
    """Record what a checked form says."""
    said, now = form.cleaned_data, timezone.now()
    assert form.tenant is not None  # noqa: S101 - the form is valid
    proof = Proof(said["source"], said["words"], said["at"], {"entered_by": person.pk})
    request = opt_outs.Request(
        proof=proof,
        scope=said["scope"],
        sender=said["sender"].number if said["sender"] else "",
        reason=said["reason"],
        requested_by=said["requested_by"],
    )
    with transaction.atomic():
        state = opt_outs.lock_recipient(form.tenant.pk, said["number"], now)
        return opt_outs.record_opt_out(state, request, actor_of(person), now)


def lift(row: OptOut, form: OptBackInForm, person: User) -> bool:
    """Opt a person back in; a refusal becomes an error of the form."""
    said = form.cleaned_data
    proof = Proof(said["way"], said["words"], said["at"], {"entered_by": person.pk})
    try:
        with transaction.atomic():
            opt_outs.lift(row, proof, said["reason"], actor_of(person), timezone.now())
    except opt_outs.LiftRefused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return False
    return True
