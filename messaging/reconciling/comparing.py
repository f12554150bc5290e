"""Finding what is on our list and not on the provider's, in batches that remember how far they came."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from accounts.models import OptOutScope
from compliance.models import OptOut
from messaging.models import Difference, ListedNumber, Reconciliation
from messaging.providers.capabilities import ListsOptOuts, TakesOptOuts
from messaging.reconciling.work import Work, add_new

BATCH = 2000
NEVER_THERE = (
    "It was recorded here and never written to the provider; the person may have opted out on another number, "
    "by phone, on the web page or by an import."
)
Kind, Stage = Difference.Kind, Reconciliation.Stage


def compare_batch(work: Work) -> None:
    """Compare the next of our opt-outs, and save how far we are."""
    rows = list(_next_rows(work))
    listed = _listed(work, {row["recipient__number"] for row in rows})
    missing = [
        work.note(
            Kind.MISSING_THERE,
            row["recipient__number"],
            sender,
            cause=NEVER_THERE,
            opt_out_id=row["id"],
            at=row["opted_out_at"],
        )
        for row in rows
        for sender in wanted_senders(work, row["scope"], row["sender"])
        if not {(row["recipient__number"], sender), (row["recipient__number"], "")} & listed
    ]
    with transaction.atomic():
        add_new(missing)
        if len(rows) == BATCH:
            work.save(reached=rows[-1]["id"])
        else:
            work.save(stage=Stage.WRITING)


def _next_rows(work: Work) -> Any:
    rows = OptOut.objects.filter(tenant_id=work.run.tenant_id, status=OptOut.Status.ACTIVE, id__gt=work.run.reached)
    return rows.order_by("id").values("id", "recipient__number", "scope", "sender", "opted_out_at")[:BATCH]


def _listed(work: Work, numbers: set[str]) -> set[tuple[str, str]]:
    """What stands over there: as read by this run, or, where a list can't be read, as we wrote it."""
    rows = ListedNumber.objects.filter(account=work.account, number__in=numbers)
    if isinstance(work.provider, ListsOptOuts):
        rows = rows.filter(seen_in=work.run)
    return set(rows.values_list("number", "sender"))


def wanted_senders(work: Work, scope: str, sender: str) -> Iterator[str]:
    """The entries that an opt-out of ours would be over there: "" is one for the whole account.

    An opt-out of one company number is no entry of a list that knows none but whole accounts.
    """
    per_sender = isinstance(work.provider, TakesOptOuts) and work.provider.per_sender
    if scope == OptOutScope.NUMBER:
        if sender in work.senders and (per_sender or len(work.senders) == 1):
            yield sender if per_sender else ""
    elif per_sender:
        yield from work.senders
    else:
        yield ""
