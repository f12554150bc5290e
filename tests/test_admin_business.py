"""A business's own pages in the admin: keys, people, numbers, settings; and the operator's schedules."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.models import ApiKey, SenderNumber, Site, Tenant, User
from compliance.models import Recipient
from messaging.models import Campaign
from optout_project.celery import SWEEPERS
from tests.admin_pages import Rows, build_rows, log_in, page, visit
from tests.builders import (
    PASSWORD,
    World,
    opt_out_of,
    text_in,
)


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


@pytest.fixture
def rows(world: World) -> Rows:
    return build_rows(world.acme)


# --- The business's own pages -----------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_never_again(world: World, boss: Client) -> None:
    answer = boss.post(page("accounts.apikey", "add"), {"name": "CRM", "scopes": ["read", "check"]})
    row = ApiKey.objects.get(name="CRM")
    assert answer.headers["Location"] == page("accounts.apikey", "change", row.pk)
    assert (row.tenant, row.scopes) == (world.acme.tenant, ["check", "read"])
    first = boss.get(answer.headers["Location"])
    key = first.context["new_key"]
    assert ApiKey.digest_of(key) == row.digest
    assert key in first.content.decode()
    again = boss.get(answer.headers["Location"]).content.decode()
    assert key not in again
    assert row.digest not in again


def test_a_new_key_that_nothing_opens_any_more_does_not_break_the_pages_of_keys(
    boss: Client, settings: LazySettings
) -> None:
    address = boss.post(page("accounts.apikey", "add"), {"name": "CRM", "scopes": ["read"]}).headers["Location"]
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    shown = boss.get(address)
    assert (shown.status_code, shown.context["new_key"]) == (200, "")


def test_lift_and_emergency_are_unticked(boss: Client) -> None:
    form = boss.get(page("accounts.apikey", "add")).context["adminform"].form
    assert form["scopes"].value() == ["read", "check", "send", "write"]


def test_a_key_is_switched_off(world: World, rows: Rows, boss: Client) -> None:
    key = rows["accounts.apikey"]
    boss.post(page("accounts.apikey", "change", key.pk), {"name": "old", "scopes": ["read"]})
    key.refresh_from_db()
    assert (key.name, key.is_active, key.tenant) == ("old", False, world.acme.tenant)


def new_person(**fields: Any) -> dict[str, Any]:
    usual = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    return {**usual, "role": "employee", **fields}


def test_an_admin_makes_colleagues_in_the_own_business(world: World, boss: Client) -> None:
    forged = {"tenant": world.globex.tenant.pk, "is_superuser": "on"}
    boss.post(page("accounts.user", "add"), new_person(**forged))
    made = User.objects.get(username="new")
    assert (made.tenant, made.is_superuser, made.role) == (world.acme.tenant, False, "employee")


@pytest.mark.parametrize(
    ("field", "value"), [("role", "platform_operator"), ("username", "globex-employee"), ("username", "operator")]
)
def test_an_admin_can_not_make_operators_or_take_names(world: World, boss: Client, field: str, value: str) -> None:
    answer = boss.post(page("accounts.user", "add"), new_person(**{field: value}))
    assert field in answer.context["adminform"].form.errors
    assert not User.objects.filter(username="new").exists()


def test_an_admin_can_not_move_people_or_raise_them(world: World, boss: Client) -> None:
    employee = world.acme.user("employee")
    forged = {
        "tenant": world.globex.tenant.pk,
        "is_superuser": "on",
        "groups": "1",
        "is_staff": "on",
        "is_active": "on",
    }
    form = {"username": employee.username, "role": "auditor", **forged}
    boss.post(page("accounts.user", "change", employee.pk), form)
    employee.refresh_from_db()
    assert (employee.tenant, employee.is_superuser, employee.role) == (world.acme.tenant, False, "auditor")
    answer = boss.post(page("accounts.user", "change", employee.pk), {**form, "role": "platform_operator"})
    assert "role" in answer.context["adminform"].form.errors
    answer = boss.post(page("accounts.user", "change", employee.pk), {**form, "site": world.globex.branch.pk})
    assert "site" in answer.context["adminform"].form.errors


def test_nobody_locks_themselves_out(world: World, boss: Client) -> None:
    own = world.acme.user("tenant_admin")
    answer = boss.post(page("accounts.user", "change", own.pk), {"username": own.username, "role": "employee"})
    assert {"role", "is_active", "is_staff"} <= set(answer.context["adminform"].form.errors)


def test_passwords_are_changed_in_the_own_business_alone(world: World, boss: Client) -> None:
    form = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}
    own, theirs = world.acme.user("employee"), world.globex.user("employee")
    assert boss.post(f"/admin/accounts/user/{own.pk}/password/", form).status_code == 302
    assert boss.post(f"/admin/accounts/user/{theirs.pk}/password/", form).status_code == 404
    own.refresh_from_db()
    assert own.check_password("another long password")


def test_choices_of_a_form_are_ones_own(world: World, boss: Client) -> None:
    address = page("accounts.sendernumber", "change", world.acme.long_code.pk)
    for field, value in (("site", world.globex.branch.pk), ("users", world.globex.user("employee").pk)):
        answer = boss.post(address, {"label": "x", field: value})
        assert field in answer.context["adminform"].form.errors, field
    found = boss.get("/admin/autocomplete/", {
        "app_label": "accounts", "model_name": "sendernumber", "field_name": "users", "term": "employee",
    })  # fmt: skip
    assert [row["id"] for row in found.json()["results"]] == [str(world.acme.user("employee").pk)]


def test_a_company_number_is_read_and_stamped(world: World, boss: Client) -> None:
    boss.post(page("accounts.sendernumber", "add"), {"number": "(800) 555-0142", "is_active": "on"})
    made = SenderNumber.objects.get(number="+18005550142")
    assert (made.tenant, made.kind) == (world.acme.tenant, "toll_free")
    answer = boss.post(page("accounts.sendernumber", "add"), {"number": "+1 800 555 0142", "is_active": "on"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert (
        "number" in boss.post(page("accounts.sendernumber", "add"), {"number": "12"}).context["adminform"].form.errors
    )


def test_once_per_business_is_a_form_error(world: World, boss: Client) -> None:
    answer = boss.post(page("accounts.site", "add"), {"name": world.acme.branch.name, "is_active": "on"})
    assert answer.context["adminform"].form.errors
    boss.post(page("accounts.site", "add"), {"name": world.globex.branch.name, "is_active": "on"})
    assert Site.objects.filter(tenant=world.acme.tenant, name=world.globex.branch.name).exists()
    boss.post(page("messaging.campaign", "add"), {"name": "Spring"})
    assert Campaign.objects.get(name="Spring").tenant == world.acme.tenant


def test_an_operator_keeps_what_belongs_together(world: World) -> None:
    client = log_in(world.operator)
    visit(world, world.acme)
    form = {"tenant": world.acme.tenant.pk, "number": "+12025550188", "site": world.globex.branch.pk}
    answer = client.post(page("accounts.sendernumber", "add"), form)
    assert "site" in answer.context["adminform"].form.errors


def test_a_role_goes_with_a_business_or_with_none(world: World) -> None:
    """Only an operator is offered both; what can't be is said in a sentence."""
    visit(world, world.acme)
    client, employee = log_in(world.operator), world.acme.user("employee")
    other = User.objects.create_superuser("other-operator", "other@example.org", PASSWORD)
    usual = {"is_staff": "on", "is_active": "on"}
    tries: tuple[tuple[str, dict[str, Any]], ...] = (
        (page("accounts.user", "change", employee.pk), {"username": "e", "role": "platform_operator", **usual}),
        (page("accounts.user", "change", other.pk), {"username": "o", "role": "employee", **usual}),
        (page("accounts.user", "add"), new_person()),
        (page("accounts.user", "add"), new_person(role="platform_operator", tenant=world.acme.tenant.pk)),
    )
    for address, form in tries:
        answer = client.post(address, form)
        assert "A platform operator has no business" in answer.content.decode(), address
    assert client.post(page("accounts.user", "add"), new_person(role="platform_operator")).status_code == 302
    assert User.objects.get(username="new").is_platform_operator
    assert User.objects.get(username="new").is_superuser


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("country", "ZZ", "valid choice"),
        ("language", "klingon", "valid choice"),
        ("help_contact", "ask Bob", "neither"),
    ],
)
def test_a_business_is_changed_by_the_rules_that_it_is_made_by(
    world: World, boss: Client, field: str, value: str, says: str
) -> None:
    address = page("accounts.tenant", "change", world.acme.tenant.pk)
    form = boss.get(address).context["adminform"].form
    said = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    answer = boss.post(address, {**said, field: value})
    assert says in str(answer.context["adminform"].form.errors[field])
    assert boss.post(address, {**said, "country": "CA"}).status_code == 302
    world.acme.tenant.refresh_from_db()
    assert world.acme.tenant.country == "CA"


