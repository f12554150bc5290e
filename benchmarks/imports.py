"""Lists in: a million opt-outs with history as a ratio to COPY into the same indexed tables, the stock way beside it.

`python -m benchmarks.imports [ROWS]` runs it alone. The floor is taken before and after ours, because indexes grow.
What runs in a process of its own is measured with its memory.
"""

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROWS, SAMPLE = 1_000_000, 1_000
AIM = 0.5
MEGABYTE = 1024 * 1024

_ROWS = "generate_series({base}::bigint + 1, {base} + {rows}) n"
_DIGEST = "md5(n::text) || md5(n::text || 'x')"
_RECIPIENT = (
    "n, {tenant}, '+1' || (2000000000 + n)::text, now(), now(), NULL::timestamptz, '[]'::jsonb, NULL::timestamptz"
)
_FLOOR = {
    "compliance_recipient": (
        "id, tenant_id, number, created_at, seen_at, opted_in_at, opted_in_for, texted_at",
        _RECIPIENT,
    ),
    "compliance_evidence": (
        "id, tenant_id, recipient_id, way, words, occurred_at, details, digest, created_at",
        "n, {tenant}, n, 'import', '', now(), jsonb_build_object('file', 'list.csv', 'line', n), "
        + _DIGEST
        + ", now()",
    ),
}
_STATE = (
    "tenant_id, recipient_id, scope, sender, requested_by, status, source, reason, rule, language, texted, episode,"
    " opted_out_at, asked_at, changed_at, action, actor_kind, actor_id, actor_name, evidence_id, evidence_digest,"
    " preceding_id, preceding_user, preceding_campaign"
)
_STATE_ROWS = (
    "{tenant}, n, 'tenant', '', 'recipient', 'active', 'import', 'asked to stop', '', '', '', 1, now(), now(), now(),"
    " 'opted_out', 'user', '7', 'Ada Lovelace', n, " + _DIGEST + ", '', '', ''"
)
_FLOOR["compliance_optout"] = (f"id, {_STATE}", f"n, {_STATE_ROWS}")
_FLOOR["compliance_historicaloptout"] = (
    f"id, history_date, history_type, history_change_reason, {_STATE}",
    f"n, now(), '+', 'asked to stop', {_STATE_ROWS}",
)


