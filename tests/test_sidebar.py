"""The sidebar: it marks the one entry that a page belongs to."""

from typing import Any

import pytest

from tests.admin_pages import Rows, build_rows, log_in, page, visit
from tests.builders import World


@pytest.fixture
def own(world: World) -> Rows:
    return build_rows(world.acme)


def marked(client: Any, address: str) -> list[str]:
    groups = client.get(address).context["sidebar_navigation"]
    return [item["title"] for group in groups for item in group["items"] if item["active"]]


@pytest.mark.parametrize(
    ("label", "name", "entry"),
    [
        ("compliance.optout", "changelist", ["Opt-outs"]),
        ("compliance.optout", "opt_out_many", ["Opt-outs"]),
        ("compliance.optoutexport", "new", ["Exports"]),
        ("compliance.optoutimport", "upload", ["Imports"]),
        ("compliance.cleanedlist", "new", ["Clean a list"]),
        ("messaging.difference", "changelist", ["Providers' lists"]),
        ("accounts.user", "add", ["Employees"]),
        ("accounts.user", "account", []),
        ("accounts.user", "connect_app", []),
    ],
)
def test_a_page_belongs_to_one_entry(world: World, label: str, name: str, entry: list[str]) -> None:
    assert marked(log_in(world.acme.user("tenant_admin")), page(label, name)) == entry


def test_the_page_of_a_row_belongs_to_its_list(world: World, own: Rows) -> None:
    client = log_in(world.acme.user("tenant_admin"))
    assert marked(client, "/admin/") == ["Start"]
    assert marked(client, page("compliance.optout", "change", own["compliance.optout"].pk)) == ["Opt-outs"]
    assert marked(client, page("messaging.difference", "change", own["messaging.difference"].pk)) == [
        "Providers' lists"
    ]
    assert marked(client, page("accounts.tenant", "change", world.acme.tenant.pk)) == ["Business settings"]


def test_a_visit_is_not_the_settings(world: World) -> None:
    visit(world, world.acme)
    client = log_in(world.operator)
    assert marked(client, page("accounts.tenant", "visits")) == ["Visit a business"]
    assert marked(client, page("accounts.tenant", "changelist")) == ["Businesses"]
    assert marked(client, page("django_celery_beat.solarschedule", "changelist")) == ["Schedules"]
