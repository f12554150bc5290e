"""`renew_encryption`: puts every secret under the first of ENCRYPTION_KEYS, so that the others can be dropped."""

from collections.abc import Iterator
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from accounts import encryption

PREFIX = "encrypted_"  # how a column is named whose text `encryption` made


class Command(BaseCommand):
    help = "Encrypts every stored secret with the first of ENCRYPTION_KEYS. Afterwards the other keys can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable, renewed = [], 0
        for model, name in encrypted_columns():
            for pk in model._base_manager.exclude(**{name: ""}).order_by("pk").values_list("pk", flat=True):  # noqa: SLF001
                try:
                    renew(model, name, pk)
                    renewed += 1
                except InvalidToken:
                    unreadable.append(f"{model._meta.verbose_name} {pk}")  # noqa: SLF001
        self.stdout.write(f"Under the first key now: {renewed:,}.")
        if unreadable:
            raise CommandError(
                f"None of ENCRYPTION_KEYS opens: {', '.join(unreadable)}. Bring their key back, or enter them again."
            )


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every model with a column of secrets, and the column."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:  # noqa: SLF001
            if field.attname.startswith(PREFIX):
                yield model, field.attname


def renew(model: type[models.Model], name: str, pk: Any) -> None:
    """Encrypt one anew, locked, so that what somebody enters at that moment is not lost. Raises InvalidToken."""
    with transaction.atomic():
        row = model._base_manager.select_for_update().filter(pk=pk)  # noqa: SLF001
        token = row.values_list(name, flat=True).first()
        if token:
            row.update(**{name: encryption.renew(token)})
