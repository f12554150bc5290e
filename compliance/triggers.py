"""History that SQL can't change: triggers on both engines, put in place after every migrate.

Django rebuilds SQLite tables on some migrations and drops their triggers silently, hence `post_migrate`.
"""

from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Table and its key; history and evidence keep every row as it was written.
APPEND_ONLY = {
    "compliance_historicaloptout": "history_id",
    "compliance_evidence": "id",
    "compliance_consent": "id",
}
NEVER_DELETED = {"compliance_optout": "id", "compliance_recipient": "id"}

REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION compliance_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$
"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger: its name, its table, and the statement that makes it."""

    name: str
    table: str
    create: str


def expected_triggers(vendor: str) -> list[Trigger]:
    """Every trigger that must be there; `verify_audit` looks for each by name."""
    build = _postgresql if vendor == "postgresql" else _sqlite
    protected: list[tuple[str, str, tuple[str, ...]]] = [
        (table, key, ("UPDATE", "DELETE")) for table, key in APPEND_ONLY.items()
    ]
    protected += [(table, key, ("DELETE",)) for table, key in NEVER_DELETED.items()]
    return [trigger for table, key, verbs in protected for trigger in build(table, key, verbs)]


def _sqlite(table: str, key: str, verbs: tuple[str, ...]) -> list[Trigger]:
    """INSERT OR REPLACE passes UPDATE and DELETE triggers by, so an INSERT over a row is refused by itself."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    over_a_row = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # noqa: S608 - names of this file
    events = [(verb.lower(), f"BEFORE {verb} ON {table}") for verb in verbs]
    events.append(("replace", f"BEFORE INSERT ON {table} {over_a_row}"))
    return [
        Trigger(name := f"{table}_no_{event}", table, f"CREATE TRIGGER {name} {when} {refuse}")
        for event, when in events
    ]


def _postgresql(table: str, key: str, verbs: tuple[str, ...]) -> list[Trigger]:
    """TRUNCATE passes row triggers by, so it has a statement trigger of its own."""
    events = [
        ("append_only", f"BEFORE {' OR '.join(verbs)} ON {table} FOR EACH ROW"),
        ("no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"),
    ]
    return [
        Trigger(
            name := f"{table}_{event}",
            table,
            f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION compliance_refuse_change()",
        )
        for event, when in events
    ]


def installed_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of the triggers that stand and are switched on."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put every missing trigger in place."""
    missing = [t for t in expected_triggers(connection.vendor) if t.name not in installed_triggers(connection)]
    with connection.cursor() as cursor:
        if missing and connection.vendor == "postgresql":
            cursor.execute(REFUSE_FUNCTION)
        for trigger in missing:
            if connection.vendor == "postgresql":  # one that stands switched off can't be made again
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name} ON {trigger.table}")
            cursor.execute(trigger.create)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away. For the flush between transactional tests alone."""
    with connection.cursor() as cursor:
        for trigger in expected_triggers(connection.vendor):
            on_table = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}{on_table}")


def install_after_migrate(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """`post_migrate`: the tables of the app stand, so their triggers can."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if set(APPEND_ONLY) | set(NEVER_DELETED) <= tables:
        install_triggers(connection)
