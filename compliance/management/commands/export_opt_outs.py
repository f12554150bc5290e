"""`export_opt_outs --tenant SLUG --format csv|xlsx|json`, to standard output."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance.management.lists import find_tenant
from compliance.transfer import WRITERS, export_opt_outs


class Command(BaseCommand):
    help = "Write the whole opt-out list of a business to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the business")
        parser.add_argument("--format", choices=sorted(WRITERS), default="csv")

    def handle(self, *args: Any, tenant: str, **options: Any) -> None:
        business = find_tenant(tenant)
        try:
            count = export_opt_outs(business, options["format"], sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # whoever reads has seen enough; Python would complain once more while it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        self.stderr.write(f"{count} opt-outs written.")
