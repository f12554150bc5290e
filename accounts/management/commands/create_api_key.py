"""`create_api_key TENANT_SLUG [--scope …]`: makes a key and prints it alone; it can't be shown again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.auth import scopes_from
from accounts.models import ApiKey, Tenant


class Command(BaseCommand):
    help = "Makes an API key for a business and prints it. It is not stored and can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_slug", help="the business")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            default=[],
            metavar="SCOPE",
            help=f"may be repeated; by default {', '.join(ApiKey.DEFAULT_SCOPES)}; "
            f"there are {', '.join(ApiKey.Scope.values)}",
        )
        parser.add_argument("--name", default="API key", help="what the key is for, shown in history")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant_slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no business “{options['tenant_slug']}”.")
        name = options["name"].strip()
        if not name or len(name) > 120:
            raise CommandError("The name of a key has 1 to 120 characters.")
        try:
            scopes = list(dict.fromkeys(scopes_from(options["scope"])))
        except ValueError as error:
            raise CommandError(str(error)) from None
        _, key = ApiKey.issue(tenant, name, scopes)
        self.stdout.write(key)
