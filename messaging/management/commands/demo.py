"""`demo`: two businesses to try the system with, and their log-ins."""

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber, Tenant, User
from accounts.scoping import businesses_open_to
from accounts.visits import LONGEST, start_visit
from messaging.demo.building import ensure_demo
from messaging.demo.company import OPERATOR, PASSWORD
from messaging.demo.plan import SLUGS, BusinessPlan, load_plan

VISIT_REASON = "The demo was started: its operator looks around."


class Command(BaseCommand):
    help = "Set up the two demo businesses. Safe to repeat; refused where other businesses are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the log-ins as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_demo_there():
            refuse_beside_real_business()
            ensure_demo(timezone.now())
        visit_demo(timezone.now())
        found = describe_demo()
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            self.stdout.write("\n".join(_lines(found)))


def is_demo_there() -> bool:
    """Whether both demo businesses stand: then nothing is added, whatever business was made beside them."""
    return Tenant.objects.filter(slug__in=SLUGS, is_demo=True).count() == len(SLUGS)


def visit_demo(now: datetime) -> None:
    """Open both businesses to the demo's operator for an hour, as every operator has to: with a reason, on record."""
    operator = User.objects.filter(username=OPERATOR, tenant=None, is_active=True).first()
    if operator is None:
        return
    open_already = businesses_open_to(operator)
    for tenant in Tenant.objects.filter(slug__in=SLUGS, is_demo=True).exclude(pk__in=open_already):
        start_visit(operator, tenant, VISIT_REASON, LONGEST, now)


def refuse_beside_real_business() -> None:
    """Log-ins with known passwords never come to a real installation."""
    other = Tenant.objects.exclude(slug__in=SLUGS, is_demo=True).first()
    if other is not None:
        raise CommandError(
            f"The demo is refused: “{other.name}” is a business of this installation, "
            "and demo log-ins have known passwords. Use an empty database."
        )


def describe_demo() -> dict[str, Any]:
    """The log-ins and addresses of what stands."""
    return {
        "admin": {"username": OPERATOR, "password": PASSWORD},
        "tenants": [_describe(load_plan(slug)) for slug in SLUGS],
    }


def _describe(plan: BusinessPlan) -> dict[str, Any]:
    account = ProviderAccount.objects.filter(tenant__slug=plan.slug, provider="simulator").earliest("pk")
    numbers = SenderNumber.objects.filter(tenant__slug=plan.slug).order_by("pk")
    return {
        "slug": plan.slug,
        "users": User.objects.filter(tenant__slug=plan.slug).count(),
        "webhook_token": account.token,
        "sender_numbers": list(numbers.values_list("number", flat=True)),
        "logins": [
            {"username": plan.username(login), "password": PASSWORD, "role": login.role} for login in plan.logins
        ],
    }


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"Platform operator: {found['admin']['username']} / {found['admin']['password']}"]
    for tenant in found["tenants"]:
        lines += ["", f"{tenant['slug']}: {tenant['users']} employees, {_numbers(tenant)}"]
        lines += [f"  {login['role']:20} {login['username']} / {login['password']}" for login in tenant["logins"]]
    return lines


def _numbers(tenant: dict[str, Any]) -> str:
    count = len(tenant["sender_numbers"])
    return "1 number" if count == 1 else f"{count} numbers"
