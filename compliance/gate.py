"""The only yes or no to an outgoing text. No flag skips it, and every answer explains itself."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import ConsentPolicy, SenderNumber, Tenant, WithoutInstruction
from compliance.bulk_reads import read_active_blocks, read_consented, read_open_holds
from compliance.outgoing import LONGEST_BODY, ONE_WAY, Route, rule_of_missing_instruction
from compliance.purposes import OUR_REPLIES, Purpose
from compliance.reach import reach_of
from compliance.state import Block, Hold, RecipientState, read_state

CONFIRM_WITHIN = timedelta(minutes=5)  # US-11
A_FEW = 2  # numbers for which the single reading is cheaper than the two of a list


class Refusal(StrEnum):
    """Why a text may not be sent; the same words in the API, the admin and the log."""

    OPTED_OUT = "opted_out"
    HELD_FOR_REVIEW = "held_for_review"
    CONFIRMATION_ALREADY_SENT = "confirmation_already_sent"
    CONFIRMATION_TOO_LATE = "confirmation_too_late"
    STATE_UNAVAILABLE = "state_unavailable"
    SENDER_INACTIVE = "sender_inactive"
    NO_CONSENT = "no_consent"
    NO_OPT_OUT_INSTRUCTION = "no_opt_out_instruction"


@dataclass(frozen=True, slots=True)
class Confirms:
    """Which episode of which opt-out a confirmation answers, and when that was asked for."""

    opt_out_id: int
    episode: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """May this be sent? `sender` None asks for any company number, `body` "" for a text that is not written yet."""

    tenant: Tenant
    recipient: str
    purpose: Purpose | str
    sender: SenderNumber | None = None
    by_person: bool = False
    emergency_reason: str = ""
    confirms: Confirms | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with the rule, the scope, the opt-out and the words behind it."""

    allowed: bool
    sentence: str
    reason: str = ""
    rule: str = ""
    scope: str = ""
    opt_out_id: int | None = None
    review_id: int | None = None
    since: datetime | None = None
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        """The decision as it is stored with the message."""
        return asdict(self) | {"since": self.since.isoformat() if self.since else None}


ALLOWED = Decision(True, "Nobody has asked to stop.")


def check(question: Question, now: datetime) -> Decision:
    """Decide one text from a fresh reading. Raises what the database raises: then nothing may be sent."""
    return decide(question, read_state(question.tenant.pk, question.recipient), now)


def decide(question: Question, state: RecipientState, now: datetime) -> Decision:
    """Decide one text from a state that was read under the recipient's lock, or for information only."""
    if question.sender is not None and not is_usable(question.sender):
        return Decision(False, _why_unusable(question.sender), Refusal.SENDER_INACTIVE)
    match question.purpose:
        case Purpose.OPT_OUT_CONFIRMATION:
            return _decide_confirmation(question, state, now)
        case Purpose.HELP_REPLY:
            return Decision(True, "Help is answered even after an opt-out (CT-11).", rule="CT-11")
        case Purpose.EMERGENCY if question.emergency_reason:
            return Decision(True, f"Emergency: {question.emergency_reason}", rule="US-19")
        case _:
            refusal = _find_block(question, state, now) or _find_hold(question, state)
            refusal = refusal or _find_missing_consent(question, state)
            return refusal or _find_missing_instruction(question, state) or ALLOWED


def is_usable(sender: SenderNumber) -> bool:
    """Whether a company number may send: it, its business and its provider connection are active."""
    return sender.is_active and sender.tenant.is_active and (sender.account is not None and sender.account.is_active)


def _why_unusable(sender: SenderNumber) -> str:
    if sender.is_active and sender.account is None:
        return f"The company number {sender} is not connected to a provider."
    return f"The company number {sender}, its connection or its business is switched off."


