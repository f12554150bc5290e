"""“Your account”: password, second step, last log-ins. And what an admin does for a colleague who lost their phone."""

from typing import Any

import django_otp
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from unfold import widgets

from accounts import log_ins, second_factor
from accounts.admin_base import TenantAdmin, person_of, require
from accounts.models import LogIn, User
from accounts.second_factor import Checked
from accounts.sessions import end_other_sessions, end_sessions

SHOWN = 15
What = LogIn.What


class CodeForm(forms.Form):
    """One code."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=widgets.UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "inputmode": "text", "spellcheck": "false"}
        ),
    )

    def refuse(self, checked: Checked) -> None:
        """Say why a code does not count."""
        if checked.is_unreadable:
            self.add_error(
                "code",
                "The key of your app can't be read: this installation's ENCRYPTION_KEYS have changed. Use a recovery "
                "code, or have the second step reset.",
            )
            return
        if checked.wait_until is None:
            self.add_error("code", "This code is wrong or has run out. Type the one that the app shows now.")
            return
        at = date_format(timezone.localtime(checked.wait_until), "H:i:s")
        self.add_error("code", f"Too many wrong codes. Wait until {at}, then try again.")


class PasswordForm(forms.Form):
    """One's own password once more, before something that weakens the log-in."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST or None)
        self.request = request

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not log_ins.is_own_password(self.request, person_of(self.request), password):
            raise forms.ValidationError("This is not your password.")
        return password


class AccountPages(TenantAdmin):
    """The doors of one's own account, below the list of employees."""

    def show_own(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """A page of one's own, which is no part of the list of employees: not everybody may open that."""
        return self.show(request, template, {"opts": None, "model_admin": None, **context})

    def get_urls(self) -> list[Any]:
        own = [
            self.door("account/", self.account_view, "account"),
            self.door("second-step/", self.second_step_view, "second_step"),
            self.door("connect-app/", self.connect_app_view, "connect_app"),
            self.door("remove-app/", self.remove_app_view, "remove_app"),
            self.door("recovery-codes/", self.recovery_codes_view, "recovery_codes"),
            self.door("log-out-everywhere/", require_POST(self.log_out_everywhere_view), "log_out_everywhere"),
            self.door("<int:object_id>/reset-second-step/", require_POST(self.reset_view), "reset_second_step"),
        ]
        return [*own, *super().get_urls()]

    def account_view(self, request: HttpRequest) -> HttpResponse:
        person = person_of(request)
        context = {
            "title": "Your account",
            "person": person,
            "has_app": second_factor.has_second_factor(person),
            "must_have_one": second_factor.must_have_one(person),
            "codes_left": second_factor.recovery_codes_left(person),
            "log_ins": LogIn.objects.filter(person=person).order_by("-at", "-id")[:SHOWN],
            "idle_minutes": settings.SESSION_IDLE_MINUTES,
            "hours": settings.SESSION_HOURS,
        }
        return self.show_own(request, "admin/accounts/user/account.html", context)

    def second_step_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the code, between the password and the pages."""
        person = person_of(request)
        if person.is_verified() or not second_factor.has_second_factor(person):  # type: ignore[attr-defined]
            return HttpResponseRedirect(_after(request))
        form = CodeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            checked = second_factor.check_code(person, form.cleaned_data["code"])
            if checked.device is not None:
                return self._let_in(request, checked)
            if checked.is_wrong:
                log_ins.note(person, What.WRONG_CODE, request)
            form.refuse(checked)
        context = {"title": "Second step", "form": form, "after": _after(request)}
        return self.show_own(request, "admin/accounts/user/second_step.html", context)

    def _let_in(self, request: HttpRequest, checked: Checked) -> HttpResponse:
        person = person_of(request)
        django_otp.login(request, checked.device)
        request.session.cycle_key()
        if checked.is_recovery:
            log_ins.note(person, What.RECOVERY_CODE, request)
            left = second_factor.recovery_codes_left(person)
            messages.warning(request, f"You used a recovery code; {left} are left. Connect your app again soon.")
        return HttpResponseRedirect(_after(request))

    def connect_app_view(self, request: HttpRequest) -> HttpResponse:
        """Show the QR code; the first code of the app switches the second step on."""
        person = person_of(request)
        if second_factor.has_second_factor(person):
            return self.go_to("account")
        form = CodeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            checked, codes = second_factor.confirm(person, form.cleaned_data["code"])
            if checked.device is not None:
                log_ins.note(person, What.FACTOR_ON, request)
                end_other_sessions(request, person)
                django_otp.login(request, checked.device)
                return self._show_codes(request, codes, "The second step is on")
            form.refuse(checked)
        device = second_factor.begin(person)
        context = {
            "title": "Connect an app",
            "form": form,
            "picture": second_factor.qr_code(device),
            "key": second_factor.in_groups(device.key_in_base32),
            "must_have_one": second_factor.must_have_one(person),
        }
        return self.show_own(request, "admin/accounts/user/connect_app.html", context)

    def remove_app_view(self, request: HttpRequest) -> HttpResponse:
        """Switch the second step off, with the password once more."""
        person = person_of(request)
        if not second_factor.has_second_factor(person):
            return self.go_to("account")
        form = PasswordForm(request)
        if request.method == "POST" and form.is_valid():
            second_factor.remove(person)
            log_ins.note(person, What.FACTOR_OFF, request)
            messages.success(request, "The second step is off.")
            return self.go_to("account")
        return self.show_own(request, "admin/accounts/user/remove_app.html", {"title": "Remove the app", "form": form})

    def recovery_codes_view(self, request: HttpRequest) -> HttpResponse:
        """Make new recovery codes, with the password once more."""
        person = person_of(request)
        if not second_factor.has_second_factor(person):
            return self.go_to("account")
        form = PasswordForm(request)
        if request.method == "POST" and form.is_valid():
            return self._show_codes(request, second_factor.renew_recovery_codes(person), "New recovery codes")
        context = {"title": "New recovery codes", "form": form}
        return self.show_own(request, "admin/accounts/user/recovery_codes.html", context)

    def _show_codes(self, request: HttpRequest, codes: list[str], title: str) -> HttpResponse:
        return self.show_own(
            request,
            "admin/accounts/user/codes.html",
            {"title": title, "codes": [second_factor.in_groups(code) for code in codes]},
        )

    def log_out_everywhere_view(self, request: HttpRequest) -> HttpResponse:
        end_other_sessions(request, person_of(request))
        log_ins.note(person_of(request), What.LOGGED_OUT, request)
        messages.success(request, "You are logged out everywhere but here.")
        return self.go_to("account")

    def reset_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """For a colleague who lost phone and recovery codes: the next log-in asks for the password alone."""
        row: User = self.find(request, str(object_id))
        require(request, "accounts.change_user")
        if row.pk == person_of(request).pk:
            messages.error(request, "Your own second step is on “Your account”, where it asks for your password.")
        elif second_factor.remove(row):
            end_sessions(row)
            log_ins.note(row, What.FACTOR_RESET, request, by=person_of(request).display_name)
            self.log_change(request, row, "The second step of the log-in was reset.")
            messages.success(
                request, f"{row.display_name} logs in with the password alone, and can connect an app again."
            )
        else:
            messages.info(request, f"{row.display_name} has no second step.")
        return self.go_to("change", row.pk)


def _after(request: HttpRequest) -> str:
    """Where to go after the code: an address of ours, or the start page."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe else reverse("admin:index")
