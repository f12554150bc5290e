"""Texts that went out past an opt-out by another way: told by e-mail once, and settled by a person."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from accounts.models import Tenant
from compliance.alerts import tell_once
from messaging.models import OutsideText

SETTLE = "messaging.settle_outsidetext"


def settle(row: OutsideText, by: str, why: str, now: datetime) -> bool:
    """Note what was done about an incident. False where somebody has settled it before."""
    open_ones = OutsideText.objects.filter(pk=row.pk, is_incident=True, settled_at=None)
    return bool(open_ones.update(settled_at=now, settled_by=by, settled_why=why))


def send_alerts(now: datetime) -> int:
    """Tell each business once of its new incidents. Returns how many e-mails went out. Without EMAIL_URL, none."""
    return tell_once(
        OutsideText.objects.filter(is_incident=True, settled_at=None).order_by("pk"), SETTLE, _compose, now
    )


def _compose(tenant: Tenant, rows: Sequence[OutsideText], to: list[str]) -> EmailMessage:
    """Neither numbers nor words: mail boxes are no place for what people text."""
    what = "A text was" if len(rows) == 1 else f"{len(rows)} texts were"
    body = (
        f"{what} sent to people who had opted out of texts from {tenant.name}, by another way than this system.\n\n"
        "See who sent them, and note what was done about it:\n\n"
        f"{settings.PUBLIC_URL}{reverse('admin:messaging_outsidetext_changelist')}?incident=open\n"
    )
    return EmailMessage(f"{what} sent past an opt-out", body, to=to)
