"""The tenant comes first and comes from one place: every queryset of a business starts here."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

if TYPE_CHECKING:
    from accounts.models import Tenant, User


class TenantQuerySet(models.QuerySet[Any]):
    """Rows of one business. `for_tenant` and `visible_to` are where every door begins."""

    def for_tenant(self, tenant: "Tenant | int") -> Self:
        """The rows of one business alone."""
        return self.filter(tenant=tenant)

    def visible_to(self, user: "User") -> Self:
        """What a person may see at all: a platform operator everything, others their business."""
        if user.is_platform_operator:
            return self.all()
        return self.filter(tenant=user.tenant_id) if user.tenant_id else self.none()


class TenantOwned(models.Model):
    """A row that belongs to one business. Its unique keys lead with the tenant."""

    # No index of its own: every key and list that is searched leads with the tenant already.
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.PROTECT, related_name="+", verbose_name="business", db_index=False
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
