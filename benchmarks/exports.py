"""An export of a million rows as a worker makes it, beside plain COPY of the same rows and columns, in the same run.

Beside them the stock django-import-export path on a sample. Each way runs in a process of its own, so that its peak
memory is its own.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 3
SAMPLE = 20_000
AIM = 0.5


def report() -> None:
    """Print one line per way, on the list that the seed has made."""
    runs = [{way: _measure(way) for way in ("copy", "csv")} for _ in range(ROUNDS)]
    floor, ours = (statistics.median(run[way]["rate"] for run in runs) for way in ("copy", "csv"))
    peak, alone = (max(run[way]["peak_mb"] for run in runs) for way in ("csv", "copy"))
    name = "export of 1,000,000 / COPY out"
    rates = f"ours {ours:>9,.0f}/s   floor {floor:>9,.0f}/s   ratio {ours / floor:.2f}   aim {AIM}"
    print(f"{name:<38} {rates}   peak {peak:.0f} MB, COPY alone {alone:.0f} MB", flush=True)
    for way, words in (("json", "the same as JSON"), ("stock", f"django-import-export, {SAMPLE:,} rows")):
        one = _measure(way)
        rates = f"     {one['rate']:>9,.0f}/s   ratio {one['rate'] / floor:.2f}   peak {one['peak_mb']:.0f} MB"
        print(f"  {words:<36} {rates}", flush=True)


def _measure(way: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.exports", way], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _timed(way: Callable[[], int]) -> dict[str, float]:
    import resource

    started = time.perf_counter()
    rows = way()
    seconds = time.perf_counter() - started
    return {"rate": rows / seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _copy() -> int:
    """Plain COPY of the same rows and columns into a file."""
    import psycopg
    from django.db import connection

    from compliance.models import OptOut
    from compliance.transfer.exporting.columns import COLUMNS

    rows = OptOut.objects.filter(tenant__slug="bench").order_by("pk").values_list(*COLUMNS.values())
    statement, parameters = rows.query.sql_with_params()
    count = 0
    with connection.cursor() as cursor, tempfile.TemporaryFile() as to:
        whole = psycopg.ClientCursor(connection.connection).mogrify(statement, parameters)
        with cursor.copy(f"COPY ({whole}) TO STDOUT (FORMAT csv)") as lines:
            for line in lines:
                to.write(line)
                count += 1
    return count


def _job(file_format: str) -> int:
    """As it is asked for in the admin: from the row of the job to the stored file with its checksum."""
    from django.utils import timezone

    from accounts.models import Tenant, User
    from accounts.roles import Role
    from compliance.models import OptOutExport
    from compliance.transfer import working
    from compliance.transfer.exporting.running import start_export
    from compliance.transfer.exporting.selecting import select_rows

    tenant = Tenant.objects.get(slug="bench")
    person, _ = User.objects.get_or_create(
        username="bench-officer", defaults={"tenant": tenant, "role": Role.COMPLIANCE_OFFICER}
    )
    job = start_export(person, tenant, select_rows(person, ""), file_format, "A benchmark.", timezone.now())
    while job.is_under_way:
        working.go_on(job.key)
        job = OptOutExport.objects.get(pk=job.pk)
    assert job.result is not None, job.error
    return job.rows_done


def _stock() -> int:
    """What django-import-export does with the same columns."""
    from import_export.fields import Field
    from import_export.resources import ModelResource

    from compliance.models import OptOut
    from compliance.transfer.exporting.columns import COLUMNS

    fields = {name: Field(attribute=path, column_name=name) for name, path in COLUMNS.items()}
    meta = type("Meta", (), {"model": OptOut, "fields": tuple(COLUMNS), "export_order": tuple(COLUMNS)})
    resource = type("Stock", (ModelResource,), {**fields, "Meta": meta})
    rows = OptOut.objects.filter(tenant__slug="bench").select_related("recipient", "evidence").order_by("pk")
    with tempfile.TemporaryDirectory() as folder:
        data = resource().export(queryset=rows[:SAMPLE])
        Path(folder, "out.csv").write_text(data.export("csv"))
    return len(data)


if __name__ == "__main__":
    import django

    django.setup()
    WAYS = {"copy": _copy, "csv": lambda: _job("csv"), "json": lambda: _job("json"), "stock": _stock}
    print(json.dumps(_timed(WAYS[sys.argv[1]])))
