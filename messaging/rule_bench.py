"""The rule bench: what a change of keywords would have decided differently, tried on the business's own texts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Tenant
from compliance.classifier import Classification, Intent
from compliance.wording import Fact, Wording, compile_wording, wording_of
from messaging.models import InboundMessage

USUAL_DAYS = 30
CHOICES_OF_DAYS = (7, 30, 90, 365)
AT_MOST = 20_000  # texts, the newest: about a second
SHOWN = 100
SAID = {
    Intent.OPT_OUT: "Opted out",
    Intent.OPT_IN: "Opted in",
    Intent.HELP: "Answered with help",
    Intent.UNCLEAR: "Held for a person",
    Intent.OTHER: "Ordinary text",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A text that would be decided differently, and how often it came."""

    text: str
    times: int
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Bench:
    """What a change would have done in the last `days`. `is_capped`: there were more texts than could be tried."""

    days: int
    tried: int
    is_capped: bool
    differences: list[Difference]
    differing: int

    @property
    def kinds(self) -> int:
        """How many different texts differ; only the most frequent are listed."""
        return len(self.differences)


def changed_facts(current: Wording, change: Fact | None, replaces: str) -> list[Fact]:
    """The keywords as they would be: `change` in place of the one with the id `replaces`, None takes it away."""
    kept = [fact for fact in current.facts.values() if fact.id != replaces]
    return [*kept, change] if change else kept


def try_change(tenant: Tenant, change: Fact | None, replaces: str, days: int, now: datetime) -> Bench:
    """Replay the incoming texts of the last days, with today's keywords and with the changed ones. Changes nothing."""
    before = wording_of(tenant)
    after = compile_wording(changed_facts(before, change, replaces), before.texts)
    by_country = max(len(before.lexicons), len(after.lexicons)) > 1
    rows = InboundMessage.objects.for_tenant(tenant).filter(received_at__gte=now - timedelta(days=days))
    newest = list(rows.order_by("-received_at", "-id").values_list("body", "recipient__number")[: AT_MOST + 1])
    texts = Counter((body, number if by_country else "") for body, number in newest[:AT_MOST])
    found = list(_differences(tenant, before, after, texts))
    found.sort(key=lambda difference: (-difference.times, difference.text))
    differing = sum(difference.times for difference in found)
    return Bench(days, min(len(newest), AT_MOST), len(newest) > AT_MOST, _merged(found), differing)


def _differences(
    tenant: Tenant, before: Wording, after: Wording, texts: Counter[tuple[str, str]]
) -> Iterable[Difference]:
    for (body, number), times in texts.items():
        then = describe(before, before.read(body, tenant.language, number))
        now = describe(after, after.read(body, tenant.language, number))
        if then != now:
            yield Difference(body, times, then, now)


def _merged(found: list[Difference]) -> list[Difference]:
    """The same text from several countries, decided alike, is one line."""
    times: Counter[tuple[str, str, str]] = Counter()
    for difference in found:
        times[difference.text, difference.then, difference.now] += difference.times
    return [Difference(text, count, then, now) for (text, then, now), count in times.most_common()]


def describe(wording: Wording, verdict: Classification) -> str:
    """A decision in words, with the campaign or the reply of a keyword."""
    fact = wording.fact_behind(verdict.rule)
    if fact and fact.campaign:
        return f"Opted in to “{fact.campaign}”"
    if fact and fact.reply:
        said = "Answered" if verdict.intent == Intent.OTHER else SAID[verdict.intent]
        return f"{said} with “{fact.reply}”"
    return SAID[verdict.intent]