def _find_block(question: Question, state: RecipientState, now: datetime) -> Decision | None:
    sender = question.sender.number if question.sender else ""
    for block in state.active:
        if reach := reach_of(block, sender, question.purpose, state.number, now):
            return refuse_for(block, reach, zone_of(question.tenant))
    return None


_REACH_SENTENCES = {
    "scope.tenant": "for all numbers of the business",
    "scope.number": "for this company number",
    "US-23": "for another company number; in North America marketing then stops for all of them (US-23)",
    "US-15": "for another company number; in North America that now stops all of them (US-15)",
}


def zone_of(tenant: Tenant) -> ZoneInfo:
    """The zone in which a sentence gives its dates: the business's own."""
    return ZoneInfo(tenant.time_zone)


def refuse_for(block: Block, reach: str, zone: ZoneInfo) -> Decision:
    """The refusal that an opt-out causes, in a sentence for the person who wanted to send."""
    who = "The recipient opted out" if block.by_recipient else "The business blocked this recipient"
    said = f" with “{block.first_words[:80]}”" if block.first_words else ""
    day = block.opted_out_at.astimezone(zone)
    sentence = f"{who} on {day:%b} {day.day}, {day.year}{said}, {_REACH_SENTENCES[reach]}."
    if block.by_recipient and block.words != block.first_words:
        sentence += f" They asked again with “{block.words[:80]}”."
    return Decision(
        False,
        sentence,
        Refusal.OPTED_OUT,
        rule=block.rule or f"source.{block.source}",
        scope=reach,
        opt_out_id=block.id,
        since=block.opted_out_at,
        words=block.words,
    )


def _find_hold(question: Question, state: RecipientState) -> Decision | None:
    if not state.holds or question.by_person:
        return None
    return refuse_for_hold(state.holds[0])


def refuse_for_hold(hold: Hold) -> Decision:
    """The refusal that an unanswered unclear text causes."""
    sentence = f"“{hold.words[:80]}” may be an opt-out; until a person has answered it, nothing automatic is sent."
    return Decision(
        False,
        sentence,
        Refusal.HELD_FOR_REVIEW,
        rule="US-02",
        scope="hold",
        review_id=hold.id,
        since=hold.asked_at,
        words=hold.words,
    )


def needs_consent(tenant: Tenant, purpose: Purpose | str, *, has_texted: bool) -> bool:
    """Whether a text may only go to somebody whose consent is on record.

    Marketing and transactional texts do where the business chose so (US-09, US-28, CT-12). An answer to a person who
    texted first is asked for by that very text, and so are our own replies: they need none (QH-04, CT-07, CT-11).
    """
    if tenant.consent_policy != ConsentPolicy.ONLY_WITH_CONSENT or purpose in OUR_REPLIES:
        return False
    return not (purpose == Purpose.CONVERSATIONAL and has_texted)


def _find_missing_consent(question: Question, state: RecipientState) -> Decision | None:
    if not needs_consent(question.tenant, question.purpose, has_texted=state.texted_at is not None):
        return None
    sender = question.sender.number if question.sender else ""
    return None if state.has_consented(sender) else refuse_without_consent(question.sender)


def refuse_without_consent(sender: SenderNumber | None) -> Decision:
    """The refusal where the business texts only people who have agreed, and no consent is on record."""
    where = f"to texts from {sender}" if sender else "to texts from all your numbers"
    sentence = f"No consent {where} is on record, and this business texts only people who have agreed."
    return Decision(False, sentence, Refusal.NO_CONSENT, rule="policy.only_with_consent", scope="consent")


def _find_missing_instruction(question: Question, state: RecipientState) -> Decision | None:
    route = Route(question.tenant, question.sender, state.number, question.purpose)
    rule = rule_of_missing_instruction(route, question.body) if question.body else ""
    if not rule:
        return None
    why = "Marketing says how to stop, such as “Reply STOP to unsubscribe.”; this text does not"
    if rule == ONE_WAY:
        why = f"Nobody can answer a text from a name, so it says where to stop: {route.one_way_page}; this one does not"
    if question.tenant.without_instruction == WithoutInstruction.APPEND:
        why += f", and with it the text would pass {LONGEST_BODY:,} characters"
    return Decision(False, f"{why}.", Refusal.NO_OPT_OUT_INSTRUCTION, rule=rule, scope="text")


