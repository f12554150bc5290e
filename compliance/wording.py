"""A business's own keywords and replies, compiled and kept by this process until their version changes.

The version stands on the business's row, which every door has loaded, so that an incoming text pays no query for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from accounts.models import Tenant
from accounts.phone import country_of
from compliance.classifier import Classification, classify
from compliance.keywords import Lexicon, OwnKeyword, extend
from compliance.models import Keyword, ReplyTemplate
from compliance.replies import NO_OWN_TEXTS, OwnText, OwnTexts, render_reply
from compliance.text_rules.instructions import NO_OWN_WORDS, OwnWords

OWN = "own."
_INTENTS: dict[str, str] = {Keyword.Meaning.CAMPAIGN: "opt_in", Keyword.Meaning.ANSWER: "other"}
_ANYWHERE = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a keyword of the business, as plain values."""

    id: str
    word: str
    meaning: str
    language: str = ""
    country: str = ""
    reply: str = ""
    campaign: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """A business's own words: laid over the lists, by the country of the recipient, and its replies."""

    facts: Mapping[str, Fact] = field(default_factory=dict)
    lexicons: Mapping[str, Lexicon | None] = field(default_factory=dict)
    texts: OwnTexts = field(default_factory=dict)
    own_words: OwnWords = NO_OWN_WORDS

    def read(self, text: str, language: str, number: str = "") -> Classification:
        """What a text asks for, by the lists and the business's own words for the country of the sender's number."""
        country = country_of(number) if number and len(self.lexicons) > 1 else _ANYWHERE
        return classify(text, language, self.lexicons.get(country, self.lexicons.get(_ANYWHERE)))

    def fact_behind(self, rule: str) -> Fact | None:
        """The keyword that a decision rests on; None where it rests on the lists."""
        return self.facts.get(rule.rsplit(".", 1)[-1]) if rule.startswith(OWN) else None


NOTHING = Wording()
_kept: dict[int, tuple[UUID, Wording]] = {}


def wording_of(tenant: Tenant) -> Wording:
    """The business's own words. Queries only where they changed since this process read them last."""
    version = tenant.wording_version
    if version is None:
        return NOTHING
    kept = _kept.get(tenant.pk)
    if kept is None or kept[0] != version:
        # Read after the version, so they are at least as new: what is kept under a version is never older than it.
        kept = _kept[tenant.pk] = (version, _load(tenant))
    return kept[1]


def compile_wording(facts: Iterable[Fact], texts: OwnTexts = NO_OWN_TEXTS) -> Wording:
    """Lay keywords over the lists. Raises ValueError for a word that may not mean what it is listed with."""
    found = {fact.id: fact for fact in facts}
    countries = {_ANYWHERE, *(fact.country for fact in found.values())}
    off = frozenset(fact.word for fact in found.values() if fact.meaning == Keyword.Meaning.OFF)
    added = frozenset(fact.word for fact in found.values() if fact.meaning == Keyword.Meaning.OPT_OUT)
    lexicons = {country: _lexicon(found.values(), country) for country in countries} if found else {}
    return Wording(found, lexicons, texts, OwnWords(added, off) if off or added else NO_OWN_WORDS)


def _lexicon(facts: Iterable[Fact], country: str) -> Lexicon:
    """The lists for the recipients of a country: a word for that country goes before the same word for all."""
    here = sorted((fact for fact in facts if fact.country in (_ANYWHERE, country)), key=lambda fact: fact.country)
    chosen = {fact.word: fact for fact in here}.values()
    own = [
        OwnKeyword(fact.id, _INTENTS.get(fact.meaning, fact.meaning), (fact.word,), fact.language)
        for fact in chosen
        if fact.meaning != Keyword.Meaning.OFF
    ]
    return extend(own, [fact.word for fact in chosen if fact.meaning == Keyword.Meaning.OFF])


def _load(tenant: Tenant) -> Wording:
    rows = Keyword.objects.for_tenant(tenant).filter(is_active=True).select_related("reply").order_by("pk")
    return compile_wording([fact_of(row) for row in rows], _texts_of(tenant))


def fact_of(row: Keyword) -> Fact:
    """A keyword as plain values."""
    reply = row.reply.name if row.reply and row.reply.is_active else ""
    return Fact(str(row.pk), row.folded, row.meaning, row.language, row.country, reply, row.campaign, row.wording)


def _texts_of(tenant: Tenant) -> dict[tuple[str, str], dict[str, OwnText]]:
    found: dict[tuple[str, str], dict[str, OwnText]] = {}
    for row in ReplyTemplate.objects.for_tenant(tenant).filter(is_active=True):
        found.setdefault((row.kind, row.name), {})[row.language] = OwnText(row.body, row.frequency)
    return found


def say(
    tenant: Tenant,
    kind: str,
    language: str,
    *,
    number_scope: bool = False,
    company_number: str = "",
    name: str = "",
) -> str:
    """A reply of the business, filled in, in the language of the word or the conversation."""
    return render_reply(
        kind,
        language,
        brand=tenant.brand_name,
        help_contact=tenant.help_contact,
        number_scope=number_scope,
        or_language=tenant.language,
        name=name,
        own=wording_of(tenant).texts,
        company_number=company_number,
    )
