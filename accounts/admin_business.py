"""The pages of a business itself: its settings and its sites."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import businesses, phone
from accounts.admin_base import TenantAdmin, businesses_of, person_of
from accounts.admin_forms import CHOSEN, settings_field
from accounts.admin_visits import VisitPages
from accounts.admin_words import active_label
from accounts.models import Site, Tenant
from accounts.roles import Role


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
