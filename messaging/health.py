"""What is noted of a connection for whoever looks after it: refused webhooks, unknown events, failed calls, upkeep."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F

from accounts.models import ProviderAccount
from messaging.models import ConnectionHealth
from messaging.providers.base import RawWebhook, Rejected
from messaging.storable import clean

LONGEST_NOTED = 500
MOST_NOTED = 40


def health_of(account: ProviderAccount) -> ConnectionHealth:
    """The row of a connection, made when it is first needed."""
    row, _ = ConnectionHealth.objects.get_or_create(account=account, defaults={"tenant_id": account.tenant_id})
    return row


def note_rejection(account: ProviderAccount, raw: RawWebhook, refusal: Rejected) -> None:
    """Keep the latest refused webhook: what was called, what was compared, why it was refused. Never its body."""
    checked = dict(list(refusal.checked.items())[:MOST_NOTED])
    told: dict[str, Any] = {
        "why": str(refusal),
        "address": raw.address,
        "kind": raw.kind.value,
        "host": raw.headers.get("x-called-host", ""),
        "forwarded": _forwarded(raw),
        "size": len(raw.body),
        "content_type": raw.headers.get("content-type", ""),
        "user_agent": raw.headers.get("user-agent", ""),
        "checked": {clean(name)[:LONGEST_NOTED]: clean(value)[:LONGEST_NOTED] for name, value in checked.items()},
    }
    told = {name: clean(value)[:LONGEST_NOTED] if isinstance(value, str) else value for name, value in told.items()}
    note(account, rejected_at=raw.received_at, rejected_count=F("rejected_count") + 1, rejection=told)


def _forwarded(raw: RawWebhook) -> str:
    """What proxies in front of us say of themselves; not believed, but it helps whoever looks."""
    names = ("x-forwarded-proto", "x-forwarded-host", "forwarded")
    return ", ".join(f"{name}: {raw.headers[name]}" for name in names if raw.headers.get(name))


def count_unknown(account: ProviderAccount, kinds: str, count: int, now: datetime) -> None:
    """Count events that we do not know."""
    note(account, unknown_at=now, unknown_count=F("unknown_count") + count, unknown_kind=clean(kinds)[:120])


def note_failure(account: ProviderAccount, said: str, now: datetime) -> None:
    """Keep the latest failed call that was not about one recipient."""
    note(account, failed_at=now, failure=clean(said)[:LONGEST_NOTED])


def note_test(account: ProviderAccount, passed: bool, said: str, now: datetime) -> None:
    """Keep what the latest test of a connection said."""
    note(account, tested_at=now, test_passed=passed, test_said=clean(said)[:LONGEST_NOTED])


def note_upkeep(account: ProviderAccount, said: str, now: datetime, remembered: Mapping[str, Any]) -> None:
    """Keep what an upkeep did, and what the provider wants remembered of it."""
    told = {"upkeep_said": clean(said)[:LONGEST_NOTED], "upkeep_failed": False, "upkeep_failures": 0}
    note(account, **told, kept_up_at=now, remembered=dict(remembered))


def note_failed_upkeep(account: ProviderAccount, said: str) -> int:
    """Keep why an upkeep failed. Returns how many failed one after the other. What was remembered stays."""
    told = {"upkeep_said": clean(said)[:LONGEST_NOTED], "upkeep_failed": True}
    note(account, **told, upkeep_failures=F("upkeep_failures") + 1)
    return health_of(account).upkeep_failures


def want_upkeep(account: ProviderAccount) -> None:
    """Let the next upkeep be due at once: the settings are new."""
    note(account, keep_up_at=None)


def note(account: ProviderAccount, **values: Any) -> None:
    """Write fields of a connection's row."""
    row = health_of(account)
    ConnectionHealth.objects.filter(pk=row.pk).update(**values)


def remembered(account: ProviderAccount) -> Mapping[str, Any]:
    """What the provider wanted remembered at its last upkeep."""
    return dict(health_of(account).remembered)
