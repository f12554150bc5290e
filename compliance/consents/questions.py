"""Double opt-in: “Reply YES to confirm”, asked once, and the YES (NET-20, LIT-11).

YES says nothing by itself. It is a consent only as the answer to an open question, texted to the number that asked.
"""

from datetime import datetime, timedelta

from compliance.actors import RECIPIENT
from compliance.consents.writing import Given, keep_proof, write_consent
from compliance.evidence import Proof
from compliance.models import Consent, ConsentQuestion, ConsentWay
from compliance.state import RecipientState

YES_WITHIN = timedelta(hours=72)


def open_question(consent: Consent, sender: str, now: datetime) -> ConsentQuestion:
    """Ask for a YES to a consent, from a company number."""
    question: ConsentQuestion = ConsentQuestion.objects.create(
        tenant_id=consent.tenant_id,
        recipient_id=consent.recipient_id,
        consent=consent,
        sender=sender,
        asked_at=now,
        expires_at=now + YES_WITHIN,
    )
    return question


def withdraw_question(question: ConsentQuestion, now: datetime) -> None:
    """Close a question that did not go out: nobody can answer what they were not asked."""
    ConsentQuestion.objects.filter(pk=question.pk, closed_at=None).update(closed_at=now)


def find_questions(state: RecipientState, sender: str, said_at: datetime) -> list[ConsentQuestion]:
    """The open questions that a YES to a company number at a moment may answer, of a locked recipient, newest first.

    A STOP since then has answered them already, also where it was undone later.
    """
    rows = ConsentQuestion.objects.filter(
        recipient_id=state.locked_id, sender=sender, closed_at=None, asked_at__lte=said_at, expires_at__gt=said_at
    )
    stopped_at = max((block.asked_at for block in state.blocks), default=None)
    if stopped_at is not None:
        rows = rows.filter(asked_at__gt=stopped_at)
    return list(rows.select_related("consent").order_by("-asked_at"))


def record_yes(state: RecipientState, question: ConsentQuestion, proof: Proof, now: datetime) -> Consent:
    """Take a YES: what was pending counts from now on, with the same reach, wording and campaign.

    Only where an advertised keyword asked for it does it say that texts are welcome again: whoever was opted out then
    would not have been asked for a YES to anything else.
    """
    asked = question.consent
    given = Given(ConsentWay.DOUBLE_OPT_IN, proof, asked.scope, asked.sender, asked.wording, asked.campaign)
    evidence = keep_proof(state, given, now)
    reopens = asked.way == ConsentWay.CAMPAIGN
    consent = write_consent(state, given, evidence, RECIPIENT, now, reopens=reopens, asks_to_confirm=True)
    ConsentQuestion.objects.filter(pk=question.pk).update(closed_at=now, answer=consent)
    return consent
