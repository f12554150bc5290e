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
_THREADS = _views("messaging", "conversation", "inboundmessage", "outboundmessage", "outsidetext")
_MESSAGES = _THREADS | _views("messaging", "campaign", "numbertrouble")
_COMPANY = _views("accounts", "site", "user", "sendernumber")
_OPERATIONS = _views("messaging", "webhookdelivery") | _views("accounts", "tenant", "provideraccount", "apikey")
_OVERSIGHT = _views("accounts", "accessrecord")
_LOG_INS = _views("accounts", "login")
_RECORD = frozenset({"compliance.record_optout", "compliance.record_consent"})
_DECIDE = _RECORD | {"compliance.lift_optout", "compliance.answer_reviewitem"}
_PROVIDERS_LISTS = _views("messaging", "reconciliation", "difference")
_WATCH = _PROVIDERS_LISTS | {"messaging.compare_reconciliation", "messaging.settle_outsidetext"}
_IN_AND_OUT = _views("compliance", "optoutimport", "optoutexport", "cleanedlist", "exportschedule")
_MOVE_LISTS = (
    _IN_AND_OUT
    | _edits("compliance", "exportschedule")
    | {"compliance.import_optout", "compliance.export_optout", "compliance.clean_list"}
)
_OWN_WORDS = ("keyword", "replytemplate")
_WORDING = _edits("compliance", *_OWN_WORDS)
_SHARE = frozenset({"compliance.share_savedfilter"})
_PACK = frozenset({"compliance.make_evidencepack"})
_SEND = frozenset({"messaging.send_outboundmessage"})

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.PLATFORM_OPERATOR: frozenset(),  # a superuser: everything
    Role.TENANT_ADMIN: _LISTS
    | _OVERSIGHT
    | _LOG_INS
    | _MOVE_LISTS
    | _WATCH
    | _MESSAGES
    | _OPERATIONS
    | _DECIDE
    | _WORDING
    | _SEND
    | _SHARE
    | _PACK
    | {"messaging.retry_webhookdelivery", "messaging.send_emergency", "accounts.change_tenant"}
    | _edits("accounts", "site", "user", "sendernumber", "apikey", "provideraccount")
    | _edits("messaging", "campaign"),
    Role.COMPLIANCE_OFFICER: _LISTS
    | _OVERSIGHT
    | _MOVE_LISTS
    | _WATCH
    | _MESSAGES
    | _COMPANY
    | _DECIDE
    | _WORDING
    | _SEND
    | _SHARE
    | _PACK
    | _views("messaging", "webhookdelivery")
    | _views("accounts", "provideraccount")
    | {"messaging.retry_webhookdelivery"},
    Role.SITE_MANAGER: _LISTS | _MESSAGES | _COMPANY | _SEND | _RECORD,
    Role.EMPLOYEE: _views("compliance", "optout", "consent") | _THREADS | _SEND | _RECORD,
    Role.AUDITOR: _LISTS
    | _OVERSIGHT
    | _LOG_INS
    | _MESSAGES
    | _COMPANY
    | _OPERATIONS
    | _PROVIDERS_LISTS
    | _PACK
    | _views("compliance", *_OWN_WORDS)
    | _IN_AND_OUT,
}
