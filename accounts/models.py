"""Businesses and what belongs to them. They are deactivated, never deleted."""

import hashlib
import secrets
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts import encryption, phone
from accounts.devices import AuthenticatorApp, RecoveryCodes
from accounts.oversight import AccessRecord, LogIn, OperatorVisit, ReaderKind
from accounts.roles import Role
from accounts.scoping import NumberQuerySet, SiteQuerySet, TenantOwned, UserQuerySet

__all__ = [
    "AccessRecord",
    "ApiKey",
    "AuthenticatorApp",
    "ConsentPolicy",
    "LogIn",
    "OperatorVisit",
    "OptOutScope",
    "ProviderAccount",
    "ReaderKind",
    "RecoveryCodes",
    "SenderNumber",
    "Site",
    "Tenant",
    "User",
    "WithoutInstruction",
]


LONGEST_NAME = 160  # of the columns that keep who did something


class OptOutScope(models.TextChoices):
    """How far a STOP reaches: DESIGN 4, chosen by the business."""

    TENANT = "tenant", "All numbers of the business"
    NUMBER = "number", "The company number that was texted"


class ConsentPolicy(models.TextChoices):
    """Whom a business texts: everybody who has not asked to stop, or those alone who have agreed."""

    UNLESS_OPTED_OUT = "unless_opted_out", "Everybody who has not opted out"
    ONLY_WITH_CONSENT = "only_with_consent", "Only people whose consent is on record"


class WithoutInstruction(models.TextChoices):
    """What becomes of marketing that does not say how to stop (NET-16)."""

    APPEND = "append", "Append “Reply STOP to unsubscribe.” in the person's language"
    REFUSE = "refuse", "Refuse it"


class Currency(models.TextChoices):
    """What a business pays its texts in."""

    USD = "USD", "US dollar"
    CAD = "CAD", "Canadian dollar"
    EUR = "EUR", "Euro"
    GBP = "GBP", "Pound sterling"
    CHF = "CHF", "Swiss franc"
    AUD = "AUD", "Australian dollar"
    MXN = "MXN", "Mexican peso"
    BRL = "BRL", "Brazilian real"
    JPY = "JPY", "Yen"


def check_time_zone(value: str) -> None:
    """Refuse a time zone that this machine does not know."""
    if value not in available_timezones():
        raise ValidationError(f"“{value}” is not a time zone; write it like America/New_York.")


class Tenant(models.Model):
    """A business: the legal sender. Nothing of one is ever shown to another."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    brand_name = models.CharField(max_length=60, help_text="How the business names itself in its texts.")
    help_contact = models.CharField(max_length=120, help_text="E-mail or toll-free number given in replies (CT-11).")
    time_zone = models.CharField(max_length=64, default="America/New_York", validators=[check_time_zone])
    country = models.CharField(max_length=2, default="US", help_text="ISO 3166, two letters.")
    language = models.CharField(max_length=8, default="en")
    opt_out_scope = models.CharField(
        max_length=8,
        choices=OptOutScope.choices,
        default=OptOutScope.TENANT,
        help_text="How far a STOP reaches from now on. A change never frees anyone who is opted out.",
    )
    consent_policy = models.CharField(
        "who may be texted",
        max_length=20,
        choices=ConsentPolicy.choices,
        default=ConsentPolicy.UNLESS_OPTED_OUT,
        help_text="Opted out is opted out under either. Answers to people who texted you first need no consent.",
    )
    double_opt_in = models.BooleanField(
        "ask for a YES",
        default=False,
        help_text="A new consent counts once the person has answered YES to the question that is texted to them.",
    )
    without_instruction = models.CharField(
        "marketing that does not say how to stop",
        max_length=8,
        choices=WithoutInstruction.choices,
        default=WithoutInstruction.APPEND,
        help_text="Carriers ask for it in every marketing text (NET-16).",
    )
    second_factor_roles = models.JSONField("who must log in with a second step", default=list, blank=True)
    segment_price = models.DecimalField(
        "price per segment",
        max_digits=8,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What one SMS segment costs you, carrier fees included, such as 0.0112. The start page then shows "
        "what the texts would have cost that were stopped.",
    )
    currency = models.CharField(max_length=3, choices=Currency.choices, default=Currency.USD)
    # Another one with every change of the business's keywords and replies: what was compiled of them is kept by it.
    wording_version = models.UUIDField(null=True, editable=False)
    is_demo = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "business"
        verbose_name_plural = "businesses"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def opt_out_address(self) -> str:
        """The address of the page on which anybody stops this business's texts (US-04, US-08)."""
        return f"{settings.PUBLIC_URL}{reverse('opt_out_page', args=[self.slug])}"


class Site(TenantOwned):
    """A place of a business, with its numbers and employees."""

    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)

    objects: ClassVar = SiteQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="site_name_once")]

    def __str__(self) -> str:
        return self.name


