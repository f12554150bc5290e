"""The list of opt-outs. Its pages are read-only; two buttons call `compliance.opt_outs`."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_base import READS, PageAdmin, SearchedByNumber, address_of, person_of, require
from accounts.admin_words import choice_label, moment, number, quote, two_lines
from accounts.models import User
from accounts.phone import format_for_people
from compliance import opt_outs
from compliance.admin.bulk_opt_out import WithBulkOptOut, WithTickedOptOut
from compliance.admin.forms import OptBackInForm, OptOutForm, UndoForm
from compliance.admin.history import timeline_of
from compliance.admin.list_filters import (
    CampaignFilter,
    ChangedDayFilter,
    HowFilter,
    LanguageFilter,
    OptedOutDayFilter,
    PrecedingEmployeeFilter,
    StateFilter,
    TextedNumberFilter,
    TextedSiteFilter,
    WhoAskedFilter,
)
from compliance.admin.saved_filters import WithSavedFilters
from compliance.evidence import Proof
from compliance.languages import language_name
from compliance.models import ActorKind, OptOut
from compliance.sentences import reach
from compliance.standing import sentence_of

COLOURS: dict[str, str] = {OptOut.Status.ACTIVE: "red", OptOut.Status.LIFTED: "green"}
RECORD, LIFT = "compliance.record_optout", "compliance.lift_optout"
SAID = {
    OptOut.Action.OPTED_OUT: "{number} is opted out for {reach}.",
    OptOut.Action.REPEATED: "{number} was opted out already for {reach}; that they asked again is on record.",
    OptOut.Action.SUPERSEDED: "{number} opted in after that moment, so the newer wish stands. Your entry is on record.",
}


@admin.register(OptOut)
class OptOutAdmin(SearchedByNumber, WithSavedFilters, WithBulkOptOut, WithTickedOptOut, PageAdmin):
    page_template = "admin/compliance/optout/page.html"
    change_list_template = "admin/compliance/optout/list.html"
    list_display = ("shown_number", "state", "shown_scope", "asked", "who", "before", "texted_to")
    list_select_related = ("recipient", "evidence")
    ordering = ("-changed_at", "-id")
    list_filter = (
        ("status", StateFilter),
        ("source", HowFilter),
        ("requested_by", WhoAskedFilter),
        TextedSiteFilter,
        TextedNumberFilter,
        PrecedingEmployeeFilter,
        CampaignFilter,
        LanguageFilter,
        ("opted_out_at", OptedOutDayFilter),
        ("changed_at", ChangedDayFilter),
    )
    list_filter_sheet = True
    number_field = "recipient__number"
    empty_title = "Nobody is opted out"
    empty_text = "Opt-outs that arrive by text appear here by themselves. What comes by phone or e-mail, enter above."

    class Media:
        js = ("optout/list_keys.js",)

    @admin.display(description="state, since")
    def state(self, row: OptOut) -> SafeString:
        since = row.opted_out_at if row.is_active else row.lifted_at
        return two_lines(choice_label(row.get_status_display(), row.status, COLOURS), moment(since))

    @admin.display(description="for")
    def shown_scope(self, row: OptOut) -> str:
        return reach(row.scope, row.sender)

    @admin.display(description="how, and their words")
    def asked(self, row: OptOut) -> SafeString:
        words = quote(row.evidence.words, 40) if row.evidence.words else ""
        return two_lines(row.evidence.get_way_display(), words)

    @admin.display(description="who")
    def who(self, row: OptOut) -> SafeString:
        changed_by = row.actor_name or row.get_actor_kind_display()
        asked_by = row.get_requested_by_display()
        return two_lines(asked_by, "" if changed_by == asked_by else f"entered by {changed_by}")

    @admin.display(description="text before")
    def before(self, row: OptOut) -> SafeString:
        return two_lines(row.preceding_campaign, row.preceding_user)

    @admin.display(description="texted to, language")
    def texted_to(self, row: OptOut) -> SafeString:
        return two_lines(number(row.texted) if row.texted else "", language_name(row.language) if row.language else "")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Whoever asks for days of opting out reads them in that order, which is also the one that an index has."""
        by_day = any(request.GET.get(f"opted_out_at_{end}") for end in ("from", "to"))
        return ("-opted_out_at", "-id") if by_day else self.ordering

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recipient", "evidence")

    def get_urls(self) -> list[Any]:
        own = [
            self.door("opt-out/", self.opt_out_view, "opt_out"),
            self.door("<int:object_id>/opt-back-in/", self.opt_back_in_view, "opt_back_in"),
            self.door("<int:object_id>/undo/", self.undo_view, "undo"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        person = person_of(request)
        buttons = {"may_record": person.has_perm(RECORD), "may_import": person.has_perm("compliance.import_optout")}
        return super().changelist_view(request, {**buttons, **(extra_context or {})})

    nothing_text = (
        "No opt-out of such a number is on record: nobody here has noted that this person asked to stop. "
        "A number is found in any format, or by at least three of its last digits."
    )

    def page_context(self, request: HttpRequest, row: OptOut) -> dict[str, Any]:
        return {
            "sentence": sentence_of(row),
            "recipient_address": address_of(row.recipient, request),
            "timeline": timeline_of(row)[:5],
            "may_lift": row.is_active and person_of(request).has_perm(LIFT),
            "may_undo": person_of(request).has_perm(LIFT) and opt_outs.can_undo(row),
            "colour": COLOURS[row.status],
            "reach": reach(row.scope, row.sender),
            "language": language_name(row.language) if row.language else "",
        }

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        row = self.find(request, object_id)
        said = {"timeline": timeline_of(row), "sentence": sentence_of(row)}
        context = {"original": row, "title": f"History of {row}", **said}
        return self.show(request, "admin/compliance/optout/history.html", context)

    def opt_out_view(self, request: HttpRequest) -> HttpResponse:
        require(request, RECORD)
        form = OptOutForm(person_of(request), request.POST or None, initial={"number": request.GET.get("number", "")})
        if request.method == "POST" and form.is_valid():
            done = record(form, person_of(request))
            row = done.opt_out
            said = SAID[done.action].format(
                number=format_for_people(number_of(form)), reach=reach(row.scope, row.sender)
            )
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
        sentence = sentence_of(row)
        context = {"form": form, "original": row, "sentence": sentence, "title": "Opt back in"}
        return self.show(request, "admin/compliance/optout/opt_back_in.html", context)

    def undo_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, LIFT)
        row = self.find(request, str(object_id))
        form = UndoForm(person_of(request), request.POST or None)
        if request.method == "POST" and form.is_valid() and undo(row, form, person_of(request)):
            messages.success(request, f"Undone: {row.recipient} did not opt out with this text.")
            return self.go_to("change", row.pk)
        context = {"form": form, "original": row, "can_undo": opt_outs.can_undo(row), "title": "It was no opt-out"}
        return self.show(request, "admin/compliance/optout/undo.html", context)


def actor_of(person: User) -> opt_outs.Actor:
    """A person as history names them."""
    return opt_outs.Actor(ActorKind.USER, str(person.pk), person.display_name)


def number_of(form: OptOutForm) -> str:
    return str(form.cleaned_data["number"])


def record(form: OptOutForm, person: User) -> opt_outs.OptedOut:
    """Record what a checked form says."""
    said, now = form.cleaned_data, timezone.now()
    assert form.tenant is not None  # noqa: S101 - the form is valid
    proof = Proof(said["source"], said["words"], said["at"], form.details)
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


def undo(row: OptOut, form: UndoForm, person: User) -> bool:
    """Undo an opt-out that was none; a refusal becomes an error of the form."""
    said = form.cleaned_data
    try:
        with transaction.atomic():
            opt_outs.undo(row, said["reason"], said["approver"], actor_of(person), timezone.now())
    except opt_outs.LiftRefused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return False
    return True
