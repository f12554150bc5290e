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
    """One row of each kind that has a page, built by subject."""
    rows = Rows(business)
    rows.by_label |= rows_of_texts(business)
    opt_out = rows["compliance.optout"]
    rows.by_label |= rows_of_the_business(business)
    rows.by_label |= rows_of_log_ins(business, opt_out.recipient)
    rows.by_label |= rows_of_wording(business)
    rows.by_label |= rows_of_connections(business, opt_out.recipient)
    rows.by_label |= rows_of_lists(business)
    return rows


def rows_of_texts(business: Business) -> dict[str, Model]:
    """Somebody opts out after a campaign, somebody is unclear, and somebody has agreed."""
    sale = f"{business.tenant.slug} sale"
    stopped, unclear, agreed = new_person(), new_person(), new_person()
    text_in(business, "START", from_=agreed)
    send(business, stopped, campaign=sale, user=business.user("employee"))
    OutboundMessage.objects.update(status="delivered")
    text_in(business, "STOP", from_=stopped)
    text_in(business, UNCLEAR, from_=unclear)
    send(business, stopped, campaign=sale)
    opt_out = OptOut.objects.get(tenant=business.tenant)
    return {
        "compliance.optout": opt_out,
        "compliance.recipient": Recipient.objects.get(pk=opt_out.recipient_id),
        "compliance.consent": Consent.objects.get(tenant=business.tenant),
        "compliance.reviewitem": ReviewItem.objects.get(tenant=business.tenant),
        "messaging.campaign": Campaign.objects.get(tenant=business.tenant),
        "messaging.conversation": Conversation.objects.get(recipient=opt_out.recipient_id),
        "messaging.inboundmessage": InboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
        "messaging.outboundmessage": OutboundMessage.objects.filter(recipient=opt_out.recipient_id)[0],
    }


def rows_of_the_business(business: Business) -> dict[str, Model]:
    """What a business is made of; a key is made for it."""
    key, _ = ApiKey.issue(business.tenant, f"{business.tenant.slug} key", ["read"])
    return {
        "accounts.tenant": business.tenant,
        "accounts.site": business.headquarters,
        "accounts.user": business.user("employee"),
        "accounts.sendernumber": business.long_code,
        "accounts.provideraccount": business.simulator,
        "accounts.provideraccount:listing": business.standard,
        "accounts.apikey": key,
    }


def rows_of_log_ins(business: Business, recipient: Recipient) -> dict[str, Model]:
    """An employee logs in, and an auditor reads."""
    record_access(business.user("auditor"), business.tenant, AccessRecord.What.RECIPIENT, recipient)
    person = business.user("employee")
    return {
        "accounts.login": LogIn.objects.create(tenant=business.tenant, person=person, what="logged_in"),
        "accounts.accessrecord": AccessRecord.objects.get(tenant=business.tenant),
    }


def rows_of_wording(business: Business) -> dict[str, Model]:
    """A keyword of the business's own, and its reply."""
    theirs: dict[str, Any] = {"tenant": business.tenant}
    name = f"{business.tenant.slug} hours"
    reply = ReplyTemplate.objects.create(
        **theirs, kind="keyword_reply", name=name, language="en", body="{brand} is open from 9 to 5."
    )
    keyword = Keyword.objects.create(**theirs, word=name, meaning="answer", reply=reply)
    return {"compliance.replytemplate": reply, "compliance.keyword": keyword}


def rows_of_connections(business: Business, recipient: Recipient) -> dict[str, Model]:
    """A delivery fails, a provider's list differs, and a number can't be reached."""
    theirs: dict[str, Any] = {"tenant": business.tenant}
    now = timezone.now()
    run = Reconciliation.objects.create(**theirs, account=business.standard, stage="done")
    difference = Difference.objects.create(**theirs, run=run, kind="missing_there", number=recipient.number)
    trouble = NumberTrouble.objects.create(
        **theirs,
        recipient=recipient,
        kind="unreachable",
        text=f"{business.tenant.slug} handset is off",
        first_at=now,
        last_at=now,
    )
    return {
        "messaging.webhookdelivery": broken_delivery(business),
        "messaging.reconciliation": run,
        "messaging.difference": difference,
        "messaging.outsidetext": outside_text(business, recipient),
        "messaging.numbertrouble": trouble,
    }


def broken_delivery(business: Business) -> WebhookDelivery:
    """What could not be read."""
    row: WebhookDelivery = WebhookDelivery.objects.create(
        tenant=business.tenant,
        account=business.simulator,
        kind="inbound",
        raw_body=b'{"id": "<script>alert(1)</script>"}',
        digest="d" * 64,
        proof="none",
        received_at=timezone.now(),
        error=f"{business.tenant.slug} broke",
    )
    return row


def outside_text(business: Business, recipient: Recipient) -> OutsideText:
    """A text that went out past an opt-out by another way."""
    row: OutsideText = OutsideText.objects.create(
        tenant=business.tenant,
        account=business.standard,
        provider_message_id="theirs",
        conversation=Conversation.objects.get(recipient=recipient),
        recipient=recipient,
        sender_number=business.long_code,
        body=f"{business.tenant.slug} by an app",
        sent_at=timezone.now(),
        is_incident=True,
    )
    return row


def rows_of_lists(business: Business) -> dict[str, Model]:
    """Lists that come in, go out and are cleaned, and a filter that somebody keeps."""
    theirs: dict[str, Any] = {"tenant": business.tenant}
    name, why = business.tenant.slug, "For the books."
    content = io.BytesIO(b"phone\n+12125550177\n")
    stored = files.keep_file(business.tenant, f"{name}.csv", content, files.CSV, timezone.now())
    schedule = ExportSchedule.objects.create(**theirs, name=f"{name} daily", reason=why)
    return {
        "compliance.savedfilter": SavedFilter.objects.create(
            **theirs,
            owner=business.user("tenant_admin"),
            page="compliance.optout",
            name=f"{name} filter",
            query="q=0123",
        ),
        "compliance.optoutimport": upload_list(business),
        "compliance.exportschedule": schedule,
        "compliance.optoutexport": OptOutExport.objects.create(
            **theirs, schedule=schedule, result=stored, state="done", reason=why
        ),
        "compliance.cleanedlist": CleanedList.objects.create(
            **theirs, source=stored, kept=stored, removed=stored, state="done"
        ),
        "compliance.cleanedlist:draft": CleanedList.objects.create(**theirs, source=stored, state="draft"),
    }


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
