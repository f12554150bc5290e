"""`connect_provider`: connections to a provider, their secrets and their numbers (DESIGN 5)."""

import base64
import io
import json
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.models import ProviderAccount, SenderNumber, Tenant
from messaging import connections
from messaging.connections import NotConnected, Wish
from tests import builders
from tests.builders import Business, World, make_secret

NUMBER = "+12025550142"
OTHER_NUMBER = "+12025550143"
BASE = "base_url=https://gateway.example/texts"
SECRET = "whsec_" + base64.b64encode(b"a secret of these tests alone").decode()
SET_SECRET = f"secret={SECRET}"


def run(*arguments: str, stderr: io.StringIO | None = None) -> dict[str, str]:
    """The addresses that the command prints, and nothing but them."""
    out = io.StringIO()
    call_command("connect_provider", *arguments, stdout=out, stderr=stderr or io.StringIO())
    assert out.getvalue().count("\n") == 1
    printed: dict[str, str] = json.loads(out.getvalue())
    assert set(printed) == {"inbound", "status"}
    return printed


def connect(*numbers: str, secret: str = "", slug: str = "acme") -> tuple[dict[str, str], ProviderAccount]:
    printed = run(slug, "standard", *numbers, "--set", f"secret={secret or make_secret()}", "--set", BASE)
    return printed, account_behind(numbers[0], slug)


def account_behind(number: str, slug: str = "acme") -> ProviderAccount:
    account = SenderNumber.objects.get(tenant__slug=slug, number=number).account
    assert account is not None
    return account


def test_it_prints_the_addresses_and_makes_the_numbers(acme: Business) -> None:
    printed, account = connect(NUMBER, "(202) 555-0143", "54321", secret=SECRET)
    assert printed["inbound"] == f"{settings.PUBLIC_URL}/webhooks/standard/{account.token}/inbound"
    assert printed["status"] == f"{settings.PUBLIC_URL}/webhooks/standard/{account.token}/status"
    assert account.settings == {"secret": [SECRET], "base_url": "https://gateway.example/texts"}
    assert SECRET not in account.encrypted_settings
    kinds = dict(SenderNumber.objects.filter(account=account).values_list("number", "kind"))
    assert kinds == {NUMBER: "long_code", OTHER_NUMBER: "long_code", "54321": "short_code"}


def test_a_text_by_the_printed_address_counts(acme: Business) -> None:
    _, account = connect(NUMBER)
    answer = builders.text_in(acme, "STOP", to=NUMBER, account=account)
    assert answer.status_code == 200
    assert builders.is_blocked(acme)


def test_several_settings_may_follow_one_set(acme: Business) -> None:
    run("acme", "standard", NUMBER, "--set", SET_SECRET, BASE)
    assert account_behind(NUMBER).settings["secret"] == [SECRET]


def test_of_two_secrets_the_first_signs_and_both_verify(acme: Business) -> None:
    first, second = make_secret(), make_secret()
    run("acme", "standard", NUMBER, "--set", f"secret={first}", "--set", f"secret={second}", "--set", BASE)
    account = account_behind(NUMBER)
    assert account.settings["secret"] == [first, second]
    for secret in (first, second):
        raw = json.dumps({"id": secret, "from": builders.PERSON, "to": NUMBER, "text": "Hello"}).encode()
        headers = builders.sign(account, raw, secret=secret)
        assert builders.post_webhook(account, raw, headers=headers).status_code == 200


def test_connecting_again_rotates_the_secret(acme: Business) -> None:
    old, new = make_secret(), make_secret()
    before, account = connect(NUMBER, secret=old)
    after = run("acme", "standard", NUMBER, OTHER_NUMBER, "--set", f"secret={new}")
    assert after == before
    account.refresh_from_db()
    assert account.settings == {"secret": [new, old], "base_url": "https://gateway.example/texts"}
    assert account_behind(OTHER_NUMBER) == account
    run("acme", "standard", NUMBER, "--set", f"secret={new}", "--replace-secrets")
    account.refresh_from_db()
    assert account.settings["secret"] == [new]


def test_a_setting_that_is_named_again_is_replaced(acme: Business) -> None:
    _, account = connect(NUMBER, secret=SECRET)
    run("acme", "standard", NUMBER, "--set", "base_url=https://new.example")
    account.refresh_from_db()
    assert account.settings == {"secret": [SECRET], "base_url": "https://new.example"}


def test_other_numbers_get_a_connection_of_their_own(acme: Business) -> None:
    _, first = connect(NUMBER)
    _, second = connect(OTHER_NUMBER)
    assert first != second
    with pytest.raises(CommandError, match="different connections"):
        connect(NUMBER, OTHER_NUMBER)


