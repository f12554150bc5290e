"""`export_opt_outs --tenant SLUG --format csv|xlsx|json`, to standard output."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance.management.commands.import_opt_outs import find_tenant
from compliance.transfer import WRITERS, export_opt_outs


class Command(BaseCommand):
    help = "Write the whole opt-out list of a business to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the business")
        parser.add_argument("--format", choices=sorted(WRITERS), default="csv")

    def handle(self, *args: Any, tenant: str, **options: Any) -> None:
        count = export_opt_outs(find_tenant(tenant), options["format"], sys.stdout.buffer)
        sys.stdout.buffer.flush()
        self.stderr.write(f"{count} opt-outs written.")