def _decide_confirmation(question: Question, state: RecipientState, now: datetime) -> Decision:
    asked = question.confirms
    block = next((b for b in state.active if asked and b.id == asked.opt_out_id), None)
    if asked is None or block is None or block.episode != asked.episode:
        sentence = "The person opted back in before the confirmation went out."
        return Decision(False, sentence, Refusal.CONFIRMATION_TOO_LATE, rule="US-10")
    if now - asked.asked_at > CONFIRM_WITHIN:
        sentence = "More than five minutes have passed since the opt-out; it stands without a confirmation."
        return Decision(False, sentence, Refusal.CONFIRMATION_TOO_LATE, rule="US-11", opt_out_id=block.id)
    if block.confirmation_claimed_at is not None:
        return already_confirmed(block.id)
    return Decision(True, "The one confirmation of this opt-out.", rule="US-10", opt_out_id=block.id)


def already_confirmed(opt_out_id: int | None) -> Decision:
    """The refusal of a second confirmation."""
    sentence = "This opt-out has had its one confirmation."
    return Decision(False, sentence, Refusal.CONFIRMATION_ALREADY_SENT, rule="US-10", opt_out_id=opt_out_id)


def check_many(
    tenant: Tenant, numbers: Iterable[str], sender: SenderNumber | None, purpose: Purpose | str, now: datetime
) -> dict[str, Decision]:
    """The refusals among many E.164 numbers; a number that is not in the answer may be texted.

    Works on sets: two queries whatever the length, and a third where the business texts only with consent.
    Without sender, blocked for any number is blocked.
    """
    wanted = list(numbers)
    if len(wanted) <= A_FEW:
        decisions = {number: check(Question(tenant, number, purpose, sender), now) for number in wanted}
        return {number: decision for number, decision in decisions.items() if not decision.allowed}
    if sender is not None and not is_usable(sender):
        refusal = decide(Question(tenant, "", purpose, sender), RecipientState(tenant.pk, ""), now)
        return dict.fromkeys(wanted, refusal)
    refusals = _many_without_consent(tenant, wanted, sender, purpose)
    refusals.update(_many_holds(tenant.pk, wanted))
    refusals.update(_many_blocks(tenant, wanted, sender, purpose, now))
    return refusals


def _many_blocks(
    tenant: Tenant, numbers: list[str], sender: SenderNumber | None, purpose: Purpose | str, now: datetime
) -> dict[str, Decision]:
    refusals: dict[str, Decision] = {}
    zone = zone_of(tenant)
    for number, block in read_active_blocks(tenant.pk, numbers):
        if number in refusals:
            continue
        if reach := reach_of(block, sender.number if sender else "", purpose, number, now):
            refusals[number] = refuse_for(block, reach, zone)
    return refusals


def _many_holds(tenant_id: int, numbers: list[str]) -> dict[str, Decision]:
    return {number: refuse_for_hold(hold) for number, hold in read_open_holds(tenant_id, numbers)}


def _many_without_consent(
    tenant: Tenant, numbers: list[str], sender: SenderNumber | None, purpose: Purpose | str
) -> dict[str, Decision]:
    if not needs_consent(tenant, purpose, has_texted=False):
        return {}
    may = {
        state.number
        for state in read_consented(tenant.pk, numbers)
        if state.has_consented(sender.number if sender else "")
        or not needs_consent(tenant, purpose, has_texted=state.texted_at is not None)
    }
    refusal = refuse_without_consent(sender)
    return {number: refusal for number in numbers if number not in may}
