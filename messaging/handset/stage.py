"""Who texts whom on the simulator: the business, its number, and the simulated handset."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse

from accounts.models import ProviderAccount, SenderNumber, Tenant, User
from accounts.phone import InvalidNumber, parse_number
from messaging.demo.plan import SLUGS, BusinessPlan, load_plan

SIMULATOR = "simulator"
FIRST_SHOWN = tuple(reversed(SLUGS))  # the large business first: its ten numbers show what a STOP reaches


class NoDemo(LookupError):
    """The demo businesses have not been made."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What was chosen on the page. `problem` tells why a typed number was not taken."""

    plan: BusinessPlan
    tenant: Tenant
    account: ProviderAccount
    senders: list[SenderNumber]
    sender: SenderNumber
    recipient: str
    problem: str = ""

    def address(self, name: str = "handset", **changes: str) -> str:
        """The address of a page of the simulator with these choices, some of them changed."""
        chosen = {"business": self.tenant.slug, "number": self.sender.number, "recipient": self.recipient}
        return f"{reverse(name)}?{urlencode({**chosen, **changes})}"

    @property
    def employee(self) -> User | None:
        """Who texts as the business: the first who sends from the chosen number."""
        return self.sender.users.order_by("pk").first()


def set_stage(values: Mapping[str, str]) -> Stage:
    """The stage that a request asks for. Raises Http404 for what is not the demo's, NoDemo where there is none."""
    tenant = _find_tenant(values.get("business", ""))
    plan = load_plan(tenant.slug)
    account = ProviderAccount.objects.filter(tenant=tenant, provider=SIMULATOR).order_by("pk").first()
    senders = list(
        SenderNumber.objects.select_related("tenant", "account", "site").filter(tenant=tenant).order_by("pk")
    )
    if account is None or not senders:
        raise NoDemo
    account.tenant = tenant
    sender = _choose(senders, values.get("number", ""))
    recipient, problem = _read_recipient(values.get("recipient", ""), plan, senders)
    return Stage(plan, tenant, account, senders, sender, recipient, problem)


def _find_tenant(slug: str) -> Tenant:
    demos = {tenant.slug: tenant for tenant in Tenant.objects.filter(is_demo=True, slug__in=SLUGS)}
    if not demos:
        raise NoDemo
    if slug and slug not in demos:
        raise Http404
    return demos[slug] if slug else next(demos[known] for known in FIRST_SHOWN if known in demos)


def _choose(senders: list[SenderNumber], number: str) -> SenderNumber:
    if not number:
        return senders[0]
    for sender in senders:
        if sender.number == number:
            return sender
    raise Http404


def _read_recipient(raw: str, plan: BusinessPlan, senders: list[SenderNumber]) -> tuple[str, str]:
    """The typed number, or the demo's handset with a sentence about what was wrong."""
    if not raw.strip():
        return plan.handset, ""
    try:
        number = parse_number(raw, senders[0].tenant.country)
    except InvalidNumber as error:
        return plan.handset, str(error)
    if any(sender.number == number for sender in senders):
        return plan.handset, "That is a number of the business itself; choose another for the handset."
    return number, ""
