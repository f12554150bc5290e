"""Making a business with its first company numbers and its first admin: all of it, or nothing."""

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.text import slugify

from accounts import phone
from accounts.models import SenderNumber, Tenant, User
from accounts.roles import Role

USUAL_SLUG = "business"


@dataclass(frozen=True, slots=True)
class NewBusiness:
    """What a business is made from. `slug` and `brand` follow from the name where they are empty."""

    name: str
    help_contact: str
    numbers: tuple[str, ...]
    admin_username: str
    password: str
    slug: str = ""
    brand: str = ""
    country: str = "US"
    time_zone: str = "America/New_York"
    language: str = "en"
    admin_email: str = ""


def create_business(new: NewBusiness) -> Tenant:
    """Make the business, its numbers and its admin. Raises ValidationError by field; then nothing is kept."""
    check_password(new.password, new.admin_username)
    with transaction.atomic():
        tenant = _create_tenant(new)
        for number in dict.fromkeys(check_number(raw, tenant.country) for raw in new.numbers):
            SenderNumber.objects.create(tenant=tenant, number=number, kind=phone.kind_of(number))
        _create_admin(tenant, new)
    return tenant


def _create_tenant(new: NewBusiness) -> Tenant:
    name = check_name(new.name)
    tenant = Tenant(
        slug=new.slug or free_slug(name),
        name=name,
        brand_name=new.brand or name[:60],
        help_contact=check_help_contact(new.help_contact, new.country),
        country=check_country(new.country),
        time_zone=new.time_zone,
        language=check_language(new.language),
    )
    tenant.full_clean()
    tenant.save(force_insert=True)
    return tenant


def _create_admin(tenant: Tenant, new: NewBusiness) -> User:
    admin = User(tenant=tenant, role=Role.TENANT_ADMIN, username=check_username(new.admin_username))
    admin.email = new.admin_email
    admin.set_password(new.password)
    admin.full_clean()
    admin.save(force_insert=True)
    return admin


def free_slug(name: str) -> str:
    """A short name for addresses and commands that no business has yet."""
    stem = slugify(name)[:40].strip("-") or USUAL_SLUG
    taken = set(Tenant.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = (stem, *(f"{stem}-{count}" for count in range(2, len(taken) + 3)))
    return next(slug for slug in candidates if slug not in taken)


# --- One answer at a time: whoever asks a person checks each at once. All raise ValidationError with a sentence. ------


def check_name(raw: str) -> str:
    """The name of a business."""
    name = raw.strip()
    if not name or len(name) > 120:
        raise ValidationError({"name": "A business needs a name of at most 120 characters."})
    return name


def check_help_contact(raw: str, country: str) -> str:
    """What our replies name for help: an e-mail address or a phone number (CT-11)."""
    contact = raw.strip()
    try:
        if "@" in contact:
            validate_email(contact)
        else:
            phone.parse_number(contact, country)
    except (ValidationError, phone.InvalidNumber):
        raise ValidationError(
            {"help_contact": f"“{contact[:40]}” is neither an e-mail address nor a phone number."}
        ) from None
    return contact


def check_number(raw: str, country: str) -> str:
    """A company number in the form that is stored."""
    try:
        return phone.parse_company_number(raw, country)
    except phone.InvalidNumber as error:
        raise ValidationError({"number": str(error)}) from None


def check_country(raw: str) -> str:
    """A country that phone numbers are written for."""
    if not phone.is_country(country := raw.strip().upper()):
        raise ValidationError({"country": f"“{raw}” is no country; write two letters such as US."})
    return country


def check_language(raw: str) -> str:
    """A language by its two letters."""
    language = raw.strip().lower()
    if not (language.isascii() and language.isalpha() and len(language) == 2):
        raise ValidationError({"language": f"“{raw}” is no language; write two letters such as en."})
    return language


def check_username(raw: str) -> str:
    """A log-in name that nobody has."""
    username = raw.strip()
    try:
        User._meta.get_field("username").clean(username, None)  # noqa: SLF001 - Django's documented door to a field
    except ValidationError as error:
        raise ValidationError({"admin_username": error.messages}) from None
    if User.objects.filter(username=username).exists():
        raise ValidationError({"admin_username": f"The log-in name “{username}” is taken."})
    return username


def check_password(password: str, username: str) -> str:
    """A password that Django's validators let pass."""
    try:
        validate_password(password, User(username=username))
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    return password
