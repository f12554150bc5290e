"""Changing the encryption key: everything under the new one, nothing lost, and the old one can go."""

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from accounts import second_factor
from accounts.management.commands.renew_encryption import encrypted_columns
from accounts.models import ProviderAccount, User
from tests.builders import World

SECRETS = {"secret": ["whsec_c2VjcmV0"], "base_url": "https://gateway.example"}


@pytest.fixture
def account(world: World) -> ProviderAccount:
    row: ProviderAccount = ProviderAccount.objects.filter(tenant=world.acme.tenant).earliest("pk")
    row.settings = SECRETS
    row.save()
    return row


@pytest.fixture
def person(world: World) -> User:
    return world.globex.user("tenant_admin")


def test_every_column_of_secrets_is_found() -> None:
    found = {(model._meta.label_lower, name) for model, name in encrypted_columns()}
    assert found == {("accounts.provideraccount", "encrypted_settings"), ("accounts.authenticatorapp", "encrypted_key")}


def test_afterwards_the_old_key_can_be_dropped(
    account: ProviderAccount, person: User, settings: LazySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    key = second_factor.begin(person).key
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *settings.ENCRYPTION_KEYS]
    call_command("renew_encryption")
    settings.ENCRYPTION_KEYS = [new]
    account.refresh_from_db()
    assert account.settings == SECRETS
    assert second_factor.begin(person).key == key
    assert "Under the first key now" in capsys.readouterr().out


def test_what_no_key_opens_is_named_and_the_others_are_renewed(
    account: ProviderAccount, person: User, settings: LazySettings
) -> None:
    before = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    app = second_factor.begin(person)
    new = Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [new, *before]
    with pytest.raises(CommandError, match=f"authenticator app {app.pk}"):
        call_command("renew_encryption")
    settings.ENCRYPTION_KEYS = [new]
    account.refresh_from_db()
    assert account.settings == SECRETS
    app.refresh_from_db()
    with pytest.raises(InvalidToken):
        _ = app.key
