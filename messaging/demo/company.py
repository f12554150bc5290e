"""Sets up a demo business: sites, numbers, employees, and one log-in per role."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from random import Random

from django.contrib.auth.hashers import make_password

from accounts.models import ProviderAccount, SenderNumber, Site, Tenant, User
from accounts.phone import kind_of
from accounts.roles import Role
from messaging.demo.plan import BusinessPlan, people

PASSWORD = "opt-out-demo"  # noqa: S105 - printed for whoever tries the demo, and only where no other business is
OPERATOR = "operator"
OPENED = timedelta(days=90)
SEGMENT_PRICE = Decimal("0.0112")
TWO_NUMBERS_EVERY = 12


@dataclass(frozen=True, slots=True)
class Company:
    """A demo business as its story needs it."""

    plan: BusinessPlan
    tenant: Tenant
    account: ProviderAccount
    senders: list[SenderNumber]
    employees: dict[int, list[User]]  # by company number: who texts from it
    officer: User
    rng: Random

    def sender_for(self, recipient: str) -> SenderNumber:
        """The company number that usually texts a recipient: the nearest, and every tenth time the last one."""
        if len(self.senders) == 1 or int(recipient[-2:]) % 10 == 9:
            return self.senders[-1]
        return self.senders[self.plan.area_codes.index(recipient[2:5]) % len(self.senders)]


def found_company(plan: BusinessPlan, now: datetime) -> Company:
    """Make the business with everything that stands before the first text."""
    rng = Random(plan.slug)  # noqa: S311 - the same demo each time, not secrecy
    tenant = Tenant.objects.create(
        slug=plan.slug,
        name=plan.name,
        brand_name=plan.brand_name,
        help_contact=plan.help_contact,
        time_zone=plan.time_zone,
        segment_price=SEGMENT_PRICE,
        is_demo=True,
        created_at=now - OPENED,
    )
    account = ProviderAccount.objects.create(
        tenant=tenant,
        provider="simulator",
        name="Simulator",
        token=ProviderAccount.make_token(),
        created_at=now - OPENED,
    )
    sites = [Site.objects.create(tenant=tenant, name=site.name) for site in plan.sites]
    senders = _open_numbers(plan, tenant, account, sites)
    logins = _make_logins(plan, tenant, sites, now)
    staff = _hire(plan, tenant, sites, rng, now)
    employees = _assign(senders, [*logins.values(), *staff])
    return Company(plan, tenant, account, senders, employees, logins[Role.COMPLIANCE_OFFICER], rng)


def _open_numbers(
    plan: BusinessPlan, tenant: Tenant, account: ProviderAccount, sites: list[Site]
) -> list[SenderNumber]:
    return [
        SenderNumber.objects.create(
            tenant=tenant,
            number=wanted.number,
            kind=kind_of(wanted.number),
            label=wanted.label,
            site=site,
            account=account,
        )
        for wanted, site in zip(plan.sites, sites, strict=True)
    ]


def _make_logins(plan: BusinessPlan, tenant: Tenant, sites: list[Site], now: datetime) -> dict[str, User]:
    """The people who can log in, one per role."""
    logins = {}
    for login in plan.logins:
        first, last = login.person.split(" ", 1)
        user = User(
            tenant=tenant,
            site=sites[0],
            role=login.role,
            username=plan.username(login),
            email=plan.username(login),
            first_name=first,
            last_name=last,
            date_joined=now - OPENED,
            password=_hashed_password(),
        )
        user.save()
        logins[login.role] = user
    return logins


@cache
def _hashed_password() -> str:
    """One hash for all: they share the password, and eleven hashes would be most of the wait."""
    return make_password(PASSWORD)


def _hire(plan: BusinessPlan, tenant: Tenant, sites: list[Site], rng: Random, now: datetime) -> list[User]:
    """The employees who do not log in: a password hash each would take minutes for a thousand of them."""
    names = _draw_names(plan.users - len(plan.logins), rng)
    staff = []
    for position, (first, last, username) in enumerate(names):
        site = sites[position % len(sites)]
        address = f"{username}@{plan.email_domain}"
        user = User(
            tenant=tenant,
            site=site,
            role=Role.EMPLOYEE,
            username=address,
            email=address,
            first_name=first,
            last_name=last,
            date_joined=now - OPENED,
        )
        user.set_unusable_password()
        staff.append(user)
    User.objects.bulk_create(staff, batch_size=500)
    return staff


def _draw_names(wanted: int, rng: Random) -> list[tuple[str, str, str]]:
    """First name, last name and a user name that occurs once."""
    firsts, lasts = people()
    pairs = [(first, last) for first in firsts for last in lasts]
    return [(first, last, f"{first}.{last}".lower()) for first, last in rng.sample(pairs, wanted)]


def _assign(senders: list[SenderNumber], staff: list[User]) -> dict[int, list[User]]:
    """Everybody who texts shares the number of their site; every twelfth sends from a second one too."""
    texters = [user for user in staff if user.role in (Role.EMPLOYEE, Role.SITE_MANAGER)]
    by_site = {sender.site_id: place for place, sender in enumerate(senders)}
    employees: dict[int, list[User]] = {sender.pk: [] for sender in senders}
    for user, turn in zip(texters, count(1), strict=False):
        place = by_site[user.site_id]
        employees[senders[place].pk].append(user)
        if turn % TWO_NUMBERS_EVERY == 0 and len(senders) > 1:
            employees[senders[(place + 1) % len(senders)].pk].append(user)
    through = SenderNumber.users.through
    links = [through(sendernumber_id=pk, user_id=user.pk) for pk, users in employees.items() for user in users]
    through.objects.bulk_create(links, batch_size=500)
    return employees


def ensure_operator() -> None:
    """The platform operator of the demo, with every business in sight."""
    if not User.objects.filter(username=OPERATOR).exists():
        User.objects.create(
            username=OPERATOR,
            email="operator@demo.example",
            first_name="Platform operator",
            role=Role.PLATFORM_OPERATOR,
            is_superuser=True,
            password=_hashed_password(),
        )
