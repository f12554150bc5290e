"""What a new business does first. What is done is ticked; once texts arrive, the list has done its work."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from accounts.models import ProviderAccount, SenderNumber, Tenant, User
from compliance.models import OptOutImport
from messaging.models import InboundMessage

SETS_UP = "accounts.add_provideraccount"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `needed`: nothing works without it."""

    title: str
    says: str
    button: str
    link: str
    done: bool
    needed: bool = True


def steps_of(person: User) -> list[Step]:
    """The steps of a business that is not ready, for whoever sets it up; no steps for a ready one."""
    tenant = person.tenant
    if tenant is None or not person.has_perm(SETS_UP) or _is_ready(tenant):
        return []
    return [*_needed(tenant), *_wanted(tenant)]


def _is_ready(tenant: Tenant) -> bool:
    """A text has come in: by a connection, to a number."""
    return _has(InboundMessage, tenant)


def _has(model: Any, tenant: Tenant, **of: Any) -> bool:
    return bool(model.objects.for_tenant(tenant).filter(**of).exists())


def _needed(tenant: Tenant) -> list[Step]:
    connections = reverse("admin:accounts_provideraccount_changelist")
    return [
        Step(
            "Connect your SMS provider",
            "It brings the texts that people send you here, and takes yours to them. Have your account's keys ready.",
            "Connect a provider",
            reverse("admin:accounts_provideraccount_add"),
            _has(ProviderAccount, tenant),
        ),
        Step(
            "Name your company numbers",
            "The numbers that you text from, each on the connection that it belongs to.",
            "Add a number",
            reverse("admin:accounts_sendernumber_add"),
            _has(SenderNumber, tenant, account__isnull=False),
        ),
        Step(
            "Text STOP from your own phone",
            "Paste the connection's two addresses at the provider, then text STOP to one of your numbers. One "
            "confirmation comes back, and you see yourself on the list. START undoes it.",
            "Find the addresses",
            connections,
            _has(InboundMessage, tenant),
        ),
    ]


def _wanted(tenant: Tenant) -> list[Step]:
    return [
        Step(
            "Bring the opt-outs that you have",
            "Whoever asked you to stop before stays blocked: bring the lists of your provider, your CRM, your sheets.",
            "Import a list",
            reverse("admin:compliance_optoutimport_upload"),
            _has(OptOutImport, tenant),
            needed=False,
        ),
        Step(
            "Invite your colleagues",
            "Each with a role: who answers reviews, who texts, who only reads.",
            "Add an employee",
            reverse("admin:accounts_user_add"),
            User.objects.for_tenant(tenant).filter(is_active=True)[:2].count() > 1,
            needed=False,
        ),
        Step(
            "Say what a text costs you",
            "With the price of a segment this page shows what blocked texts saved.",
            "Open the settings",
            reverse("admin:accounts_tenant_change", args=[tenant.pk]),
            tenant.segment_price is not None,
            needed=False,
        ),
    ]
