"""`make bench`: how replies are read, then PostgreSQL, each figure as a ratio to a floor of the same run.

Uses databases of its own (`optout_bench…`) on the server of TEST_DATABASE_URL, made at the start and dropped at the
end. The worker is not running: what is measured is the request.
"""

import hashlib
import hmac
import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable

from benchmarks import exports, imports, pages, replies
from benchmarks.serving import database, serve

PORT = int(os.environ.get("BENCH_PORT", "8797"))
DATABASE = os.environ.get("BENCH_DATABASE", "optout_bench")
ROUNDS = 3
BULK = 10_000


def main() -> None:
    """Measure everything and print one table."""
    replies.report()
    with database(DATABASE) as address, tempfile.TemporaryDirectory() as var:
        os.environ.update(
            DATABASE_URL=address,
            VAR_DIR=var,
            DJANGO_SETTINGS_MODULE="benchmarks.settings",
            SIMULATOR="on",
            REDIS_URL=os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/14"),
            LOG_LEVEL="ERROR",
        )
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        from benchmarks.seed import seed

        seeded = seed()
        with serve(PORT, os.environ):
            _report("inbound STOP / bare HMAC + INSERT", 0.4, *_inbound(seeded))
            _report("single check / bare SELECT", 0.6, *_single_check(seeded))
        _report("bulk check of 10,000 / raw join", 0.5, *_bulk_check(seeded))
        imports.report()
        exports.report()
    pages.report()


def _report(name: str, aim: float, ours: float, floor: float) -> None:
    print(f"{name:<38} ours {ours:>9.1f}/s   floor {floor:>9.1f}/s   ratio {ours / floor:.2f}   aim {aim}", flush=True)


def _rates(ours: Callable[[], float], floor: Callable[[], float]) -> tuple[float, float]:
    """Medians of a few rounds, the two in turn, so that a noisy moment hits both."""
    pairs = [(ours(), floor()) for _ in range(ROUNDS)]
    return statistics.median(o for o, _ in pairs), statistics.median(f for _, f in pairs)


def _inbound(seeded) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    from benchmarks.floors import SECRET
    from benchmarks.load import build_request, measure

    def ours() -> float:
        path = f"/webhooks/simulator/{seeded.token}/inbound"
        requests = [build_request(path, _stop(seeded), {}) for _ in range(2000)]
        return _checked(measure(PORT, requests))

    def floor() -> float:
        bodies = [_stop(seeded) for _ in range(4000)]
        requests = [
            build_request("/floor/insert", body, {"X-Signature": hmac.new(SECRET, body, hashlib.sha256).hexdigest()})
            for body in bodies
        ]
        return _checked(measure(PORT, requests))

    return _rates(ours, floor)


def _stop(seeded) -> bytes:  # type: ignore[no-untyped-def]
    number = f"+1720{random.randrange(2_000_000, 9_999_999)}"
    return json.dumps({"id": uuid.uuid4().hex, "from": number, "to": seeded.sender.number, "text": "STOP"}).encode()


def _single_check(seeded) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    from benchmarks.load import build_request, measure

    headers = {"Authorization": f"Bearer {seeded.key}"}

    def rate(path: str) -> float:
        bodies = [json.dumps({"recipients": [_listed()]}).encode() for _ in range(3000)]
        return _checked(measure(PORT, [build_request(path, body, headers) for body in bodies]))

    return _rates(lambda: rate("/api/v1/checks"), lambda: rate("/floor/select"))


def _listed() -> str:
    return f"+1303{random.randrange(1, 1_000_000):07d}"


_JOIN = """
SELECT r.number, o.id, o.scope, o.sender, o.requested_by, o.status, o.source, o.rule, o.texted, o.opted_out_at,
    o.asked_at, o.episode, e.words
FROM unnest(%s::text[]) AS asked(number)
JOIN compliance_recipient r ON r.tenant_id = %s AND r.number = asked.number
JOIN compliance_optout o ON o.recipient_id = r.id AND o.tenant_id = %s AND o.status = 'active'
JOIN compliance_evidence e ON e.id = o.evidence_id
"""


def _bulk_check(seeded) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """10,000 numbers in process, of which half are on the list of a million, against the same join in raw SQL."""
    from django.db import connection, transaction
    from django.utils import timezone

    from compliance.gate import check_many

    def numbers() -> list[str]:
        return [_listed() if n % 2 else f"+1720{n:07d}" for n in range(BULK)]

    def ours() -> float:
        asked, started = numbers(), time.perf_counter()
        assert len(check_many(seeded.tenant, asked, seeded.sender, "marketing", timezone.now())) > BULK / 3
        return BULK / (time.perf_counter() - started)

    def floor() -> float:
        asked, started = numbers(), time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_hashjoin = off")  # left alone, PostgreSQL hashes the whole million
            cursor.execute(_JOIN, [asked, seeded.tenant.pk, seeded.tenant.pk])
            assert len(cursor.fetchall()) > BULK / 3
        return BULK / (time.perf_counter() - started)

    ours(), floor()
    pairs = [_rates(ours, floor) for _ in range(ROUNDS)]
    return statistics.median(o for o, _ in pairs), statistics.median(f for _, f in pairs)


def _checked(rate) -> float:  # type: ignore[no-untyped-def]
    if rate.refused:
        sys.exit(f"{rate.refused} requests were refused; the figure would mean nothing.")
    return float(rate.per_second)


if __name__ == "__main__":
    main()
