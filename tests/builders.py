"""Two businesses in one base, and the verbs that tests tell their stories with."""

import base64
import hmac
import itertools
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber, Site, Tenant, User
from accounts.phone import kind_of
from accounts.roles import Role
from compliance import opt_outs
from compliance.evidence import Proof
from compliance.models import ActorKind, OptOut, Recipient, ReviewItem, Source
from compliance.purposes import Purpose
from messaging import delivery
from messaging.models import Conversation, InboundMessage, OutboundMessage, OutsideText
from messaging.sending import Submission, accept_send

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

T = TypeVar("T")

PERSON = "+12125550177"  # texts with both businesses
OTHER_PERSON = "+12125550178"
THIRD_PERSON = "+12125550179"
PASSWORD = "a long enough password"
BODY = "Your parcel is on its way."
_numbers = itertools.count(1)


@dataclass
class Business:
    """One business with its people, sites, connections and numbers."""

    tenant: Tenant
    headquarters: Site
    branch: Site
    users: dict[str, User]
    simulator: ProviderAccount
    standard: ProviderAccount
    long_code: SenderNumber
    second_long_code: SenderNumber
    toll_free: SenderNumber
    short_code: SenderNumber
    gateway_number: SenderNumber  # the one that sends through `standard`

    @property
    def numbers(self) -> list[SenderNumber]:
        return [self.long_code, self.second_long_code, self.toll_free, self.short_code, self.gateway_number]

    def user(self, role: str) -> User:
        return self.users[role]


@dataclass
class World:
    acme: Business
    globex: Business
    operator: User


def build_world() -> World:
    """Everything that most tests need. Passwords are PASSWORD; both businesses are demos, so the simulator works."""
    acme = build_business("acme", "Acme", ("+12025550100", "+12025550101", "+18885550102", "72345", "+13125550103"))
    globex = build_business(
        "globex", "Globex", ("+14155550110", "+14155550111", "+18335550112", "83456", "+16465550113")
    )
    operator: User = User.objects.create_superuser("operator", "operator@example.org", PASSWORD)
    return World(acme, globex, operator)


def build_business(slug: str, name: str, numbers: tuple[str, str, str, str, str], **fields: Any) -> Business:
    """A business with five numbers: two long codes, toll-free, short code, and one behind `standard`."""
    values: dict[str, Any] = {"brand_name": name, "help_contact": f"help@{slug}.example", "is_demo": True, **fields}
    tenant = Tenant.objects.create(slug=slug, name=f"{name} Inc.", **values)
    headquarters, branch = Site.objects.bulk_create(
        Site(tenant=tenant, name=f"{name} {place}") for place in ("HQ", "branch")
    )
    simulator, standard = ProviderAccount.objects.bulk_create(
        [
            _new_account(tenant, "simulator"),
            _new_account(tenant, "standard", {"secret": [make_secret()], "base_url": "http://127.0.0.1:9/texts"}),
        ]
    )
    sites = (headquarters, branch, headquarters, headquarters, branch)
    accounts = (simulator, simulator, simulator, simulator, standard)
    rows = SenderNumber.objects.bulk_create(
        SenderNumber(tenant=tenant, number=number, kind=kind_of(number), site=site, account=account)
        for number, site, account in zip(numbers, sites, accounts, strict=True)
    )
    roles = [str(role) for role in Role if role != Role.PLATFORM_OPERATOR]
    people = User.objects.bulk_create(_new_user(tenant, slug, role, headquarters) for role in roles)
    users: dict[str, User] = dict(zip(roles, people, strict=True))
    rows[0].users.add(users[Role.EMPLOYEE])
    return Business(tenant, headquarters, branch, users, simulator, standard, *rows)


def _new_user(tenant: Tenant, slug: str, role: str, site: Site) -> User:
    return User(
        username=f"{slug}-{role}",
        email=f"{role}@{slug}.example",
        password=_hash_of_password(),
        tenant=tenant,
        role=role,
        site=site,
    )


@cache
def _hash_of_password() -> str:
    return make_password(PASSWORD)


def build_account(tenant: Tenant, provider: str, settings: dict[str, Any] | None = None) -> ProviderAccount:
    account = _new_account(tenant, provider, settings)
    account.save()
    return account


def _new_account(tenant: Tenant, provider: str, settings: dict[str, Any] | None = None) -> ProviderAccount:
    account = ProviderAccount(
        tenant=tenant, provider=provider, name=provider, token=ProviderAccount.make_token(), private_allowed=True
    )
    account.settings = settings or {}
    return account