class UserManager(DjangoUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Makes people; a superuser is a platform operator."""

    def create_user(self, username: str, email: str | None = None, password: str | None = None, **fields: Any) -> Any:
        fields.setdefault("is_staff", True)
        return super().create_user(username, email, password, **fields)

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> Any:
        fields.setdefault("role", Role.PLATFORM_OPERATOR)
        return super().create_superuser(username, email, password, **fields)


class User(AbstractUser):
    """A person who logs in: an employee of one business, or a platform operator of none."""

    tenant = models.ForeignKey(
        Tenant, null=True, blank=True, on_delete=models.PROTECT, related_name="users", verbose_name="business"
    )
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="users")
    role = models.CharField(max_length=24, choices=Role.choices, default=Role.EMPLOYEE)
    is_staff = models.BooleanField("may log in", default=True)
    # Raised by one, every open session of the person ends.
    log_in_round = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar = UserManager()

    class Meta:
        verbose_name = "employee"
        ordering: ClassVar = ["username"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="user_tenant_unless_operator",
                condition=models.Q(role=Role.PLATFORM_OPERATOR, tenant__isnull=True)
                | (~models.Q(role=Role.PLATFORM_OPERATOR) & models.Q(tenant__isnull=False, is_superuser=False)),
                violation_error_message="A platform operator has no business; everybody else has one.",
            )
        ]

    @property
    def is_platform_operator(self) -> bool:
        """Whether this person runs the installation rather than working for a business."""
        return self.role == Role.PLATFORM_OPERATOR and self.tenant_id is None

    @property
    def display_name(self) -> str:
        """The name shown to others and kept in history, as long as what keeps it."""
        return (self.get_full_name() or self.username)[:LONGEST_NAME]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session holds of a person: it ends with the password, and with the round of log-ins."""
        round_ = f"{self.log_in_round}" if self.log_in_round else ""
        own: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
        return own + round_


class ProviderAccount(TenantOwned):
    """A connection to an SMS provider; its token names it in the webhook address."""

    provider = models.SlugField(max_length=32)
    name = models.CharField(max_length=120)
    token = models.CharField(max_length=64, unique=True, editable=False)
    encrypted_settings = models.TextField(blank=True, editable=False)
    # Who answers STOP, START and HELP, by kind of company number: "us" or "provider". What is not named is decided by
    # what is known of the provider.
    answered_by = models.JSONField(default=dict, blank=True, editable=False)
    writes_opt_outs = models.BooleanField(
        "write our opt-outs to the provider's own list",
        default=False,
        help_text="Once a day, after both lists were compared. The provider then refuses those texts as well.",
    )
    # Whoever runs the installation may point a connection into a private network, by the command alone.
    private_allowed = models.BooleanField(default=False, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "provider connection"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def settings(self) -> dict[str, Any]:
        """The provider's settings, decrypted. A secret is a list: the first signs, all verify."""
        return encryption.decrypt(self.encrypted_settings)

    @settings.setter
    def settings(self, value: dict[str, Any]) -> None:
        self.encrypted_settings = encryption.encrypt(value)

    @staticmethod
    def make_token() -> str:
        """An unguessable name for a webhook address."""
        return secrets.token_urlsafe(24)


class SenderNumber(TenantOwned):
    """A company number: what the business texts from."""

    class Kind(models.TextChoices):
        LONG_CODE = phone.NumberKind.LONG_CODE, "Long code"
        TOLL_FREE = phone.NumberKind.TOLL_FREE, "Toll-free"
        SHORT_CODE = phone.NumberKind.SHORT_CODE, "Short code"
        ALPHANUMERIC = phone.NumberKind.ALPHANUMERIC, "Alphanumeric"

    number = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.LONG_CODE)
    label = models.CharField(max_length=120, blank=True)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers")
    account = models.ForeignKey(
        ProviderAccount,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="numbers",
        verbose_name="provider connection",
    )
    users = models.ManyToManyField(User, blank=True, related_name="numbers", verbose_name="employees who send from it")
    is_public = models.BooleanField(
        "advertised to the public",
        default=False,
        help_text="A person's first text to it counts as their consent to be texted from it.",
    )
    is_active = models.BooleanField(default=True)

    objects: ClassVar = NumberQuerySet.as_manager()

    class Meta:
        verbose_name = "company number"
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "number"], name="number_once")]

    def __str__(self) -> str:
        return phone.format_for_people(self.number)


class ApiKey(TenantOwned):
    """A key for integrators. Only its SHA-256 is stored; the key itself is shown once."""

    class Scope(models.TextChoices):
        READ = "read", "Read"
        CHECK = "check", "Check numbers"
        SEND = "send", "Send texts"
        WRITE = "write", "Record opt-outs and consents"
        LIFT = "lift", "Opt people back in, with evidence"
        EMERGENCY = "emergency", "Send emergency texts"

    DEFAULT_SCOPES: ClassVar = (Scope.READ, Scope.CHECK, Scope.SEND, Scope.WRITE)

    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(key: str) -> str:
        """What is stored of a key: long random keys need no slow hash."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(cls, tenant: Tenant, name: str, scopes: list[str]) -> tuple["ApiKey", str]:
        """Make a key. Returns the row and the key, which can't be shown again."""
        key = f"oo_{secrets.token_urlsafe(32)}"
        row = cls.objects.create(
            tenant=tenant, name=name, prefix=key[:8], digest=cls.digest_of(key), scopes=sorted(set(scopes))
        )
        return row, key
