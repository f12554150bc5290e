"""`reset_second_step USERNAME`: for whoever lost phone and codes, where no admin is left to do it on a page."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import log_ins, second_factor
from accounts.models import LogIn, User
from accounts.sessions import end_sessions


class Command(BaseCommand):
    help = "Takes the second step off a person's log-in, ends their log-ins and puts that on record."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="who logs in with it")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(f"Nobody logs in as “{options['username']}”.")
        if not second_factor.remove(person):
            raise CommandError(f"{person.display_name} has no second step.")
        end_sessions(person)
        log_ins.note(person, LogIn.What.FACTOR_RESET, by="Command line")
        self.stdout.write(f"{person.display_name} logs in with the password alone, and can connect an app again.")
