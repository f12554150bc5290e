"""Statements compiled once. Django's ORM spends more on compiling a query than PostgreSQL on running it; on the inbound
path, which runs the same few statements for every text, each is compiled at its first use and then only filled in.

What they say still comes from the models: columns, converters and placeholders are Django's own.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.sql.compiler import SQLCompiler

Params = dict[str, Any]


class Parameter:
    """A place in a prepared query that is filled in at every run. Stands for itself while the query is compiled."""

    def __init__(self, name: str) -> None:
        self.name = name


def _stand_ins(names: Iterable[str]) -> tuple[dict[str, int], dict[Any, str]]:
    """A number that stands for each name while compiling: a number fits every kind of column that we compare."""
    numbers = {name: -(7_700_001 + place) for place, name in enumerate(names)}
    back: dict[Any, str] = {}
    for name, number in numbers.items():
        back[number] = back[str(number)] = name
    return numbers, back


class PreparedSelect:
    """A `values_list` queryset, compiled at first use for the database in use.

    build: makes the queryset from stand-ins for the named parameters, which must be compared with plain columns.
    """

    def __init__(self, build: Callable[..., models.QuerySet[Any, Any]], *names: str) -> None:
        self._build = build
        self._names = names
        self._compiled: dict[str, tuple[str, list[Any], SQLCompiler, dict[int, Any]]] = {}

    def run(self, **values: Any) -> list[Any]:
        """The rows, as tuples of Python values."""
        sql, places, compiler, converters = self._compiled.get(connection.vendor) or self._compile()
        params = [_adapt(values[place.name]) if isinstance(place, Parameter) else place for place in places]
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[Any] = cursor.fetchall()
        return list(compiler.apply_converters(rows, converters)) if converters else rows

    def _compile(self) -> tuple[str, list[Any], SQLCompiler, dict[int, Any]]:
        numbers, back = _stand_ins(self._names)
        query = self._build(**numbers).query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        places = [Parameter(back[value]) if value in back else value for value in params]
        converters = compiler.get_converters([column[0] for column in compiler.select])
        self._compiled[connection.vendor] = compiled = (sql, places, compiler, converters)
        return compiled


def _adapt(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


_ALWAYS_PLAIN = {str, int, float, bool, type(None)}
_PLAIN = {"postgresql": _ALWAYS_PLAIN | {datetime, UUID}, "sqlite": _ALWAYS_PLAIN}


class PreparedInsert:
    """`INSERT … RETURNING` of one row of a model; with `unique`, an upsert that updates `update`."""

    def __init__(self, model: type[models.Model], unique: Iterable[str] = (), update: Iterable[str] = ()) -> None:
        self._model = model
        self._unique, self._update = tuple(unique), tuple(update)
        self._sql = ""
        self._fields: list[tuple[str, models.Field[Any, Any]]] = []

    def run(self, row: models.Model) -> None:
        """Insert the row, and set its key where the database gives it."""
        if not self._sql:
            self._compile()
        database = connections[DEFAULT_DB_ALIAS]
        known = _PLAIN[database.vendor]
        values = row.__dict__
        params = [
            value if type(value := values[name]) in known else field.get_db_prep_save(value, database)
            for name, field in self._fields
        ]
        with database.cursor() as cursor:
            cursor.execute(self._sql, params)
            returned = cursor.fetchone()
        if row.pk is None:
            row.pk = returned[0]
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def _compile(self) -> None:
        meta, quote = self._model._meta, connection.ops.quote_name  # noqa: SLF001
        automatic = isinstance(meta.pk, models.AutoField)
        self._fields = [
            (field.attname, field) for field in meta.concrete_fields if not (automatic and field.primary_key)
        ]
        columns = ", ".join(quote(str(field.column)) for _, field in self._fields)
        places = ", ".join(["%s"] * len(self._fields))
        sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places}){self._conflict()}"  # noqa: S608
        self._sql = f"{sql} RETURNING {quote(str(meta.pk.column))}"

    def _conflict(self) -> str:
        if not self._unique:
            return ""
        column = {field.name: connection.ops.quote_name(str(field.column)) for _, field in self._fields}
        unique = ", ".join(column[name] for name in self._unique)
        updates = ", ".join(f"{column[name]} = EXCLUDED.{column[name]}" for name in self._update)
        return f" ON CONFLICT ({unique}) DO UPDATE SET {updates}"
