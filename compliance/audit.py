"""Does the record hold? Triggers stand, every state follows from its history, and evidence is what it was."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q

from compliance.evidence import digest_of
from compliance.models import Consent, Evidence, OptOut, Recipient
from compliance.triggers import expected_triggers, installed_triggers

CHUNK = 2_000
_TRACKED = [field.attname for field in OptOut.history.model.tracked_fields]
_STATUS_AFTER = {
    OptOut.Action.OPTED_OUT: OptOut.Status.ACTIVE,
    OptOut.Action.LIFTED: OptOut.Status.LIFTED,
    OptOut.Action.UNDONE: OptOut.Status.LIFTED,
}


def find_faults() -> Iterator[str]:
    """Every sentence is one thing that does not hold. Reads all opt-outs in chunks; memory stays flat."""
    yield from _missing_triggers()
    yield from _changed_evidence()
    yield from _orphaned_history()
    yield from _lost_recipients()
    yield from _wrong_consents()
    ids: list[int] = []
    for pk in OptOut.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=CHUNK):
        ids.append(pk)
        if len(ids) == CHUNK:
            yield from _check_states(ids)
            ids = []
    yield from _check_states(ids)


def faults_of(opt_out_ids: list[int]) -> Iterator[str]:
    """The same for a few opt-outs: whether the record was protected, and their states follow from their histories."""
    yield from _missing_triggers()
    yield from _check_states(opt_out_ids)


def _missing_triggers() -> Iterator[str]:
    standing = installed_triggers(connection)
    for trigger in expected_triggers(connection.vendor):
        if trigger.name not in standing:
            yield f"Trigger {trigger.name} on {trigger.table} is missing, altered or switched off."


def _changed_evidence() -> Iterator[str]:
    for row in Evidence.objects.order_by("pk").iterator(chunk_size=CHUNK):
        if digest_of(row) != row.digest:
            yield f"Evidence {row.pk} does not match its digest."


def _orphaned_history() -> Iterator[str]:
    row = OptOut.objects.filter(pk=OuterRef("id"))
    for history_id in OptOut.history.filter(~Exists(row)).values_list("history_id", flat=True).iterator():
        yield f"History {history_id} belongs to an opt-out that is gone."


def _lost_recipients() -> Iterator[str]:
    recipient = Recipient.objects.filter(pk=OuterRef("recipient_id"), tenant=OuterRef("tenant_id"))
    for pk in OptOut.objects.filter(~Exists(recipient)).values_list("pk", flat=True).iterator():
        yield f"The recipient of opt-out {pk} is gone."


def _wrong_consents() -> Iterator[str]:
    """What the gate asks of a recipient must follow from the consents, which triggers keep."""
    given = Prefetch("consents", Consent.objects.filter(awaits_yes=False).order_by(), to_attr="given")
    agreed = Exists(Consent.objects.filter(recipient=OuterRef("pk")))
    rows = Recipient.objects.filter(agreed | ~Q(opted_in_for=[])).order_by("pk").prefetch_related(given)
    for row in rows.iterator(chunk_size=CHUNK):
        if row.opted_in_for != sorted({consent.covered for consent in row.given}):
            yield f"Recipient {row.pk} counts as agreed for other numbers than its consents say."


def _check_states(ids: list[int]) -> Iterator[str]:
    rows = {row["id"]: row for row in OptOut.objects.filter(pk__in=ids).values(*_TRACKED)}
    history = OptOut.history.filter(id__in=ids).order_by("id", "history_id")
    chains = {pk: list(chain) for pk, chain in groupby(history.values(), key=lambda change: change["id"])}
    digests = dict(Evidence.objects.filter(pk__in=_evidence_ids(chains.values())).values_list("pk", "digest"))
    for pk, row in rows.items():
        yield from _check_chain(pk, row, chains.get(pk, []), digests)


def _evidence_ids(chains: Iterable[list[dict[str, Any]]]) -> set[int]:
    return {change["evidence_id"] for chain in chains for change in chain}


def _check_chain(pk: int, row: dict[str, Any], chain: list[dict[str, Any]], digests: dict[int, str]) -> Iterator[str]:
    """A chain begins with a creation, every step follows from the one before, and the last one is the row."""
    if not chain:
        yield f"Opt-out {pk} has no history."
        return
    if [change["history_type"] for change in chain] != ["+"] + ["~"] * (len(chain) - 1):
        yield f"The history of opt-out {pk} does not begin with its creation."
    previous = ""
    for change in chain:
        if digests.get(change["evidence_id"]) != change["evidence_digest"]:
            yield f"History {change['history_id']} of opt-out {pk} does not match its evidence."
        if change["status"] != _STATUS_AFTER.get(change["action"], previous or change["status"]):
            yield f"History {change['history_id']} of opt-out {pk} does not follow from the change before it."
        previous = change["status"]
    differing = [name for name in _TRACKED if row[name] != chain[-1][name]]
    if differing:
        yield f"Opt-out {pk} differs from its history in: {', '.join(differing)}."