def test_numbers_are_taken_over_and_switched_on(acme: Business) -> None:
    SenderNumber.objects.filter(pk=acme.long_code.pk).update(is_active=False, label="Front desk")
    _, account = connect(acme.long_code.number)
    row = SenderNumber.objects.get(pk=acme.long_code.pk)
    assert (row.account, row.is_active, row.label) == (account, True, "Front desk")
    assert ProviderAccount.objects.get(pk=acme.simulator.pk).is_active


def test_the_same_number_at_another_business_is_another_row(acme: Business, globex: Business) -> None:
    _, account = connect(globex.long_code.number)
    theirs = SenderNumber.objects.get(pk=globex.long_code.pk)
    assert theirs.account == globex.simulator
    assert account.tenant == acme.tenant


def test_numbers_that_nobody_knew_are_named(acme: Business) -> None:
    said = io.StringIO()
    run("acme", "standard", acme.long_code.number, NUMBER, "--set", SET_SECRET, BASE, stderr=said)
    assert said.getvalue() == "+1 202-555-0142 is new: it is a company number of Acme Inc. now.\n"


def test_a_weak_secret_that_stood_can_be_rotated_away(acme: Business) -> None:
    _, account = connect(NUMBER)
    account.settings = {**account.settings, "secret": ["whsec_YWJj"]}
    account.save()
    run("acme", "standard", NUMBER, "--set", SET_SECRET)
    account.refresh_from_db()
    assert account.settings["secret"] == [SECRET, "whsec_YWJj"]


def test_the_command_alone_leads_into_a_private_network(acme: Business) -> None:
    run("acme", "standard", NUMBER, "--set", SET_SECRET, "base_url=http://127.0.0.1:9/texts")
    assert account_behind(NUMBER).private_allowed
    wish = Wish("standard", (OTHER_NUMBER,), {"secret": [SECRET], "base_url": ["https://127.0.0.1/texts"]})
    with pytest.raises(NotConnected, match="private network"):
        connections.open_connection(acme.tenant, wish)


def test_the_simulator_is_for_demos(acme: Business, settings: Any) -> None:
    run("acme", "simulator", NUMBER)
    Tenant.objects.filter(slug="acme").update(is_demo=False)
    assert_refused("demo businesses", "acme", "simulator", OTHER_NUMBER)
    Tenant.objects.filter(slug="acme").update(is_demo=True)
    settings.SIMULATOR = False
    assert_refused("demo businesses", "acme", "simulator", OTHER_NUMBER)


def assert_refused(said: str, *arguments: str) -> None:
    """One sentence, and nothing stored."""
    before = list(SenderNumber.objects.values_list()), list(ProviderAccount.objects.values_list())
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("connect_provider", *arguments, stdout=io.StringIO())
    assert "\n" not in str(refusal.value)
    assert before == (list(SenderNumber.objects.values_list()), list(ProviderAccount.objects.values_list()))


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("no business “nobody”", ("nobody", "standard", NUMBER, "--set", SET_SECRET, BASE)),
        ("“pigeon” is not a provider", ("acme", "pigeon", NUMBER)),
        ("“12” is not|“1” is not", ("acme", "standard", NUMBER, "1", "--set", SET_SECRET, BASE)),
        ("“secret” is missing", ("acme", "standard", NUMBER, "--set", BASE)),
        ("“secret” is missing", ("acme", "standard", NUMBER, "--set", "secret=", BASE)),
        ("“base_url” is missing", ("acme", "standard", NUMBER, "--set", SET_SECRET)),
        ("“base_url” must be an address", ("acme", "standard", NUMBER, "--set", SET_SECRET, "base_url=no")),
        ("“secret” is too short", ("acme", "standard", NUMBER, "--set", "secret=whsec_YWJj", BASE)),
        ("“secret” must be base64", ("acme", "standard", NUMBER, "--set", "secret=whsec_é", BASE)),
        ("“colour” is not a setting", ("acme", "standard", NUMBER, "--set", SET_SECRET, BASE, "colour=red")),
        ("takes one value", ("acme", "standard", NUMBER, "--set", SET_SECRET, BASE, "base_url=https://b")),
        ("is no setting", ("acme", "standard", NUMBER, "--set", "secret")),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_and_nothing_is_stored(
    world: World, said: str, arguments: tuple[str, ...]
) -> None:
    assert_refused(said, *arguments)


def test_a_secret_is_never_repeated_in_an_error(acme: Business) -> None:
    with pytest.raises(CommandError, match="“secret” must be base64") as refusal:
        call_command("connect_provider", "acme", "standard", NUMBER, "--set", "secret=hunter2-é", BASE)
    assert "hunter2" not in str(refusal.value)
