"""Connecting a business to a provider, and changing the settings of a connection that stands.

A secret is kept as a list: the first signs what we send, all verify what we receive. Connecting again puts the new
secret before the old ones, so that nothing is refused while the provider is being changed over; `replace_secrets`
drops the old ones afterwards, or at once where one has leaked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as project
from django.db import transaction

from accounts import phone
from accounts.models import ProviderAccount, SenderNumber, Tenant
from messaging.providers import find_provider
from messaging.providers.base import Provider


class NotConnected(ValueError):
    """A connection that can't be made; the message says why and what to do. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A connection as it is asked for: each setting with every value it was given."""

    provider: str
    numbers: tuple[str, ...]
    settings: Mapping[str, list[str]]
    replace_secrets: bool = False


def connect(tenant: Tenant, wish: Wish) -> ProviderAccount:
    """Connect company numbers to a provider.

    Where one of the numbers is on a connection to this provider already, that connection is changed: settings that
    are not named stay, and the other numbers join it. Else a new one is made. Numbers are created, or taken over from
    another connection of the business; what was switched off is switched on. Raises NotConnected.
    """
    provider = _find_provider(wish.provider)
    if provider.slug == "simulator" and not (project.SIMULATOR and tenant.is_demo):
        raise NotConnected("The simulator exists for demo businesses alone, where SIMULATOR is on.")
    numbers = _parse_numbers(wish.numbers, tenant.country)
    with transaction.atomic():
        account = _find_account(tenant, provider, numbers)
        account.settings = _merge(provider, account.settings, wish)
        account.is_active = True
        account.save()
        _attach(tenant, account, numbers)
    return account


def webhook_addresses(account: ProviderAccount) -> dict[str, str]:
    """The addresses to enter at the provider."""
    stem = f"{project.PUBLIC_URL}/webhooks/{account.provider}/{account.token}"
    return {kind: f"{stem}/{kind}" for kind in ("inbound", "status")}


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


def _find_account(tenant: Tenant, provider: Provider, numbers: list[str]) -> ProviderAccount:
    """The connection that these numbers are on, locked, or a new one."""
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
    new = ProviderAccount(
        tenant=tenant, provider=provider.slug, name=provider.label, token=ProviderAccount.make_token()
    )
    return found[0] if found else new


def _merge(provider: Provider, old: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    merged = dict(old)
    for name, values in wish.settings.items():
        if name in provider.secret_settings:
            kept = [] if wish.replace_secrets else _as_list(old.get(name))
            merged[name] = list(dict.fromkeys([*filter(None, values), *kept]))
        elif len(values) > 1:
            raise NotConnected(f"The setting “{name}” is no secret and takes one value.")
        else:
            merged[name] = values[0]
    try:
        provider.check_settings(merged)
    except ValueError as error:
        raise NotConnected(str(error)) from None
    return merged


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _attach(tenant: Tenant, account: ProviderAccount, numbers: list[str]) -> None:
    for number in numbers:
        SenderNumber.objects.update_or_create(
            tenant=tenant,
            number=number,
            defaults={"account": account, "is_active": True},
            create_defaults={"account": account, "kind": phone.kind_of(number)},
        )
