"""Reading a provider's list, page by page; what we did not know of is taken over at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.local_time import say_day
from accounts.models import OptOutScope
from compliance import opt_outs
from compliance.bulk_reads import read_active_blocks
from compliance.models import Consent
from compliance.state import Block, RecipientState
from messaging import learning
from messaging.connections import calling
from messaging.models import Difference, Reconciliation
from messaging.providers.base import ConsentChange
from messaging.providers.capabilities import CallFailed, ListsOptOuts
from messaging.receiving import believe, is_believed
from messaging.reconciling.work import Work, add_new, written_by_us

Kind, State, Stage = Difference.Kind, Difference.State, Reconciliation.Stage

CAUSES = {
    "recipient": "The person replied STOP to a text that did not pass through us, or its webhook never reached us.",
    "business": "Somebody entered it at the provider.",
    "carrier": "The carrier reported it to the provider.",
    "": "The provider does not say who asked. Its webhook may not have reached us: look at the connection's diagnosis.",
}
BEFORE_US = "It was on the provider's list before this connection was made here."
BACK_HERE = "The person opted back in here on {day}, after this entry was made; texts are still refused over there."
BACK_HERE_UNDATED = (
    "The person opted back in here on {day}, and the provider does not say when this entry was made; "
    "opt them out here if it is newer."
)
WRITTEN_BY_US = "We wrote it there; the opt-out that it was for has been lifted or undone here since."
ASKED_THERE = ("recipient", "carrier")  # whoever wrote the entry first, by now it is the person's own


def read_page(work: Work) -> None:
    """Read one page, take over what is unknown, and save how far we are. Raises CallFailed."""
    provider = work.provider
    if not isinstance(provider, ListsOptOuts):
        work.save(stage=Stage.COMPARING)
        return
    asked_at = timezone.now()
    with calling(work.account):
        page = provider.read_list(work.settings, work.run.next_page, work.senders)
    if page.next_page and page.next_page == work.run.next_page:
        raise CallFailed("The provider's list goes on at the page that was just read.")
    entries = [_tidy(work, entry, asked_at) for entry in page.entries if entry.opted_out]
    _take_over_unknown(work, entries, asked_at)
    with transaction.atomic():
        work.keep_listed(
            work.listed(entry.recipient, entry.sender, by=entry.by[:16], changed_at=entry.changed_at)
            for entry in entries
        )
        stage = Stage.READING if page.next_page else Stage.COMPARING
        read = work.run.entries_read + len(entries)
        work.save(next_page=page.next_page, stage=stage, entries_read=read, failures=0, error="")


def _tidy(work: Work, entry: ConsentChange, asked_at: datetime) -> ConsentChange:
    at = believe(entry.changed_at, asked_at) if is_believed(entry.changed_at) else None
    return replace(learning.tidy(entry, work.account.tenant.country), changed_at=at)


def _take_over_unknown(work: Work, entries: list[ConsentChange], asked_at: datetime) -> None:
    """Each entry that we had not: opted out here too, or, where the person has come back since, told to a person."""
    numbers = [entry.recipient for entry in entries]
    known: dict[str, list[Block]] = {}
    for number, block in read_active_blocks(work.run.tenant_id, numbers):
        known.setdefault(number, []).append(block)
    ours = written_by_us(work, numbers)
    for entry in entries:
        behind = None if entry.by in ASKED_THERE else ours.get((entry.recipient, entry.sender))
        if not _is_known(entry, known.get(entry.recipient, ()), behind):
            _take_over(work, entry, asked_at, is_ours=behind is not None)


def _is_known(entry: ConsentChange, blocks: Sequence[Block], behind: int | None) -> bool:
    """behind: our opt-out that we wrote the entry for. It may be the business's own, which is nobody's request."""
    return any(
        block.id == behind or (block.by_recipient and (block.scope == "tenant" or block.sender == entry.sender))
        for block in blocks
    )


def _take_over(work: Work, entry: ConsentChange, asked_at: datetime, *, is_ours: bool) -> None:
    """Under the recipient's lock, so that a START that comes meanwhile counts; with its difference, or not at all."""
    now = timezone.now()
    with transaction.atomic():
        state = opt_outs.lock_recipient(work.run.tenant_id, entry.recipient, now)
        back = WRITTEN_BY_US if is_ours else _why_back(entry, _back_at(entry, state), work.account.tenant.time_zone)
        if back:
            add_new([work.note(Kind.BACK_HERE, entry.recipient, entry.sender, cause=back, at=entry.changed_at)])
            return
        row = learning.take_over(state, work.account, entry, asked_at, now)
        found = work.note(
            Kind.UNKNOWN_TO_US,
            entry.recipient,
            entry.sender,
            state=State.TAKEN_OVER if row else State.OPEN,
            opt_out_id=row.pk if row else None,
            cause=_cause_of(work, entry),
            at=entry.changed_at,
        )
        add_new([found])


def _back_at(entry: ConsentChange, state: RecipientState) -> datetime | None:
    """When the person last opened what the entry closes: a START to another company number opens only that one."""
    if state.opted_in_at is None or not entry.sender:
        return state.opted_in_at
    opened = Consent.objects.filter(recipient_id=state.locked_id, reopens=True)
    opened = opened.filter(Q(scope=OptOutScope.TENANT) | Q(sender=entry.sender))
    return opened.order_by("given_at").values_list("given_at", flat=True).last()


def _why_back(entry: ConsentChange, back_at: datetime | None, time_zone: str) -> str:
    """What is told of an entry that is older than the person's return; "" for one that is not."""
    if back_at is None or (entry.changed_at and not opt_outs.is_earlier(entry.changed_at, back_at)):
        return ""
    said = BACK_HERE if entry.changed_at else BACK_HERE_UNDATED
    return said.format(day=say_day(back_at, time_zone))


def _cause_of(work: Work, entry: ConsentChange) -> str:
    if entry.changed_at and entry.changed_at < work.account.created_at:
        return BEFORE_US
    return CAUSES.get(entry.by, CAUSES[""])