def test_business_settings_are_the_own_business(world: World, boss: Client) -> None:
    tenant = world.acme.tenant
    form = {"name": "Acme", "brand_name": "Acme", "help_contact": "x@acme.example", "country": "US", "language": "en"}
    form |= {"time_zone": "America/Chicago", "opt_out_scope": "number", "slug": "stolen", "is_active": ""}
    form |= {"without_instruction": "append", "consent_policy": "unless_opted_out", "currency": "USD"}
    boss.post(page("accounts.tenant", "change", tenant.pk), form)
    tenant.refresh_from_db()
    assert (tenant.opt_out_scope, tenant.slug, tenant.is_active) == ("number", "acme", True)


def test_times_are_those_of_the_business(world: World, boss: Client) -> None:
    world.acme.tenant.time_zone = "Pacific/Auckland"
    world.acme.tenant.save()
    text_in(world.acme, "STOP")
    Recipient.objects.update(created_at=timezone.now())
    answer = boss.get(page("compliance.optout", "change", opt_out_of(world.acme).pk))
    local = opt_out_of(world.acme).opted_out_at.astimezone(ZoneInfo("Pacific/Auckland"))
    assert f"{local.day}, {local.year}" in answer.content.decode()


# --- Schedules --------------------------------------------------------------------------------------------------------


