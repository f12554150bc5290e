"""Whoever asked for work on a list, as they are when it is done."""

from accounts.models import User
from accounts.scoping import businesses_open_to
from compliance.models import ListJob
from compliance.transfer.jobs import CantGoOn


def find_asker(job: ListJob, *permissions: str) -> User:
    """The person who asked, who still may. Raises CantGoOn."""
    person: User | None = User.objects.select_related("tenant").filter(pk=job.actor_id or None).first()
    if person is None or not person.is_active:
        raise CantGoOn(f"{job.actor_name} is switched off, so this was not done.")
    if job.tenant_id not in businesses_open_to(person):
        raise CantGoOn(_why_closed(person, job))
    if not person.has_perms(permissions):
        raise CantGoOn(f"{job.actor_name} may no longer do this, so it was not done.")
    return person


def _why_closed(person: User, job: ListJob) -> str:
    """An operator whose visit has ended sees no rows: what they asked for would be an empty file that looks whole."""
    if person.is_platform_operator:
        return f"The visit of {job.actor_name} has ended, so this was not done."
    return f"{job.actor_name} may no longer do this, so it was not done."
