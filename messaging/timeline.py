"""What the messages contribute to the list of everything that happened with a recipient."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.phone import format_for_people
from compliance.models import Recipient
from compliance.timeline import CAUSE, EVERY, REPLY, Entry, Kind, Source
from messaging.diagnosis import failure_said
from messaging.models import Difference, InboundMessage, NumberTrouble, OutboundMessage, OutsideText
from messaging.threads import OUTCOME_COLOURS, STATUS_COLOURS, elsewhere_tag, warnings_of, why_not

Outcome, Status = InboundMessage.Outcome, OutboundMessage.Status


def _incoming(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows = InboundMessage.objects.visible_to(person).filter(recipient=recipient)
    return rows.select_related("conversation").defer("raw_body")


def _text_in(row: InboundMessage) -> Entry:
    is_plain = row.outcome == Outcome.NONE
    rule = f"Rule {row.rule}." if row.rule and not is_plain else ""
    return Entry(
        title="Text from them",
        colour="blue" if is_plain else OUTCOME_COLOURS.get(row.outcome, "grey"),
        tag="" if is_plain else row.get_outcome_display(),
        about=f"to {format_for_people(row.conversation.sender)}",
        words=row.body or "(no words)",
        notes=tuple(filter(None, ("" if is_plain else row.explanation, rule))),
        page=("messaging_inboundmessage", row.pk),
    )


def _outgoing(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows = OutboundMessage.objects.visible_to(person).filter(recipient=recipient)
    return rows.select_related("user", "campaign", "sender_number")


def _text_out(row: OutboundMessage) -> Entry:
    refused = row.status == Status.BLOCKED
    about = [f"from {row.sender_number}", row.get_purpose_display().lower(), row.campaign.name if row.campaign else ""]
    return Entry(
        title="Refused text" if refused else "Text to them",
        colour=STATUS_COLOURS.get(row.status, "grey"),
        tag=row.get_status_display(),
        about=", ".join(filter(None, about)),
        by=row.user.display_name if row.user else row.requested_by,
        words=row.body,
        notes=tuple(filter(None, _notes_of(row))),
        page=("messaging_outboundmessage", row.pk),
    )


def _notes_of(row: OutboundMessage) -> list[str]:
    rule = row.decision.get("rule") if row.status == Status.BLOCKED else ""
    return [
        why_not(row),
        failure_said(row.failure) if row.failure and row.status == Status.FAILED else "",
        f"Rule {rule}." if rule else "",
        f"Emergency: {row.emergency_reason}" if row.emergency_reason else "",
        *warnings_of(row),
    ]


def _elsewhere(person: User, recipient: Recipient) -> QuerySet[Any]:
    return OutsideText.objects.visible_to(person).filter(recipient=recipient).select_related("conversation")


def _text_elsewhere(row: OutsideText) -> Entry:
    return Entry(
        title="Text sent elsewhere",
        colour="red" if row.is_incident else "grey",
        tag=elsewhere_tag(row) if row.is_incident else "",
        about=f"from {format_for_people(row.conversation.sender)}",
        by=row.by,
        words=row.body,
        notes=(row.explanation,) if row.explanation else (),
        page=("messaging_outsidetext", row.pk),
    )


def _settled(row: OutsideText) -> Entry:
    title, page = "Text past an opt-out settled", ("messaging_outsidetext", row.pk)
    return Entry(title, by=row.settled_by, words=row.body, notes=(row.settled_why,), page=page)


def _troubles(person: User, recipient: Recipient) -> QuerySet[Any]:
    return NumberTrouble.objects.visible_to(person).filter(recipient=recipient)


def _trouble(row: NumberTrouble) -> Entry:
    told = ": ".join(part for part in (row.code, row.text) if part)
    times = f"{row.times} times so far." if row.times > 1 else ""
    page = ("messaging_numbertrouble", row.pk)
    return Entry(row.get_kind_display(), "orange", notes=tuple(filter(None, (told, times))), page=page)


def _trouble_over(row: NumberTrouble) -> Entry:
    return Entry("Reached again", "green", page=("messaging_numbertrouble", row.pk))


def _differences(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows = Difference.objects.visible_to(person).filter(tenant=recipient.tenant_id, number=recipient.number)
    return rows.select_related("run__account")


def _difference(row: Difference) -> Entry:
    return Entry(
        title=f"{row.get_kind_display()}: {row.run.account.name}",
        colour="orange" if row.state == Difference.State.OPEN else "grey",
        tag=row.get_state_display(),
        about=f"for {format_for_people(row.sender)}" if row.sender else "",
        by=row.changed_by,
        notes=tuple(filter(None, (row.cause, row.error))),
        page=("messaging_difference", row.pk),
    )


SOURCES = (
    Source(
        "difference",
        "messaging.view_difference",
        _differences,
        "run__started_at",
        {Kind.DIFFERENCES: EVERY, Kind.STAFF: ~Q(changed_by="")},
        _difference,
    ),
    Source("trouble", "messaging.view_numbertrouble", _troubles, "first_at", {Kind.TROUBLES: EVERY}, _trouble),
    Source("reached", "messaging.view_numbertrouble", _troubles, "ended_at", {Kind.TROUBLES: EVERY}, _trouble_over),
    Source(
        "settled",
        "messaging.view_outsidetext",
        _elsewhere,
        "settled_at",
        {Kind.ELSEWHERE: EVERY, Kind.STAFF: EVERY},
        _settled,
    ),
    Source("elsewhere", "messaging.view_outsidetext", _elsewhere, "sent_at", {Kind.ELSEWHERE: EVERY}, _text_elsewhere),
    Source(
        "text_in",
        "messaging.view_inboundmessage",
        _incoming,
        "received_at",
        {Kind.TEXTS_IN: EVERY, Kind.DECISIONS: ~Q(outcome=Outcome.NONE)},
        _text_in,
        order=CAUSE,
    ),
    Source(
        "text_out",
        "messaging.view_outboundmessage",
        _outgoing,
        "created_at",
        {
            Kind.TEXTS_OUT: EVERY,
            Kind.REFUSALS: Q(status=Status.BLOCKED),
            Kind.STAFF: Q(by_person=True) | ~Q(emergency_reason=""),
        },
        _text_out,
        UUID,
        REPLY,
    ),
)