def test_our_own_tasks_can_not_be_switched_off(world: World) -> None:
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    own = PeriodicTask.objects.create(name=next(iter(SWEEPERS)), task="messaging.tasks.sweep_queued", interval=interval)
    other = PeriodicTask.objects.create(name="mine", task="x", interval=interval)
    client = log_in(world.operator)
    address = page("django_celery_beat.periodictask", "changelist")
    body = client.get(address).content.decode()
    assert "can't be switched off" in body
    assert own.name not in body
    for pk in (own.pk, other.pk):
        client.post(address, {"action": "disable_tasks", "_selected_action": [pk]})
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.enabled, other.enabled) == (True, False)
    assert client.get(page("django_celery_beat.periodictask", "change", own.pk)).status_code in (302, 404)
    assert client.get(page("django_celery_beat.intervalschedule", "change", interval.pk)).status_code in (302, 404)
    assert client.post(page("django_celery_beat.intervalschedule", "delete", interval.pk)).status_code in (
        302,
        403,
        404,
    )
    assert PeriodicTask.objects.filter(pk=own.pk).exists()


# --- Words on the forms ----------------------------------------------------------------------------------------------


def test_a_new_colleague_is_asked_for_in_plain_words(boss: Client) -> None:
    body = boss.get(page("accounts.user", "add")).content.decode()
    for jargon in ("LDAP", "Password-based", "user options", "150 characters"):
        assert jargon not in body, jargon
    assert "Log-in name" in body
    assert "the company numbers that name them" in body


def test_what_is_kept_as_a_code_is_chosen_by_its_name(world: World, boss: Client) -> None:
    form = boss.get(page("accounts.tenant", "change", world.acme.tenant.pk)).context["adminform"].form
    for field, choice in (
        ("country", ("CA", "Canada (+1)")),
        ("time_zone", ("America/New_York", "America/New York")),
        ("language", ("es", "Spanish")),
    ):
        assert choice in form.fields[field].choices
        assert getattr(world.acme.tenant, field) in dict(form.fields[field].choices)


def test_a_code_that_no_list_has_stays_as_it_is(world: World, boss: Client) -> None:
    Tenant.objects.filter(pk=world.acme.tenant.pk).update(time_zone="EST5EDT", language="tlh")
    form = boss.get(page("accounts.tenant", "change", world.acme.tenant.pk)).context["adminform"].form
    assert ("EST5EDT", "EST5EDT") in form.fields["time_zone"].choices
    assert ("tlh", "tlh") in form.fields["language"].choices


def test_a_list_says_what_its_button_adds(boss: Client) -> None:
    assert "Add site</span>" in boss.get(page("accounts.site", "changelist")).content.decode()
    assert "addlink" not in boss.get(page("accounts.site", "add")).content.decode()


def test_the_log_in_says_what_went_wrong(client: Client, world: World) -> None:
    wrong = {"username": "nobody", "password": "wrong"}
    body = client.post("/admin/login/", wrong).content.decode()
    assert "belong together" in body
    assert "staff account" not in body
