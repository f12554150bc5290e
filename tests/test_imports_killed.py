"""An import whose process is killed in the middle goes on where it was: every line once, history complete."""

import csv
import io
import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from compliance import audit
from compliance.actors import Actor
from compliance.models import ActorKind, ImportedBatch, OptOut, OptOutImport
from compliance.transfer import working
from compliance.transfer.importing import starting
from tests import processes
from tests.builders import Business
from tests.lists import check_list, read_file, upload_list, work

LINES = 6_000
BATCH = 200
# A worker that does small batches, one after the other, until it is killed.
WORKER = f"""
from compliance.transfer import working
from compliance.transfer.importing import running
running.BATCH = dict.fromkeys(running.BATCH, {BATCH})
running.LETS_OTHERS_WRITE = dict.fromkeys(running.LETS_OTHERS_WRITE, 0.1)
print("ready", flush=True)
while working.go_on("import:%d", 600) is not None:
    pass
"""


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_every_line_comes_once(acme: Business, globex: Business) -> None:
    lines = "\n".join(f"+1303{2_000_000 + n}" for n in range(LINES))
    run = check_list(upload_list(acme, f"phone\n{lines}\n12\n"))
    assert starting.begin(run, run.staged_id or 0, Actor(ActorKind.USER, "1", "Ada"), timezone.now())
    with processes.running(WORKER % run.pk, FILES_DIR=str(settings.FILES_DIR)) as worker:
        assert processes.output(worker).readline() == "ready\n"
        wait_for_batches(3)
        processes.kill(worker)
    run.refresh_from_db()
    assert 0 < run.rows_done < LINES, "it was to be killed in the middle"
    assert OptOut.history.count() == OptOut.objects.count() == run.rows_done
    assert working.go_on(run.key) is None, "the dead one's lease has not run out"

    OptOutImport.objects.update(taken_until=timezone.now() - timedelta(seconds=1))
    work(run)
    assert (run.state, run.counts) == ("done", {"new": LINES, "invalid": 1})
    assert OptOut.history.count() == OptOut.objects.count() == LINES
    outcomes = [row["outcome"] for row in csv.DictReader(io.StringIO(read_file(run, "result")))]
    assert outcomes == ["opted out"] * LINES + ["invalid"]
    assert list(audit.find_faults()) == []
    assert not OptOut.objects.for_tenant(globex.tenant).exists()


def wait_for_batches(count: int) -> None:
    until = time.monotonic() + 120
    while ImportedBatch.objects.count() < count:
        assert time.monotonic() < until, "the worker did nothing"
        time.sleep(0.01)
