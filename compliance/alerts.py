"""E-mails to those who may act, one for each thing to act on. Without EMAIL_URL the screen alone tells."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Model, QuerySet
from django.urls import reverse

from accounts.local_time import say_moment
from accounts.models import Tenant, User
from accounts.roles import ROLE_PERMISSIONS
from compliance.models import ReviewItem

AT_ONCE = 500
ANSWER = "compliance.answer_reviewitem"

M = TypeVar("M", bound=Model)
Compose = Callable[[Tenant, Sequence[M], list[str]], EmailMessage]

log = structlog.get_logger(__name__)


def send_alerts(now: datetime) -> int:
    """Tell each business once of the reviews that are due soon. Returns how many e-mails went out."""
    due = ReviewItem.objects.filter(status=ReviewItem.Status.OPEN, alert_at__lte=now).order_by("due_at", "pk")
    return tell_once(due, ANSWER, _compose, now)


def tell_once(rows: QuerySet[M], permission: str, compose: Compose[M], now: datetime) -> int:
    """Tell each business once, in one e-mail, of its rows whose `alerted_at` is empty. Returns how many went out.

    permission: whoever has it is told; a business in which nobody has an address keeps its rows untold, and holds up
    no other. What no mail server took is tried again. Without EMAIL_URL none goes out.
    """
    if not settings.EMAIL_ALERTS:
        return 0
    waiting = rows.filter(alerted_at=None).order_by().values("tenant").distinct()
    tenants = Tenant.objects.filter(is_active=True, pk__in=waiting)
    return sum(_tell(tenant, rows.filter(tenant=tenant), permission, compose, now) for tenant in tenants)


def addresses_of(tenant: Tenant, permission: str) -> list[str]:
    """The e-mail addresses of those people of a business who may do something."""
    roles = [role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]
    people = User.objects.filter(tenant=tenant, role__in=roles, is_active=True).exclude(email="")
    return list(people.order_by("pk").values_list("email", flat=True))


def _tell(tenant: Tenant, rows: QuerySet[M], permission: str, compose: Compose[M], now: datetime) -> bool:
    """Claim the rows, then send: two sweepers tell nobody twice."""
    to = addresses_of(tenant, permission)
    claimed = _claim(rows, now) if to else []
    if not claimed:
        return False
    try:
        compose(tenant, claimed, to).send()
    except Exception:  # whatever a mail server says, the other businesses must not wait for it
        log.exception("alert_not_sent", tenant=tenant.slug, about=rows.model.__name__, rows=len(claimed))
        _mark(rows, claimed, None)
        return False
    return True


def _claim(rows: QuerySet[M], now: datetime) -> list[M]:
    with transaction.atomic():
        claimed = list(rows.filter(alerted_at=None).select_for_update(skip_locked=True)[:AT_ONCE])
        _mark(rows, claimed, now)
    return claimed


def _mark(rows: QuerySet[M], marked: Sequence[M], alerted_at: datetime | None) -> None:
    rows.filter(pk__in=[row.pk for row in marked]).update(alerted_at=alerted_at)


def _compose(tenant: Tenant, items: Sequence[ReviewItem], to: list[str]) -> EmailMessage:
    """Neither numbers nor words: mail boxes are no place for what people text."""
    first = items[0].due_at
    by = f" Due first: {say_moment(first, tenant.time_zone)}" if first else ""
    what = "A text that may be an opt-out waits" if len(items) == 1 else f"{len(items)} texts that may be opt-outs wait"
    body = (
        f"{what} for an answer at {tenant.name}.{by}\n\n"
        "Until then nothing automatic is sent to these people. Unanswered, each becomes an opt-out when it is due.\n\n"
        f"{settings.PUBLIC_URL}{reverse('admin:compliance_reviewitem_changelist')}\n"
    )
    return EmailMessage(f"{what} for an answer", body, to=to)
