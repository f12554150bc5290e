"""Admin pages of a business: its settings, sites, employees, numbers and keys."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import businesses, encryption, phone
from accounts.admin_account import AccountPages
from accounts.admin_base import BusinessForm, TenantAdmin, businesses_of, person_of, unregister
from accounts.admin_forms import CHOSEN, NewPersonForm, PersonForm, settings_field
from accounts.admin_oversight import AccessRecordAdmin, LogInAdmin
from accounts.admin_visits import VisitPages
from accounts.admin_words import label, number
from accounts.models import ApiKey, SenderNumber, Site, Tenant, User
from accounts.roles import Role
from accounts.second_factor import has_second_factor, must_have_one

__all__ = ["AccessRecordAdmin", "BusinessAdmin", "KeyAdmin", "LogInAdmin", "NumberAdmin", "PersonAdmin", "SiteAdmin"]

NEW_KEY = "new_api_key"
WORK = "An employee reads and texts from the company numbers that name them: see Company numbers."

unregister(Group)


@admin.display(description="state")
def active_label(row: Any) -> SafeString:
    """Whether a row is in use."""
    return label("Active", "green") if row.is_active else label("Switched off", "grey")


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a business says of itself, by the rules that it was made by."""

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in CHOSEN & self.fields.keys():
            field: Any = self.fields[name]
            current = getattr(self.instance, name)
            if current not in dict(field.choices):  # set elsewhere, and not ours to change
                field.choices = [(current, current), *field.choices]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        country = cleaned.get("country") or "US"
        self._check("country", businesses.check_country)
        self._check("language", businesses.check_language)
        self._check("help_contact", lambda contact: businesses.check_help_contact(contact, country))
        return cleaned

    def _check(self, name: str, check: Callable[[str], str]) -> None:
        if name not in self.cleaned_data:
            return
        try:
            self.cleaned_data[name] = check(self.cleaned_data[name])
        except forms.ValidationError as error:
            self.add_error(None, error)


