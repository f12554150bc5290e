"""The pages of employees."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.forms import AdminPasswordChangeForm

from accounts.admin_account import AccountPages
from accounts.admin_base import TenantAdmin, person_of
from accounts.admin_forms import NewPersonForm, PersonForm
from accounts.admin_words import active_label
from accounts.models import User
from accounts.roles import Role
from accounts.second_factor import has_second_factor, must_have_one

WORK = "An employee reads and texts from the company numbers that name them: see Company numbers."


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
