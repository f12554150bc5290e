"""What the central list puts into a pack: opt-outs with their history, evidence, consents, questions, reviews."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from compliance.evidence import digest_of
from compliance.evidence_pack.parts import Part
from compliance.models import Consent, ConsentQuestion, Evidence, EvidencePack, OptOut, Recipient, ReviewItem
from compliance.standing import sentence_of


def of_recipient(model: Any) -> Any:
    """Reads the rows of a model that belong to a recipient, as far as a person may see them."""

    def read(person: User, recipient: Recipient) -> QuerySet[Any]:
        rows: QuerySet[Any] = model.objects.visible_to(person).filter(recipient=recipient)
        return rows

    return read


def _history(person: User, recipient: Recipient) -> QuerySet[Any]:
    visible = OptOut.objects.visible_to(person).filter(recipient=recipient)
    rows: QuerySet[Any] = OptOut.history.filter(id__in=visible.values("pk"))
    return rows


def say_actor(row: Any) -> dict[str, str]:
    """Who did it, as kept at the time."""
    return {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name}


def _opt_out(row: OptOut) -> dict[str, Any]:
    return {
        "id": row.pk,
        "sentence": sentence_of(row),
        "status": row.status,
        "scope": row.scope,
        "company_number": row.sender,
        "requested_by": row.requested_by,
        "source": row.source,
        "reason": row.reason,
        "opted_out_at": row.opted_out_at,
        "last_asked_at": row.asked_at,
        "lifted_at": row.lifted_at,
        "changed_at": row.changed_at,
        "evidence": row.evidence_id,
    }


def _change(row: Any) -> dict[str, Any]:
    before = {
        "text": row.preceding_id,
        "sent_at": row.preceding_at,
        "employee": row.preceding_user,
        "campaign": row.preceding_campaign,
    }
    return {
        "id": row.history_id,
        "opt_out": row.id,
        "at": row.history_date,
        "action": row.action,
        "action_in_words": row.get_action_display(),
        "status": row.status,
        "scope": row.scope,
        "company_number": row.sender,
        "requested_by": row.requested_by,
        "by": say_actor(row),
        "how": row.source,
        "why": row.history_change_reason or "",
        "rule": row.rule,
        "language": row.language,
        "company_number_texted": row.texted,
        "opted_out_at": row.opted_out_at,
        "evidence": row.evidence_id,
        "evidence_digest": row.evidence_digest,
        "text_before": before if row.preceding_id else None,
    }


def _evidence(row: Evidence) -> dict[str, Any]:
    return {
        "id": row.pk,
        "way": row.way,
        "way_in_words": row.get_way_display(),
        "words": row.words,
        "occurred_at": row.occurred_at,
        "kept_at": row.created_at,
        "details": row.details,
        "digest": row.digest,
        "digest_holds": digest_of(row) == row.digest,
    }


def _consent(row: Consent) -> dict[str, Any]:
    return {
        "id": row.pk,
        "given_at": row.given_at,
        "way": row.way,
        "way_in_words": row.get_way_display(),
        "scope": row.scope,
        "company_number": row.sender,
        "campaign": row.campaign,
        "shown_to_them": row.wording,
        "awaits_yes": row.awaits_yes,
        "by": say_actor(row),
        "recorded_at": row.created_at,
        "evidence": row.evidence_id,
    }


def _question(row: ConsentQuestion) -> dict[str, Any]:
    return {
        "id": row.pk,
        "asked_at": row.asked_at,
        "company_number": row.sender,
        "consent": row.consent_id,
        "expires_at": row.expires_at,
        "closed_at": row.closed_at,
        "answered_by_consent": row.answer_id,
    }


def _review(row: ReviewItem) -> dict[str, Any]:
    return {
        "id": row.pk,
        "asked_at": row.asked_at,
        "kind": row.kind,
        "status": row.status,
        "status_in_words": row.get_status_display(),
        "company_number_texted": row.texted,
        "why_it_was_held": row.reason,
        "rule": row.rule,
        "language": row.language,
        "due_at": row.due_at,
        "put_off_at": row.put_off_at,
        "answered_at": row.answered_at,
        "answered_by": row.answered_by,
        "answer": row.answer_reason,
        "evidence": row.evidence_id,
    }


def _pack(row: EvidencePack) -> dict[str, Any]:
    return {
        "id": row.pk,
        "made_at": row.made_at,
        "made_by": row.actor_name,
        "why": row.why,
        "sha256": row.sha256,
    }


def _opt_outs(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows: QuerySet[Any] = of_recipient(OptOut)(person, recipient).select_related("evidence")
    return rows


PARTS = (
    Part("opt_outs", "Opt-outs", _opt_outs, "opted_out_at", _opt_out),
    Part("opt_out_history", "History of the opt-outs", _history, "history_date", _change),
    Part("evidence", "Evidence", of_recipient(Evidence), "occurred_at", _evidence),
    Part("consents", "Consents", of_recipient(Consent), "given_at", _consent),
    Part("consent_questions", "Questions for a YES", of_recipient(ConsentQuestion), "asked_at", _question),
    Part("reviews", "Reviews", of_recipient(ReviewItem), "asked_at", _review),
    Part("packs", "Evidence packs made before", of_recipient(EvidencePack), "made_at", _pack),
)
