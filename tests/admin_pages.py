"""What tests of the admin share: rows of every kind in two businesses, and people who open pages."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, User
from compliance.models import OptOut, Recipient, ReviewItem
from messaging.models import Campaign, Conversation, InboundMessage, OutboundMessage, WebhookDelivery
from optout_project import urls  # noqa: F401 - it puts our pages in place of other packages'
from tests.builders import Business, World, new_person, send, text_in

UNCLEAR = "who is this? stop"
PEOPLE = {
    "T": "tenant_admin",
    "C": "compliance_officer",
    "S": "site_manager",
    "E": "employee",
    "A": "auditor",
    "P": "platform_operator",
}


@dataclass
class Rows:
    """One row of each kind that has a page, of one business."""

    business: Business
    by_label: dict[str, Model] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Any:
        return self.by_label[label]


def build_rows(business: Business) -> Rows:
    """Somebody opts out after a campaign, somebody is unclear, a delivery fails, a key is made."""
    name = business.tenant.slug
    stopped, unclear = new_person(), new_person()
    send(business, stopped, campaign=f"{name} sale", user=business.user("employee"))
    OutboundMessage.objects.update(status="delivered")
    text_in(business, "STOP", from_=stopped)
    text_in(business, UNCLEAR, from_=unclear)
    send(business, stopped, campaign=f"{name} sale")
    key, _ = ApiKey.issue(business.tenant, f"{name} key", ["read"])
    delivery = WebhookDelivery.objects.create(
        tenant=business.tenant,
        account=business.simulator,
        kind="inbound",
        raw_body=b'{"id": "<script>alert(1)</script>"}',
        digest="d" * 64,
        proof="none",
        received_at=timezone.now(),
        error=f"{name} broke",
    )
    theirs = {"tenant": business.tenant}
    opt_out = OptOut.objects.get(**theirs)
    return Rows(
        business,
        {
            "accounts.tenant": business.tenant,
            "accounts.site": business.headquarters,
            "accounts.user": business.user("employee"),
            "accounts.sendernumber": business.long_code,
            "accounts.provideraccount": business.simulator,
            "accounts.apikey": key,
            "compliance.optout": opt_out,
            "compliance.recipient": Recipient.objects.get(pk=opt_out.recipient_id),
            "compliance.reviewitem": ReviewItem.objects.get(**theirs),
            "messaging.campaign": Campaign.objects.get(**theirs),
            "messaging.conversation": Conversation.objects.get(recipient=opt_out.recipient_id),
            "messaging.inboundmessage": InboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
            "messaging.outboundmessage": OutboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
            "messaging.webhookdelivery": delivery,
        },
    )


def log_in(user: User) -> Client:
    """A browser in which somebody is logged in."""
    client = Client()
    client.force_login(user, backend="accounts.auth.RoleBackend")
    return client


def person(world: World, code: str) -> User:
    """One of PEOPLE: of the first business, or the platform operator."""
    return world.operator if code == "P" else world.acme.user(PEOPLE[code])


def page(label: str, name: str, *args: Any) -> str:
    """The address of a page of a model."""
    return reverse(f"admin:{label.replace('.', '_')}_{name}", args=args)


def registered() -> set[str]:
    """Every model that has pages."""
    return {model._meta.label_lower for model in admin.site._registry}
