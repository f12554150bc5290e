"""What the commands that read a list or write one have in common."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant


class ImportCommand(BaseCommand):
    """Reads a list for a business, says what is wrong with which line, and how many lines became what."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the business")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def print_report(
        self,
        problems: Iterable[tuple[int, str]],
        counts: Counter[str],
        labels: Mapping[str, str],
        *,
        dry_run: bool,
    ) -> None:
        """Problems to standard error, the counts of `labels` to standard output."""
        for line, sentence in problems:
            self.stderr.write(f"line {line}: {sentence}")
        for key, label in labels.items():
            self.stdout.write(f"{counts[key]:>9}  {label}")
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")


def find_tenant(slug: str) -> Tenant:
    """The business of a slug. Raises CommandError."""
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"No business has the slug “{slug}”.") from None
