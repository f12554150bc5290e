"""Promise 6. Every change writes one history row with who, how, why and its evidence, and nobody can change history."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import User
from compliance import audit, opt_outs, triggers
from compliance.models import Consent, Evidence, Keyword, OptOut, ReplyTemplate
from messaging import delivery
from messaging.models import Campaign
from tests import builders
from tests.builders import Business, deliver_all, history_of, lift_by_staff, opt_out_of, send, text_in

ON_POSTGRES = connection.vendor == "postgresql"
PROTECTED = [
    "compliance_historicaloptout",
    "compliance_evidence",
    "compliance_consent",
    "compliance_historicalkeyword",
    "compliance_historicalreplytemplate",
]
KEPT = ["compliance_optout", "compliance_recipient"]
KEYS = {table: "history_id" for table in PROTECTED if "historical" in table}


@pytest.fixture
def filled(acme: Business) -> Business:
    """A business with something in every table that must not change."""
    text_in(acme, "START")
    text_in(acme, "STOP")
    text_in(acme, "START")
    Keyword.objects.create(tenant=acme.tenant, word="ADIOS", meaning="opt_out")
    ReplyTemplate.objects.create(tenant=acme.tenant, kind="help_reply", language="en", body="{brand}: {help_contact}")
    return acme


def run(sql: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - names of this file
        return int(cursor.fetchone()[0])


def columns_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def copied(table: str, how: str = "INSERT INTO") -> str:
    """A statement that writes every row of a table over itself."""
    columns = ", ".join(columns_of(table))
    return f"{how} {table} ({columns}) SELECT {columns} FROM {table} WHERE true"  # noqa: S608


def refused(sql: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        run(sql)


# --- One row a change, with everything in it -------------------------------------------------------------------------


def test_every_change_writes_one_history_row_with_who_how_why_and_evidence(acme: Business) -> None:
    steps: tuple[Callable[[], object], ...] = (
        lambda: text_in(acme, "STOP"),
        lambda: text_in(acme, "STOP"),
        lambda: text_in(acme, "START"),
        lambda: builders.opt_out_by_staff(acme, words="No more, please."),
        lambda: lift_by_staff(acme, opt_out_of(acme), words="You may text me again."),
    )
    for number, step in enumerate(steps, start=1):
        step()
        assert len(history_of(acme)) == number

    history = history_of(acme)
    assert [row.action for row in history] == ["opted_out", "repeated", "lifted", "opted_out", "lifted"]
    assert [row.actor_kind for row in history] == ["recipient", "recipient", "recipient", "user", "user"]
    assert [row.episode for row in history] == [1, 1, 1, 2, 2]
    words = [Evidence.objects.get(pk=row.evidence_id).words for row in history]
    assert words == ["STOP", "STOP", "START", "No more, please.", "You may text me again."]
    officer = acme.user("compliance_officer")
    assert (history[3].actor_id, history[3].actor_name) == (str(officer.pk), officer.display_name)
    for row in history:
        assert row.history_change_reason
        assert row.evidence_digest == Evidence.objects.get(pk=row.evidence_id).digest


@pytest.mark.parametrize("text", ["HELP", "Hello", "leave me alone"])
def test_what_changes_no_opt_out_writes_no_history(acme: Business, text: str) -> None:
    text_in(acme, text)

    assert OptOut.history.count() == 0


def test_the_history_row_is_what_the_row_became(filled: Business) -> None:
    row = opt_out_of(filled)
    last = history_of(filled)[-1]

    for field in OptOut.history.model.tracked_fields:
        assert getattr(row, field.attname) == getattr(last, field.attname), field.name


def test_a_change_and_its_history_are_one_transaction(acme: Business) -> None:
    with transaction.atomic():
        builders.opt_out_by_staff(acme)
        transaction.set_rollback(True)

    assert not OptOut.objects.exists()
    assert OptOut.history.count() == 0


def test_the_text_before_the_stop_is_kept_with_campaign_and_employee(acme: Business) -> None:
    user = acme.user("employee")
    send(acme, body="An older one.", campaign="Spring")
    campaign_text = send(acme, body="Buy now!", purpose="marketing", campaign="Autumn", user=user)
    deliver_all()
    text_in(acme, "STOP")
    deliver_all()
    text_in(acme, "STOP")

    campaign = Campaign.objects.get(name="Autumn", tenant=acme.tenant)
    for row in (opt_out_of(acme), history_of(acme)[0], history_of(acme)[1]):
        assert row.preceding_id == str(campaign_text.pk)
        assert row.preceding_at is not None
        assert (row.preceding_user_id, row.preceding_user) == (user.pk, user.display_name)
        assert (row.preceding_campaign_id, row.preceding_campaign) == (campaign.pk, "Autumn")


def test_the_text_before_the_stop_is_one_that_reached_a_phone_from_that_number_before_it(
    acme: Business, globex: Business
) -> None:
    now = timezone.now()
    first = send(acme, now=now - timedelta(minutes=9))
    send(acme, body="From another number.", sender=acme.second_long_code, now=now - timedelta(minutes=8))
    send(globex, body="Of another business.", now=now - timedelta(minutes=8))
    deliver_all()
    send(acme, body="Still queued.", now=now - timedelta(minutes=7))
    delivery.deliver(send(acme, body="After the STOP was written.").pk)

    text_in(acme, "STOP", sent_at=now - timedelta(minutes=5))

    assert opt_out_of(acme).preceding_id == str(first.pk)


def test_a_new_episode_names_its_own_preceding_text(acme: Business) -> None:
    send(acme, campaign="Spring")
    deliver_all()
    text_in(acme, "STOP")
    text_in(acme, "START")
    send(acme, campaign="Autumn")
    deliver_all()
    text_in(acme, "STOP")

    assert opt_out_of(acme).preceding_campaign == "Autumn"
    assert [row.preceding_campaign for row in history_of(acme)] == ["Spring", "Spring", "Autumn"]


def test_the_actor_outlives_the_account(acme: Business) -> None:
    builders.opt_out_by_staff(acme)
    before = history_of(acme)[0]

    User.objects.filter(pk=acme.user("compliance_officer").pk).update(first_name="Another", last_name="Name")

    after = history_of(acme)[0]
    assert (after.actor_kind, after.actor_id, after.actor_name) == ("user", before.actor_id, before.actor_name)
    assert "history_user" not in {field.name for field in OptOut.history.model._meta.concrete_fields}


# --- Nobody changes it by code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: rows.update(status="lifted"),
        lambda rows: rows.delete(),
        lambda rows: rows.bulk_update(list(rows), ["status"]),
        lambda rows: rows.bulk_create([OptOut()]),
        lambda rows: rows.filter(pk__gt=0).update(status="lifted"),
        lambda rows: rows.for_tenant(1).update(status="lifted"),
    ],
    ids=["update", "delete", "bulk_update", "bulk_create", "filtered update", "scoped update"],
)
def test_a_queryset_writes_no_opt_outs(filled: Business, write: Any) -> None:
    with pytest.raises(TypeError, match="opt_outs"):
        write(OptOut.objects.all())


def test_an_opt_out_can_not_be_deleted_by_code(filled: Business) -> None:
    builders.opt_out_by_staff(filled, builders.OTHER_PERSON)
    for row in OptOut.objects.all():
        with pytest.raises(DatabaseError), transaction.atomic():
            row.delete()

    assert OptOut.objects.count() == 2


@pytest.mark.parametrize("model", [Evidence, Consent, OptOut.history.model])
def test_proof_can_not_be_changed_by_code(filled: Business, model: Any) -> None:
    def write(how: Any) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            how()

    row = model.objects.all()[0]
    write(row.save)
    write(row.delete)
    write(lambda: model.objects.filter(pk=row.pk).update(tenant_id=row.tenant_id))
    write(lambda: model.objects.filter(pk=row.pk)._raw_delete("default"))


# --- Nobody changes it by SQL ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", PROTECTED)
def test_sql_can_not_update_proof(filled: Business, table: str) -> None:
    for column in columns_of(table):
        refused(f"UPDATE {table} SET {column} = {column}")  # noqa: S608


@pytest.mark.parametrize("table", PROTECTED + KEPT)
def test_sql_can_not_delete_what_must_stay(filled: Business, table: str) -> None:
    refused(f"DELETE FROM {table}")  # noqa: S608
    assert count(table)


@pytest.mark.parametrize("table", PROTECTED + KEPT)
@pytest.mark.skipif(ON_POSTGRES, reason="SQLite's own statement")
@pytest.mark.parametrize("how", ["INSERT OR REPLACE INTO", "REPLACE INTO"])
def test_sql_can_not_replace_what_must_stay(filled: Business, table: str, how: str) -> None:
    refused(copied(table, how))
    assert count(table)


@pytest.mark.parametrize("table", PROTECTED)
def test_sql_can_not_overwrite_proof_by_an_upsert(filled: Business, table: str) -> None:
    key = KEYS.get(table, "id")
    refused(copied(table) + f" ON CONFLICT ({key}) DO UPDATE SET tenant_id = excluded.tenant_id")


@pytest.mark.skipif(ON_POSTGRES, reason="SQLite's own statement")
@pytest.mark.parametrize("table", PROTECTED)
def test_sql_can_not_update_or_replace_proof(filled: Business, table: str) -> None:
    key = KEYS.get(table, "id")
    refused(f"UPDATE OR REPLACE {table} SET {key} = 1")  # noqa: S608
    refused(f"UPDATE OR IGNORE {table} SET {key} = 1")  # noqa: S608


@pytest.mark.skipif(ON_POSTGRES, reason="SQLite's own statement")
@pytest.mark.parametrize("table", KEPT)
def test_sql_can_not_replace_a_row_by_another_unique_key(filled: Business, table: str) -> None:
    """REPLACE also removes rows that clash on another key than the primary one."""
    builders.opt_out_by_staff(filled, builders.OTHER_PERSON)
    names = ", ".join(name for name in columns_of(table) if name != "id")
    refused(f"INSERT OR REPLACE INTO {table} ({names}) SELECT {names} FROM {table}")  # noqa: S608


@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite has no TRUNCATE")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", PROTECTED + KEPT)
def test_sql_can_not_truncate_what_must_stay(filled: Business, table: str) -> None:
    refused(f"TRUNCATE {table} CASCADE")
    assert count(table)


@pytest.mark.skipif(not ON_POSTGRES, reason="PostgreSQL's own statement")
@pytest.mark.parametrize("table", PROTECTED)
def test_sql_can_not_merge_into_proof(filled: Business, table: str) -> None:
    key = KEYS.get(table, "id")
    on = f"MERGE INTO {table} old USING {table} new ON old.{key} = new.{key} WHEN MATCHED THEN "
    refused(on + "UPDATE SET tenant_id = new.tenant_id")
    refused(on + "DELETE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["accounts_tenant", "compliance_recipient", "messaging_conversation"])
def test_what_proof_rests_on_can_not_be_deleted(filled: Business, table: str) -> None:
    before = count(table)
    with pytest.raises(DatabaseError):
        run(f"DELETE FROM {table}")  # noqa: S608
    assert count(table) == before


# --- verify_audit ----------------------------------------------------------------------------------------------------


def test_the_audit_holds_after_every_kind_of_change(filled: Business, globex: Business) -> None:
    now = timezone.now()
    text_in(globex, "STOP", sent_at=now - timedelta(minutes=1))
    text_in(globex, "START", sent_at=now - timedelta(minutes=2))
    text_in(globex, "leave me alone", from_=builders.OTHER_PERSON)
    text_in(filled, "STOP", sent_at=now - timedelta(days=1))
    builders.opt_out_by_staff(globex, requested_by=OptOut.RequestedBy.BUSINESS)
    lift_by_staff(globex, OptOut.objects.get(requested_by="business"), at=timezone.now())

    assert list(audit.find_faults()) == []
    call_command("verify_audit")


def _tamper(sql: str) -> list[str]:
    """Change something as the owner of the tables could, with the triggers off, and look."""
    triggers.remove_triggers(connection)
    run(sql)
    triggers.install_triggers(connection)
    return list(audit.find_faults())


TAMPERINGS = {
    "status": "UPDATE compliance_optout SET status = 'active'",
    "when": "UPDATE compliance_optout SET opted_out_at = '2020-01-01 00:00:00+00:00'",
    "words": "UPDATE compliance_evidence SET words = 'Sure, text me!'",
    "history status": "UPDATE compliance_historicaloptout SET status = 'active' WHERE action = 'lifted'",
    "history gone": "DELETE FROM compliance_historicaloptout",
    "last step gone": "DELETE FROM compliance_historicaloptout WHERE action = 'lifted'",
    "first step gone": "DELETE FROM compliance_historicaloptout WHERE history_type = '+'",
    "evidence digest": "UPDATE compliance_historicaloptout SET evidence_digest = 'x'",
}


@pytest.mark.parametrize("sql", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_the_audit_names_what_was_tampered_with(filled: Business, sql: str) -> None:
    faults = _tamper(sql)

    assert faults
    with pytest.raises(CommandError):
        call_command("verify_audit")


def test_the_audit_names_a_missing_trigger(filled: Business) -> None:
    trigger = triggers.expected_triggers(connection.vendor)[0]
    on = f" ON {trigger.table}" if ON_POSTGRES else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {trigger.name}{on}")

    faults = list(audit.find_faults())
    assert len(faults) == 1
    assert trigger.name in faults[0]


@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite's triggers can't be switched off")
def test_the_audit_names_a_trigger_that_is_switched_off(filled: Business) -> None:
    trigger = triggers.expected_triggers(connection.vendor)[0]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {trigger.table} DISABLE TRIGGER {trigger.name}")

    assert [fault for fault in audit.find_faults() if trigger.name in fault]


@pytest.mark.django_db(transaction=True)
def test_migrating_again_puts_lost_triggers_back() -> None:
    triggers.remove_triggers(connection)
    call_command("migrate", verbosity=0)

    names = {trigger.name for trigger in triggers.expected_triggers(connection.vendor)}
    assert names <= triggers.installed_triggers(connection)


def test_every_table_of_proof_has_its_triggers() -> None:
    """A new table with `historical` in its name, or evidence of another kind, must be on the list."""
    from django.apps import apps

    tables = {model._meta.db_table for model in apps.get_app_config("compliance").get_models()}
    proof = {
        table for table in tables if "historical" in table or table.endswith(("evidence", "consent", "evidencepack"))
    }
    assert proof | {"accounts_accessrecord"} == set(triggers.APPEND_ONLY)


# --- Lifting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"words": "  "}, "words"),
        ({"at": timedelta(days=-1)}, "at"),
        ({"at": timedelta(hours=1)}, "at"),
    ],
)
def test_lifting_needs_words_that_are_newer_than_the_opt_out(
    acme: Business, change: dict[str, Any], field: str
) -> None:
    text_in(acme, "STOP")
    at = timezone.now() + change.get("at", timedelta(0))

    with pytest.raises(opt_outs.LiftRefused) as refusal:
        lift_by_staff(acme, opt_out_of(acme), at=at, words=change.get("words", "Text me again."))

    assert refusal.value.field == field
    assert builders.is_blocked(acme)
    assert len(history_of(acme)) == 1


def test_lifting_texts_nobody_and_a_later_stop_opts_out_again(acme: Business) -> None:
    builders.opt_out_by_staff(acme)
    lift_by_staff(acme, opt_out_of(acme))

    assert not builders.is_blocked(acme)
    assert builders.replies(acme) == []
    text_in(acme, "STOP")
    assert builders.is_blocked(acme)


def test_a_lift_twice_is_refused(acme: Business) -> None:
    builders.opt_out_by_staff(acme)
    row = opt_out_of(acme)
    lift_by_staff(acme, row)

    with pytest.raises(opt_outs.LiftRefused):
        lift_by_staff(acme, row)
    assert len(history_of(acme)) == 2
