"""`verify_audit` passes on every honest story, and names what was changed behind our back."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from compliance import opt_outs, triggers
from compliance.audit import find_faults
from compliance.evidence import Proof, seal
from compliance.models import ActorKind, OptOut, Source
from tests.builders import PERSON, Business, opt_out_of, text_in


def tell_a_story(business: Business) -> None:
    for text in ("STOP", "stop", "START", "please stop texting me", "STOP", "HELP", "ARRET"):
        text_in(business, text)


def change(sql: str) -> None:
    """Change a row as somebody who owns the tables could: with the triggers off for a moment."""
    triggers.remove_triggers(connection)
    with connection.cursor() as cursor:
        cursor.execute(sql)
    triggers.install_triggers(connection)


def test_an_honest_story_holds(acme: Business, globex: Business, capsys: pytest.CaptureFixture[str]) -> None:
    tell_a_story(acme)
    tell_a_story(globex)
    row = opt_out_of(acme)
    later = Proof(Source.VOICE, "Please text me again", timezone.now())
    opt_outs.lift(row, later, "Called us", opt_outs.Actor(ActorKind.USER, "1", "Ada"), timezone.now())
    call_command("verify_audit")
    assert "holds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE compliance_optout SET status = 'lifted'", "differs from its history in: status"),
        ("UPDATE compliance_optout SET opted_out_at = changed_at, episode = 9", "episode"),
        ("UPDATE compliance_historicaloptout SET reason = 'never happened'", "differs from its history in: reason"),
        ("UPDATE compliance_historicaloptout SET status = 'active' WHERE action = 'lifted'", "does not follow"),
        ("UPDATE compliance_evidence SET words = 'START'", "does not match its digest"),
        ("UPDATE compliance_historicaloptout SET evidence_digest = ''", "does not match its evidence"),
        ("DELETE FROM compliance_historicaloptout", "has no history"),
        ("DELETE FROM compliance_historicaloptout WHERE history_type = '+'", "does not begin with its creation"),
        ("DELETE FROM compliance_historicaloptout WHERE action = 'repeated'", "differs from its history"),
    ],
)
def test_a_change_behind_our_back_is_named(acme: Business, sql: str, says: str) -> None:
    tell_a_story(acme)
    change(sql)
    assert any(says in fault for fault in find_faults()), list(find_faults())
    with pytest.raises(CommandError) as error:
        call_command("verify_audit")
    assert error.value.returncode == 1


def test_an_opt_out_that_is_gone_is_named(acme: Business) -> None:
    text_in(acme, "STOP")
    change("UPDATE messaging_inboundmessage SET opt_out_id = NULL")
    change("UPDATE messaging_outboundmessage SET opt_out_id = NULL")
    change("DELETE FROM compliance_optout")
    assert any("belongs to an opt-out that is gone" in fault for fault in find_faults())


def _drop(trigger: triggers.Trigger) -> str:
    on_table = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER {trigger.name}{on_table}"


def _switch_off(trigger: triggers.Trigger) -> str:
    return f"ALTER TABLE {trigger.table} DISABLE TRIGGER {trigger.name}"


def test_a_trigger_that_only_bears_the_name_is_named(acme: Business) -> None:
    trigger = triggers.expected_triggers(connection.vendor)[0]
    harmless = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    with connection.cursor() as cursor:
        cursor.execute(_drop(trigger))
        if connection.vendor == "postgresql":
            cursor.execute(f"CREATE TRIGGER {trigger.name} BEFORE UPDATE ON {trigger.table} FOR EACH ROW {harmless}")
        else:
            cursor.execute(f"CREATE TRIGGER {trigger.name} BEFORE DELETE ON {trigger.table} WHEN 0 BEGIN SELECT 1; END")
    assert [fault for fault in find_faults() if trigger.name in fault]
    triggers.install_triggers(connection)
    assert list(find_faults()) == []


def test_a_recipient_keeps_its_number(acme: Business) -> None:
    text_in(acme, "STOP")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_recipient SET number = '+19995550100'")


@pytest.mark.parametrize("how", [_drop, _switch_off])
def test_a_missing_or_switched_off_trigger_is_named(acme: Business, how: Callable[[triggers.Trigger], str]) -> None:
    if how is _switch_off and connection.vendor != "postgresql":
        pytest.skip("SQLite's triggers can't be switched off, only dropped.")
    for trigger in triggers.expected_triggers(connection.vendor):
        with connection.cursor() as cursor:
            cursor.execute(how(trigger))
        assert [fault for fault in find_faults() if trigger.name in fault]
        triggers.install_triggers(connection)
        assert list(find_faults()) == []


def test_lists_hold_too(acme: Business, tmp_path: object) -> None:
    from compliance.opt_outs.bulk import Line, record_many

    proof = Proof(Source.IMPORT, "", timezone.now(), {"file": "x", "line": 1})
    record_many(acme.tenant, [Line(PERSON, proof), Line("+12125550178", proof)], opt_outs.SYSTEM, timezone.now())
    assert OptOut.history.count() == 2
    assert list(find_faults()) == []


@given(words=st.text(), file=st.text(), line=st.integers(), at=st.datetimes(timezones=st.just(UTC)))
def test_the_seal_is_that_of_json_with_sorted_keys(words: str, file: str, line: int, at: datetime) -> None:
    """As the seals of old evidence were made: they must go on to hold."""
    details = {"line": line, "file": file, "deep": {"b": 1, "a": [None, 1.5, True]}}
    said = {
        "tenant": 3,
        "recipient": 7,
        "way": "import",
        "words": words,
        "occurred_at": at.timestamp(),
        "details": details,
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    proof = Proof("import", words, at, details)
    assert seal(3, 7, "import", words, at, proof.details_as_json) == hashlib.sha256(text.encode()).hexdigest()
