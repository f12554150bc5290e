"""The set-based half of the only writer: locks and rows of a whole batch, each kind in one statement.

The lines of a batch are staged in a temporary table (COPY on PostgreSQL, executemany on SQLite). From there evidence,
opt-outs and history are `INSERT … SELECT`. Every column of the models is named: one that is neither staged nor said
gets its default. Identifiers come from the models and from this file alone; what people wrote travels as parameters.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from django.db import connection, models
from psycopg import sql

from compliance.actors import Actor
from compliance.bulk_reads import among
from compliance.models import Evidence, OptOut, Recipient

History = OptOut.history.model
TABLE = "listed_opt_outs"


class Staged(NamedTuple):
    """One opt-out to write. `standing_id` is the lifted row that it opens again, `details` is JSON."""

    recipient_id: int
    scope: str
    sender: str
    requested_by: str
    way: str
    reason: str
    language: str
    occurred_at: datetime
    words: str
    details: str
    digest: str
    episode: int
    standing_id: int | None


# Each staged column takes the type of the column that it ends in.
_ENDS_IN: "dict[str, models.Field[Any, Any]]" = {
    name: cast("models.Field[Any, Any]", model._meta.get_field(field))  # noqa: SLF001
    for name, model, field in (
        ("recipient_id", Evidence, "recipient"),
        ("scope", OptOut, "scope"),
        ("sender", OptOut, "sender"),
        ("requested_by", OptOut, "requested_by"),
        ("way", Evidence, "way"),
        ("reason", OptOut, "reason"),
        ("language", OptOut, "language"),
        ("occurred_at", Evidence, "occurred_at"),
        ("words", Evidence, "words"),
        ("details", Evidence, "details"),
        ("digest", Evidence, "digest"),
        ("episode", OptOut, "episode"),
        ("standing_id", History, "id"),
    )
}
_EVIDENCE = {
    "id": "evidence_id",
    "recipient_id": "recipient_id",
    "way": "way",
    "words": "words",
    "occurred_at": "occurred_at",
    "details": "details",
    "digest": "digest",
}
_OPT_OUT = {
    "id": "opt_out_id",
    "recipient_id": "recipient_id",
    "scope": "scope",
    "sender": "sender",
    "requested_by": "requested_by",
    "source": "way",
    "reason": "reason",
    "language": "language",
    "episode": "episode",
    "opted_out_at": "occurred_at",
    "asked_at": "occurred_at",
    "evidence_id": "evidence_id",
    "evidence_digest": "digest",
}
_HISTORY = {
    **_OPT_OUT,
    "id": "COALESCE(standing_id, opt_out_id)",
    "history_type": "CASE WHEN standing_id IS NULL THEN '+' ELSE '~' END",
    "history_change_reason": "reason",
}


class Statement:
    """A statement over the staged lines, with the places of the values that are the same for all of them."""

    def __init__(self, model: type[models.Model], staged: Mapping[str, str]) -> None:
        self.model, self._staged = model, staged
        self._said = [field for field in _columns(model) if field.attname not in staged]

    def insert(self, where: str = "") -> str:
        names = [field.attname for field in self._said]
        columns = ", ".join(_quote(name) for name in (*self._staged, *names))
        values = ", ".join((*self._staged.values(), *("%s" for _ in names)))
        return f"INSERT INTO {_table(self.model)} ({columns}) SELECT {values} FROM {TABLE} {where}"  # noqa: S608

    def update(self) -> str:
        staged = [f"{_quote(name)} = {TABLE}.{value}" for name, value in self._staged.items() if name != "id"]
        said = [f"{_quote(field.attname)} = %s" for field in self._said]
        table = _table(self.model)
        return f"UPDATE {table} SET {', '.join(staged + said)} FROM {TABLE} WHERE {table}.id = {TABLE}.standing_id"  # noqa: S608

    def values(self, said: Mapping[str, Any]) -> list[Any]:
        """What the places hold: the values said, and the defaults of the other columns."""
        return [_prepare(field, said.get(field.attname, _default(field))) for field in self._said]


def _columns(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """Every column but a key that the database gives."""
    return [f for f in model._meta.concrete_fields if not (f.primary_key and model is History)]  # noqa: SLF001


def _default(field: "models.Field[Any, Any]") -> Any:
    return None if field.null and not field.has_default() else field.get_default()


def _prepare(field: "models.Field[Any, Any]", value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _table(model: type[models.Model]) -> str:
    return _quote(model._meta.db_table)  # noqa: SLF001


@cache
def _statements() -> tuple[Statement, Statement, Statement]:
    return Statement(Evidence, _EVIDENCE), Statement(OptOut, _OPT_OUT), Statement(History, _HISTORY)


def write(lines: Sequence[Staged], tenant_id: int, actor: Actor, now: datetime) -> None:
    """Write evidence, opt-outs and history of locked recipients."""
    if not lines:
        return
    said = {
        "tenant_id": tenant_id,
        "status": OptOut.Status.ACTIVE,
        "action": OptOut.Action.OPTED_OUT,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": actor.name[:160],
        **dict.fromkeys(("changed_at", "created_at", "history_date"), now),
    }
    evidence, opt_outs, history = _statements()
    engine = _ENGINES[connection.vendor]
    with connection.cursor() as cursor:
        engine.stage(cursor, lines)
        cursor.execute(evidence.insert(), evidence.values(said))
        cursor.execute(opt_outs.insert("WHERE standing_id IS NULL"), opt_outs.values(said))
        if any(line.standing_id is not None for line in lines):
            cursor.execute(opt_outs.update(), opt_outs.values(said))
        cursor.execute(history.insert(), history.values(said))
        cursor.execute(engine.empty)


def lock_recipients(tenant_id: int, numbers: set[str], now: datetime) -> tuple[dict[str, int], list[str]]:
    """Make and lock every recipient, in the order of their numbers: two lists can't wait for each other.

    Returns their ids, and the numbers that stood already: nothing can be on record of the others yet.
    """
    return _ENGINES[connection.vendor].lock(tenant_id, sorted(numbers), now)


def _upsert(listed: str, tenant_id: int, now: datetime) -> tuple[str, list[Any]]:
    """The upsert of `locking`, for many: its DO UPDATE locks a row that stands, and waits for whoever holds it."""
    said = {"tenant_id": tenant_id, "created_at": now, "seen_at": now}
    rest = [field for field in _columns(Recipient) if field.attname not in ("id", "number")]
    columns = ", ".join(_quote(field.attname) for field in rest)
    places = ", ".join("%s" for _ in rest)
    upsert = (
        f"INSERT INTO {_table(Recipient)} ({columns}, number) SELECT {places}, value FROM {listed} WHERE true "  # noqa: S608
        "ON CONFLICT (tenant_id, number) DO UPDATE SET seen_at = EXCLUDED.seen_at RETURNING number, id"
    )
    return upsert, [_prepare(field, said.get(field.attname, _default(field))) for field in rest]


class _PostgreSQL:
    """COPY into the staging table; keys come from the sequences by themselves."""

    empty = f"TRUNCATE pg_temp.{TABLE}"
    _copy = f"COPY pg_temp.{TABLE} ({', '.join(Staged._fields)}) FROM STDIN"

    def stage(self, cursor: Any, lines: Sequence[Staged]) -> None:
        cursor.execute(_create_table({model: _next_of(model._meta.db_table) for model in (Evidence, OptOut)}))  # noqa: SLF001
        with cursor.copy(self._copy) as copy:
            for line in lines:
                copy.write_row(line)

    def lock(self, tenant_id: int, numbers: list[str], now: datetime) -> tuple[dict[str, int], list[str]]:
        upsert, said = _upsert("unnest(%s::text[]) AS listed(value)", tenant_id, now)
        with connection.cursor() as cursor:
            cursor.execute(f"{upsert}, xmax <> 0", [*said, numbers])  # a row that the upsert made has no xmax yet
            rows = cursor.fetchall()
        return {number: pk for number, pk, _ in rows}, [number for number, _, stood in rows if stood]


class _SQLite:
    """executemany into the staging table. The one writer that there is may take the next keys for itself."""

    empty = f"DELETE FROM {TABLE}"  # noqa: S608 - a name of this file

    def stage(self, cursor: Any, lines: Sequence[Staged]) -> None:
        cursor.execute(_create_table(dict.fromkeys((Evidence, OptOut), "integer")))
        evidence_id, opt_out_id = (_last_key(cursor, model) + 1 for model in (Evidence, OptOut))
        places = ", ".join("%s" for _ in range(len(Staged._fields) + 2))
        at, adapt = Staged._fields.index("occurred_at"), connection.ops.adapt_datetimefield_value
        cursor.executemany(
            f"INSERT INTO {TABLE} (evidence_id, opt_out_id, {', '.join(Staged._fields)}) VALUES ({places})",  # noqa: S608
            [
                (evidence_id + n, opt_out_id + n, *line[:at], adapt(line.occurred_at), *line[at + 1 :])
                for n, line in enumerate(lines)
            ],
        )

    def lock(self, tenant_id: int, numbers: list[str], now: datetime) -> tuple[dict[str, int], list[str]]:
        rows = Recipient.objects.filter(tenant=tenant_id, number__in=among(numbers))
        stood = list(rows.values_list("number", flat=True))
        upsert, said = _upsert("json_each(%s)", tenant_id, now)
        with connection.cursor() as cursor:
            cursor.execute(upsert, [*said, json.dumps(numbers)])
            return dict(cursor.fetchall()), stood


_ENGINES: dict[str, _PostgreSQL | _SQLite] = {"postgresql": _PostgreSQL(), "sqlite": _SQLite()}


def _create_table(keys: Mapping[type[models.Model], str]) -> str:
    columns = [f"{name} {_ENDS_IN[name].db_type(connection)}" for name in Staged._fields]
    given = f"evidence_id {keys[Evidence]}, opt_out_id {keys[OptOut]}"
    return f"CREATE TEMPORARY TABLE IF NOT EXISTS {TABLE} ({given}, {', '.join(columns)})"


@cache
def _next_of(table: str) -> str:
    """A key of a table's own sequence. Its name is found once: looked up in the default, it would be for every row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        name = cursor.fetchone()[0]
    return f"bigint DEFAULT nextval({sql.Literal(name).as_string()}::regclass)"


def _last_key(cursor: Any, model: type[models.Model]) -> int:
    cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])  # noqa: SLF001
    row = cursor.fetchone()
    return int(row[0]) if row else 0
