"""The pages of API keys."""

from typing import Any

from cryptography.fernet import InvalidToken
from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import encryption
from accounts.admin_base import BusinessForm, TenantAdmin
from accounts.admin_words import active_label
from accounts.models import ApiKey

NEW_KEY = "new_api_key"


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
    """The key that was just made, once. Nothing where ENCRYPTION_KEYS have changed since: a new one can be made."""
    try:
        made = encryption.decrypt(request.session.pop(NEW_KEY, ""))
    except InvalidToken:
        return ""
    return str(made["key"]) if made and str(made["id"]) == object_id else ""
