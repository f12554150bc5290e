"""Reading much in several queries as of one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

FREEZE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def one_moment() -> Iterator[None]:
    """Let the queries within see the same rows, and write none, on PostgreSQL.

    Not in a transaction that has begun: what it has read can't be made of one moment any more. Nor on SQLite, where the
    transaction would keep every writer waiting.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FREEZE)
        yield