def report(rows: int = ROWS) -> None:
    """Print the figures. Django is set up, and the database migrated."""
    with tempfile.TemporaryDirectory() as folder:
        before = _floor(rows, Path(folder), 1)
        small = _ours(rows // 10, Path(folder), "small")
        ours = _ours(rows, Path(folder), "large")
        after = _floor(rows, Path(folder), 2)
    floor = 2 * rows / (before + after)
    for name, seconds in (
        (f"import of {rows:,} / COPY", ours["import"]),
        ("check and import / COPY", ours["check"] + ours["import"]),
        ("import by the command / COPY", ours["command"]),
    ):
        rate = rows / seconds
        print(f"{name:<38} ours {rate:>9.1f}/s   floor {floor:>9.1f}/s   ratio {rate / floor:.2f}   aim {AIM}")
    print(f"{'longest batch, locks held':<38} {ours['longest']:>13.2f} s")
    print(
        f"{'peak memory':<38} {ours['peak']:>12.0f} MB for {rows:,}, {small['peak']:.0f} MB for {rows // 10:,}",
        flush=True,
    )
    print(f"{'stock django-import-export':<38} {_stock():>14.1f}/s on a sample of {SAMPLE:,}", flush=True)


def _ours(rows: int, folder: Path, slug: str) -> dict[str, float]:
    file = folder / f"{slug}.csv"
    with file.open("w") as to:
        to.write("Phone number,Date,Reason\n")
        to.writelines(f"+1{2_000_000_000 + n},2026-03-{n % 28 + 1:02d},asked to stop\n" for n in range(rows))
    command = [sys.executable, "-m", "benchmarks.imports", "--one", slug, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _one(slug: str, file: Path) -> None:
    """In a process of its own: check and import a file as a worker does; then the same as the command does."""
    import django

    django.setup()
    from django.utils import timezone

    from compliance.models import ActorKind
    from compliance.opt_outs import Actor
    from compliance.transfer import import_opt_outs
    from compliance.transfer.importing import running, starting
    from compliance.transfer.importing.options import Options

    who, now = Actor(ActorKind.USER, "7", "Ada Lovelace"), timezone.now()
    tenant, longest = _tenant(slug), []
    take = running.take_batch

    def timed(*args: Any) -> None:
        started = time.perf_counter()
        take(*args)
        longest.append(time.perf_counter() - started)

    running.take_batch = timed  # type: ignore[assignment]
    with file.open("rb") as content:
        run = starting.take_file(tenant, file.name, content, who, now)
    assert starting.confirm_columns(run, Options.from_json(run.options), now)
    check = _work(run)
    assert starting.begin(run, run.staged_id or 0, who, now), run.error
    imported = _work(run)
    assert run.counts.keys() == {"new"}, run.counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    started = time.perf_counter()
    assert import_opt_outs(file, _tenant(f"{slug}-command"), who, now).counts.keys() == {"new"}
    command = time.perf_counter() - started
    print(json.dumps({"check": check, "import": imported, "longest": max(longest), "peak": peak, "command": command}))


def _work(run: Any) -> float:
    """Stretch by stretch, as the workers do."""
    from compliance.transfer import working

    started = time.perf_counter()
    while True:
        working.go_on(run.key)
        run.refresh_from_db()
        if not run.is_under_way:
            return time.perf_counter() - started


def _tenant(slug: str) -> Any:
    from accounts.models import Tenant

    return Tenant.objects.create(slug=slug, name=slug, brand_name=slug, help_contact="help@bench.example")


def _floor(rows: int, folder: Path, place: int) -> float:
    """Seconds that COPY takes for the same rows, ready-made, in the four tables."""
    from django.db import connection, transaction

    said = {"tenant": _tenant(f"floor-{place}").pk, "base": place * 100_000_000, "rows": rows}
    with connection.cursor() as cursor:
        for table, (_, values) in _FLOOR.items():
            query = f"SELECT {values} FROM {_ROWS}".format(**said)
            with (folder / table).open("wb") as to, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
                to.writelines(copy)
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, (columns, _) in _FLOOR.items():
            with (
                (folder / table).open("rb") as ready,
                cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
            ):
                while chunk := ready.read(MEGABYTE):
                    copy.write(chunk)
    return time.perf_counter() - started


def _stock() -> float:
    """Rows a second of a resource of django-import-export as its documentation has it."""
    from django.utils import timezone
    from import_export import resources
    from import_export.formats.base_formats import CSV

    from compliance.evidence import Proof, keep_evidence
    from compliance.models import OptOut, Recipient

    tenant, now = _tenant("stock"), timezone.now()

    class OptOutResource(resources.ModelResource):  # type: ignore[misc]
        class Meta:
            model = OptOut
            import_id_fields = ()
            fields = ("recipient", "scope", "sender", "requested_by", "reason", "opted_out_at")

        def before_import_row(self, row: Any, **kwargs: Any) -> None:
            recipient, _ = Recipient.objects.get_or_create(tenant=tenant, number=row["Phone number"])
            row.update(recipient=recipient.pk, scope="tenant", sender="", requested_by="recipient")
            row.update(reason=row["Reason"], opted_out_at=f"{row['Date']} 00:00:00")

        def before_save_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
            evidence = keep_evidence(tenant.pk, instance.recipient_id, Proof("import", "", now), now)
            instance.tenant, instance.status, instance.source, instance.action = tenant, "active", "import", "opted_out"
            instance.asked_at = instance.changed_at = now
            instance.evidence, instance.evidence_digest = evidence, evidence.digest
            instance.actor_kind = "user"

    text = "Phone number,Date,Reason\n" + "".join(
        f"+1{3_000_000_000 + n},2026-03-01,asked to stop\n" for n in range(SAMPLE)
    )
    started = time.perf_counter()
    result = OptOutResource().import_data(CSV().create_dataset(text), raise_errors=True)
    assert result.totals["new"] == SAMPLE
    return SAMPLE / (time.perf_counter() - started)


@contextmanager
def _alone() -> Iterator[None]:
    from benchmarks.serving import database

    with database(os.environ.get("BENCH_DATABASE", "optout_bench")) as address, tempfile.TemporaryDirectory() as var:
        os.environ.update(
            DATABASE_URL=address, VAR_DIR=var, DJANGO_SETTINGS_MODULE="benchmarks.settings", LOG_LEVEL="ERROR"
        )
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, stdout=io.StringIO())
        yield


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], Path(sys.argv[3]))
    else:
        with _alone():
            report(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
