"""History that SQL can't change: triggers on both engines, put in place after every migrate.

Django rebuilds SQLite tables on some migrations and drops their triggers silently, hence `post_migrate`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Table and its key; history, evidence, consents and who read what keep every row as it was written.
APPEND_ONLY = {
    "compliance_historicaloptout": "history_id",
    "compliance_evidence": "id",
    "compliance_consent": "id",
    "compliance_evidencepack": "id",
    "compliance_historicalkeyword": "history_id",
    "compliance_historicalreplytemplate": "history_id",
    "accounts_accessrecord": "id",
}
NEVER_DELETED = ("compliance_optout", "compliance_recipient")
# A recipient keeps its number, or an opt-out would follow somebody else.
KEPT_COLUMNS: dict[str, tuple[str, ...]] = {"compliance_recipient": ("tenant_id", "number")}
# What else makes an INSERT OR REPLACE delete a row. Not the recipient's own: our upsert fires the same trigger.
OTHER_KEYS: dict[str, tuple[str, ...]] = {
    "compliance_optout": ("tenant_id", "recipient_id", "scope", "sender", "requested_by"),
    "accounts_accessrecord": ("once_key",),
}

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
    """Every trigger that must be there, word for word."""
    return list(_postgresql() if vendor == "postgresql" else _sqlite())


def _sqlite() -> Iterator[Trigger]:
    """INSERT OR REPLACE passes UPDATE and DELETE triggers by, so an INSERT over a row is refused by itself."""
    for table, key in APPEND_ONLY.items():
        yield _refusal(table, "no_update", "BEFORE UPDATE")
        yield _refusal(table, "no_delete", "BEFORE DELETE")
        yield _refusal(table, "no_replace", "BEFORE INSERT", _when_taken(table, (key,)))
    for table in NEVER_DELETED:
        yield _refusal(table, "no_delete", "BEFORE DELETE")
        yield _refusal(table, "no_replace", "BEFORE INSERT", _when_taken(table, ("id",)))
    for table, columns in OTHER_KEYS.items():
        yield _refusal(table, "no_second", "BEFORE INSERT", _when_taken(table, columns))
    for table, columns in KEPT_COLUMNS.items():
        yield _refusal(table, "no_renaming", f"BEFORE UPDATE OF {', '.join(columns)}")


def _refusal(table: str, name: str, event: str, when: str = "") -> Trigger:
    body = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    create = " ".join(filter(None, (f"CREATE TRIGGER {table}_{name} {event} ON {table}", when, body)))
    return Trigger(f"{table}_{name}", table, create)


def _when_taken(table: str, columns: tuple[str, ...]) -> str:
    same = " AND ".join(f"{column} = NEW.{column}" for column in columns)
    return f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names of this file


def _postgresql() -> Iterator[Trigger]:
    """TRUNCATE passes row triggers by, so it has a statement trigger of its own. Written as PostgreSQL repeats it."""
    for table in APPEND_ONLY:
        yield _execution(table, "append_only", "BEFORE DELETE OR UPDATE", "ROW")
    for table in NEVER_DELETED:
        yield _execution(table, "append_only", "BEFORE DELETE", "ROW")
    for table in (*APPEND_ONLY, *NEVER_DELETED):
        yield _execution(table, "no_truncate", "BEFORE TRUNCATE", "STATEMENT")
    for table, columns in KEPT_COLUMNS.items():
        yield _execution(table, "no_renaming", f"BEFORE UPDATE OF {', '.join(columns)}", "ROW")


def _execution(table: str, name: str, event: str, each: str) -> Trigger:
    body = f"FOR EACH {each} EXECUTE FUNCTION compliance_refuse_change()"
    return Trigger(f"{table}_{name}", table, f"CREATE TRIGGER {table}_{name} {event} ON {table} {body}")


def installed_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of the triggers that stand as they were made and are switched on."""
    with connection.cursor() as cursor:
        cursor.execute(_INSTALLED[connection.vendor])
        standing = dict(cursor.fetchall())
    expected = expected_triggers(connection.vendor)
    return {trigger.name for trigger in expected if standing.get(trigger.name) == trigger.create}


_INSTALLED = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": """
        SELECT t.tgname, pg_get_triggerdef(t.oid, true)
        FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
            AND f.proname = 'compliance_refuse_change' AND f.prosrc LIKE '%RAISE EXCEPTION%'
            AND f.prosrc NOT LIKE '%RETURN%'
    """,
}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Put every trigger in place that is missing, altered or switched off."""
    standing = installed_triggers(connection)
    missing = [trigger for trigger in expected_triggers(connection.vendor) if trigger.name not in standing]
    with connection.cursor() as cursor:
        if missing and connection.vendor == "postgresql":
            cursor.execute(REFUSE_FUNCTION)
        for trigger in missing:
            cursor.execute(_drop(trigger, connection.vendor))
            cursor.execute(trigger.create)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take every trigger away. For the flush between transactional tests alone."""
    with connection.cursor() as cursor:
        for trigger in expected_triggers(connection.vendor):
            cursor.execute(_drop(trigger, connection.vendor))


def _drop(trigger: Trigger, vendor: str) -> str:
    on_table = f" ON {trigger.table}" if vendor == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS {trigger.name}{on_table}"


def install_after_migrate(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """`post_migrate`: the tables of the app stand, so their triggers can."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    if {*APPEND_ONLY, *NEVER_DELETED} <= tables:
        install_triggers(connection)
