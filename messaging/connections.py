"""Connecting a business to a provider, and changing the settings of a connection that stands.

A secret is kept as a list: the first signs what we send, all verify what we receive. Connecting again puts the new
secret before the old ones, so that nothing is refused while the provider is being changed over; `replace_secrets` and
`drop_old_secrets` forget the old ones.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings as project
from django.db import transaction

from accounts import phone
from accounts.models import ProviderAccount, SenderNumber, Tenant
from messaging import health, waking
from messaging.providers import calls, find_provider
from messaging.providers.addresses import check_address
from messaging.providers.base import Provider
from messaging.providers.capabilities import CallFailed, NeedsUpkeep, Testable


class NotConnected(ValueError):
    """A connection that can't be made; the message says why and what to do. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A connection as it is asked for: each setting with every value it was given.

    forget: optional settings to be taken away. name: "" keeps the one that stands. private_allowed: whether an address
    may lead into a private network, which only whoever runs the installation may say.
    """

    provider: str
    numbers: tuple[str, ...]
    settings: Mapping[str, list[str]]
    replace_secrets: bool = False
    forget: tuple[str, ...] = ()
    name: str = ""
    private_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection that was made or changed, and the numbers that nobody knew before."""

    account: ProviderAccount
    new_numbers: list[str] = field(default_factory=list)


def connect(tenant: Tenant, wish: Wish) -> Connected:
    """Connect company numbers to a provider.

    Where one of the numbers is on a connection to this provider already, that connection is changed: settings that
    are not named stay, and the other numbers join it. Else a new one is made. Numbers are created, or taken over from
    another connection of the business; what was switched off is switched on. Raises NotConnected.
    """
    provider, numbers = _check(tenant, wish)
    with transaction.atomic():
        account = _find_account(tenant, provider, numbers) or _new_account(tenant, provider)
        account.is_active = True
        return _save(account, provider, wish, numbers)


def open_connection(tenant: Tenant, wish: Wish) -> Connected:
    """Make a connection of its own, whatever connections the numbers are on now. Raises NotConnected."""
    provider, numbers = _check(tenant, wish)
    with transaction.atomic():
        return _save(_new_account(tenant, provider), provider, wish, numbers)


def change_connection(account: ProviderAccount, wish: Wish) -> Connected:
    """Change a connection. Its numbers are those of the wish: one that is not named leaves it. Raises NotConnected."""
    provider, numbers = _check(account.tenant, wish)
    with transaction.atomic():
        locked = ProviderAccount.objects.for_tenant(account.tenant_id).select_for_update().get(pk=account.pk)
        on_it = SenderNumber.objects.for_tenant(account.tenant_id).filter(account=locked)
        known = set(on_it.values_list("number", flat=True))
        changed = _save(locked, provider, wish, [number for number in numbers if number not in known])
        on_it.filter(number__in=known.difference(numbers)).update(account=None)
        return changed


def drop_old_secrets(account: ProviderAccount) -> int:
    """Forget every value of a secret but the first. Returns how many were dropped."""
    with transaction.atomic():
        locked = ProviderAccount.objects.for_tenant(account.tenant_id).select_for_update().get(pk=account.pk)
        kept, dropped = dict(locked.settings), 0
        for name in find_provider(locked.provider).facts.secrets:
            values = _as_list(kept.get(name))
            dropped += len(values[1:])
            if values:
                kept[name] = values[:1]
        locked.settings = kept
        locked.save(update_fields=["encrypted_settings"])
        return dropped


def has_old_secrets(account: ProviderAccount) -> bool:
    """Whether a secret that was replaced still verifies."""
    secrets, kept = find_provider(account.provider).facts.secrets, settings_of(account) or {}
    return any(len(_as_list(kept.get(name))) > 1 for name in secrets)


def switch(account: ProviderAccount, *, on: bool) -> None:
    """Switch sending through a connection on or off. What it receives is taken in either way."""
    ProviderAccount.objects.for_tenant(account.tenant_id).filter(pk=account.pk).update(is_active=on)


def choose_who_answers(account: ProviderAccount, choices: Mapping[str, str]) -> None:
    """Set who answers STOP, START and HELP by kind of number: "us", "provider", or "" for what is known."""
    account.answered_by = {kind: who for kind, who in choices.items() if who}
    account.save(update_fields=["answered_by"])


def try_connection(account: ProviderAccount, now: datetime) -> bool:
    """Ask the provider whether the settings work, without texting anybody, and note what it said.

    Call it with no transaction open.
    """
    provider = find_provider(account.provider)
    if not isinstance(provider, Testable):
        health.note_test(account, False, f"{provider.facts.label} offers nothing to test it by.", now)
        return False
    kept = settings_of(account)
    if kept is None:
        health.note_test(account, False, "No key of this installation opens its settings. Enter them again.", now)
        return False
    try:
        with calling(account):
            said, passed = provider.test_connection(kept), True
    except CallFailed as failure:
        said, passed = str(failure), False
    health.note_test(account, passed, said, now)
    return passed


