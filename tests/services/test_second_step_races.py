"""A code lets in once, however many browsers send it at the same moment."""

import pytest
from django.utils import timezone

from accounts import second_factor
from accounts.devices import STEP_SECONDS, AuthenticatorApp
from accounts.models import User
from accounts.roles import Role
from tests.builders import Business, at_once

pytestmark = pytest.mark.django_db(transaction=True)
BROWSERS = 6


@pytest.fixture
def connected(acme: Business) -> tuple[User, list[str]]:
    """Somebody with a second step, and their recovery codes."""
    person = acme.user(Role.TENANT_ADMIN)
    _, codes = second_factor.confirm(person, shown_by(second_factor.begin(person)))
    assert codes
    return person, codes


def shown_by(app: AuthenticatorApp, later: int = 0) -> str:
    """The code that an app shows now, or will."""
    return f"{app.code_at(timezone.now().timestamp() + later).token():06d}"


def let_in(person: User, code: str) -> int:
    """How many of the browsers that send a code at once are let in."""
    checked = at_once(*[lambda: second_factor.check_code(person, code)] * BROWSERS)
    return sum(one.device is not None for one in checked)


def test_a_recovery_code_lets_in_once(connected: tuple[User, list[str]]) -> None:
    person, codes = connected
    assert let_in(person, codes[0]) == 1
    assert second_factor.recovery_codes_left(person) == len(codes) - 1


def test_a_code_of_the_app_lets_in_once(connected: tuple[User, list[str]]) -> None:
    person, _ = connected
    app = AuthenticatorApp.objects.get(user=person)
    assert let_in(person, shown_by(app, later=STEP_SECONDS)) == 1


def test_wrong_codes_at_once_are_one_guess(connected: tuple[User, list[str]]) -> None:
    """Whoever sends a thousand codes in one moment has tried one of them: the others must wait."""
    person, _ = connected
    let_in(person, "000000")
    app = AuthenticatorApp.objects.get(user=person)
    assert app.throttling_failure_count == 1
    assert not app.verify_is_allowed()[0]
