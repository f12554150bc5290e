"""Texts that a person must read: the oldest due date first, with three answers."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from accounts.admin_base import PageAdmin, SearchedByNumber, address_of, person_of, require
from accounts.admin_filters import CompanyNumberFilter
from accounts.admin_words import label, number, quote
from accounts.models import User
from accounts.phone import format_for_people
from compliance import reviews
from compliance.admin.forms import AnswerForm
from compliance.admin.opt_outs import actor_of
from compliance.models import OptOut, ReviewItem
from compliance.sentences import due_words

ANSWER = "compliance.answer_reviewitem"
SAID = {
    AnswerForm.OPTED_OUT: "{number} is opted out.",
    AnswerForm.NOT_OPT_OUT: "Noted: no opt-out. {number} may be texted again.",
    AnswerForm.LATER: "Put off. The date stays: unanswered, it becomes an opt-out when it is due.",
    AnswerForm.CLOSED: "Closed.",
}
ANSWERS = {
    ReviewItem.Kind.UNCLEAR: (AnswerForm.OPTED_OUT, AnswerForm.NOT_OPT_OUT, AnswerForm.LATER),
    ReviewItem.Kind.WANTS_BACK: (AnswerForm.CLOSED, AnswerForm.LATER),
}
COLOURS = {"open": "orange", "opted_out": "red", "not_opt_out": "green", "closed": "grey"}


class OpenFilter(DropdownFilter):  # type: ignore[misc]
    """Open ones, unless another choice is made."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("answered", "Answered"), ("all", "All")]

    def value(self) -> str:
        chosen = super().value()
        return str(chosen) if chosen in ("answered", "all") else "open"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "open":
            return queryset.filter(status=ReviewItem.Status.OPEN)
        return queryset if self.value() == "all" else queryset.exclude(status=ReviewItem.Status.OPEN)


class TextedFilter(CompanyNumberFilter):
    fields = ("texted",)

    def condition(self, value: str) -> Q:
        return Q(texted=value)


@admin.register(ReviewItem)
class ReviewAdmin(SearchedByNumber, PageAdmin):
    page_template = "admin/compliance/reviewitem/page.html"
    list_display = ("words", "why", "shown_number", "due", "texted_number", "state")
    list_select_related = ("recipient", "evidence", "tenant")
    list_filter = (OpenFilter, ("kind", ChoicesDropdownFilter), TextedFilter)
    empty_title = "Nothing to review"
    empty_text = "Texts that may be an opt-out wait here for your answer. There are none at the moment."

    def get_ordering(self, request: HttpRequest) -> Any:
        return (F("due_at").asc(nulls_last=True), "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recipient", "evidence", "tenant")

    @admin.display(description="text")
    def words(self, row: ReviewItem) -> SafeString:
        return quote(row.evidence.words)

    @admin.display(description="why")
    def why(self, row: ReviewItem) -> str:
        return row.reason

    @admin.display(description="due")
    def due(self, row: ReviewItem) -> SafeString:
        return due_label(row)

    @admin.display(description="company number")
    def texted_number(self, row: ReviewItem) -> SafeString:
        return number(row.texted)

    @admin.display(description="state")
    def state(self, row: ReviewItem) -> SafeString:
        return label(row.get_status_display(), COLOURS[row.status])

    def get_urls(self) -> list[Any]:
        return [self.door("<int:object_id>/answer/", require_POST(self.answer_view), "answer"), *super().get_urls()]

    def page_context(self, request: HttpRequest, row: ReviewItem) -> dict[str, Any]:
        may_answer = person_of(request).has_perm(ANSWER)
        return {
            "is_open": row.status == ReviewItem.Status.OPEN,
            "wants_back": row.kind == ReviewItem.Kind.WANTS_BACK,
            "may_answer": may_answer,
            "due": due_label(row),
            "colour": COLOURS[row.status],
            "recipient_address": address_of(row.recipient, request),
            "standing": standing_of(row) if row.kind == ReviewItem.Kind.WANTS_BACK else [],
            "may_lift": person_of(request).has_perm("compliance.lift_optout"),
        }

    def answer_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self.find(request, str(object_id))
        require(request, ANSWER)
        form = AnswerForm(request.POST)
        if not form.is_valid() or form.cleaned_data["answer"] not in ANSWERS[row.kind]:
            messages.error(request, "Choose one of the answers.")
            return self.go_to("change", row.pk)
        return self._give(request, row, form)

    def _give(self, request: HttpRequest, row: ReviewItem, form: AnswerForm) -> HttpResponse:
        answer = form.cleaned_data["answer"]
        try:
            give_answer(row, answer, form.cleaned_data["note"], person_of(request))
        except reviews.AlreadyAnswered as error:
            messages.warning(request, str(error))
            return self.go_to("change", row.pk)
        messages.success(request, SAID[answer].format(number=format_for_people(row.recipient.number)))
        following = self.find_next(request, row, wraps=answer != AnswerForm.LATER)
        return self.go_to("change", following.pk) if following else self.go_to("changelist")

    def find_next(self, request: HttpRequest, row: ReviewItem, *, wraps: bool) -> ReviewItem | None:
        """The open review after this one, the oldest due date first. Who put one off is not shown it again at once."""
        rows = self.get_queryset(request).filter(status=ReviewItem.Status.OPEN).exclude(pk=row.pk)
        undated = Q(due_at=None)
        later = Q(due_at__gt=row.due_at) | Q(due_at=row.due_at, pk__gt=row.pk) | undated if row.due_at else None
        after: ReviewItem | None = rows.filter(later if later is not None else undated & Q(pk__gt=row.pk)).first()
        return after or (rows.first() if wraps else None)


def due_label(row: ReviewItem) -> SafeString:
    """The due date in words; once answered it does not matter any more."""
    if row.status != ReviewItem.Status.OPEN:
        return label("Answered")
    return label(*due_words(row, timezone.now()))


def standing_of(row: ReviewItem) -> list[OptOut]:
    """The opt-outs that still stand for somebody who wants to be texted again."""
    active = OptOut.objects.for_tenant(row.tenant_id).filter(recipient_id=row.recipient_id, status=OptOut.Status.ACTIVE)
    return list(active.select_related("evidence").order_by("id"))


def give_answer(row: ReviewItem, answer: str, note: str, person: User) -> None:
    """Record an answer. Raises AlreadyAnswered."""
    now = timezone.now()
    with transaction.atomic():
        if answer == AnswerForm.LATER:
            reviews.put_off(row, now)
        else:
            reviews.answer(row, ReviewItem.Status(answer), note, actor_of(person), now)
