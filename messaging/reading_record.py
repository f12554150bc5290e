"""Whoever reads texts of numbers that are not theirs is put on record."""

from django.http import HttpRequest

from accounts.access import AN_HOUR, record_access
from accounts.models import AccessRecord, User
from accounts.roles import Role
from accounts.scoping import businesses_open_to
from messaging.models import Conversation

What = AccessRecord.What
READS = ("GET", "HEAD")


def note_reading(person: User, conversation: Conversation) -> None:
    """Record that a conversation was read, once an hour, unless it is of a number that the person sends from."""
    if not person.numbers.filter(conversations=conversation).exists():
        record_access(person, conversation.tenant_id, What.CONVERSATION, conversation, once_within=AN_HOUR)


def note_looking_through(request: HttpRequest, what: str) -> None:
    """Record that a list of texts was opened, once an hour. An employee's lists hold the texts of their own numbers."""
    person = request.user
    if request.method not in READS or not isinstance(person, User) or person.role == Role.EMPLOYEE:
        return
    for tenant_id in businesses_open_to(person):
        record_access(person, tenant_id, What.TEXTS, what, once_within=AN_HOUR)
