"""What a form may be sent as the key of a row: the form is shown again, with an error beside the field."""

from typing import Any

import pytest
from django import forms
from django.test import Client

from accounts.roles import Role
from tests.access_table import arguments_of
from tests.admin_pages import build_rows, log_in, page, registered, visit
from tests.builders import World

THEIRS = "the key of another business's row"
ODD = ("abc", "9" * 40, "9" * 5_000, "\x00", THEIRS)
CHOSEN = {"accounts.user": {"site", "tenant"}, "accounts.sendernumber": {"site", "account", "users", "tenant"}}


@pytest.mark.parametrize("code", ["T", "P"])
def test_a_key_that_is_none_is_refused_beside_its_field(world: World, code: str) -> None:
    build_rows(world.globex)
    visit(world, world.acme)
    client = log_in(world.acme.user(Role.TENANT_ADMIN) if code == "T" else world.operator)
    asked = {(address, name) for address in forms_of(client) for name in chosen_rows(client, address)}
    faults = [fault for address, name in sorted(asked) for fault in accepted(client, address, name)]
    assert not faults, "\n".join(faults)
    for label, names in CHOSEN.items():
        expected = {name for name in names if name != "tenant" or code == "P"}
        assert {name for address, name in asked if address == page(label, "add")} == expected


def forms_of(client: Client) -> list[str]:
    """Every form of a new row that this person may open: the one to change a row has the same fields."""
    labels = sorted(registered() - {label for label in registered() if label.startswith("django_celery_beat.")})
    addresses = [page(label, "add") for label in labels if f"{label.replace('.', '_')}_add" in arguments_of()]
    return [address for address in addresses if form_of(client.get(address)) is not None]


def form_of(answer: Any) -> Any:
    shown = answer.context["adminform"].form if answer.context and "adminform" in answer.context else None
    return shown if shown and shown.fields else None


def chosen_rows(client: Client, address: str) -> dict[str, Any]:
    """The fields of a form that name other rows."""
    fields = form_of(client.get(address)).fields
    return {name: field for name, field in fields.items() if isinstance(field, forms.ModelChoiceField)}


def accepted(client: Client, address: str, name: str) -> list[str]:
    """Which odd keys a field does not refuse as it should."""
    field = chosen_rows(client, address)[name]
    hidden = field.queryset.model._base_manager.exclude(pk__in=field.queryset.values("pk")).values_list("pk", flat=True)
    faults = []
    for odd in ODD:
        answer = client.post(address, {name: hidden.first() if odd == THEIRS else odd})
        if answer.status_code != 200 or name not in form_of(answer).errors:
            faults.append(f"{address} {name}={odd[:40]!r}: {answer.status_code}")
    return faults


def test_a_right_choice_is_shown_again_beside_an_error(world: World) -> None:
    client = log_in(world.acme.user(Role.TENANT_ADMIN))
    site, employee = world.acme.headquarters, world.acme.user(Role.EMPLOYEE)
    sent = {"number": "no number", "site": site.pk, "users": ["x", employee.pk]}
    answer = client.post(page("accounts.sendernumber", "add"), sent)
    shown = answer.content.decode()
    assert f'<option value="{site.pk}" selected' in shown
    assert f'<option value="{employee.pk}" selected' in shown
