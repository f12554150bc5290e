"""What the steps of one comparison share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from accounts.models import ProviderAccount, SenderNumber
from messaging.models import Difference, ListedNumber, Reconciliation
from messaging.providers import find_provider
from messaging.providers.base import Provider


@dataclass
class Work:
    """One comparison while it is worked on. Nothing of it outlives the process: what counts is in its row."""

    run: Reconciliation
    account: ProviderAccount

    @cached_property
    def provider(self) -> Provider:
        return find_provider(self.account.provider)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        return self.account.settings

    @cached_property
    def senders(self) -> list[str]:
        """Our company numbers behind this connection."""
        rows = SenderNumber.objects.for_tenant(self.account.tenant).filter(account=self.account, is_active=True)
        return list(rows.order_by("number").values_list("number", flat=True))

    def save(self, **values: Any) -> None:
        """Write fields of the run."""
        Reconciliation.objects.filter(pk=self.run.pk).update(**values)
        for name, value in values.items():
            setattr(self.run, name, value)

    def note(self, kind: Difference.Kind, number: str, sender: str, **values: Any) -> Difference:
        """A difference that this run found, not yet saved."""
        return Difference(
            tenant_id=self.run.tenant_id, run_id=self.run.pk, kind=kind, number=number, sender=sender, **values
        )

    def keep_listed(self, rows: Iterable[ListedNumber]) -> None:
        """Remember what stands on the provider's list now."""
        once = {(row.number, row.sender): row for row in rows}
        ListedNumber.objects.bulk_create(
            once.values(),
            update_conflicts=True,
            unique_fields=["account", "number", "sender"],
            update_fields=["by", "changed_at", "seen_in"],
        )

    def listed(self, number: str, sender: str, **values: Any) -> ListedNumber:
        """An entry as it stands over there, not yet saved."""
        return ListedNumber(
            tenant_id=self.run.tenant_id,
            account_id=self.account.pk,
            number=number,
            sender=sender,
            seen_in_id=self.run.pk,
            **values,
        )


def add_new(differences: Iterable[Difference]) -> None:
    """Save differences; one that this run has noted already stays as it is."""
    Difference.objects.bulk_create(list(differences), ignore_conflicts=True)


def written_by_us(work: Work, numbers: Iterable[str]) -> dict[tuple[str, str], int | None]:
    """The entries of these numbers over there that are our own writing, with the opt-out that each was written for."""
    changed = Difference.objects.filter(
        run__account=work.account,
        run__tenant_id=work.run.tenant_id,
        number__in=numbers,
        state__in=(Difference.State.WRITTEN, Difference.State.RELEASED),
    )
    last = {(row.number, row.sender): row for row in changed.order_by("id")}
    return {key: row.opt_out_id for key, row in last.items() if row.state == Difference.State.WRITTEN}
