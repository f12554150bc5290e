"""Finding the parties of a request: a company number of this business, and a recipient outside it."""

from rest_framework.exceptions import NotFound

from accounts.models import SenderNumber, Tenant
from accounts.problems import refuse_field


def find_sender(tenant: Tenant, sender: str) -> SenderNumber:
    """The company number. Raises a 404 for one that is not of this business."""
    return _known(tenant, _find_ours(tenant, {sender}), sender)


def find_parties(tenant: Tenant, sender: str | None, recipient: str) -> SenderNumber | None:
    """The company number asked for, if any, in one query with a look at the recipient.

    Raises a 404 for a sender that is not of this business, and a 400 for a recipient that is one of its own numbers.
    """
    ours = _find_ours(tenant, {recipient, sender or recipient})
    if recipient in ours:
        raise refuse_field("recipient", "This is one of your own company numbers.")
    return None if sender is None else _known(tenant, ours, sender)


def _find_ours(tenant: Tenant, numbers: set[str]) -> dict[str, SenderNumber]:
    rows = SenderNumber.objects.for_tenant(tenant).select_related("account").filter(number__in=numbers)
    return {row.number: row for row in rows}


def _known(tenant: Tenant, ours: dict[str, SenderNumber], sender: str) -> SenderNumber:
    if sender not in ours:
        raise NotFound("The sender is not a company number of yours.")
    ours[sender].tenant = tenant
    return ours[sender]
