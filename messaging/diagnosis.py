"""How a connection is, from what was noted of it: at a glance, and why its webhooks are refused."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.timesince import timesince

from accounts.models import ProviderAccount
from messaging.models import ConnectionHealth, InboundMessage, OutboundMessage, Reconciliation, WebhookDelivery

RECENT = timedelta(days=2)
WENT_WELL = (OutboundMessage.Status.SENT, OutboundMessage.Status.DELIVERED)
WORDS = {"red": "Needs you", "orange": "Look at it", "green": "Works", "grey": "Switched off"}


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing to be said of a connection, with how bad it is: green, orange or red."""

    colour: str
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A connection at a glance: the worst of its signs stands first."""

    colour: str
    word: str
    signs: list[Sign]

    @property
    def says(self) -> str:
        return self.signs[0].says


@dataclass(frozen=True, slots=True)
class Hint:
    """Why webhooks may be refused, and what to do."""

    title: str
    says: str
    is_likely: bool


@cache
def words() -> Mapping[str, Any]:
    """The sentences of `connection_words.toml`."""
    return tomllib.loads((Path(__file__).parent / "connection_words.toml").read_text(encoding="utf-8"))


def with_signs(rows: QuerySet[ProviderAccount]) -> QuerySet[Any]:
    """Connections with what their verdict needs, in one query: each sign is the top of an index."""
    own = OuterRef("pk")
    came = InboundMessage.objects.filter(account=own).order_by("-received_at")
    went = OutboundMessage.objects.filter(account=own, claimed_at__isnull=False).order_by("-claimed_at")
    compared = Reconciliation.objects.filter(account=own).order_by("-started_at")
    return rows.select_related("health", "tenant").annotate(
        last_in=Subquery(came.values("received_at")[:1]),
        last_out=Subquery(went.values("claimed_at")[:1]),
        last_out_status=Subquery(went.values("status")[:1]),
        compared_stage=Subquery(compared.values("stage")[:1]),
        compared_error=Subquery(compared.values("error")[:1]),
        has_kept=Exists(WebhookDelivery.objects.waiting().filter(account=own)),
    )


def health_of(row: ProviderAccount) -> ConnectionHealth:
    """What was noted of a connection; an empty row where nothing was."""
    try:
        health: ConnectionHealth = row.health
    except ConnectionHealth.DoesNotExist:
        return ConnectionHealth(account=row, tenant_id=row.tenant_id)
    return health


def verdict_of(row: Any, now: datetime) -> Verdict:
    """How a connection is. row: one of `with_signs`."""
    if not row.is_active:
        off = Sign("grey", "No text leaves through it. What arrives is still taken in, and a STOP counts.")
        return Verdict("grey", WORDS["grey"], [off])
    order = ("red", "orange", "green")
    signs = sorted(_signs(row, health_of(row), now), key=lambda sign: order.index(sign.colour))
    return Verdict(signs[0].colour, WORDS[signs[0].colour], signs)


def _signs(row: Any, health: ConnectionHealth, now: datetime) -> Iterator[Sign]:
    if health.upkeep_failed:
        yield Sign("red", f"Its upkeep fails: {health.upkeep_said}")
    yield from _failed_calls(row, health, now)
    yield from _refused_webhooks(row, health, now)
    if row.has_kept:
        yield Sign("orange", "A webhook could not be applied; it waits among the failed deliveries.")
    if row.compared_stage == Reconciliation.Stage.FAILED:
        yield Sign("orange", f"The last comparison of the opt-out lists was given up: {row.compared_error}")
    if row.last_in is None:
        yield Sign("orange", "No text has arrived by it yet. Follow the steps on its page, then text a number.")
    else:
        yield Sign("green", f"The last text arrived {_ago(row.last_in, now)}.")
    if row.last_out:
        yield Sign("green", f"The last text left {_ago(row.last_out, now)}.")


def _failed_calls(row: Any, health: ConnectionHealth, now: datetime) -> Iterator[Sign]:
    if health.tested_at and not health.test_passed:
        yield Sign("red", f"The last test, {_ago(health.tested_at, now)}, failed: {health.test_said}")
    elif health.tested_at:
        yield Sign("green", f"The last test, {_ago(health.tested_at, now)}, passed.")
    if health.failed_at is None or now - health.failed_at > RECENT:
        return
    has_recovered = row.last_out and row.last_out > health.failed_at and row.last_out_status in WENT_WELL
    yield Sign(
        "orange" if has_recovered else "red",
        f"The provider refused a call {_ago(health.failed_at, now)}: {health.failure}",
    )


def _refused_webhooks(row: Any, health: ConnectionHealth, now: datetime) -> Iterator[Sign]:
    """Refusals after the last text that arrived mean that none arrives; before it, that somebody else calls as well."""
    if health.rejected_at is None:
        return
    refused = f"{_ago(health.rejected_at, now)}: {health.rejection.get('why', '')}"
    if row.last_in is None or health.rejected_at > row.last_in:
        yield Sign("red", f"Webhooks are refused, the last one {refused}")
    elif now - health.rejected_at < RECENT:
        yield Sign("orange", f"A webhook was refused {refused}")


def _ago(moment: datetime, now: datetime) -> str:
    return "just now" if now - moment < timedelta(minutes=1) else f"{timesince(moment, now, depth=1)} ago"


def hints_of(rejection: Mapping[str, Any]) -> list[Hint]:
    """What may be behind a refused webhook, the likely first."""
    why = str(rejection.get("why", "")).lower()
    found = []
    for cause in words()["cause"]:
        is_likely = any(word in why for word in cause["when"])
        if cause["name"] == "address":
            is_likely = is_likely or ("address" in rejection.get("checked", {}) and calls_elsewhere(rejection))
        found.append(Hint(cause["title"], cause["says"], is_likely))
    return sorted(found, key=lambda hint: not hint.is_likely)


def proof_said(proof: str) -> str:
    """What a webhook's authentication proved, in a sentence."""
    return str(words()["proofs"].get(proof, proof))


def failure_said(failure: Mapping[str, Any]) -> str:
    """Why a provider did not deliver, with its own code and words; "" where there is no failure."""
    if not failure:
        return ""
    told = ": ".join(part for part in (failure.get("code"), failure.get("text")) if part)
    meaning = words()["failures"].get(failure.get("kind"), words()["failures"]["other"])
    return f"{meaning} ({told})" if told else str(meaning)


def calls_elsewhere(rejection: Mapping[str, Any]) -> bool:
    """Whether a refused webhook was sent to another host than PUBLIC_URL names."""
    host = str(rejection.get("host", "")).lower()
    return bool(host) and host.removesuffix(":443").removesuffix(":80") != urlsplit(settings.PUBLIC_URL).netloc.lower()


def is_reachable(address: str) -> bool:
    """Whether a provider could call an address: not one of this machine alone."""
    host = urlsplit(address).hostname or ""
    return host not in ("localhost", "127.0.0.1", "::1") and not host.endswith(".local")