def make_secret() -> str:
    """A fresh secret of the Standard Webhooks scheme."""
    return "whsec_" + base64.b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes[:8]).decode()


def use_gateway(business: Business, url: str) -> SenderNumber:
    """Let the business's `standard` connection hand its texts to a gateway. Returns the number behind it."""
    business.standard.settings = {**business.standard.settings, "base_url": url}
    business.standard.save()
    number: SenderNumber = SenderNumber.objects.select_related("account", "tenant").get(pk=business.gateway_number.pk)
    business.gateway_number = number
    return number


def new_person() -> str:
    """A number that nobody has texted with."""
    return f"+1917{2_000_000 + next(_numbers):07d}"


# --- Texts from people -----------------------------------------------------------------------------------------------


def text_in(
    business: Business,
    text: str | None,
    *,
    to: SenderNumber | str | None = None,
    from_: str = PERSON,
    sent_at: datetime | str | float | None = None,
    id: str | None = None,  # noqa: A002 - the name on the wire
    account: ProviderAccount | None = None,
    client: Client | None = None,
) -> "Response":
    """Post a text through the real webhook: of the connection behind `to`, signed where that one wants it."""
    number = business.long_code if to is None else to
    if account is None:
        behind = number.account if isinstance(number, SenderNumber) else None
        account = behind or business.simulator
    body: dict[str, Any] = {
        "id": id or f"in-{uuid.uuid4()}",
        "from": from_,
        "to": number.number if isinstance(number, SenderNumber) else number,
        "text": text,
    }
    if sent_at is not None:
        body["sent_at"] = sent_at.isoformat() if isinstance(sent_at, datetime) else sent_at
    return post_webhook(account, body, client=client)


def webhook_address(account: ProviderAccount, kind: str = "inbound") -> str:
    return f"/webhooks/{account.provider}/{account.token}/{kind}"


def post_webhook(
    account: ProviderAccount,
    body: object,
    *,
    kind: str = "inbound",
    client: Client | None = None,
    headers: dict[str, str] | None = None,
) -> "Response":
    """Post a webhook; bytes go as they are, everything else as JSON. `standard` is signed unless headers are given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if headers is None:
        headers = sign(account, raw) if account.provider == "standard" else {}
    address = webhook_address(account, kind)
    return (client or Client()).post(address, raw, content_type="application/json", headers=headers)


def sign(
    account: ProviderAccount,
    raw: bytes,
    *,
    webhook_id: str = "",
    at: datetime | None = None,
    secret: str = "",
) -> dict[str, str]:
    """The headers that make a body authentic for a `standard` connection, by the words of the scheme."""
    webhook_id = webhook_id or f"wh-{uuid.uuid4()}"
    stamp = str(int((at or datetime.now(UTC)).timestamp()))
    key = base64.b64decode((secret or account.settings["secret"][0]).removeprefix("whsec_"))
    digest = hmac.digest(key, f"{webhook_id}.{stamp}.".encode() + raw, "sha256")
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": webhook_id, "webhook-timestamp": stamp, "webhook-signature": signature}


def unapplied(business: Business) -> int:
    """How many webhooks are kept and not applied yet."""
    from messaging.models import WebhookDelivery

    return WebhookDelivery.objects.filter(tenant=business.tenant, handled_at=None).count()


# --- Texts to people -------------------------------------------------------------------------------------------------


def send(
    business: Business,
    to: str = PERSON,
    body: str = BODY,
    *,
    purpose: Purpose | str = Purpose.TRANSACTIONAL,
    sender: SenderNumber | None = None,
    now: datetime | None = None,
    **fields: Any,
) -> OutboundMessage:
    """Ask for one text to be sent, as the API and the admin do. It is queued or refused, not yet handed over."""
    wanted = Submission(business.tenant, sender or business.long_code, to, body, purpose, **fields)
    return accept_send(wanted, now or timezone.now())


def deliver_all(*, limit: int = 1000) -> list[OutboundMessage]:
    """Do a worker's work: deliver every text that is due, until none is. Returns them as they ended."""
    done: list[uuid.UUID] = []
    while due := delivery.find_due(timezone.now(), limit):
        for message_id in due:
            delivery.deliver(message_id)
        done += due
    found = {message.pk: message for message in OutboundMessage.objects.filter(pk__in=done)}
    return [found[message_id] for message_id in dict.fromkeys(done)]


def replies(business: Business, to: str = PERSON, purpose: Purpose | str | None = None) -> list[OutboundMessage]:
    """Our own replies to somebody, oldest first, whatever became of them."""
    ours = [Purpose.OPT_OUT_CONFIRMATION, Purpose.OPT_IN_CONFIRMATION, Purpose.HELP_REPLY]
    wanted = [purpose] if purpose else ours
    found = OutboundMessage.objects.filter(tenant=business.tenant, recipient__number=to, purpose__in=wanted)
    return list(found.order_by("created_at"))


