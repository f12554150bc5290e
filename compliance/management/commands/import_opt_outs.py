"""`import_opt_outs FILE --tenant SLUG [--dry-run]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from compliance.list_files import UnreadableFile
from compliance.models import ActorKind
from compliance.opt_outs import Actor
from compliance.transfer import ImportReport, import_opt_outs
from compliance.transfer.importing.outcomes import OUTCOMES


class Command(BaseCommand):
    help = "Opt out everybody on a list (CSV or XLSX). Texts nobody, and never opts anyone back in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the business")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, file: Path, tenant: str, dry_run: bool, **options: Any) -> None:
        actor = Actor(ActorKind.COMMAND, name="import_opt_outs")
        try:
            report = import_opt_outs(file, find_tenant(tenant), actor, timezone.now(), dry_run=dry_run)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        self._print(report, dry_run)

    def _print(self, report: ImportReport, dry_run: bool) -> None:
        for doubt in report.doubts:
            self.stderr.write(doubt)
        for line, sentence in report.problems:
            self.stderr.write(f"line {line}: {sentence}")
        for outcome in OUTCOMES.values():
            self.stdout.write(f"{report.counts[outcome.key]:>9}  {outcome.done}")
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")


def find_tenant(slug: str) -> Tenant:
    """The business of a slug. Raises CommandError."""
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"No business has the slug “{slug}”.") from None
