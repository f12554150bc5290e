"""Whoever reads texts of numbers that are not theirs is put on record."""

from django.http import HttpRequest

from accounts.access import AN_HOUR, record_access
from accounts.models import AccessRecord, User
from accounts.roles import Role
from accounts.scoping import businesses_open_to
from messaging.models import Conversation

What = AccessRecord.What


def note_reading(person: User, conversation: Conversation) -> None:
    """Record that a conversation was read, once an hour, unless it is of a number that the person sends from."""
    if not person.numbers.filter(conversations=conversation).exists():
        record_access(person, conversation.tenant_id, What.CONVERSATION, conversation, once_within=AN_HOUR)


def note_looking_through(request: HttpRequest, what: str, tenant_id: int | None = None) -> None:
    """Record that texts were looked through, once an hour, by whatever method: Django shows a list to a POST as well.

    tenant_id: whose texts, where a page shows those of one business. An employee's lists hold the texts of their own
    numbers.
    """
    person = request.user
    if not isinstance(person, User) or person.role == Role.EMPLOYEE:
        return
    for seen in [tenant_id] if tenant_id else businesses_open_to(person):
        record_access(person, seen, What.TEXTS, what, once_within=AN_HOUR)