def confirmations(business: Business, to: str = PERSON) -> list[OutboundMessage]:
    """The opt-out confirmations to somebody, oldest first."""
    return replies(business, to, Purpose.OPT_OUT_CONFIRMATION)


def sent_elsewhere(business: Business, body: str, at: datetime, to: str = PERSON, **fields: Any) -> OutsideText:
    """A text of an existing thread that did not pass through us."""
    thread = Conversation.objects.get(tenant=business.tenant, recipient__number=to, sender=business.long_code.number)
    row: OutsideText = OutsideText.objects.create(
        tenant=business.tenant,
        account=business.simulator,
        provider_message_id=f"out-{uuid.uuid4()}",
        conversation=thread,
        recipient_id=thread.recipient_id,
        sender_number=business.long_code,
        body=body,
        sent_at=at,
        **fields,
    )
    return row


# --- The list --------------------------------------------------------------------------------------------------------


def opt_out_of(business: Business, number: str = PERSON) -> OptOut:
    """The one opt-out row of somebody."""
    row: OptOut = OptOut.objects.get(tenant=business.tenant, recipient__number=number)
    return row


def history_of(business: Business, number: str = PERSON) -> list[Any]:
    """The history of somebody's opt-outs, oldest first."""
    rows = OptOut.history.filter(tenant=business.tenant, recipient__number=number)
    return list(rows.order_by("history_id"))


def is_blocked(
    business: Business,
    number: str = PERSON,
    *,
    sender: SenderNumber | None = None,
    purpose: Purpose | str = Purpose.TRANSACTIONAL,
) -> bool:
    """Whether the gate refuses a text, asked from a fresh reading."""
    from compliance import gate

    question = gate.Question(business.tenant, number, purpose, sender or business.long_code)
    return not gate.check(question, timezone.now()).allowed


def last_inbound(business: Business, number: str = PERSON) -> InboundMessage:
    rows = InboundMessage.objects.filter(tenant=business.tenant, recipient__number=number)
    row: InboundMessage = rows.order_by("-id")[0]
    return row


def open_hold(business: Business, number: str = PERSON) -> ReviewItem:
    """The one unanswered unclear text of somebody."""
    row: ReviewItem = ReviewItem.objects.get(
        tenant=business.tenant, recipient__number=number, kind=ReviewItem.Kind.UNCLEAR, status=ReviewItem.Status.OPEN
    )
    return row


def staff(business: Business, role: str = Role.COMPLIANCE_OFFICER) -> opt_outs.Actor:
    """An employee as history keeps them."""
    user = business.user(role)
    return opt_outs.Actor(ActorKind.USER, str(user.pk), user.display_name)


def opt_out_by_staff(
    business: Business,
    number: str = PERSON,
    *,
    at: datetime | None = None,
    requested_by: OptOut.RequestedBy = OptOut.RequestedBy.RECIPIENT,
    sender: SenderNumber | None = None,
    words: str = "Please stop texting me.",
) -> opt_outs.OptedOut:
    """Record what somebody said on the phone, or that the business itself wants no more texts sent."""
    now = timezone.now()
    request = opt_outs.Request(
        proof=Proof(Source.STAFF, words, at or now),
        scope="number" if sender else "tenant",
        sender=sender.number if sender else "",
        reason="Called the office.",
        requested_by=requested_by,
    )
    with transaction.atomic():
        state = opt_outs.lock_recipient(business.tenant.pk, number, now)
        return opt_outs.record_opt_out(state, request, staff(business), now)


def lift_by_staff(
    business: Business, row: OptOut, *, at: datetime | None = None, words: str = "Text me again."
) -> OptOut:
    """Opt somebody back in on proof."""
    now = timezone.now()
    with transaction.atomic():
        return opt_outs.lift(row, Proof(Source.STAFF, words, at or now), "Asked for it.", staff(business), now)


def recipient(business: Business, number: str = PERSON) -> Recipient:
    row: Recipient = Recipient.objects.get(tenant=business.tenant, number=number)
    return row


# --- At once ---------------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], T], timeout: float = 60) -> list[T]:
    """Run calls in a thread each, all released together. Raises the first error; returns what each returned."""
    start = threading.Barrier(len(calls))
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            start.wait(timeout)
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index, call), daemon=True) for index, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), f"a call did not come back within {timeout} seconds"
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]
