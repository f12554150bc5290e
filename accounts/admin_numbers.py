"""The pages of company numbers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts import phone
from accounts.admin_base import BusinessForm, TenantAdmin
from accounts.admin_words import active_label, number
from accounts.models import SenderNumber


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
