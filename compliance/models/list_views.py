"""What people keep beside the list: their own filters of it, and what was handed out of it."""

from typing import ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.scoping import TenantOwned, TenantQuerySet
from compliance.models.central_list import Recipient


class SavedFilterQuerySet(TenantQuerySet):
    """A person's own filters, and those that colleagues share with the business."""

    def offered_to(self, person: User) -> Self:
        """What stands above a person's list. A platform operator has but their own."""
        return self.filter(models.Q(owner=person) | models.Q(tenant=person.tenant_id, is_shared=True))


class SavedFilter(models.Model):
    """A search and its filters under a name, of one list of the admin."""

    tenant = models.ForeignKey(
        Tenant, null=True, on_delete=models.PROTECT, related_name="+", verbose_name="business", db_index=False
    )
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="saved_filters", db_index=False)
    page = models.CharField(max_length=64)
    name = models.CharField(max_length=60)
    query = models.TextField()
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar = SavedFilterQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="saved_filter_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "page", "name"], name="saved_filter_of_business")]
        permissions: ClassVar = [("share_savedfilter", "Can share saved filters with the business")]

    def __str__(self) -> str:
        return self.name


class EvidencePack(TenantOwned):
    """That the whole record of a recipient was handed out: when, by whom, why, and the digest of what. Append-only."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="evidence_packs")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    actor_id = models.CharField(max_length=64, editable=False)
    actor_name = models.CharField("made by", max_length=160, editable=False)
    why = models.TextField()
    sha256 = models.CharField("SHA-256 of the JSON", max_length=64, editable=False)

    class Meta:
        verbose_name = "evidence pack"
        permissions: ClassVar = [("make_evidencepack", "Can make evidence packs")]

    def __str__(self) -> str:
        return f"{self.recipient}: {self.why[:40]}"
