"""How a consent row is written, with its evidence, and what the gate asks of it kept on the recipient."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models.functions import Coalesce, Greatest

from accounts.models import OptOutScope
from compliance.actors import Actor
from compliance.evidence import Proof, keep_evidence
from compliance.models import Consent, ConsentWay, Evidence, Recipient, Source
from compliance.state import RecipientState

CONFIRM_EVERY = timedelta(hours=24)

# The way of a consent that came with the proof by which an opt-out was undone.
_WAY_OF_PROOF: dict[str, ConsentWay] = {
    Source.KEYWORD: ConsentWay.KEYWORD,
    Source.VOICE: ConsentWay.SPOKEN,
    Source.IN_PERSON: ConsentWay.SPOKEN,
    Source.EMAIL: ConsentWay.WRITTEN,
    Source.LETTER: ConsentWay.WRITTEN,
    Source.WEB_PAGE: ConsentWay.ONLINE,
    Source.API: ConsentWay.API,
}


@dataclass(frozen=True, slots=True)
class Given:
    """A yes as it reached us.

    proof: when it was given, the person's words, and ids that lead back to it. wording: what was shown or said to them
    (REC-03, CT-13). With the scope `number`, `sender` is the one company number that it is for.
    """

    way: ConsentWay
    proof: Proof
    scope: OptOutScope | str = OptOutScope.TENANT
    sender: str = ""
    wording: str = ""
    campaign: str = ""

    @property
    def at(self) -> datetime:
        return self.proof.occurred_at


def way_of(proof: Proof) -> ConsentWay:
    """The way of a consent that proof of another kind carries."""
    return _WAY_OF_PROOF.get(str(proof.way), ConsentWay.STAFF)


def keep_proof(state: RecipientState, given: Given, now: datetime) -> Evidence:
    """Store the evidence of a consent; what was shown and the campaign stand under its digest too."""
    shown = {"wording": given.wording, "campaign": given.campaign}
    details = given.proof.details | {name: value for name, value in shown.items() if value}
    return keep_evidence(state.tenant_id, state.locked_id, replace(given.proof, details=details), now)


def write_consent(
    state: RecipientState,
    given: Given,
    evidence: Evidence,
    actor: Actor,
    now: datetime,
    *,
    reopens: bool = False,
    awaits_yes: bool = False,
    asks_to_confirm: bool = False,
) -> Consent:
    """Keep a yes of a locked recipient, and on the recipient for which company numbers it counts.

    reopens: it says by itself that texts are welcome again, so a STOP that is older and arrives late closes nothing.
    awaits_yes: it counts for nothing until the person has answered YES.
    """
    consent: Consent = Consent.objects.create(
        tenant_id=state.tenant_id,
        recipient_id=state.locked_id,
        scope=given.scope,
        sender=given.sender,
        way=given.way,
        wording=given.wording,
        campaign=given.campaign[:120],
        given_at=given.at,
        reopens=reopens,
        awaits_yes=awaits_yes,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:160],
        evidence=evidence,
        confirmation_asked_at=now if asks_to_confirm else None,
        created_at=now,
    )
    if not awaits_yes:
        _note_on_recipient(state, consent)
    return consent


def _note_on_recipient(state: RecipientState, consent: Consent) -> None:
    changed: dict[str, object] = {"opted_in_for": sorted({*state.opted_in_for, consent.covered})}
    if consent.reopens:
        changed["opted_in_at"] = Greatest(Coalesce("opted_in_at", consent.given_at), consent.given_at)
    Recipient.objects.filter(pk=state.locked_id).update(**changed)


def was_confirmed_lately(state: RecipientState, now: datetime) -> bool:
    """Whether a consent of the last 24 hours had its confirmation, so that two machines can't answer each other."""
    since = now - CONFIRM_EVERY
    return Consent.objects.filter(recipient_id=state.locked_id, confirmation_asked_at__gt=since).exists()
