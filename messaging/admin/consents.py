"""Consents: who agreed to be texted, how, and to what. Read-only; one button records another."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import PageAdmin, SearchedByNumber, address_of, person_of, require
from accounts.admin_filters import DayFilter
from accounts.admin_words import label, moment, quote, two_lines
from compliance.admin.forms import ConsentForm
from compliance.admin.opt_outs import actor_of
from compliance.consents.writing import Given
from compliance.evidence import Proof
from compliance.models import Consent, ConsentWay
from compliance.sentences import reach
from messaging.consenting import Consented, give_consent

RECORD = "compliance.record_consent"


@admin.register(Consent)
class ConsentAdmin(SearchedByNumber, PageAdmin):
    page_template = "admin/compliance/consent/page.html"
    change_list_template = "admin/compliance/consent/list.html"
    list_display = ("shown_number", "state", "way_and_words", "shown_scope", "campaign", "recorded_by", "given")
    list_select_related = ("recipient", "evidence", "question")
    ordering = ("-created_at", "-id")
    list_filter = (("way", ChoicesDropdownFilter), ("created_at", DayFilter))
    empty_title = "No consents yet"
    empty_text = "People who text an opt-in word appear here by themselves. What you hear or read, record above."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recipient", "evidence", "question")

    @admin.display(description="state")
    def state(self, row: Consent) -> SafeString:
        return consent_label(row)

    @admin.display(description="how, and their words")
    def way_and_words(self, row: Consent) -> SafeString:
        return two_lines(row.get_way_display(), quote(row.evidence.words, 40) if row.evidence.words else "")

    @admin.display(description="for")
    def shown_scope(self, row: Consent) -> str:
        return reach(row.scope, row.sender)

    @admin.display(description="recorded by")
    def recorded_by(self, row: Consent) -> str:
        return row.actor_name or "–"

    @admin.display(description="agreed at")
    def given(self, row: Consent) -> SafeString:
        return moment(row.given_at)

    def get_urls(self) -> list[Any]:
        return [self.door("record/", self.record_view, "record"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        buttons = {"may_record": person_of(request).has_perm(RECORD)}
        return super().changelist_view(request, {**buttons, **(extra_context or {})})

    def page_context(self, request: HttpRequest, row: Consent) -> dict[str, Any]:
        return {
            "label": consent_label(row),
            "reach": reach(row.scope, row.sender),
            "question": getattr(row, "question", None),
            "recipient_address": address_of(row.recipient, request),
        }

    def record_view(self, request: HttpRequest) -> HttpResponse:
        require(request, RECORD)
        form = ConsentForm(person_of(request), request.POST or None, initial={"number": request.GET.get("number", "")})
        if request.method == "POST" and form.is_valid():
            done = record(form)
            say = messages.warning if done.recorded.opted_out else messages.success
            say(request, done.why)
            return self.go_to("change", done.recorded.consent.pk)
        context = {"form": form, "title": "Record a consent"}
        return self.show(request, "admin/compliance/consent/record.html", context)


def consent_label(row: Consent) -> SafeString:
    """Whether a consent counts."""
    question = getattr(row, "question", None)
    if not row.awaits_yes:
        return label("Agreed", "green")
    if question is None:
        return label("No YES asked for", "grey")
    if question.answer_id is not None:
        return label("Confirmed with YES", "green")
    waits = question.closed_at is None and question.expires_at > timezone.now()
    return label("Waits for a YES", "orange") if waits else label("No YES came", "grey")


def record(form: ConsentForm) -> Consented:
    """Record what a checked form says."""
    said, now, tenant = form.cleaned_data, timezone.now(), form.tenant
    assert tenant is not None  # noqa: S101 - the form is valid
    way, sender = ConsentWay(said["way"]), said["sender"]
    given = Given(
        way,
        Proof(way, said["words"], said["at"], form.details),
        said["scope"],
        sender.number if sender is not None and said["scope"] == "number" else "",
        said["wording"],
        said["campaign"],
    )
    return give_consent(tenant, said["number"], given, actor_of(form.person), now, confirm_from=sender)
