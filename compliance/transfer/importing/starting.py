"""What people decide of an import: the file, what its columns mean, and that it goes in."""

from dataclasses import replace
from datetime import datetime
from typing import IO

from django.db import transaction

from accounts.models import Tenant
from compliance.actors import Actor
from compliance.file_formats import format_of
from compliance.models import OptOutImport
from compliance.transfer import files, jobs
from compliance.transfer.importing.options import Options
from compliance.transfer.importing.reading import guess_options, look
from compliance.transfer.importing.running import begin_cursor

State, Stage = OptOutImport.State, OptOutImport.Stage
CAN_BE_READ_AGAIN = (Stage.MAPPING, Stage.CHECKING, Stage.READY)


def take_file(tenant: Tenant, name: str, content: IO[bytes], by: Actor, now: datetime) -> OptOutImport:
    """Keep an uploaded list, and guess what its columns mean. Raises UnreadableFile."""
    options = replace(guess_options(look(content, name), tenant), sheets=format_of(name).sheets(content))
    run: OptOutImport = OptOutImport.objects.create(
        tenant=tenant,
        source=files.keep_file(tenant, name, content, format_of(name).CONTENT_TYPE, now),
        state=State.DRAFT,
        options=options.as_json(),
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name,
        created_at=now,
    )
    return run


def can_be_read_again(run: OptOutImport) -> bool:
    """Whether a person may still say what the columns mean."""
    return run.state in (State.DRAFT, State.FAILED) and run.stage in CAN_BE_READ_AGAIN


@transaction.atomic
def confirm_columns(run: OptOutImport, options: Options, now: datetime) -> bool:
    """Check the list, read in this way. False where it is past that."""
    row = OptOutImport.objects.select_for_update().get(pk=run.pk)
    if not can_be_read_again(row):
        return False
    OptOutImport.objects.filter(pk=run.pk).update(state=State.DRAFT, finished_at=None)
    values = {"options": options.as_json(), "stage": Stage.CHECKING, "rows_done": 0, "rows_total": None}
    return jobs.start(run, now, **values)


@transaction.atomic
def begin(run: OptOutImport, checked: int, by: Actor, now: datetime) -> bool:
    """Import what was checked, in the name of whoever says so.

    checked: the staged list of the check that the person has seen. False where it is not the last one.
    """
    row = OptOutImport.objects.select_for_update().get(pk=run.pk)
    if row.state != State.DRAFT or row.stage != Stage.READY or row.staged_id != checked:
        return False
    who = {"actor_kind": by.kind, "actor_id": by.id, "actor_name": by.name}
    return jobs.start(run, now, stage=Stage.IMPORTING, cursor=begin_cursor(now), rows_done=0, counts={}, **who)
