"""What a platform operator sees of the installation without visiting a business: whether its connections work.

Of each connection its business, its name and its state: no number, and no error of a provider that may quote a text.
"""

from typing import Any

from django.utils import timezone

from accounts.models import ProviderAccount, User
from messaging.diagnosis import verdict_of, with_signs

AT_MOST = 100
URGENT = ("red", "orange", "green", "grey")


def connections_of(person: User) -> list[dict[str, Any]]:
    """Every connection with its state, what needs somebody first. None for those who don't run the installation."""
    if not person.is_platform_operator:
        return []
    now = timezone.now()
    rows = with_signs(ProviderAccount.objects.all()).order_by("tenant__name", "name", "pk")[:AT_MOST]
    found = [{"business": row.tenant.name, "connection": row.name, "verdict": verdict_of(row, now)} for row in rows]
    return sorted(found, key=lambda item: URGENT.index(item["verdict"].colour))
