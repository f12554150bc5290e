"""What tests of the admin share: rows of every kind in two businesses, and people who open pages."""

import io
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import record_access
from accounts.models import AccessRecord, ApiKey, LogIn, User
from accounts.visits import LONGEST, start_visit
from compliance.models import (
    CleanedList,
    Consent,
    ExportSchedule,
    Keyword,
    OptOut,
    OptOutExport,
    Recipient,
    ReplyTemplate,
    ReviewItem,
    SavedFilter,
)
from compliance.transfer import files
from messaging.models import (
    Campaign,
    Conversation,
    Difference,
    InboundMessage,
    NumberTrouble,
    OutboundMessage,
    OutsideText,
    Reconciliation,
    WebhookDelivery,
)
from optout_project import urls  # noqa: F401 - it puts our pages in place of other packages'
from tests.builders import Business, World, new_person, send, text_in
from tests.lists import upload_list

UNCLEAR = "who is this? stop"
PEOPLE = {
    "T": "tenant_admin",
    "C": "compliance_officer",
    "S": "site_manager",
    "E": "employee",
    "A": "auditor",
    "P": "platform_operator",
}


@dataclass
class Rows:
    """One row of each kind that has a page, of one business."""

    business: Business
    by_label: dict[str, Model] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Any:
        return self.by_label[label]


def build_rows(business: Business) -> Rows:
    """Somebody opts out after a campaign, somebody is unclear, a delivery fails, a key is made."""
    name = business.tenant.slug
    stopped, unclear, agreed = new_person(), new_person(), new_person()
    text_in(business, "START", from_=agreed)
    send(business, stopped, campaign=f"{name} sale", user=business.user("employee"))
    OutboundMessage.objects.update(status="delivered")
    text_in(business, "STOP", from_=stopped)
    text_in(business, UNCLEAR, from_=unclear)
    send(business, stopped, campaign=f"{name} sale")
    key, _ = ApiKey.issue(business.tenant, f"{name} key", ["read"])
    delivery = WebhookDelivery.objects.create(
        tenant=business.tenant,
        account=business.simulator,
        kind="inbound",
        raw_body=b'{"id": "<script>alert(1)</script>"}',
        digest="d" * 64,
        proof="none",
        received_at=timezone.now(),
        error=f"{name} broke",
    )
    theirs: dict[str, Any] = {"tenant": business.tenant}
    reply = ReplyTemplate.objects.create(
        **theirs, kind="keyword_reply", name=f"{name} hours", language="en", body="{brand} is open from 9 to 5."
    )
    keyword = Keyword.objects.create(**theirs, word=f"{name} hours", meaning="answer", reply=reply)
    opt_out = OptOut.objects.get(**theirs)
    run = Reconciliation.objects.create(**theirs, account=business.standard, stage="done")
    difference = Difference.objects.create(**theirs, run=run, kind="missing_there", number=stopped)
    outside_text = OutsideText.objects.create(
        **theirs,
        account=business.standard,
        provider_message_id="theirs",
        conversation=Conversation.objects.get(recipient=opt_out.recipient_id),
        recipient_id=opt_out.recipient_id,
        sender_number=business.long_code,
        body=f"{name} by an app",
        sent_at=timezone.now(),
        is_incident=True,
    )
    trouble = NumberTrouble.objects.create(
        **theirs,
        recipient_id=opt_out.recipient_id,
        kind="unreachable",
        text=f"{name} handset is off",
        first_at=timezone.now(),
        last_at=timezone.now(),
    )
    record_access(business.user("auditor"), business.tenant, AccessRecord.What.RECIPIENT, opt_out.recipient)
    saved = SavedFilter.objects.create(
        **theirs, owner=business.user("tenant_admin"), page="compliance.optout", name=f"{name} filter", query="q=0123"
    )
    stored = files.keep_file(
        business.tenant, f"{name}.csv", io.BytesIO(b"phone\n+12125550177\n"), files.CSV, timezone.now()
    )
    schedule = ExportSchedule.objects.create(**theirs, name=f"{name} daily", reason="For the books.")
    export = OptOutExport.objects.create(
        **theirs, schedule=schedule, result=stored, state="done", reason="For the books."
    )
    cleaned = CleanedList.objects.create(**theirs, source=stored, kept=stored, removed=stored, state="done")
    draft = CleanedList.objects.create(**theirs, source=stored, state="draft")
    return Rows(
        business,
        {
            "accounts.tenant": business.tenant,
            "accounts.site": business.headquarters,
            "accounts.user": business.user("employee"),
            "accounts.sendernumber": business.long_code,
            "accounts.provideraccount": business.simulator,
            "accounts.provideraccount:listing": business.standard,
            "accounts.apikey": key,
            "accounts.login": LogIn.objects.create(**theirs, person=business.user("employee"), what="logged_in"),
            "accounts.accessrecord": AccessRecord.objects.get(**theirs),
            "compliance.optout": opt_out,
            "compliance.optoutimport": upload_list(business),
            "compliance.consent": Consent.objects.get(**theirs),
            "compliance.savedfilter": saved,
            "compliance.recipient": Recipient.objects.get(pk=opt_out.recipient_id),
            "compliance.reviewitem": ReviewItem.objects.get(**theirs),
            "compliance.keyword": keyword,
            "compliance.optoutexport": export,
            "compliance.exportschedule": schedule,
            "compliance.cleanedlist": cleaned,
            "compliance.cleanedlist:draft": draft,
            "compliance.replytemplate": reply,
            "messaging.campaign": Campaign.objects.get(**theirs),
            "messaging.conversation": Conversation.objects.get(recipient=opt_out.recipient_id),
            "messaging.inboundmessage": InboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
            "messaging.outboundmessage": OutboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
            "messaging.webhookdelivery": delivery,
            "messaging.outsidetext": outside_text,
            "messaging.reconciliation": run,
            "messaging.difference": difference,
            "messaging.numbertrouble": trouble,
        },
    )


def visit(world: World, business: Business) -> None:
    """Open a business to the platform operator, as they do themselves: with a reason, for a while."""
    start_visit(world.operator, business.tenant, "Ticket 4711: texts stay queued", LONGEST, timezone.now())


def log_in(user: User) -> Client:
    """A browser in which somebody is logged in."""
    client = Client()
    client.force_login(user, backend="accounts.auth.RoleBackend")
    return client


def person(world: World, code: str) -> User:
    """One of PEOPLE: of the first business, or the platform operator."""
    return world.operator if code == "P" else world.acme.user(PEOPLE[code])


def page(label: str, name: str, *args: Any) -> str:
    """The address of a page of a model."""
    return reverse(f"admin:{label.replace('.', '_')}_{name}", args=args)


def registered() -> set[str]:
    """Every model that has pages."""
    return {model._meta.label_lower for model in admin.site._registry}
