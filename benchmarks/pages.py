"""Pages of the admin on five million opt-outs of 100 businesses, each beside the same page on a thousand.

`python -m benchmarks.pages [OPT-OUTS]`. Both servers run at once and are asked in turn, so that a noisy moment hits
both; what is shown is the median time of a page, its ratio, and what is aimed at.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.serving import database, serve

LARGE, SMALL = 5_000_000, 1_000
ROUNDS = 40
WARM_UP = 5
AIM = 1.5
BY_OPERATOR = ("list", "search, whole number", "search, last four digits", "filter by source", "filter by status")
_FILL = """
import django, json, sys
django.setup()
from dataclasses import asdict
from django.core.management import call_command
from benchmarks.big_list import fill
call_command("migrate", verbosity=0)
print(json.dumps(asdict(fill(int(sys.argv[1])))))
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A running server on its own filled database."""

    port: int
    opened: dict[str, Any]


def report(size: int = LARGE, port: int = 8795) -> None:
    """Fill both databases, then print one line per page."""
    with ExitStack() as stack:
        large = stack.enter_context(_site("optout_bench_pages", size, port))
        small = stack.enter_context(_site("optout_bench_few", SMALL, port + 1))
        for name in large.opened["pages"]:
            _compare(name, large, small, "cookie")
        for name in BY_OPERATOR:
            _compare(name, large, small, "operator_cookie")


def _compare(name: str, large: Site, small: Site, cookie: str) -> None:
    pairs = [(_ask(large, name, cookie), _ask(small, name, cookie)) for _ in range(WARM_UP + ROUNDS)][WARM_UP:]
    ours, floor = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    title = f"{name}{', all businesses' if cookie == 'operator_cookie' else ''}"
    print(f"page: {title:<42} ours {ours:>7.1f} ms   of 1,000 {floor:>7.1f} ms   ratio {ours / floor:.2f}   aim {AIM}")


def _ask(site: Site, name: str, cookie: str) -> float:
    """Seconds that a page takes, to its last byte."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
    headers = {"Cookie": f"sessionid={site.opened[cookie]}"}
    started = time.perf_counter()
    connection.request("GET", f"/admin/{site.opened['pages'][name]}", headers=headers)
    answer = connection.getresponse()
    answer.read()
    taken = time.perf_counter() - started
    connection.close()
    if answer.status != 200:
        sys.exit(f"The page “{name}” answered {answer.status}; the figure would mean nothing.")
    return taken


@contextmanager
def _site(name: str, size: int, port: int) -> Iterator[Site]:
    with database(name) as address, TemporaryDirectory() as var:
        environment = {
            **os.environ,
            "DATABASE_URL": address,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "VAR_DIR": var,
            "LOG_LEVEL": "ERROR",
        }
        filling = [sys.executable, "-c", _FILL, str(size)]
        done = subprocess.run(filling, env=environment, check=True, capture_output=True, text=True)
        with serve(port, environment):
            yield Site(port, json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    report(int(sys.argv[1]) if len(sys.argv) > 1 else LARGE)
