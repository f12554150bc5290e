"""`import_consents FILE --tenant SLUG [--dry-run]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from compliance.actors import Actor
from compliance.consents.importing import import_consents
from compliance.list_files import UnreadableFile
from compliance.management.lists import ImportCommand, find_tenant
from compliance.models import ActorKind

LABELS = {
    "new": "recorded",
    "already": "on record already",
    "opted_out": "refused: opted out, and an import never opts anyone back in",
    "invalid": "invalid",
}


class Command(ImportCommand):
    help = "Record the consents of a list (CSV or XLSX). Texts nobody, and never opts anyone back in."

    def handle(self, *args: Any, file: Path, tenant: str, dry_run: bool, **options: Any) -> None:
        actor = Actor(ActorKind.COMMAND, name="import_consents")
        try:
            report = import_consents(file, find_tenant(tenant), actor, timezone.now(), dry_run=dry_run)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        self.print_report(report.problems, report.counts, LABELS, dry_run=dry_run)
