"""The tenant comes first and comes from one place: every queryset of a business starts here."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models

from accounts.roles import Role

if TYPE_CHECKING:
    from accounts.models import Tenant, User


class TenantQuerySet(models.QuerySet[Any]):
    """Rows of one business. `for_tenant` and `visible_to` are where every door begins."""

    def for_tenant(self, tenant: "Tenant | int") -> Self:
        """The rows of one business alone."""
        return self.filter(tenant=tenant)

    def visible_to(self, user: "User") -> Self:
        """What a person may see at all: their business; a platform operator the businesses that they visit."""
        if user.is_platform_operator:
            return self.filter(tenant__in=businesses_open_to(user))
        return self.filter(tenant=user.tenant_id) if user.tenant_id else self.none()


def businesses_open_to(user: "User") -> list[int]:
    """The businesses whose rows a person may see. A platform operator sees none without a visit, see `visits`."""
    if not user.is_platform_operator:
        return [user.tenant_id] if user.tenant_id else []
    from accounts.visits import current_visits

    return sorted({visit.tenant_id for visit in current_visits(user)})


def own_site(field: str, user: "User") -> models.Q:
    """What narrows rows to a site manager's own site, and leaves others theirs. Without a site they see none."""
    if user.role != Role.SITE_MANAGER:
        return models.Q()
    return models.Q(**{field: user.site_id}) if user.site_id else models.Q(pk__in=())


def own_numbers(user: "User") -> models.QuerySet[Any] | None:
    """The company numbers that an employee or a site manager is confined to, as digits. None for everybody else."""
    if user.role not in (Role.EMPLOYEE, Role.SITE_MANAGER):
        return None
    from accounts.models import SenderNumber

    return SenderNumber.objects.visible_to(user).values("number")


class NumberedQuerySet(TenantQuerySet):
    """Rows that concern one company number, or all where the field is empty.

    Site managers and employees see those of their own numbers, and those that concern all.
    """

    number_field = "sender"

    def visible_to(self, user: "User") -> Self:
        rows, own = super().visible_to(user), own_numbers(user)
        if own is None:
            return rows
        return rows.filter(models.Q(**{self.number_field: ""}) | models.Q(**{f"{self.number_field}__in": own}))


class UserQuerySet(TenantQuerySet):
    """Employees, scoped like every row of a business. Platform operators see each other."""

    def visible_to(self, user: "User") -> Self:
        rows = super().visible_to(user)
        return rows | self.filter(tenant=None) if user.is_platform_operator else rows.filter(own_site("site", user))


class SiteQuerySet(TenantQuerySet):
    """Sites; a site manager sees their own."""

    def visible_to(self, user: "User") -> Self:
        return super().visible_to(user).filter(own_site("pk", user))


class NumberQuerySet(TenantQuerySet):
    """Company numbers; a site manager sees those of their site, an employee those that they send from."""

    def visible_to(self, user: "User") -> Self:
        rows = super().visible_to(user).filter(own_site("site", user))
        return rows.filter(users=user) if user.role == Role.EMPLOYEE else rows


class TenantOwned(models.Model):
    """A row that belongs to one business. Its unique keys lead with the tenant."""

    # No index of its own: every key and list that is searched leads with the tenant already.
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.PROTECT, related_name="+", verbose_name="business", db_index=False
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
