"""The second step of a log-in: a code of an authenticator app (TOTP), or one of ten recovery codes."""

from dataclasses import dataclass
from datetime import datetime

import segno
from django.conf import settings
from django.db import transaction
from django.utils.safestring import SafeString, mark_safe
from django_otp import verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User

RECOVERY_CODES = 10
APP, RECOVERY = "Authenticator app", "Recovery codes"


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a code: the device that it belongs to, or since when guessing rests until when."""

    device: TOTPDevice | StaticDevice | None = None
    wait_until: datetime | None = None

    @property
    def is_recovery(self) -> bool:
        return isinstance(self.device, StaticDevice)


def has_second_factor(person: User) -> bool:
    """Whether a log-in of this person asks for a code."""
    return bool(TOTPDevice.objects.filter(user=person, confirmed=True).exists())


def must_have_one(person: User) -> bool:
    """Whether the business, or the installation for its operators, wants a second step of this person."""
    if person.tenant is None:
        return bool(settings.OPERATORS_NEED_SECOND_STEP)
    return person.role in person.tenant.second_factor_roles


def begin(person: User) -> TOTPDevice:
    """The app to be connected; it counts once a code of it was entered."""
    device: TOTPDevice = TOTPDevice.objects.filter(user=person, confirmed=False).order_by("-pk").first() or (
        TOTPDevice.objects.create(user=person, name=APP, confirmed=False)
    )
    return device


def confirm(person: User, code: str) -> tuple[Checked, list[str]]:
    """Switch the second step on by a first code. Returns the recovery codes, which can't be shown again."""
    with transaction.atomic():
        device = begin(person)
        checked = _check(person, device, code)
        if checked.device is None:
            return checked, []
        TOTPDevice.objects.filter(user=person).exclude(pk=device.pk).delete()
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        checked.device.confirmed = True
        return checked, renew_recovery_codes(person)


def renew_recovery_codes(person: User) -> list[str]:
    """Ten new codes in place of those that were left."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=person).delete()
        device = StaticDevice.objects.create(user=person, name=RECOVERY)
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        device.token_set.bulk_create([StaticToken(device=device, token=code) for code in codes])
    return codes


def recovery_codes_left(person: User) -> int:
    """How many recovery codes nobody has used yet."""
    return int(StaticToken.objects.filter(device__user=person).count())


def check_code(person: User, code: str) -> Checked:
    """Check a code of the app, or a recovery code, which then is used up. Wrong ones must wait ever longer."""
    kind = TOTPDevice if tidy(code).isdigit() else StaticDevice
    device = kind.objects.filter(user=person, confirmed=True).first()
    return Checked() if device is None else _check(person, device, code)


def remove(person: User) -> bool:
    """Switch the second step off, with its recovery codes. False where there was none."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=person).delete()
        gone, _ = TOTPDevice.objects.filter(user=person).delete()
    return bool(gone)


def qr_code(device: TOTPDevice) -> SafeString:
    """What an app scans, as a picture in the page itself: dark on light in the dark as well, or cameras miss it."""
    picture = segno.make(device.config_url, error="m").svg_inline(scale=5, dark="#000", light="#fff")
    return mark_safe(picture)  # noqa: S308 - drawn by us


def key_in_words(device: TOTPDevice) -> str:
    """The key for those who type it, in groups of four."""
    from base64 import b32encode

    key = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(key[place : place + 4] for place in range(0, len(key), 4))


def tidy(code: str) -> str:
    """A code without the spaces that apps and people put into it."""
    return "".join(code.split()).lower()[:16]


def _check(person: User, device: TOTPDevice | StaticDevice, code: str) -> Checked:
    allowed, why = device.verify_is_allowed()
    if not allowed:
        return Checked(wait_until=(why or {}).get("locked_until"))
    found = verify_token(person, device.persistent_id, tidy(code))
    return Checked(found)
