"""What each role of a business may do. Held as Django permissions by auth.RoleBackend."""

from django.db import models


class Role(models.TextChoices):
    PLATFORM_OPERATOR = "platform_operator", "Platform operator"
    TENANT_ADMIN = "tenant_admin", "Admin"
    COMPLIANCE_OFFICER = "compliance_officer", "Compliance officer"
    SITE_MANAGER = "site_manager", "Site manager"
    EMPLOYEE = "employee", "Employee"
    AUDITOR = "auditor", "Auditor"


def _views(app: str, *models_: str) -> frozenset[str]:
    return frozenset(f"{app}.view_{model}" for model in models_)


def _edits(app: str, *models_: str) -> frozenset[str]:
    return frozenset(f"{app}.{verb}_{model}" for model in models_ for verb in ("view", "add", "change"))


_LISTS = _views("compliance", "recipient", "optout", "evidence", "consent", "reviewitem")
_MESSAGES = _views("messaging", "conversation", "inboundmessage", "outboundmessage", "campaign")
_COMPANY = _views("accounts", "site", "user", "sendernumber")
_OPERATIONS = _views("messaging", "webhookdelivery") | _views("accounts", "tenant", "provideraccount", "apikey")
_DECIDE = frozenset({"compliance.record_optout", "compliance.lift_optout", "compliance.answer_reviewitem"})
_SEND = frozenset({"messaging.send_outboundmessage"})

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.PLATFORM_OPERATOR: frozenset(),  # a superuser: everything
    Role.TENANT_ADMIN: _LISTS
    | _MESSAGES
    | _OPERATIONS
    | _DECIDE
    | _SEND
    | {"messaging.retry_webhookdelivery", "messaging.send_emergency", "accounts.change_tenant"}
    | _edits("accounts", "site", "user", "sendernumber", "apikey")
    | _edits("messaging", "campaign"),
    Role.COMPLIANCE_OFFICER: _LISTS
    | _MESSAGES
    | _COMPANY
    | _DECIDE
    | _SEND
    | _views("messaging", "webhookdelivery")
    | {"messaging.retry_webhookdelivery"},
    Role.SITE_MANAGER: _LISTS | _MESSAGES | _COMPANY | _SEND | {"compliance.record_optout"},
    Role.EMPLOYEE: _views("compliance", "optout")
    | _views("messaging", "conversation", "inboundmessage", "outboundmessage")
    | _SEND
    | {"compliance.record_optout"},
    Role.AUDITOR: _LISTS | _MESSAGES | _COMPANY | _OPERATIONS,
}
