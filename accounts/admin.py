"""Admin pages of a business: its settings, sites, employees, numbers, connections and keys."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import encryption, phone
from accounts.admin_base import BusinessForm, ReadOnlyAdmin, TenantAdmin, businesses_of, person_of, unregister
from accounts.admin_words import label, number
from accounts.models import ApiKey, ProviderAccount, SenderNumber, Site, Tenant, User
from accounts.roles import Role

NEW_KEY = "new_api_key"

unregister(Group)


@admin.display(description="state")
def active_label(row: Any) -> SafeString:
    """Whether a row is in use."""
    return label("Active", "green") if row.is_active else label("Switched off", "grey")


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a business says of itself."""

    request: HttpRequest


@admin.register(Tenant)
class BusinessAdmin(TenantAdmin):
    """Business settings: an admin's own; a platform operator's all."""

    form = SettingsForm
    tenant_path = ""
    list_display = ("name", "brand_name", "country", "opt_out_scope", active_label)
    ordering = ("name",)
    operator_fields = ("slug", "is_active")
    fieldsets = (
        (
            "Business",
            {"fields": ("name", "brand_name", "help_contact"), "description": "What recipients read in your texts."},
        ),
        ("Where", {"fields": ("country", "time_zone", "language")}),
        ("Opt-outs", {"fields": ("opt_out_scope",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return businesses_of(request).order_by("name")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if person_of(request).is_platform_operator:
            return (*fieldsets, ("Installation", {"fields": self.operator_fields}))
        return fieldsets


@admin.register(Site)
class SiteAdmin(TenantAdmin):
    list_display = ("name", active_label)
    fields = ("name", "is_active")
    search_fields = ("name",)
    ordering = ("name",)
    empty_title = "No sites yet"
    empty_text = "Add a site to group numbers and employees by place. A business with one place needs none."


class PersonForm(BusinessForm, UserChangeForm):  # type: ignore[misc]
    """An employee. Nobody locks themselves out, and roles stay within the business."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk and self.instance.pk == self.request.user.pk:
            for name in ("is_active", "is_staff", "role"):
                if name in cleaned and cleaned[name] != self.initial.get(name):
                    self.add_error(name, "Ask a colleague: you can't change this for yourself.")
        return cleaned


class NewPersonForm(BusinessForm, UserCreationForm):  # type: ignore[misc]
    """A new employee, with a first password."""


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, TenantAdmin):  # type: ignore[type-arg, misc]
    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "display_name", "role", "site", "last_login", active_label)
    list_filter = ("role", "is_active")
    list_select_related = ("site",)
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    autocomplete_fields = ("site",)
    empty_title = "No employees yet"
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Work", {"fields": ("role", "site")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Work", {"fields": ("role", "site")}),
        ("Access", {"fields": ("is_staff", "is_active", "last_login")}),
    )
    readonly_fields = ("last_login",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if person_of(request).is_platform_operator:
            return (*fieldsets, ("Business", {"fields": ("tenant",)}))
        return fieldsets

    def get_list_filter(self, request: HttpRequest) -> Any:
        return TenantAdmin.get_list_filter(self, request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return TenantAdmin.lookup_allowed(self, lookup, value, request)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            operator = person_of(request).is_platform_operator
            kwargs["choices"] = [item for item in Role.choices if operator or item[0] != Role.PLATFORM_OPERATOR]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        obj.is_superuser = obj.role == Role.PLATFORM_OPERATOR
        super().save_model(request, obj, form, change)


class NumberForm(BusinessForm):
    """A company number, typed in any usual way."""

    def clean_number(self) -> str:
        tenant = self.instance.tenant if self.instance.tenant_id else None
        try:
            return phone.parse_company_number(self.cleaned_data["number"], tenant.country if tenant else "US")
        except phone.InvalidNumber as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(SenderNumber)
class NumberAdmin(TenantAdmin):
    form = NumberForm
    list_display = ("shown", "label", "kind", "site", "account", active_label)
    list_filter = ("kind", "is_active")
    list_select_related = ("site", "account")
    search_fields = ("number", "label")
    ordering = ("number",)
    fields = ("number", "kind", "label", "site", "account", "users", "is_active")
    readonly_fields = ("kind",)
    autocomplete_fields = ("site", "users")
    empty_title = "No company numbers yet"
    empty_text = "Add the numbers that your business texts from."

    @admin.display(description="number")
    def shown(self, row: SenderNumber) -> SafeString:
        return number(row.number)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_readonly_fields(request, obj), "shown"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        if obj is None:
            return [name for name in fields if name != "kind"]
        return ["shown" if name == "number" else name for name in fields]

    def save_model(self, request: HttpRequest, obj: SenderNumber, form: Any, change: Any) -> None:
        if not change:
            obj.kind = phone.kind_of(obj.number)
        super().save_model(request, obj, form, change)


@admin.register(ProviderAccount)
class ConnectionAdmin(ReadOnlyAdmin):
    """Connections are made by the `connect_provider` command; their secrets are shown nowhere."""

    list_display = ("name", "provider", "created_at", active_label)
    ordering = ("name",)
    search_fields = ("name",)
    fields = ("name", "provider", "state", "created_at", "inbound", "status", "secrets")
    readonly_fields = fields
    empty_title = "No provider is connected yet"
    empty_text = "Whoever runs this installation connects one with: manage.py connect_provider."

    @admin.display(description="state")
    def state(self, row: ProviderAccount) -> SafeString:
        return active_label(row)

    @admin.display(description="address for incoming texts")
    def inbound(self, row: ProviderAccount) -> SafeString:
        return webhook_address(row, "inbound")

    @admin.display(description="address for delivery statuses")
    def status(self, row: ProviderAccount) -> SafeString:
        return webhook_address(row, "status")

    @admin.display(description="secrets")
    def secrets(self, row: ProviderAccount) -> str:
        return "Kept encrypted and never shown." if row.encrypted_settings else "None."


def webhook_address(row: ProviderAccount, kind: str) -> SafeString:
    """What to enter at the provider, in a field that one click selects."""
    where = reverse("webhook", kwargs={"provider": row.provider, "token": row.token, "kind": kind})
    return format_html(
        '<input class="oo-copy" readonly value="{}" onclick="this.select()" aria-label="Address to copy">',
        f"{settings.PUBLIC_URL}{where}",
    )


class KeyForm(BusinessForm):
    """A key's name and what it may do."""

    scopes = forms.MultipleChoiceField(
        choices=ApiKey.Scope.choices,
        initial=[str(scope) for scope in ApiKey.DEFAULT_SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Give a key no more than its program needs.",
    )


@admin.register(ApiKey)
class KeyAdmin(TenantAdmin):
    """Keys are shown once, when they are made; later they can be renamed and switched off."""

    form = KeyForm
    list_display = ("name", "start", "may", "created_at", "last_used_at", active_label)
    fields = ("name", "scopes", "is_active")
    ordering = ("-created_at", "-id")
    change_form_outer_before_template = "admin/accounts/apikey/new_key.html"
    empty_title = "No API keys yet"
    empty_text = "Make one for each program that sends texts or asks before it sends."

    @admin.display(description="begins with")
    def start(self, row: ApiKey) -> str:
        return f"{row.prefix}…"

    @admin.display(description="may")
    def may(self, row: ApiKey) -> str:
        return ", ".join(ApiKey.Scope(scope).label for scope in row.scopes if scope in ApiKey.Scope.values)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        return fields if obj is not None else [name for name in fields if name != "is_active"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: Any) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        row, key = ApiKey.issue(obj.tenant, obj.name, obj.scopes)
        obj.__dict__.update(row.__dict__)
        request.session[NEW_KEY] = encryption.encrypt({"id": row.pk, "key": key})

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        return self.go_to("change", obj.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        shown = {"new_key": take_new_key(request, object_id)} if request.method == "GET" else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})
        return answer


def take_new_key(request: HttpRequest, object_id: str) -> str:
    """The key that was just made, once."""
    kept = request.session.pop(NEW_KEY, "")
    made = encryption.decrypt(kept)
    return str(made["key"]) if made and str(made["id"]) == object_id else ""
