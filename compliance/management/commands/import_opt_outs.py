"""`import_opt_outs FILE --tenant SLUG [--dry-run]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from compliance.list_files import UnreadableFile
from compliance.management.lists import ImportCommand, find_tenant
from compliance.models import ActorKind
from compliance.opt_outs import Actor
from compliance.transfer import import_opt_outs
from compliance.transfer.importing.outcomes import OUTCOMES


class Command(ImportCommand):
    help = "Opt out everybody on a list (CSV or XLSX). Texts nobody, and never opts anyone back in."

    def handle(self, *args: Any, file: Path, tenant: str, dry_run: bool, **options: Any) -> None:
        actor = Actor(ActorKind.COMMAND, name="import_opt_outs")
        try:
            report = import_opt_outs(file, find_tenant(tenant), actor, timezone.now(), dry_run=dry_run)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        for doubt in report.doubts:
            self.stderr.write(doubt)
        labels = {outcome.key: outcome.done for outcome in OUTCOMES.values()}
        self.print_report(report.problems, report.counts, labels, dry_run=dry_run)
