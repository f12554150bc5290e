"""Lists that go in: uploaded, checked and imported as a person and the workers do it."""

import io
from typing import Any

from django.utils import timezone

from compliance.admin.opt_outs import actor_of
from compliance.models import OptOutImport
from compliance.transfer import files, working
from compliance.transfer.importing import starting
from compliance.transfer.importing.options import Options
from tests.builders import Business

COLUMNS = "recipient,opted_out_at,reason\n"


def upload_list(
    business: Business, content: str | bytes = COLUMNS + "+12125550177,,\n", name: str = ""
) -> OptOutImport:
    """A list that a compliance officer has uploaded; what its columns mean is guessed."""
    raw = content.encode() if isinstance(content, str) else content
    who = actor_of(business.user("compliance_officer"))
    name = name or f"{business.tenant.slug}.csv"
    return starting.take_file(business.tenant, name, io.BytesIO(raw), who, timezone.now())


def check_list(run: OptOutImport, **changed: Any) -> OptOutImport:
    """Confirm the columns, some of the options changed, and let a worker check the list."""
    options = Options.from_json({**run.options, **changed})
    assert starting.confirm_columns(run, options, timezone.now())
    return work(run)


def import_list(run: OptOutImport) -> OptOutImport:
    """Say that a checked list goes in, and let the workers do it."""
    who = actor_of(OptOutImport.objects.get(pk=run.pk).tenant.users.get(role="compliance_officer"))
    assert starting.begin(run, run.staged_id or 0, who, timezone.now())
    return work(run)


def work(run: OptOutImport) -> OptOutImport:
    """As many stretches as it takes."""
    run.refresh_from_db()
    while run.is_under_way:
        working.go_on(run.key)
        run.refresh_from_db()
    return run


def read_file(run: OptOutImport, which: str) -> str:
    with files.open_file(getattr(run, which)) as content:
        return str(content.read().decode("utf-8-sig"))
