"""`create_api_key` and `create_business` (DESIGN 5)."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import ApiKey, SenderNumber, Tenant, User
from tests.api import assert_problem
from tests.builders import World

PASSWORD = "violet otter 42"
OPTIONS: dict[str, Any] = {
    "name": "Bright Smile Dental",
    "help_contact": "help@smile.example",
    "number": ["(202) 555-0142"],
    "admin_username": "ada",
}


# --- create_api_key --------------------------------------------------------------------------------------------------


def create_key(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_key_is_printed_alone_and_works(world: World) -> None:
    printed = create_key("acme")
    key = printed.removesuffix("\n")
    assert key.split() == [key]
    row = ApiKey.objects.get(digest=ApiKey.digest_of(key))
    assert row.tenant == world.acme.tenant
    assert set(row.scopes) == {"read", "check", "send", "write"}
    assert Client().get("/api/v1/opt-outs", headers={"authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    "arguments",
    [("--scope", "lift", "--scope", "read"), ("--scope", "lift", "read"), ("--scope", "lift", "read", "lift")],
)
def test_scopes_are_those_named(world: World, arguments: tuple[str, ...]) -> None:
    key = create_key("acme", *arguments, "--name", "Web shop").strip()
    row = ApiKey.objects.get(digest=ApiKey.digest_of(key))
    assert (sorted(row.scopes), row.name) == (["lift", "read"], "Web shop")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), "no business “nobody”"),
        (("acme", "--scope", "fly"), "“fly” is not a scope"),
        (("acme", "--name", " "), "1 to 120 characters"),
    ],
)
def test_what_is_wrong_is_told_and_no_key_is_made(world: World, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        create_key(*arguments)
    assert not ApiKey.objects.exists()


def test_a_key_of_a_business_that_is_switched_off_opens_nothing(world: World) -> None:
    key = create_key("acme").strip()
    Tenant.objects.filter(slug="acme").update(is_active=False)
    assert_problem(Client().get("/api/v1/opt-outs", headers={"authorization": f"Bearer {key}"}), 401)


# --- create_business -------------------------------------------------------------------------------------------------


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTOUT_ADMIN_PASSWORD", PASSWORD)


def create(monkeypatch: pytest.MonkeyPatch | None = None, answers: str = "", **options: Any) -> str:
    """What the command prints. Answers come by a pipe, as from a script."""
    out = io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    call_command("create_business", stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.mark.usefixtures("password")
def test_everything_by_options(world: World) -> None:
    printed = create(**OPTIONS)
    tenant = Tenant.objects.get(slug="bright-smile-dental")
    assert (tenant.brand_name, tenant.help_contact) == ("Bright Smile Dental", "help@smile.example")
    assert (tenant.country, tenant.is_demo, tenant.is_active) == ("US", False, True)
    number = SenderNumber.objects.get(tenant=tenant)
    assert (number.number, number.kind, number.account) == ("+12025550142", "long_code", None)
    admin = User.objects.get(tenant=tenant)
    assert (admin.username, admin.role, admin.is_superuser) == ("ada", "tenant_admin", False)
    assert Client().login(username="ada", password=PASSWORD)
    for step in ("/admin/", "connect_provider bright-smile-dental", "create_api_key bright-smile-dental"):
        assert step in printed
    assert PASSWORD not in printed


def test_it_asks_for_what_is_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create(monkeypatch, f"Acme Two\n(800) 555-0142\n+12025550143\nada\n{PASSWORD}\n")
    tenant = Tenant.objects.get(slug="acme-two")
    assert tenant.help_contact == "(800) 555-0142"
    assert Client().login(username="ada", password=PASSWORD)


def test_it_asks_again_after_a_wrong_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["", "Acme Two", "nobody", "help@two.example", "12", "+12025550143", "acme-employee", "ada", "short"]
    printed = create(monkeypatch, "\n".join([*answers, PASSWORD, ""]))
    for said in ("needs a name", "“nobody” is neither", "“12” is not", "“acme-employee” is taken", "password: "):
        assert said in printed
    assert Tenant.objects.get(slug="acme-two").users.get().username == "ada"


@pytest.mark.usefixtures("password")
def test_a_second_business_of_a_name_gets_a_slug_of_its_own(world: World) -> None:
    create(**OPTIONS)
    create(**{**OPTIONS, "admin_username": "bob"})
    assert Tenant.objects.filter(slug="bright-smile-dental-2").exists()


@pytest.mark.usefixtures("password")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": " "}, "name: A business needs a name"),
        ({"help_contact": "call us"}, "help_contact: “call us” is neither"),
        ({"number": ["+12025550142", "12"]}, "number: “12” is not"),
        ({"admin_username": "acme-employee"}, "“acme-employee” is taken"),
        ({"admin_username": "a b"}, "admin_username: "),
        ({"admin_email": "nobody"}, "email: "),
        ({"slug": "acme"}, "slug: "),
        ({"slug": "a b"}, "slug: "),
        ({"country": "XX"}, "“XX” is no country"),
        ({"time_zone": "Mars/Olympus"}, "“Mars/Olympus” is not a time zone"),
        ({"language": "english"}, "“english” is no language"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_stored(world: World, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        create(**{**OPTIONS, **changes})
    assert_no_third_business()


def test_a_weak_password_is_told_and_nothing_is_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTOUT_ADMIN_PASSWORD", "12345678901")
    with pytest.raises(CommandError, match="password: "):
        create(**OPTIONS)
    assert_no_third_business()


def test_with_nobody_to_ask_the_missing_option_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="add --help-contact"):
        create(monkeypatch, "Acme Two\n")
    with pytest.raises(CommandError, match="OPTOUT_ADMIN_PASSWORD"):
        create(monkeypatch, "", **OPTIONS)
    assert_no_third_business()


def assert_no_third_business() -> None:
    assert set(Tenant.objects.values_list("slug", flat=True)) == {"acme", "globex"}
    assert not User.objects.filter(username="ada").exists()
    assert not SenderNumber.objects.filter(number="+12025550142").exists()