@admin.register(Tenant)
class BusinessAdmin(VisitPages):
    """Business settings: an admin's own. A platform operator sees what runs the installation; the rest in a visit."""

    form = SettingsForm
    tenant_path = ""
    list_display = ("name", "brand_name", "in_country", "how_far", active_label)
    ordering = ("name",)
    change_list_template = "admin/accounts/tenant/list.html"
    operator_columns = ("name", "in_country", "time_zone", active_label)
    operator_fieldsets = (
        ("Business", {"fields": ("name",)}),
        ("Where", {"fields": ("country", "time_zone", "language")}),
    )
    installation = ("Installation", {"fields": ("slug", "is_active")})
    readonly_fields = ("opt_out_page",)
    fieldsets = (
        (
            "Business",
            {"fields": ("name", "brand_name", "help_contact"), "description": "What recipients read in your texts."},
        ),
        ("Where", {"fields": ("country", "time_zone", "language")}),
        ("Opt-outs", {"fields": ("opt_out_scope", "opt_out_page")}),
        ("Consents", {"fields": ("consent_policy", "double_opt_in")}),
        ("Marketing", {"fields": ("without_instruction",)}),
        ("Log-in", {"fields": ("second_factor_roles",)}),
        ("Costs", {"fields": ("segment_price", "currency")}),
    )

    @admin.display(description="an opt-out reaches")
    def how_far(self, row: Tenant) -> str:
        return str(row.get_opt_out_scope_display())

    @admin.display(description="country", ordering="country")
    def in_country(self, row: Tenant) -> str:
        return dict(phone.countries()).get(row.country, row.country)

    @admin.display(description="opt-out page")
    def opt_out_page(self, row: Tenant) -> SafeString:
        """The address to put on a web site, in e-mails and on receipts: anybody can opt out there without a log-in."""
        if not row.slug:
            return SafeString("–")
        link = '<a class="oo-a" href="{}" target="_blank" rel="noopener">{}</a>'
        return format_html(link, row.opt_out_address, row.opt_out_address)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if chosen := settings_field(db_field.name, db_field):
            return chosen
        if db_field.name == "opt_out_scope":
            kwargs["label"] = "How far an opt-out reaches"
        if db_field.name != "second_factor_roles":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.MultipleChoiceField(
            label="Who must log in with a second step",
            required=False,
            choices=[choice for choice in Role.choices if choice[0] != Role.PLATFORM_OPERATOR],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            help_text="Whoever has not connected an authenticator app is led to it at the next click.",
        )

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """What a business decides for itself is no column: a platform operator's list has those not visited as well."""
        return list(self.operator_columns if person_of(request).is_platform_operator else self.list_display)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Who changed what of a business is the business's own: a platform operator reads it in a visit."""
        if not businesses_of(request).filter(pk=self.find(request, object_id).pk).exists():
            raise Http404
        return super().history_view(request, object_id, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Every business to a platform operator: which there are is no secret to whoever runs the installation."""
        rows = Tenant.objects.all() if person_of(request).is_platform_operator else businesses_of(request)
        return rows.order_by("name")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if not person_of(request).is_platform_operator:
            return super().get_fieldsets(request, obj)
        if obj is None or businesses_of(request).filter(pk=obj.pk).exists():
            return (*super().get_fieldsets(request, obj), self.installation)
        return (*self.operator_fieldsets, self.installation)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        is_operator = {"is_operator": person_of(request).is_platform_operator}
        return super().changelist_view(request, {**is_operator, **(extra_context or {})})


@admin.register(Site)
class SiteAdmin(TenantAdmin):
    list_display = ("name", active_label)
    fields = ("name", "is_active")
    search_fields = ("name",)
    search_help_text = "A name"
    ordering = ("name",)
    empty_title = "No sites yet"
    empty_text = "Add a site to group numbers and employees by place. A business with one place needs none."


@admin.register(User)
class PersonAdmin(DjangoUserAdmin, AccountPages):  # type: ignore[type-arg, misc]
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None  # Django's says that more can be set later
    change_password_form = AdminPasswordChangeForm
    list_display = ("log_in_name", "display_name", "role", "site", "last_login", active_label)
    list_filter = ("role", "is_active")
    list_select_related = ("site",)
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "A name or an e-mail address"
    ordering = ("username",)
    filter_horizontal = ()
    autocomplete_fields = ("site",)
    empty_title = "No employees yet"
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Work", {"fields": ("role", "site"), "description": WORK}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Work", {"fields": ("role", "site"), "description": WORK}),
        ("Access", {"fields": ("is_staff", "is_active", "last_login")}),
    )
    readonly_fields = ("last_login",)
    change_form_outer_before_template = "admin/accounts/user/page.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if person_of(request).is_platform_operator:
            return (*fieldsets, ("Business", {"fields": ("tenant",)}))
        return fieldsets

    @admin.display(description="log-in name")
    def log_in_name(self, row: User) -> str:
        return row.username

    def get_list_filter(self, request: HttpRequest) -> Any:
        return TenantAdmin.get_list_filter(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        step = {"has_app": has_second_factor(row), "must_have_one": must_have_one(row)} if row else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**step, **(extra_context or {})})
        return answer

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """A colleague's password. One's own is changed where the old one is asked for."""
        if unquote(id) == str(person_of(request).pk) and self.has_change_permission(request):
            return HttpResponseRedirect(reverse("admin:password_change"))
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return TenantAdmin.lookup_allowed(self, lookup, value, request)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            operator = person_of(request).is_platform_operator
            kwargs["choices"] = [item for item in Role.choices if operator or item[0] != Role.PLATFORM_OPERATOR]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


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
    search_help_text = "Digits of a number, or a label"
    ordering = ("number",)
    fields = ("number", "kind", "label", "site", "account", "users", "is_public", "is_active")
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
