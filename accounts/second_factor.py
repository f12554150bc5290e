"""The second step of a log-in: a code of an authenticator app (TOTP), or one of ten recovery codes."""

from dataclasses import dataclass
from datetime import datetime

import segno
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.safestring import SafeString, mark_safe
from django_otp import verify_token

from accounts.devices import AuthenticatorApp, RecoveryCodes
from accounts.models import User

RECOVERY_CODES = 10
APP, RECOVERY = "Authenticator app", "Recovery codes"


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a code: whose it is, until when guessing rests, or that the app's key can't be read."""

    device: AuthenticatorApp | RecoveryCodes | None = None
    wait_until: datetime | None = None
    is_unreadable: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether the code was looked at, and is none."""
        return self.device is None and self.wait_until is None and not self.is_unreadable

    @property
    def is_recovery(self) -> bool:
        return isinstance(self.device, RecoveryCodes)


def has_second_factor(person: User) -> bool:
    """Whether a log-in of this person asks for a code."""
    return _apps_of(person).filter(confirmed=True).exists()


def must_have_one(person: User) -> bool:
    """Whether the business, or the installation for its operators, wants a second step of this person."""
    if person.tenant is None:
        return bool(settings.OPERATORS_NEED_SECOND_STEP)
    return person.role in person.tenant.second_factor_roles


def begin(person: User) -> AuthenticatorApp:
    """The app to be connected; it counts once a code of it was entered."""
    begun: AuthenticatorApp | None = _apps_of(person).filter(confirmed=False).order_by("-pk").first()
    if begun is None or not _is_readable(begun):
        begun = AuthenticatorApp(user=person, name=APP, confirmed=False)
        begun.make_key()
        begun.save()
    return begun


def confirm(person: User, code: str) -> tuple[Checked, list[str]]:
    """Switch the second step on by a first code. Returns the recovery codes, which can't be shown again."""
    with transaction.atomic():
        device = begin(person)
        checked = _check(person, device, code)
        if checked.device is None:
            return checked, []
        _apps_of(person).exclude(pk=device.pk).delete()
        _apps_of(person).filter(pk=device.pk).update(confirmed=True)
        checked.device.confirmed = True
        return checked, renew_recovery_codes(person)


def renew_recovery_codes(person: User) -> list[str]:
    """Ten new codes in place of those that were left."""
    with transaction.atomic():
        RecoveryCodes.objects.filter(user=person).delete()
        codes = RecoveryCodes.make_codes(RECOVERY_CODES)
        RecoveryCodes.objects.create(user=person, name=RECOVERY, digests=RecoveryCodes.digests_of(codes))
    return codes


def recovery_codes_left(person: User) -> int:
    """How many recovery codes nobody has used yet."""
    return sum(len(row.digests) for row in RecoveryCodes.objects.filter(user=person))


def check_code(person: User, code: str) -> Checked:
    """Check a code of the app, or a recovery code, which then is used up. Wrong ones must wait ever longer."""
    kind = AuthenticatorApp if tidy(code).isdigit() else RecoveryCodes
    device = kind.objects.filter(user=person, confirmed=True).first()
    return Checked() if device is None else _check(person, device, code)


def remove(person: User) -> bool:
    """Switch the second step off, with its recovery codes. False where there was none."""
    with transaction.atomic():
        RecoveryCodes.objects.filter(user=person).delete()
        gone, _ = _apps_of(person).delete()
    return bool(gone)


def qr_code(device: AuthenticatorApp) -> SafeString:
    """What an app scans, as a picture in the page itself: dark on light in the dark as well, or cameras miss it."""
    picture = segno.make(device.address, error="m").svg_inline(scale=5, dark="#000", light="#fff")
    return mark_safe(picture)  # noqa: S308 - drawn by us


def in_groups(text: str) -> str:
    """A key or a code for those who type it, in groups of four."""
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def tidy(code: str) -> str:
    """A code without the spaces and hyphens that apps and people put into it."""
    return "".join(code.replace("-", " ").split()).lower()[:16]


def _check(person: User, device: AuthenticatorApp | RecoveryCodes, code: str) -> Checked:
    allowed, why = device.verify_is_allowed()
    if not allowed:
        return Checked(wait_until=(why or {}).get("locked_until"))
    try:
        return Checked(verify_token(person, device.persistent_id, tidy(code)))
    except InvalidToken:
        return Checked(is_unreadable=True)


def _apps_of(person: User) -> QuerySet[AuthenticatorApp]:
    return AuthenticatorApp.objects.filter(user=person)  # type: ignore[no-any-return] # django-otp has no types


def _is_readable(app: AuthenticatorApp) -> bool:
    """Whether ENCRYPTION_KEYS open its key."""
    try:
        return bool(app.key)
    except InvalidToken:
        return False
