"""WHO: businesses, their sites, employees, numbers, provider accounts and API keys."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "accounts"
    verbose_name = "Business"

    def ready(self) -> None:
        from accounts import log_ins, sessions

        log_ins.connect()
        sessions.connect()
