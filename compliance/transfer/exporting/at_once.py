"""A whole list at once, as the command line takes it."""

import io
from collections.abc import Callable
from typing import IO, Any

from django.db.models import QuerySet

from accounts.models import Tenant
from compliance.models import OptOut
from compliance.transfer.exporting.writing import FORMS, write_xlsx
from compliance.transfer.files import scratch_file


def export_opt_outs(tenant: Tenant, file_format: str, to: IO[bytes]) -> int:
    """Write the whole list of a business, lifted opt-outs included, oldest first. Returns the number of rows."""
    return WRITERS[file_format](OptOut.objects.for_tenant(tenant), to)


def _write(file_format: str) -> Callable[[QuerySet[Any], IO[bytes]], int]:
    form = FORMS[file_format]

    def write(rows: QuerySet[Any], to: IO[bytes]) -> int:
        to.write(form.begin)
        count = form.write(rows, to, False)
        to.write(form.end)
        return count

    return write


def _write_xlsx(rows: QuerySet[Any], to: IO[bytes]) -> int:
    with scratch_file() as draft:
        _write("xlsx")(rows, draft)
        draft.seek(0)
        return write_xlsx(io.TextIOWrapper(draft, encoding="utf-8", newline=""), to)


WRITERS: dict[str, Callable[[QuerySet[Any], IO[bytes]], int]] = {
    "csv": _write("csv"),
    "xlsx": _write_xlsx,
    "json": _write("json"),
}
