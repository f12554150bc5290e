"""Whoever asked for work on a list, as they are when it is done."""

from accounts.models import User
from compliance.models import ListJob
from compliance.transfer.jobs import CantGoOn


def find_asker(job: ListJob, *permissions: str) -> User:
    """The person who asked, who still may. Raises CantGoOn."""
    person: User | None = User.objects.select_related("tenant").filter(pk=job.actor_id or None).first()
    if person is None or not person.is_active:
        raise CantGoOn(f"{job.actor_name} is switched off, so this was not done.")
    theirs = person.is_platform_operator or person.tenant_id == job.tenant_id
    if not theirs or not person.has_perms(permissions):
        raise CantGoOn(f"{job.actor_name} may no longer do this, so it was not done.")
    return person
