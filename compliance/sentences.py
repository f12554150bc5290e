"""States in sentences, for people who decide on them."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import OptOutScope, Tenant
from accounts.phone import format_for_people
from compliance.due_dates import add_business_days
from compliance.models import OptOut, ReviewItem, Source
from compliance.state import Block

SOON = 2
LONGEST_WAIT = 30

BECAUSE: dict[str, str] = {
    Source.KEYWORD: "they texted “{words}”",
    Source.PHRASE: "they texted “{words}”",
    Source.REVIEW: "their text “{words}” was read as an opt-out",
    Source.WEB_PAGE: "they used the opt-out page",
    Source.VOICE: "they asked on the phone",
    Source.EMAIL: "they asked by e-mail",
    Source.IN_PERSON: "they asked in person",
    Source.LETTER: "they asked by letter",
    Source.API: "another program reported it",
    Source.IMPORT: "they were on an imported list",
    Source.STAFF: "an employee entered it",
    Source.PROVIDER: "the provider reported it",
    Source.CARRIER: "the carrier reported it",
}
RED, GREEN = "red", "green"
CHANGE_COLOURS: dict[str, str] = {
    OptOut.Action.OPTED_OUT: RED,
    OptOut.Action.REPEATED: "orange",
    OptOut.Action.SUPERSEDED: "grey",
    OptOut.Action.LIFTED: GREEN,
    OptOut.Action.UNDONE: GREEN,
}


def when(moment: datetime | None) -> str:
    """A moment in the time zone of the reader."""
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else "–"


def reach(scope: str, sender: str) -> str:
    """How far an opt-out reaches."""
    return "all numbers" if scope == OptOutScope.TENANT else f"company number {format_for_people(sender)}"


def because(source: str, words: str, texted: str = "") -> str:
    """Why, in half a sentence. texted: the company number that a text went to."""
    if source not in (Source.KEYWORD, Source.PHRASE, Source.REVIEW):
        return BECAUSE[source]
    to = f" to {format_for_people(texted)}" if texted else ""
    if not words:
        return f"they asked by text{to}"
    said = BECAUSE[source].format(words=words[:160])
    return f"{said}{to}" if source != Source.REVIEW else said


def text_before(change: Any) -> str:
    """The text that came before, with its campaign and employee, where the change began a new opt-out."""
    if change.action != OptOut.Action.OPTED_OUT or not change.preceding_id:
        return ""
    parts = [change.preceding_campaign and f"campaign {change.preceding_campaign}", change.preceding_user]
    return ", ".join(part for part in parts if part)


def state_sentence(row: OptOut | Block, words: str) -> str:
    """The state of one opt-out, a row or a block of the gate, in one sentence."""
    about = f"for {reach(row.scope, row.sender)}"
    if row.status == OptOut.Status.LIFTED:
        if row.action == OptOut.Action.UNDONE:
            return f"The opt-out of {when(row.opted_out_at)} was undone: it was none."
        return f"Opted back in {about}. The opt-out of {when(row.opted_out_at)} no longer counts."
    if row.requested_by == OptOut.RequestedBy.BUSINESS:
        return f"Opted out {about} since {when(row.opted_out_at)} because the business decided so."
    return f"Opted out {about} since {when(row.opted_out_at)} because {because(row.source, words, row.texted)}."


def days_left(now: datetime, due: datetime, tenant: Tenant) -> int:
    """Business days from today to the due date, in the calendar of the business; -1 once it is over."""
    zone = ZoneInfo(tenant.time_zone)
    today, last = now.astimezone(zone).date(), due.astimezone(zone).date()
    if due <= now:
        return -1
    return next((n for n in range(LONGEST_WAIT) if _after(today, n, tenant.country) >= last), LONGEST_WAIT)


def _after(day: date, business_days: int, country: str) -> date:
    return add_business_days(day, business_days, country)


def due_words(item: ReviewItem, now: datetime) -> tuple[str, str]:
    """When a review is due, in words, and the colour that goes with it."""
    if item.due_at is None:
        return "No date", "grey"
    left = days_left(now, item.due_at, item.tenant)
    day = date_format(timezone.localtime(item.due_at), "N j")
    if left < 0:
        return f"Overdue since {day}", RED
    if left == 0:
        return f"Today, {date_format(timezone.localtime(item.due_at), 'P')}", RED
    words = "1 business day" if left == 1 else f"{left} business days"
    return f"In {words} · {day}", RED if left < SOON else ("orange" if left <= 2 * SOON else "grey")
