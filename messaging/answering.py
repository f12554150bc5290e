"""Answer once, whoever answers: whether a reply is ours, the provider's, or nobody's (NET-01, NET-06 to NET-09)."""

from accounts.models import ProviderAccount, SenderNumber
from accounts.phone import NumberKind
from compliance.classifier import Intent
from compliance.opt_outs import Answer
from messaging.providers.base import InboundText
from messaging.providers.facts import Facts, Replies

US = "us"
PROVIDER = "provider"
STOP = "stop"


def who_answers(
    account: ProviderAccount, facts: Facts, sender: SenderNumber | None, text: InboundText, intent: Intent, word: str
) -> Answer:
    """Who answers a text.

    What the provider says of this very text counts first, then the operator's choice, then what is known of the
    provider. Where nobody can tell, we stay silent. word: the keyword in its one form, as the classifier gives it.
    """
    if sender is None or sender.kind == NumberKind.ALPHANUMERIC:
        return Answer.NOBODY
    ours = Answer.SHORT_CODE if sender.kind == NumberKind.SHORT_CODE else Answer.OURS
    if text.replied or _network_answers(sender, intent, word):
        return Answer.NETWORK
    if text.replied is False:
        return ours
    if text.said is None and facts.own_words and not facts.knows(intent.value, text.text):
        return ours  # its engine does not read it as ours does, so it neither blocks nor answers
    return _by_choice(account, sender, ours) or _by_default(facts, sender, ours)


def may_answer_by_itself(account: ProviderAccount, facts: Facts, sender: SenderNumber) -> bool:
    """Whether a text that followed an opt-out may be the provider's own answer, or the toll-free network's."""
    if sender.kind == NumberKind.TOLL_FREE or account.answered_by.get(sender.kind) == PROVIDER:
        return True
    return facts.replies_on(sender.kind) != Replies.NEVER


def _network_answers(sender: SenderNumber, intent: Intent, word: str) -> bool:
    """The toll-free network answers the bare STOP, whatever the provider or the operator says (NET-01)."""
    return sender.kind == NumberKind.TOLL_FREE and intent == Intent.OPT_OUT and word == STOP


def _by_choice(account: ProviderAccount, sender: SenderNumber, ours: Answer) -> Answer | None:
    return {US: ours, PROVIDER: Answer.NETWORK}.get(account.answered_by.get(sender.kind, ""))


def _by_default(facts: Facts, sender: SenderNumber, ours: Answer) -> Answer:
    by_replies = {Replies.ALWAYS: Answer.NETWORK, Replies.NEVER: ours, Replies.UNKNOWN: Answer.UNSURE}
    return by_replies[facts.replies_on(sender.kind)]
