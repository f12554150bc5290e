"""The processes run as a role that can change no record (docs/operating.md), and all of them work."""

from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.roles import Role
from compliance import audit, opt_outs
from compliance.transfer import import_opt_outs
from compliance.triggers import APPEND_ONLY, NEVER_DELETED
from messaging import delivery, tasks  # noqa: F401 - the sweepers are registered by it
from optout_project.celery import SWEEPERS, app
from tests.access_table import lines
from tests.admin_pages import build_rows, log_in
from tests.builders import World, is_blocked, new_person, send, text_in
from tests.restricted_role import become_it


@pytest.fixture
def restricted(world: World) -> World:
    become_it()
    return world


def test_texts_lists_and_pages_work(restricted: World, tmp_path: Path) -> None:
    business, listed = restricted.acme, [new_person() for _ in range(20)]
    build_rows(business)
    send(business, listed[0])
    for message_id in delivery.find_due(timezone.now(), 100):
        delivery.deliver(message_id)
    file = tmp_path / "list.csv"
    file.write_text("recipient\n" + "\n".join(listed) + "\n")
    import_opt_outs(file, business.tenant, opt_outs.SYSTEM, timezone.now())
    assert all(is_blocked(business, person) for person in listed)
    text_in(business, "START", from_=listed[0])
    for sweeper in SWEEPERS.values():
        app.tasks[sweeper["task"]].run()
    assert list(audit.find_faults()) == []
    client = log_in(business.user(Role.TENANT_ADMIN))
    pages = [line for line in lines() if line.method == "get" and "T" in line.who and not line.wants_row]
    assert pages
    for line in pages:
        assert client.get(line.address()).status_code in line.statuses["T"], line.name


@pytest.mark.parametrize("table", [*APPEND_ONLY, *NEVER_DELETED])
def test_no_record_can_be_altered(restricted: World, table: str) -> None:
    forbidden = ["DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"]
    forbidden += ["UPDATE {} SET tenant_id = tenant_id"] * (table in APPEND_ONLY)
    for statement in forbidden:
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
            connection.cursor().execute(statement.format(table))
