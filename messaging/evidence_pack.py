"""What the messages put into an evidence pack: texts both ways with what was decided, and the provider's proof."""

import hashlib
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from compliance.evidence_pack.own import of_recipient
from compliance.evidence_pack.parts import Part
from compliance.models import Recipient
from messaging.diagnosis import failure_said, proof_said
from messaging.models import Difference, InboundMessage, NumberTrouble, OutboundMessage, OutsideText
from messaging.threads import why_not

PROVEN_AT_MOST = 100
RAW_AT_MOST = 16 * 1024


def _incoming(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows: QuerySet[Any] = of_recipient(InboundMessage)(person, recipient)
    return rows.select_related("conversation", "account").defer("raw_body")


def _text_in(row: InboundMessage) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.received_at,
        "sent_at_as_the_provider_says": row.sent_at,
        "company_number": row.conversation.sender,
        "words": row.body,
        "outcome": row.outcome,
        "outcome_in_words": row.get_outcome_display(),
        "explanation": row.explanation,
        "rule": row.rule,
        "language": row.language,
        "opt_out": row.opt_out_id,
        "provider_connection": row.account.name,
        "provider_event": row.event_key,
        "proof": proof_said(row.proof),
    }


def _outgoing(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows: QuerySet[Any] = of_recipient(OutboundMessage)(person, recipient)
    return rows.select_related("user", "campaign", "sender_number", "account")


def _text_out(row: OutboundMessage) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "at": row.created_at,
        "company_number": row.sender_number.number,
        "words": row.body,
        "purpose": row.purpose,
        "status": row.status,
        "status_in_words": row.get_status_display(),
        "refused_because": row.reason,
        "why_not": why_not(row),
        "decision": row.decision,
        "employee": row.user.display_name if row.user else "",
        "requested_by": row.requested_by,
        "campaign": row.campaign.name if row.campaign else "",
        "emergency_reason": row.emergency_reason,
        "handed_over_at": row.claimed_at,
        "sent_at": row.sent_at,
        "delivered_at": row.delivered_at,
        "provider_connection": row.account.name if row.account else "",
        "provider_message": row.provider_message_id,
        "failure": failure_said(row.failure) if row.failure else "",
    }


def _elsewhere(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows: QuerySet[Any] = of_recipient(OutsideText)(person, recipient)
    return rows.select_related("conversation", "account")


def _text_elsewhere(row: OutsideText) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.sent_at,
        "company_number": row.conversation.sender,
        "words": row.body,
        "by": row.by,
        "past_an_opt_out": row.is_incident,
        "explanation": row.explanation,
        "settled_at": row.settled_at,
        "settled_by": row.settled_by,
        "what_was_done": row.settled_why,
        "provider_connection": row.account.name,
        "provider_message": row.provider_message_id,
    }


def _decided(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows: QuerySet[Any] = of_recipient(InboundMessage)(person, recipient)
    return rows.exclude(outcome=InboundMessage.Outcome.NONE).only("received_at", "event_key", "proof", "raw_body")


def _webhook(row: InboundMessage) -> dict[str, Any]:
    raw = bytes(row.raw_body)
    return {
        "text_in": row.pk,
        "at": row.received_at,
        "provider_event": row.event_key,
        "proof": proof_said(row.proof),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "raw": raw[:RAW_AT_MOST].decode(errors="replace"),
    }


def _differences(person: User, recipient: Recipient) -> QuerySet[Any]:
    rows = Difference.objects.visible_to(person).filter(tenant=recipient.tenant_id, number=recipient.number)
    compared: QuerySet[Any] = rows.select_related("run__account")
    return compared


def _difference(row: Difference) -> dict[str, Any]:
    return {
        "id": row.pk,
        "compared_at": row.run.started_at,
        "kind": row.kind,
        "kind_in_words": row.get_kind_display(),
        "state": row.state,
        "state_in_words": row.get_state_display(),
        "company_number": row.sender,
        "on_the_providers_list_since": row.at,
        "likely_cause": row.cause,
        "opt_out": row.opt_out_id,
        "changed_by": row.changed_by,
        "failure": row.error,
        "provider_connection": row.run.account.name,
    }


def _trouble(row: NumberTrouble) -> dict[str, Any]:
    return {
        "id": row.pk,
        "first_at": row.first_at,
        "kind": row.kind,
        "kind_in_words": row.get_kind_display(),
        "provider_code": row.code,
        "provider_words": row.text,
        "times": row.times,
        "last_at": row.last_at,
        "reached_again_at": row.ended_at,
    }


PARTS = (
    Part("texts_in", "Texts from them", _incoming, "received_at", _text_in),
    Part("texts_out", "Texts to them, refused ones included", _outgoing, "created_at", _text_out),
    Part("texts_elsewhere", "Texts sent elsewhere", _elsewhere, "sent_at", _text_elsewhere),
    Part("differences", "Differences from a provider's list", _differences, "run__started_at", _difference),
    Part("troubles", "Could not be reached", of_recipient(NumberTrouble), "first_at", _trouble),
    Part("webhooks", "What the provider delivered", _decided, "received_at", _webhook, PROVEN_AT_MOST),
)
