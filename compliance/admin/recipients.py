"""Recipients: what stands for a number, and everything that led there."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.access import AN_HOUR, record_access
from accounts.admin_base import PageAdmin, SearchedByNumber, person_of, require
from accounts.admin_filters import BUSINESS
from accounts.admin_words import label, moment, number
from accounts.models import AccessRecord, OptOutScope
from accounts.scoping import businesses_open_to
from compliance.admin.bulk_opt_out import RECORD, WithTickedOptOut
from compliance.admin.forms import PackForm
from compliance.admin.reviews import due_label
from compliance.evidence_pack import make_pack
from compliance.models import EvidencePack, OptOut, Recipient, ReviewItem
from compliance.sentences import reach
from compliance.standing import standings_of
from compliance.timeline import Kind, read_timeline

AT_MOST = 50
PACK = "compliance.make_evidencepack"


@admin.register(Recipient)
class RecipientAdmin(SearchedByNumber, WithTickedOptOut, PageAdmin):
    page_template = "admin/compliance/recipient/page.html"
    list_display = ("shown_number", "state", "seen")
    search_fields = ("number",)
    change_list_template = "admin/compliance/recipient/list.html"
    number_field = "number"
    empty_title = "No recipients yet"
    empty_text = "Everybody whom you text, or who texts you, appears here by themselves."

    class Media:
        js = ("optout/list_keys.js",)

    @admin.display(description="number")
    def shown_number(self, row: Recipient) -> SafeString:
        return number(row.number)

    @admin.display(description="state")
    def state(self, row: Recipient) -> SafeString:
        """What the reader's own numbers stand at. A hold concerns every number, wherever its text came in."""
        return state_label(list(row.opt_outs.all()), list(row.review_items.all()))

    @admin.display(description="last change or text from them")
    def seen(self, row: Recipient) -> SafeString:
        return moment(row.seen_at)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The newest first. Of one business not by key: the database would walk the key past all others' rows."""
        of_one = len(businesses_open_to(person_of(request))) == 1 or request.GET.get(BUSINESS)
        return ("-created_at", "-id") if of_one else ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        theirs = Prefetch("opt_outs", OptOut.objects.visible_to(person_of(request)))
        return super().get_queryset(request).select_related("tenant").prefetch_related(theirs, "review_items")

    def get_urls(self) -> list[Any]:
        return [
            self.door("<int:object_id>/evidence-pack/", self.evidence_pack_view, "evidence_pack"),
            *super().get_urls(),
        ]

    def evidence_pack_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, PACK)
        row = self.find(request, str(object_id))
        form = PackForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            pack = make_pack(row, person_of(request), form.cleaned_data["why"], timezone.now())
            headers = {"Content-Disposition": f'attachment; filename="{pack.name}.zip"'}
            return HttpResponse(pack.archive, content_type="application/zip", headers=headers)
        made = EvidencePack.objects.visible_to(person_of(request)).filter(recipient=row).order_by("-made_at", "-pk")
        context = {"form": form, "original": row, "made": made[:AT_MOST], "title": "Evidence pack"}
        return self.show(request, "admin/compliance/recipient/evidence_pack.html", context)

    def page_context(self, request: HttpRequest, row: Recipient) -> dict[str, Any]:
        person = person_of(request)
        record_access(person, row.tenant_id, AccessRecord.What.RECIPIENT, row, once_within=AN_HOUR)
        kind = request.GET.get("kind", "")
        kind = kind if kind in Kind.values else ""
        after = request.GET.get("after", "")
        timeline = read_timeline(row, person, kind, after)
        opt_outs, reviews = _opt_outs_of(request, row), _open_reviews_of(request, row)
        return {
            "label": self.state(row),
            "standings": standings_of(row, person),
            "opt_outs": [(item, reach(item.scope, item.sender)) for item in opt_outs],
            "reviews": [(item, due_label(item)) for item in reviews],
            "timeline": timeline,
            "kind": kind,
            "kinds": Kind.choices,
            "older": urlencode({"kind": kind, "after": timeline.older} if kind else {"after": timeline.older}),
            "is_older_page": bool(after),
            "may_record": person.has_perm(RECORD),
            "may_pack": person.has_perm(PACK),
        }


def _opt_outs_of(request: HttpRequest, row: Recipient) -> list[OptOut]:
    person = person_of(request)
    if not person.has_perm("compliance.view_optout"):
        return []
    return list(OptOut.objects.visible_to(person).filter(recipient=row).order_by("-changed_at", "-id")[:AT_MOST])


def _open_reviews_of(request: HttpRequest, row: Recipient) -> list[ReviewItem]:
    person = person_of(request)
    if not person.has_perm("compliance.view_reviewitem"):
        return []
    rows = ReviewItem.objects.visible_to(person).filter(recipient=row, status=ReviewItem.Status.OPEN)
    return list(rows.select_related("evidence", "tenant").order_by("due_at")[:AT_MOST])


def state_label(rows: list[OptOut], items: list[ReviewItem]) -> SafeString:
    """What stands for a number, in a word."""
    active = [row for row in rows if row.is_active]
    if any(row.scope == OptOutScope.TENANT for row in active):
        return label("Opted out", "red")
    if active:
        return label("Opted out for some numbers", "red")
    if any(item.is_hold for item in items):
        return label("Held for review", "orange")
    return label("May be texted", "green")