def calling(account: ProviderAccount) -> AbstractContextManager[None]:
    """Around every call to a provider: one that was connected in the admin never reaches a private network."""
    return calls.public_addresses_only(not account.private_allowed)


def settings_of(account: ProviderAccount) -> dict[str, Any] | None:
    """The settings of a connection; None where no key of this installation opens them: then all are entered again."""
    try:
        return account.settings
    except InvalidToken:
        return None


def webhook_addresses(account: ProviderAccount) -> dict[str, str]:
    """The addresses to enter at the provider."""
    stem = f"{project.PUBLIC_URL}/webhooks/{account.provider}/{account.token}"
    return {kind: f"{stem}/{kind}" for kind in ("inbound", "status")}


def _check(tenant: Tenant, wish: Wish) -> tuple[Provider, list[str]]:
    """What can be told before anything is locked: looking up an address takes its time."""
    provider = _find_provider(wish.provider)
    if provider.slug == "simulator" and not (project.SIMULATOR and tenant.is_demo):
        raise NotConnected("The simulator exists for demo businesses alone, where SIMULATOR is on.")
    for address in filter(None, wish.settings.get("base_url", ())):
        try:
            check_address(address, private_allowed=wish.private_allowed)
        except ValueError as error:
            raise NotConnected(str(error)) from None
    return provider, _parse_numbers(wish.numbers, tenant.country)


def _save(account: ProviderAccount, provider: Provider, wish: Wish, numbers: list[str]) -> Connected:
    account.settings = _merge(provider, settings_of(account) or {}, wish)
    if "base_url" in wish.settings or account.pk is None:
        account.private_allowed = wish.private_allowed
    account.name = wish.name or account.name
    account.save()
    if isinstance(provider, NeedsUpkeep):
        health.want_upkeep(account)
        waking.wake_upkeep(account.pk)
    return Connected(account, _attach(account, numbers))


def _new_account(tenant: Tenant, provider: Provider) -> ProviderAccount:
    return ProviderAccount(
        tenant=tenant, provider=provider.slug, name=provider.facts.label, token=ProviderAccount.make_token()
    )


def _find_provider(slug: str) -> Provider:
    try:
        return find_provider(slug)
    except LookupError as error:
        raise NotConnected(str(error.args[0])) from None


def _parse_numbers(raw: Iterable[str], country: str) -> list[str]:
    try:
        return list(dict.fromkeys(phone.parse_company_number(number, country) for number in raw))
    except phone.InvalidNumber as error:
        raise NotConnected(str(error)) from None


def _find_account(tenant: Tenant, provider: Provider, numbers: list[str]) -> ProviderAccount | None:
    """The connection to this provider that these numbers are on, locked."""
    found = list(
        ProviderAccount.objects.for_tenant(tenant)
        .select_for_update()
        .filter(
            provider=provider.slug,
            pk__in=SenderNumber.objects.for_tenant(tenant).filter(number__in=numbers).values("account"),
        )
    )
    if len(found) > 1:
        raise NotConnected("These numbers are on different connections to this provider; name those of one alone.")
    return found[0] if found else None


def _merge(provider: Provider, old: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    """The settings that stood with those of the wish over them. Secrets that stood are not judged again."""
    merged, judged = dict(old), dict(old)
    for name, values in wish.settings.items():
        if name in provider.facts.secrets:
            given = [value for value in values if value]
            kept = [] if wish.replace_secrets else _as_list(old.get(name))
            merged[name] = list(dict.fromkeys([*given, *kept]))
            judged[name] = given or kept
        elif len(values) > 1:
            raise NotConnected(f"The setting “{name}” is no secret and takes one value.")
        else:
            merged[name] = judged[name] = values[0]
    for name in wish.forget:
        merged.pop(name, None)
        judged.pop(name, None)
    try:
        provider.check_settings(judged)
    except ValueError as error:
        raise NotConnected(str(error)) from None
    return merged


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _attach(account: ProviderAccount, numbers: list[str]) -> list[str]:
    """Put numbers on a connection. Returns those that had to be made."""
    made = []
    for number in numbers:
        _, is_new = SenderNumber.objects.update_or_create(
            tenant=account.tenant,
            number=number,
            defaults={"account": account, "is_active": True},
            create_defaults={"account": account, "kind": phone.kind_of(number)},
        )
        if is_new:
            made.append(number)
    return made
