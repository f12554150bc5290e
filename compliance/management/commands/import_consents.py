"""`import_consents FILE --tenant SLUG [--dry-run]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from compliance.actors import Actor
from compliance.consents.importing import import_consents
from compliance.list_files import UnreadableFile
from compliance.management.commands.import_opt_outs import find_tenant
from compliance.models import ActorKind

LABELS = {
    "new": "recorded",
    "already": "on record already",
    "opted_out": "refused: opted out, and an import never opts anyone back in",
    "invalid": "invalid",
}


class Command(BaseCommand):
    help = "Record the consents of a list (CSV or XLSX). Texts nobody, and never opts anyone back in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the business")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, file: Path, tenant: str, dry_run: bool, **options: Any) -> None:
        actor = Actor(ActorKind.COMMAND, name="import_consents")
        try:
            report = import_consents(file, find_tenant(tenant), actor, timezone.now(), dry_run=dry_run)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        for line, sentence in report.problems:
            self.stderr.write(f"line {line}: {sentence}")
        for kind, label in LABELS.items():
            self.stdout.write(f"{report.counts[kind]:>9}  {label}")
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")
