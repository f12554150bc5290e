"""What is kept of people at the screen: who read what, operators' visits, log-ins. Import it from `accounts.models`."""

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.utils import timezone

from accounts.roles import Role
from accounts.scoping import TenantOwned, TenantQuerySet

if TYPE_CHECKING:
    from accounts.models import User


class ReaderKind(models.TextChoices):
    """Who reads: a person who has logged in, or whoever holds a signed link."""

    USER = "user", "Employee"
    OPERATOR = "operator", "Platform operator"
    LINK = "link", "Signed link"


class AccessRecord(TenantOwned):
    """One reading of a business's data. Append-only, by triggers; who it was is kept as plain values.

    `about` never holds a recipient's number or words: they can be erased one day, and this row can't be changed.
    """

    class What(models.TextChoices):
        CONVERSATION = "conversation", "Read a conversation"
        TEXTS = "texts", "Looked through texts"
        RECIPIENT = "recipient", "Read a recipient's page"
        EVIDENCE_PACK = "evidence_pack", "Took an evidence pack"
        EXPORT = "export", "Downloaded an export"
        CLEANED_LIST = "cleaned_list", "Downloaded a cleaned list"
        VISIT = "visit", "Platform operator's visit"

    reader_kind = models.CharField(max_length=12, choices=ReaderKind.choices)
    reader_id = models.CharField(max_length=64, blank=True)
    reader_name = models.CharField("who", max_length=160)
    reader_role = models.CharField("role", max_length=24, choices=Role.choices, blank=True)
    what = models.CharField(max_length=16, choices=What.choices)
    about = models.CharField(max_length=200, blank=True)
    # The row that was read, as "app.model" and its key, where it is one.
    about_type = models.CharField(max_length=80, blank=True)
    about_id = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    at = models.DateTimeField("when", default=timezone.now)
    # Person, thing and stretch of time: what is read again and again within it is kept once.
    once_key = models.CharField(max_length=200, null=True, unique=True, editable=False)  # noqa: DJ001 - NULL is not unique

    class Meta:
        verbose_name = "reading"
        verbose_name_plural = "who read what"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-at", "-id"], name="access_newest_first"),
            models.Index(fields=["tenant", "reader_id", "-at"], name="access_of_reader"),
        ]

    def __str__(self) -> str:
        return f"{self.reader_name}: {self.get_what_display()}"


class OperatorVisit(TenantOwned):
    """The stretch of time in which a platform operator sees a business's data, and why. See `accounts.visits`."""

    operator = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="visits", db_index=False)
    reason = models.TextField()
    started_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField("ended early", null=True, blank=True)

    class Meta:
        verbose_name = "visit"
        indexes: ClassVar = [models.Index(fields=["operator", "-ends_at"], name="visit_newest_first")]

    def __str__(self) -> str:
        return f"{self.operator_id} at {self.tenant_id}"


class LogInQuerySet(TenantQuerySet):
    """Log-ins of people. Those of platform operators belong to no business: operators alone see them."""

    def visible_to(self, user: "User") -> Self:
        rows = super().visible_to(user)
        return rows | self.filter(tenant=None) if user.is_platform_operator else rows


class LogIn(models.Model):
    """A log-in, a failed one, or a change of how somebody logs in. Names that nobody has are not kept."""

    class What(models.TextChoices):
        LOGGED_IN = "logged_in", "Logged in"
        WRONG_PASSWORD = "wrong_password", "Wrong password"
        LOCKED_OUT = "locked_out", "Locked out for a while"
        WRONG_CODE = "wrong_code", "Wrong code of the second step"
        RECOVERY_CODE = "recovery_code", "Logged in with a recovery code"
        PASSWORD_CHANGED = "password_changed", "Password changed"
        LOGGED_OUT = "logged_out", "Logged out everywhere"
        FACTOR_ON = "factor_on", "Second step switched on"
        FACTOR_OFF = "factor_off", "Second step switched off"
        FACTOR_RESET = "factor_reset", "Second step reset"

    tenant = models.ForeignKey(
        "accounts.Tenant",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="business",
        db_index=False,
    )
    person = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, related_name="log_ins", verbose_name="employee", db_index=False
    )
    what = models.CharField(max_length=20, choices=What.choices)
    at = models.DateTimeField("when", default=timezone.now)
    address = models.CharField("from the address", max_length=45, blank=True)
    browser = models.CharField(max_length=200, blank=True)
    by = models.CharField("by", max_length=160, blank=True)

    objects: ClassVar = LogInQuerySet.as_manager()

    class Meta:
        verbose_name = "log-in"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-at", "-id"], name="log_in_newest_first"),
            models.Index(fields=["person", "-at"], name="log_in_of_person"),
        ]

    def __str__(self) -> str:
        return self.get_what_display()
