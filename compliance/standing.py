"""What stands for a recipient, for each company number that has a state of its own, in sentences."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from accounts.models import ConsentPolicy, OptOutScope, Tenant, User
from accounts.phone import format_for_people, in_north_america
from accounts.scoping import own_numbers
from compliance.models import Consent, OptOut, Recipient
from compliance.sentences import state_sentence, when
from compliance.state import Block, Hold, RecipientState, block_of, read_state

CONSENTS_AT_MOST = 200
ALL, OTHERS = "All company numbers", "All other company numbers"
ALL_OF_THEIRS, OTHERS_OF_THEIRS = "All your company numbers", "All your other company numbers"


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands between a recipient and one company number, "" for all that are not named."""

    number: str
    name: str
    word: str
    colour: str
    sentences: list[str]
    consent: str


def standings_of(recipient: Recipient, person: User) -> list[Standing]:
    """The general state first, then each company number that an opt-out or a consent names. A handful of queries.

    What holds for all numbers is everybody's to know; of another site's numbers nobody is told the words.
    """
    own = own_numbers(person)
    state = _as_begun(read_state(recipient.tenant_id, recipient.number))
    rows = Consent.objects.visible_to(person).filter(recipient=recipient).order_by("-given_at", "-id")
    consents = list(rows[:CONSENTS_AT_MOST])
    named = {block.sender for block in state.active} | {consent.sender for consent in consents}
    if own is not None:
        mine = {"", *own.values_list("number", flat=True)}
        named &= mine
        state = _without_words(state, mine)
    numbers = sorted(named - {""})
    name = (OTHERS if numbers else ALL) if own is None else (OTHERS_OF_THEIRS if numbers else ALL_OF_THEIRS)
    tenant = recipient.tenant
    return [_standing(tenant, state, consents, number, name) for number in ("", *numbers)]


def sentence_of(row: OptOut) -> str:
    """The state of one opt-out in a sentence."""
    block = _begun(block_of(row), _beginnings([row.pk]).get(row.pk))
    return state_sentence(block, block.words)


def _as_begun(state: RecipientState) -> RecipientState:
    """The state with the words that began each opt-out: whoever asks again by another way leaves other words."""
    beginnings = _beginnings([block.id for block in state.active])
    return replace(state, blocks=tuple(_begun(block, beginnings.get(block.id)) for block in state.active))


def _without_words(state: RecipientState, numbers: set[str]) -> RecipientState:
    """The state without the words of texts to any but these company numbers."""
    return replace(
        state, holds=tuple(hold if hold.texted in numbers else replace(hold, words="") for hold in state.holds)
    )


def _beginnings(ids: list[int]) -> dict[int, Any]:
    changes = OptOut.history.filter(id__in=ids, action=OptOut.Action.OPTED_OUT).select_related("evidence")
    return {change.id: change for change in changes.order_by("history_id")}


def _begun(block: Block, change: Any) -> Block:
    return replace(block, words=change.evidence.words, texted=change.texted) if change else block


def _standing(
    tenant: Tenant, state: RecipientState, consents: Iterable[Consent], number: str, general: str
) -> Standing:
    blocks = [block for block in state.active if block.scope == OptOutScope.TENANT or block.sender == number]
    agreed = next((consent for consent in consents if _covers(consent, number)), None)
    word, colour = _word(tenant, state, blocks, number)
    name = format_for_people(number) if number else general
    return Standing(number, name, word, colour, _sentences(state, blocks, number), _consent(tenant, state, agreed))


def _word(tenant: Tenant, state: RecipientState, blocks: list[Block], number: str) -> tuple[str, str]:
    if blocks:
        return "Opted out", "red"
    if state.holds:
        return "Held for review", "orange"
    if tenant.consent_policy == ConsentPolicy.ONLY_WITH_CONSENT and not state.has_consented(number):
        return "No consent", "orange"
    return "May be texted", "green"


def _sentences(state: RecipientState, blocks: list[Block], number: str) -> list[str]:
    said = [_with_repeats(block) for block in blocks]
    said += [_held(hold) for hold in state.holds]
    if not blocks and any(block.sender != number for block in state.active) and in_north_america(state.number):
        said.append("Opted out of another company number: marketing is refused from this one too (US-23).")
    return said or ["Nobody has asked to stop."]


def _held(hold: Hold) -> str:
    words = f"“{hold.words[:160]}”" if hold.words else "A text to another site"
    until = f", until {when(hold.due_at).removesuffix('.')}." if hold.due_at else "."
    return f"{words} may be an opt-out; automatic texts wait for an answer{until}"


def _with_repeats(block: Block) -> str:
    sentence = state_sentence(block, block.words)
    if block.asked_at <= block.opted_out_at:
        return sentence
    return f"{sentence} They asked again, the last time {when(block.asked_at).removesuffix('.')}."


def _covers(consent: Consent, number: str) -> bool:
    return consent.scope == OptOutScope.TENANT or (number != "" and consent.sender == number)


def _consent(tenant: Tenant, state: RecipientState, agreed: Consent | None) -> str:
    needs = tenant.consent_policy == ConsentPolicy.ONLY_WITH_CONSENT
    if agreed is None:
        return "No consent on record" + (
            ", and this business texts only people who have agreed." if needs else "; this business asks for none."
        )
    way = f"{agreed.get_way_display().lower()}, {when(agreed.given_at)}"
    if agreed.awaits_yes and not state.has_consented(agreed.sender):
        return f"A consent is on record ({way}); it counts once they have answered YES."
    return f"Consent on record: {way}".removesuffix(".") + "."
