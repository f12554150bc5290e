"""What the second step of a log-in is checked against. A copy of the database opens none of it.

They are django-otp's devices with two differences: the key of an app is encrypted, and of recovery codes digests alone
are kept.
"""

import hashlib
import secrets
import time
from base64 import b32encode
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from accounts import encryption

KEY_BYTES = 20  # as RFC 4226 recommends
CODE_BYTES = 10  # 80 bits: too many to try, so that a quick digest does (as for API keys)
STEP_SECONDS, STEPS_OFF = 30, 1


class CodeDevice(TimestampMixin, ThrottlingMixin, Device):  # type: ignore[misc] # django-otp has no types
    """Something that codes are checked against. Each counts once, and wrong ones must wait ever longer."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        abstract = True

    def verify_token(self, token: str) -> bool:
        """Whether this code counts now. django-otp calls it with the row locked."""
        if not self.verify_is_allowed()[0]:
            return False
        if not self.use_up(token):
            self.throttle_increment()
            return False
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True

    def use_up(self, token: str) -> bool:
        """Whether the code is one, which then counts no more; not yet saved."""
        raise NotImplementedError

    def get_throttle_factor(self) -> float:
        return 1.0


class AuthenticatorApp(CodeDevice):
    """An app that shows codes of six digits for half a minute each (TOTP, RFC 6238)."""

    encrypted_key = models.TextField(editable=False)
    drift = models.SmallIntegerField(default=0)  # steps that its clock is known to be off
    last_step = models.BigIntegerField(default=-1)  # of the newest code that was taken: none counts twice

    class Meta:
        verbose_name = "authenticator app"

    @property
    def key(self) -> bytes:
        """The shared secret. Raises cryptography.fernet.InvalidToken with ENCRYPTION_KEYS that do not fit."""
        return bytes.fromhex(encryption.decrypt(self.encrypted_key)["key"])

    def make_key(self) -> None:
        """A new secret, not yet saved."""
        self.encrypted_key = encryption.encrypt({"key": secrets.token_hex(KEY_BYTES)})

    @property
    def key_in_base32(self) -> str:
        """The secret as apps take it."""
        return b32encode(self.key).decode().rstrip("=")

    @property
    def address(self) -> str:
        """What the QR code says (the otpauth addresses that authenticator apps share)."""
        issuer = settings.OTP_TOTP_ISSUER
        said = {"secret": self.key_in_base32, "issuer": issuer, "digits": 6, "period": STEP_SECONDS}
        return f"otpauth://totp/{quote(f'{issuer}:{self.user.get_username()}')}?{urlencode(said, quote_via=quote)}"

    def code_at(self, moment: float) -> TOTP:
        """The codes of the app around a moment, in seconds since 1970."""
        codes = TOTP(self.key, step=STEP_SECONDS, drift=self.drift)
        codes.time = moment
        return codes

    def use_up(self, token: str) -> bool:
        """Whether the app shows this code now, or did half a minute ago."""
        codes = self.code_at(time.time())
        if not token.isascii() or not token.isdigit() or not codes.verify(int(token), STEPS_OFF, self.last_step + 1):
            return False
        self.last_step, self.drift = codes.t(), codes.drift
        return True


class RecoveryCodes(CodeDevice):
    """Codes to be kept on paper, each of which lets in once."""

    digests = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = "recovery codes"
        verbose_name_plural = "recovery codes"

    @staticmethod
    def make_codes(count: int) -> list[str]:
        """New codes of sixteen letters and digits, of which none can be taken for another."""
        return [b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower() for _ in range(count)]

    @staticmethod
    def digests_of(codes: Iterable[str]) -> list[str]:
        """What is kept of codes."""
        return [hashlib.sha256(code.encode()).hexdigest() for code in codes]

    def use_up(self, token: str) -> bool:
        """Whether this is one of the codes that are left."""
        (digest,) = self.digests_of([token])
        if digest not in self.digests:
            return False
        self.digests.remove(digest)
        return True
