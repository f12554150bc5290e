"""Writing ours to a provider's list, and taking off it what has come back here."""

import time
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from compliance.bulk_reads import read_active_blocks
from compliance.models import OptOut
from messaging.connections import calling
from messaging.models import Difference, ListedNumber, Reconciliation
from messaging.providers.capabilities import CallFailed, ItemResult, ListItem, ReleasesOptOuts, TakesOptOuts
from messaging.reconciling.work import Work

Kind, State, Stage = Difference.Kind, Difference.State, Reconciliation.Stage


class CantBeSettled(ValueError):
    """A difference that can't be brought together now; the message says why."""


def write_batch(work: Work) -> None:
    """Write the next differences to the provider where the business chose so; at the end the run is done.

    Raises CallFailed.
    """
    provider = work.provider
    if work.run.writes_ours and isinstance(provider, TakesOptOuts):
        if rows := list(_open(work, Kind.MISSING_THERE)[: provider.batch_size]):
            _write(work, provider, rows, "")
            time.sleep(provider.pause_seconds)
            return
        # An entry without a date may be newer than the return: only a person takes that off.
        dated = _open(work, Kind.BACK_HERE).exclude(at=None)
        if isinstance(provider, ReleasesOptOuts) and (rows := list(dated[: provider.batch_size])):
            _release(work, provider, rows, "")
            time.sleep(provider.pause_seconds)
            return
    _finish(work)


def what_settles(difference: Difference) -> str:
    """The words of the button that would settle a difference; "" where nothing can be done from here."""
    if difference.state not in (State.OPEN, State.REFUSED):
        return ""
    provider = Work(difference.run, difference.run.account).provider
    if difference.kind == Kind.MISSING_THERE and isinstance(provider, TakesOptOuts):
        return "Write it to the provider's list"
    if difference.kind == Kind.BACK_HERE and isinstance(provider, ReleasesOptOuts):
        return "Take it off the provider's list"
    return ""


def settle(difference: Difference, by: str, now: datetime) -> Difference:
    """Bring one difference together because a person asks for it. Raises CantBeSettled with a sentence."""
    run = difference.run
    work = Work(run, run.account)
    provider = work.provider
    try:
        if difference.kind == Kind.MISSING_THERE and isinstance(provider, TakesOptOuts):
            _write(work, provider, [difference], by)
        elif difference.kind == Kind.BACK_HERE and isinstance(provider, ReleasesOptOuts):
            _release(work, provider, [difference], by)
        else:
            raise CantBeSettled("The provider's list can't be changed from here; change it over there.")
    except CallFailed as error:
        raise CantBeSettled(str(error)) from None
    if not Difference.objects.filter(pk=difference.pk).exists():
        raise CantBeSettled("Nothing is left to do: the lists have come together meanwhile.")
    difference.refresh_from_db()
    return difference


def _open(work: Work, kind: Difference.Kind) -> QuerySet[Difference]:
    return Difference.objects.filter(run=work.run, kind=kind, state=State.OPEN).order_by("id")


def _write(work: Work, provider: TakesOptOuts, rows: Sequence[Difference], by: str) -> None:
    standing = set(
        OptOut.objects.filter(pk__in=[row.opt_out_id for row in rows], status=OptOut.Status.ACTIVE).values_list(
            "pk", flat=True
        )
    )
    asked = _drop(rows, [row for row in rows if row.opt_out_id in standing])
    with calling(work.account):
        results = provider.add_to_list(work.settings, _items(asked)) if asked else []
    _save(work, asked, results, State.WRITTEN, by)


def _release(work: Work, provider: ReleasesOptOuts, rows: Sequence[Difference], by: str) -> None:
    blocked = {number for number, _ in read_active_blocks(work.run.tenant_id, [row.number for row in rows])}
    asked = _drop(rows, [row for row in rows if row.number not in blocked])
    with calling(work.account):
        results = provider.remove_from_list(work.settings, _items(asked)) if asked else []
    _save(work, asked, results, State.RELEASED, by)


def _drop(rows: Sequence[Difference], kept: list[Difference]) -> list[Difference]:
    """What has changed here since it was compared is no difference any more."""
    gone = {row.pk for row in rows} - {row.pk for row in kept}
    Difference.objects.filter(pk__in=gone).delete()
    return kept


def _items(rows: Sequence[Difference]) -> list[ListItem]:
    return [ListItem(row.number, row.sender, row.at) for row in rows]


def _save(
    work: Work, rows: Sequence[Difference], results: Sequence[ItemResult], done: Difference.State, by: str
) -> None:
    errors = {(result.item.recipient, result.item.sender): result.error for result in results}
    for row in rows:
        row.error = errors.get((row.number, row.sender), "The provider did not say what became of it.")
        row.state, row.changed_by = State.REFUSED if row.error else done, by
    agreed = [row for row in rows if not row.error]
    with transaction.atomic():
        Difference.objects.bulk_update(rows, ["state", "error", "changed_by"])
        if done == State.WRITTEN:
            work.keep_listed(work.listed(row.number, row.sender, changed_at=row.at) for row in agreed)
            work.save(written=work.run.written + len(agreed))
        else:
            for row in agreed:
                ListedNumber.objects.filter(account=work.account, number=row.number, sender=row.sender).delete()


def _finish(work: Work) -> None:
    """Count what was found; what earlier comparisons left standing is told by this one."""
    found = Difference.objects.filter(run=work.run)
    earlier = Difference.objects.filter(run__account=work.account, run__tenant_id=work.run.tenant_id)
    with transaction.atomic():
        earlier.exclude(run=work.run).filter(state__in=(State.OPEN, State.REFUSED)).delete()
        work.save(
            stage=Stage.DONE,
            finished_at=timezone.now(),
            taken_over=found.filter(kind=Kind.UNKNOWN_TO_US, state=State.TAKEN_OVER).count(),
            only_there=found.filter(kind=Kind.BACK_HERE).count(),
            missing_there=found.filter(kind=Kind.MISSING_THERE).count(),
        )
