"""Conversations as threads: for admins all, for employees those of the numbers that they send from."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin_base import SearchedByNumber, address_of, person_of
from accounts.admin_filters import CompanyNumberFilter, EmployeeFilter, OneOf
from accounts.admin_words import label, moment, number, quote
from accounts.local_time import read_moment
from accounts.roles import Role
from compliance.models import OptOut, ReviewItem
from compliance.purposes import Purpose
from compliance.reach import which_reach
from messaging.admin.text_box import TypingPages
from messaging.models import Conversation
from messaging.reading_record import note_looking_through, note_reading
from messaging.thread_search import SEARCHED, find_by_words, is_held, is_opted_out, texted_by
from messaging.threads import Banner, banners_of, read_thread, within_sight


class TextedByFilter(EmployeeFilter):
    """By the employee who texted."""

    title = "employee who texted"

    def rows(self, request: HttpRequest) -> QuerySet[Any]:
        people, person = super().rows(request), person_of(request)
        if person.role == Role.EMPLOYEE:  # whose texts they read: those who send from the same numbers
            people = people.filter(numbers__users=person).distinct()
        return people

    def condition(self, value: str) -> Q:
        return texted_by(value)


class StateFilter(OneOf):
    """By what stands for the recipient on this company number."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("opted_out", "Opted out"), ("held", "Held for review"), ("open", "May be texted")]

    def condition(self, value: str) -> Q:
        closed = is_opted_out(timezone.now())
        return {"opted_out": closed, "held": is_held() & ~closed, "open": ~closed & ~is_held()}[value]


@admin.register(Conversation)
class ConversationAdmin(SearchedByNumber, TypingPages):
    page_template = "admin/messaging/conversation/page.html"
    list_display = ("shown_number", "company_number", "last", "state", "last_at")
    list_select_related = ("recipient",)
    ordering = ("-last_message_at", "-id")
    list_filter = (CompanyNumberFilter, TextedByFilter, StateFilter)
    search_help_text = "A number, its last digits, or words of a text"
    list_before_template = "admin/messaging/conversation/words_note.html"
    nothing_text = "A number is found in any format or by its last digits, words in the newest conversations."
    empty_title = "No conversations yet"
    empty_text = "A conversation begins with the first text to or from a recipient."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        rows = rows.select_related("recipient", "sender_number__tenant", "sender_number__account")
        closing = OptOut.objects.filter(status=OptOut.Status.ACTIVE)
        holding = ReviewItem.objects.filter(status=ReviewItem.Status.OPEN, kind=ReviewItem.Kind.UNCLEAR)
        return rows.prefetch_related(
            Prefetch("recipient__opt_outs", closing, to_attr="closing"),
            Prefetch("recipient__review_items", holding, to_attr="holding"),
        )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if is_words(search_term):
            return find_by_words(queryset, search_term), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        searched = {"searched": f"{SEARCHED:,}" if is_words(request.GET.get("q", "")) else ""}
        answer = super().changelist_view(request, {**searched, **(extra_context or {})})
        note_looking_through(request, "Conversations")
        return answer

    @admin.display(description="company number")
    def company_number(self, row: Conversation) -> SafeString:
        return number(row.sender)

    @admin.display(description="last text")
    def last(self, row: Conversation) -> SafeString:
        return quote(row.last_text)

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        their = row.recipient
        if which_reach(their.closing, row.sender, Purpose.TRANSACTIONAL, their.number, timezone.now()):
            return label("Opted out", "red")
        return label("Held for review", "orange") if their.holding else label("May be texted", "green")

    @admin.display(description="last text at")
    def last_at(self, row: Conversation) -> SafeString:
        return moment(row.last_message_at)

    def page_context(self, request: HttpRequest, row: Conversation) -> dict[str, Any]:
        note_reading(person_of(request), row)
        before = read_moment(request.GET.get("before", ""))
        return {
            "banners": [(banner, link_of(banner, request)) for banner in banners_of(row)],
            "thread": within_sight(read_thread(row, before), person_of(request)),
            "is_older_page": before is not None,
            "recipient_address": address_of(row.recipient, request),
            **self.box_context(request, row),
        }


def is_words(search_term: str) -> bool:
    """Whether somebody looks for words: whatever has letters. Everything else is a number."""
    return any(character.isalpha() for character in search_term)


def link_of(banner: Banner, request: HttpRequest) -> str:
    """The address of what stands behind a banner, or "" where this role has no such page."""
    if banner.page is None:
        return ""
    model, key = banner.page
    seen = model.objects.visible_to(person_of(request)).filter(pk=key).first()  # type: ignore[attr-defined]
    return address_of(seen, request)
