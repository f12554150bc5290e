"""What the central list keeps of a recipient: history of opt-outs, consents, questions, reviews."""

from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.phone import format_for_people
from compliance.actors import SYSTEM
from compliance.models import (
    ActorKind,
    Consent,
    ConsentQuestion,
    ConsentWay,
    EvidencePack,
    OptOut,
    Recipient,
    ReviewItem,
    Source,
)
from compliance.sentences import CHANGE_COLOURS, reach, text_before, when
from compliance.timeline import EVERY, Entry, Kind
from compliance.timeline import Source as TimelineSource

BY_STAFF = Q(actor_kind=ActorKind.USER)
ANSWER_COLOURS = {"opted_out": "red", "not_opt_out": "green", "closed": "grey"}


def _history(person: User, recipient: Recipient) -> QuerySet[Any]:
    visible = OptOut.objects.visible_to(person).filter(recipient=recipient)
    rows: QuerySet[Any] = OptOut.history.filter(id__in=visible.values("pk")).select_related("evidence")
    return rows


def _change(row: Any) -> Entry:
    before = text_before(row)
    notes = (
        row.history_change_reason or "",
        f"The text before: {before}." if before else "",
        f"Rule {row.rule}." if row.rule else "",
    )
    return Entry(
        title=row.get_action_display(),
        colour=CHANGE_COLOURS.get(row.action, "grey"),
        tag=row.evidence.get_way_display(),
        about=f"for {reach(row.scope, row.sender)}",
        by=_actor(row),
        words=row.evidence.words,
        notes=tuple(filter(None, notes)),
        seal=row.evidence_digest,
        page=("compliance_optout", row.id),
    )


def _actor(row: Any) -> str:
    """Who did it, with the kind of actor where the name alone would not tell."""
    kind = row.get_actor_kind_display()
    if not row.actor_name or row.actor_name == kind:
        return str(kind)
    return f"{row.actor_name} ({str(kind).lower()})"


def _consents(person: User, recipient: Recipient) -> QuerySet[Any]:
    return Consent.objects.visible_to(person).filter(recipient=recipient).select_related("evidence")


def _consent(row: Consent) -> Entry:
    notes = (
        f"They were shown: “{row.wording}”" if row.wording else "",
        f"Campaign {row.campaign}." if row.campaign else "",
        "It counts once they have answered YES." if row.awaits_yes else "",
        f"Recorded {when(row.created_at)}." if row.created_at.date() != row.given_at.date() else "",
    )
    return Entry(
        title="Agreed to be texted",
        colour="orange" if row.awaits_yes else "green",
        tag=row.get_way_display(),
        about=f"for {reach(row.scope, row.sender)}",
        by=_actor(row) if row.actor_kind else "",
        words=row.evidence.words,
        notes=tuple(filter(None, notes)),
        seal=row.evidence.digest,
        page=("compliance_consent", row.pk),
    )


def _questions(person: User, recipient: Recipient) -> QuerySet[Any]:
    return ConsentQuestion.objects.visible_to(person).filter(recipient=recipient).select_related("answer")


def _question(row: ConsentQuestion) -> Entry:
    if row.answer:
        note = f"Answered YES {when(row.answer.given_at)}."
    elif row.closed_at:
        note = f"Closed without a YES {when(row.closed_at)}."
    else:
        note = f"Waits until {when(row.expires_at)}."
    about = f"from {format_for_people(row.sender)}"
    page = ("compliance_consent", row.consent_id)
    return Entry("Asked for a YES", "green" if row.answer else "grey", about=about, notes=(note,), page=page)


def _reviews(person: User, recipient: Recipient) -> QuerySet[Any]:
    return ReviewItem.objects.visible_to(person).filter(recipient=recipient).select_related("evidence")


def _review_asked(row: ReviewItem) -> Entry:
    waits = row.status == ReviewItem.Status.OPEN
    notes = (
        row.reason,
        f"Put off {when(row.put_off_at)}; the date stayed." if row.put_off_at else "",
        f"Due {when(row.due_at)}." if waits and row.due_at else "",
    )
    return Entry(
        title="Held for review" if row.kind == ReviewItem.Kind.UNCLEAR else row.get_kind_display(),
        colour="orange" if waits else "grey",
        tag="Waits for an answer" if waits else "Answered",
        about=f"to {format_for_people(row.texted)}" if row.texted else "",
        words=row.evidence.words,
        notes=tuple(filter(None, notes)),
        seal=row.evidence.digest,
        page=("compliance_reviewitem", row.pk),
    )


def _review_answered(row: ReviewItem) -> Entry:
    return Entry(
        title=f"Review answered: {row.get_status_display().lower()}",
        colour=ANSWER_COLOURS.get(row.status, "grey"),
        by=row.answered_by,
        words=row.evidence.words,
        notes=(row.answer_reason,) if row.answer_reason else (),
        page=("compliance_reviewitem", row.pk),
    )


def _packs(person: User, recipient: Recipient) -> QuerySet[Any]:
    return EvidencePack.objects.visible_to(person).filter(recipient=recipient)


def _pack(row: EvidencePack) -> Entry:
    return Entry("Evidence pack made", by=row.actor_name, notes=(row.why,), seal=row.sha256)


SOURCES = (
    TimelineSource("pack", "compliance.make_evidencepack", _packs, "made_at", {Kind.STAFF: EVERY}, _pack),
    TimelineSource(
        "opt_out",
        "compliance.view_optout",
        _history,
        "history_date",
        {Kind.OPT_OUTS: EVERY, Kind.STAFF: BY_STAFF, Kind.IMPORTS: Q(evidence__way=Source.IMPORT)},
        _change,
    ),
    TimelineSource(
        "consent",
        "compliance.view_consent",
        _consents,
        "given_at",
        {Kind.CONSENTS: EVERY, Kind.STAFF: BY_STAFF, Kind.IMPORTS: Q(way=ConsentWay.IMPORT)},
        _consent,
    ),
    TimelineSource("question", "compliance.view_consent", _questions, "asked_at", {Kind.CONSENTS: EVERY}, _question),
    TimelineSource("review", "compliance.view_reviewitem", _reviews, "asked_at", {Kind.REVIEWS: EVERY}, _review_asked),
    TimelineSource(
        "answer",
        "compliance.view_reviewitem",
        _reviews,
        "answered_at",
        {Kind.REVIEWS: EVERY, Kind.STAFF: ~Q(answered_by=SYSTEM.name)},
        _review_answered,
    ),
)
