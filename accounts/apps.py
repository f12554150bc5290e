"""WHO: businesses, their sites, employees, numbers, provider accounts and API keys."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AccountsConfig(AppConfig):
    default = True
    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"
    verbose_name = "Business"

    def ready(self) -> None:
        from accounts import log_ins, sessions

        log_ins.connect()
        sessions.connect()


class OurAdminConfig(AdminConfig):
    """Django's admin with our site in place of its own."""

    default_site = "accounts.admin_site.OurAdminSite"
