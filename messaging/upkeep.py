"""What runs out by itself at a provider, such as a subscription: renewed in time, by one worker at a time.

The row that says when the next upkeep is due is the claim too: whoever moves it ahead does the upkeep. A worker that
dies leaves a connection that is due again some minutes later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from accounts.models import ProviderAccount
from messaging import health
from messaging.connections import calling, webhook_addresses
from messaging.models import ConnectionHealth
from messaging.providers import find_provider, providers_that
from messaging.providers.capabilities import CallFailed, NeedsUpkeep, Upkeep

log = structlog.get_logger(__name__)

TAKEN_FOR = timedelta(minutes=5)
USUAL = timedelta(hours=6)  # where a provider does not say when it wants to be looked after again
SHORTEST = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """An upkeep that is ours to do. until: what the row says meanwhile; it says something else when settings change."""

    account: ProviderAccount
    provider: NeedsUpkeep
    until: datetime


def find_due(now: datetime) -> list[int]:
    """The connections that want to be looked after, switched off ones included: what they receive is taken in."""
    due = Q(health=None) | Q(health__keep_up_at=None) | Q(health__keep_up_at__lte=now)
    rows = ProviderAccount.objects.filter(due, provider__in=providers_that(NeedsUpkeep), tenant__is_active=True)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def keep_up(account_id: int) -> bool | None:
    """Look after one connection, with no transaction open. None where it is not due, or another worker is at it.

    What goes wrong is noted for a person and tried again after a growing pause.
    """
    claim = _claim(account_id, timezone.now())
    if claim is None:
        return None
    account = claim.account
    try:
        with calling(account):
            done = claim.provider.keep_up(account.settings, webhook_addresses(account), health.remembered(account))
    except CallFailed as failure:
        _note_failure(claim, str(failure), failure.retry_after_seconds)
        return False
    except Exception as error:  # secrets that no key opens, an answer that nobody foresaw: the others must not wait
        log.exception("upkeep_broke", connection=account.pk)
        _note_failure(claim, f"Our own error: {error!r}", None)
        return False
    _note_success(claim, done)
    return True


def keep_up_now(account: ProviderAccount) -> bool | None:
    """Look after a connection because a person asks for it, whenever it would be due."""
    health.want_upkeep(account)
    return keep_up(account.pk)


def _claim(account_id: int, now: datetime) -> Claim | None:
    account = ProviderAccount.objects.select_related("tenant").get(pk=account_id)
    provider = find_provider(account.provider)
    if not isinstance(provider, NeedsUpkeep):
        return None
    health.health_of(account)
    due = Q(keep_up_at=None) | Q(keep_up_at__lte=now)
    until = now + TAKEN_FOR
    if not ConnectionHealth.objects.filter(due, account=account).update(keep_up_at=until):
        return None
    account.refresh_from_db(fields=["encrypted_settings", "private_allowed"])  # those that the claim answers for
    return Claim(account, provider, until)


def _note_success(claim: Claim, done: Upkeep) -> None:
    now = timezone.now()
    health.note_upkeep(claim.account, done.says, now, remembered=dict(done.remembered))
    _set_next(claim, max(done.due_at or now + USUAL, now + SHORTEST))


def _note_failure(claim: Claim, said: str, retry_after_seconds: float | None) -> None:
    log.warning("upkeep_failed", connection=claim.account.pk, why=said)
    failures = health.note_failed_upkeep(claim.account, said)
    pause = min(SHORTEST * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
    asked = timedelta(seconds=min(retry_after_seconds or 0, LONGEST_PAUSE.total_seconds()))
    _set_next(claim, timezone.now() + max(pause, asked))


def _set_next(claim: Claim, at: datetime) -> None:
    """Not where somebody changed the settings meanwhile: then the connection is due at once."""
    ConnectionHealth.objects.filter(account=claim.account, keep_up_at=claim.until).update(keep_up_at=at)
