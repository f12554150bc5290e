"""`connect_provider TENANT_SLUG PROVIDER NUMBER… --set name=value …`: prints the webhook addresses as one JSON line.

Run again with a number of the connection, it changes that connection: `--set secret=NEW` puts a new secret before the
old ones (the first signs, all verify), other settings are replaced, what is not named stays, and further numbers join.
`--replace-secrets` drops the old secrets. The addresses stay the same. Numbers that the business did not have are made,
and named on stderr.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant
from accounts.phone import format_for_people
from messaging.connections import NotConnected, Wish, connect, webhook_addresses


class Command(BaseCommand):
    help = "Connects company numbers to an SMS provider and prints the addresses that the provider must call."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_slug", help="the business")
        parser.add_argument("provider", help="such as standard")
        parser.add_argument("numbers", nargs="+", metavar="number", help="a company number")
        parser.add_argument(
            "--set",
            action="extend",
            nargs="+",
            default=[],
            dest="pairs",
            metavar="name=value",
            help="a setting of the provider; a secret may be given more than once: the first signs, all verify",
        )
        parser.add_argument("--replace-secrets", action="store_true", help="forget the secrets that stood before")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant_slug"]).first()
        if tenant is None:
            raise CommandError(f"There is no business “{options['tenant_slug']}”.")
        wish = Wish(
            options["provider"],
            tuple(options["numbers"]),
            _read(options["pairs"]),
            options["replace_secrets"],
            private_allowed=True,
        )
        try:
            done = connect(tenant, wish)
        except NotConnected as error:
            raise CommandError(str(error)) from None
        for number in done.new_numbers:
            self.stderr.write(f"{format_for_people(number)} is new: it is a company number of {tenant.name} now.")
        self.stdout.write(json.dumps(webhook_addresses(done.account)))


def _read(pairs: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.strip():
            raise CommandError(f"“{pair.partition('=')[0]}” is no setting; write --set name=value.")
        found.setdefault(name.strip(), []).append(value.strip())
    return found
