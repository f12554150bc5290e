"""`create_business`: asks for name, help contact, number and an admin, and makes the business.

Every answer can be given as an option instead; with all of them it asks nothing. The password comes from the variable
OPTOUT_ADMIN_PASSWORD or is asked for: an option would stay in the shell's history.
"""

import os
import sys
from collections.abc import Callable
from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts import businesses
from accounts.businesses import NewBusiness
from accounts.models import Tenant

PASSWORD_VARIABLE = "OPTOUT_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


class Command(BaseCommand):
    help = "Makes a business with its first company number and an admin who can log in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", help="of the business")
        parser.add_argument("--slug", default="", help="short name in commands and addresses; follows from the name")
        parser.add_argument("--brand", default="", help="how the business names itself in its texts; the name")
        parser.add_argument("--help-contact", help="e-mail address or phone number given in replies (CT-11)")
        parser.add_argument("--number", action="append", help="a company number; may be repeated")
        parser.add_argument("--country", default="US", help="where numbers without a country code belong (US)")
        parser.add_argument("--time-zone", default="America/New_York", help="America/New_York")
        parser.add_argument("--language", default="en", help="of the replies, where a text does not tell (en)")
        parser.add_argument("--admin-username", help="log-in name of the admin")
        parser.add_argument("--admin-email", default="", help="e-mail address of the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            country = businesses.check_country(options["country"])
            new = self._ask_for_all(options, country)
            tenant = businesses.create_business(new)
        except ValidationError as error:
            raise CommandError(_sentence(error)) from None
        self._report(tenant, new)

    def _ask_for_all(self, options: dict[str, Any], country: str) -> NewBusiness:
        def check_contact(raw: str) -> str:
            return businesses.check_help_contact(raw, country)

        def check_number(raw: str) -> str:
            return businesses.check_number(raw, country)

        name = self._ask("Name of the business", "--name", options["name"], businesses.check_name)
        contact = self._ask("E-mail or phone for help", "--help-contact", options["help_contact"], check_contact)
        given = options["number"] or [self._ask("Company number, like +12025550123", "--number", None, check_number)]
        username = self._ask(
            "Log-in name of the admin", "--admin-username", options["admin_username"], businesses.check_username
        )
        return NewBusiness(
            name=name,
            help_contact=contact,
            numbers=tuple(check_number(raw) for raw in given),
            admin_username=username,
            password=self._ask_for_password(username),
            country=country,
            **{key: options[key] for key in ("slug", "brand", "time_zone", "language", "admin_email")},
        )

    def _ask(self, question: str, option: str, given: str | None, check: Callable[[str], str]) -> str:
        """A given answer as it is checked; else ask until one passes."""
        if given is not None:
            return check(given)
        while True:
            answer = self._read(f"{question}: ", option)
            try:
                return check(answer)
            except ValidationError as error:
                self.stderr.write(_sentence(error))

    def _read(self, question: str, option: str, ask: Callable[[str], str] = input) -> str:
        try:
            return ask(question)
        except EOFError:
            raise CommandError(f"There is nobody to ask: add {option}.") from None

    def _ask_for_password(self, username: str) -> str:
        if given := os.environ.get(PASSWORD_VARIABLE):
            return businesses.check_password(given, username)
        is_person = sys.stdin.isatty()
        while True:
            # Without a terminal getpass would look for one of its own and wait there.
            password = self._read("Password: ", PASSWORD_VARIABLE, getpass if is_person else input)
            try:
                businesses.check_password(password, username)
            except ValidationError as error:
                self.stderr.write(_sentence(error))
                continue
            if not is_person or getpass("Password again: ") == password:
                return password
            self.stderr.write("The two passwords differ.")

    def _report(self, tenant: Tenant, new: NewBusiness) -> None:
        numbers = " ".join(dict.fromkeys(new.numbers))
        self.stdout.write(
            f"\nThe business “{tenant.name}” stands, as {tenant.slug}, with {numbers} and the admin "
            f"{new.admin_username}.\n\n"
            f"Log in:             {settings.PUBLIC_URL}{reverse('admin:index')}\n"
            f"Connect a provider: .venv/bin/python manage.py connect_provider {tenant.slug} standard {numbers} "
            "--set secret=… --set base_url=…\n"
            f"Make an API key:    .venv/bin/python manage.py create_api_key {tenant.slug}"
        )


def _sentence(error: ValidationError) -> str:
    """Every message of an error, each with the field that it is about."""
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())
