"""The contract of every provider: what its webhooks may and may not do, how it sends, and the story from end to end."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as project
from django.test import Client
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber
from compliance import opt_outs
from compliance.models import OptOut, Source
from messaging import webhooks
from messaging.connections import Wish, connect
from messaging.models import ConnectionHealth, InboundMessage, NumberTrouble, OutboundMessage, WebhookDelivery
from messaging.providers import calls, find_provider
from messaging.providers.base import STATUS_ADDRESS_FIELD
from tests.builders import PERSON, Business, deliver_all, is_blocked, new_person, send, webhook_address
from tests.fake_gateway import Answer, Gateway, Misbehaviour
from tests.providers.kit import COMPANY, Kit, kits

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

KITS = kits()
Status = OutboundMessage.Status


@pytest.fixture(params=KITS, ids=[kit.slug for kit in KITS])
def kit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kit:
    chosen: Kit = request.param
    chosen.install(monkeypatch)
    return chosen


@pytest.fixture
def account(kit: Kit, acme: Business) -> ProviderAccount:
    return connect_with(kit, acme, "http://127.0.0.1:9")


@pytest.fixture
def number(kit: Kit, acme: Business, gateway: Gateway) -> SenderNumber:
    """A company number behind the provider, whose side is played by the gateway."""
    kit.prepare(gateway)
    found = connect_with(kit, acme, gateway.base_url)
    behind: SenderNumber = SenderNumber.objects.select_related("account", "tenant").get(account=found)
    return behind


def connect_with(kit: Kit, business: Business, base_url: str, secret: int = 1, **wish: Any) -> ProviderAccount:
    values = {name: [value] for name, value in kit.settings(secret).items()} | {"base_url": [base_url]}
    wish = {"private_allowed": True, **wish}
    return connect(business.tenant, Wish(kit.slug, (COMPANY,), values, **wish)).account


def post(
    kit: Kit,
    account: ProviderAccount,
    body: bytes,
    *,
    kind: str = "inbound",
    signed: bytes | None = None,
    query: str = "",
    signed_query: str | None = None,
    at: datetime | None = None,
    secret: int = 1,
) -> "Response":
    path = webhook_address(account, kind)
    address = project.PUBLIC_URL + path + (query if signed_query is None else signed_query)
    signed = body if signed is None else signed
    headers = kit.headers(signed, address=address, at=at or timezone.now(), secret=secret)
    sealed = kit.seal(body, signed=signed, secret=secret)
    return Client().post(path + query, sealed, content_type=kit.content_type, headers=headers)


def text_of(kit: Kit, text: str = "STOP", *, from_: str = PERSON, key: str = "") -> bytes:
    return kit.inbound(text, from_=from_, to=COMPANY, id=key or str(uuid.uuid4()), at=timezone.now())


# --- In --------------------------------------------------------------------------------------------------------------


def test_an_authentic_stop_is_in_force_and_says_what_proved_it(
    kit: Kit, account: ProviderAccount, acme: Business, globex: Business
) -> None:
    answer = post(kit, account, text_of(kit))

    assert answer.status_code == 200, answer.content
    message = InboundMessage.objects.get(account=account)
    assert (message.intent, message.outcome) == ("opt_out", "opted_out")
    assert message.proof in ("body_signed", "address_signed", "shared_secret")
    assert is_blocked(acme)
    assert not is_blocked(globex)


def test_a_changed_body_is_refused(kit: Kit, account: ProviderAccount) -> None:
    if not kit.signs_body:
        pytest.skip("Its scheme does not cover the body; the proof that is stored says so.")
    answer = post(kit, account, text_of(kit, "START"), signed=text_of(kit, "STOP"))

    assert answer.status_code == kit.refusal_status
    assert not InboundMessage.objects.filter(account=account).exists()


def test_a_changed_address_is_refused_and_told_on_the_diagnosis_page(kit: Kit, account: ProviderAccount) -> None:
    if not kit.signs_address:
        pytest.skip("Its scheme does not cover the address.")
    other = webhook_address(account, "status")
    body = text_of(kit)
    headers = kit.headers(body, address=project.PUBLIC_URL + other, at=timezone.now())
    answer = Client().post(webhook_address(account), body, content_type=kit.content_type, headers=headers)

    assert answer.status_code == kit.refusal_status
    rejection = ConnectionHealth.objects.get(account=account).rejection
    assert rejection["address"] == project.PUBLIC_URL + webhook_address(account)
    assert rejection["checked"]


def test_the_public_address_counts_and_never_the_host_header(kit: Kit, account: ProviderAccount) -> None:
    body = text_of(kit)
    headers = kit.headers(body, address=project.PUBLIC_URL + webhook_address(account), at=timezone.now())
    client = Client(SERVER_NAME="localhost", SERVER_PORT="8123")
    sealed = kit.seal(body, signed=body)
    answer = client.post(webhook_address(account), sealed, content_type=kit.content_type, headers=headers)
    assert answer.status_code == 200


def test_a_wrong_secret_and_none_at_all_are_refused(kit: Kit, account: ProviderAccount) -> None:
    assert post(kit, account, text_of(kit), secret=2).status_code == kit.refusal_status
    bare = Client().post(webhook_address(account), text_of(kit), content_type=kit.content_type)
    assert bare.status_code in (kit.refusal_status, 503)
    assert not InboundMessage.objects.filter(account=account).exists()
    assert ConnectionHealth.objects.get(account=account).rejected_count == 2


def test_a_rotated_secret_is_taken_beside_the_old_one_until_that_is_dropped(
    kit: Kit, account: ProviderAccount, acme: Business
) -> None:
    if not kit.has_secret:
        pytest.skip("The provider signs with a key of its own.")
    connect_with(kit, acme, "http://127.0.0.1:9", secret=2)
    assert [post(kit, account, text_of(kit), secret=secret).status_code for secret in (1, 2)] == [200, 200]
    connect_with(kit, acme, "http://127.0.0.1:9", secret=2, replace_secrets=True)
    assert post(kit, account, text_of(kit), secret=1).status_code == kit.refusal_status
    assert post(kit, account, text_of(kit), secret=2).status_code == 200


def test_a_replay_changes_nothing_twice(kit: Kit, account: ProviderAccount) -> None:
    body = text_of(kit)
    assert [post(kit, account, body).status_code for _ in range(3)] == [200, 200, 200]
    assert InboundMessage.objects.filter(account=account).count() == 1
    assert OptOut.history.count() == 1


def test_a_stale_webhook_is_refused(kit: Kit, account: ProviderAccount) -> None:
    if not kit.signs_time:
        pytest.skip("Its scheme signs no time.")
    for minutes in (-11, 11):
        at = timezone.now() + timedelta(minutes=minutes)
        assert post(kit, account, text_of(kit), at=at).status_code == kit.refusal_status


def test_an_unknown_event_is_stored_counted_and_acknowledged(kit: Kit, account: ProviderAccount) -> None:
    body = kit.unknown_event()
    if body is None:
        pytest.skip("It has no kinds of events.")
    assert post(kit, account, body).status_code == 200
    kept = WebhookDelivery.objects.get(account=account)
    assert bytes(kept.raw_body) == kit.seal(body, signed=body)
    assert kept.handled_at is not None
    assert ConnectionHealth.objects.get(account=account).unknown_count == 1


def test_one_object_and_a_list_are_read(kit: Kit, account: ProviderAccount) -> None:
    if not kit.takes_lists:
        pytest.skip("Its webhooks carry one event each.")
    people = [new_person() for _ in range(3)]
    assert post(kit, account, kit.several([text_of(kit, from_=person) for person in people])).status_code == 200
    assert InboundMessage.objects.filter(account=account, outcome="opted_out").count() == 3


def test_invalid_utf8_costs_nobody_their_stop(kit: Kit, account: ProviderAccount, acme: Business) -> None:
    body = text_of(kit, "STOP @@@").replace(b"@@@", b"\xff").replace(b"%40%40%40", b"%FF")
    assert post(kit, account, body).status_code in (200, 400)
    stored = InboundMessage.objects.filter(account=account).first()
    kept = WebhookDelivery.objects.filter(account=account).first()
    assert is_blocked(acme) if stored else kept is not None


@pytest.mark.parametrize("text", ["STOP \N{OCTAGONAL SIGN}", "STOP\x00", "\N{FULLWIDTH LATIN CAPITAL LETTER S}TOP"])
def test_emoji_and_nul_are_stored_and_acted_on(kit: Kit, account: ProviderAccount, text: str) -> None:
    assert post(kit, account, text_of(kit, text)).status_code == 200
    message = InboundMessage.objects.get(account=account)
    assert message.outcome == "opted_out"
    assert message.body == text.replace("\x00", "\ufffd")


def test_missing_fields_are_kept_for_a_person_and_answered_400(kit: Kit, account: ProviderAccount) -> None:
    body = kit.without_fields()
    assert post(kit, account, body).status_code == 400
    assert WebhookDelivery.objects.get(account=account, handled_at=None).error


def test_what_is_no_body_at_all_is_kept_or_refused_and_never_breaks(kit: Kit, account: ProviderAccount) -> None:
    for body in (b"", b"[", b"null", b"[]", b"3", b'"x"', b"\xff\xfe", b"[[[[" * 5000):
        assert post(kit, account, body).status_code in (200, 400, 401, 403), body[:20]
    assert not WebhookDelivery.objects.filter(account=account, next_attempt_at__isnull=False).exists()


def test_bodies_at_the_limit(kit: Kit, account: ProviderAccount) -> None:
    room = webhooks.LARGEST_BODY - len(text_of(kit, "STOP ", key="k" * 36))
    assert post(kit, account, text_of(kit, "STOP " + "x" * (room - 10), key="k" * 36)).status_code == 200
    assert post(kit, account, text_of(kit, "STOP " + "x" * (room + 2000), key="k" * 36)).status_code == 413


# --- Out -------------------------------------------------------------------------------------------------------------


def test_a_text_is_handed_over_once_with_its_words(
    kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber
) -> None:
    gateway.always(kit.taken("theirs-1"))
    message = send(acme, sender=number, body="Voilà: 50% off & “more” 🎉 = +1")
    deliver_all()
    message.refresh_from_db()
    assert (message.status, message.provider_message_id) == (Status.SENT, "theirs-1")
    assert message.account_id == number.account_id
    assert kit.sent(gateway) == [{"from": COMPANY, "to": PERSON, "body": message.body}]


def test_connections_are_used_again(kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber) -> None:
    gateway.always(kit.taken("theirs"))
    for _ in range(3):
        send(acme, to=new_person(), sender=number)
    deliver_all()
    assert len(kit.sent(gateway)) == 3
    assert len({taken.connection for taken in gateway.taken}) == 1


def test_the_opted_out_refusal_becomes_our_opt_out(
    kit: Kit, acme: Business, globex: Business, gateway: Gateway, number: SenderNumber
) -> None:
    if not kit.tells_opt_out_at_send:
        pytest.skip("It tells only later, if ever.")
    gateway.always(kit.opted_out())
    message = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.FAILED, "opted_out_at_provider")
    _assert_learned(acme, globex)


def test_the_opted_out_status_becomes_our_opt_out_once(
    kit: Kit, acme: Business, globex: Business, gateway: Gateway, number: SenderNumber
) -> None:
    message = _send_one(kit, acme, gateway, number)
    if not _status_of(kit, number, message, "opted_out"):
        pytest.skip("It has no word for it.")
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.FAILED, "opted_out_at_provider")
    _assert_learned(acme, globex)
    _status_of(kit, number, message, "opted_out")
    assert OptOut.history.count() == 1


def _assert_learned(acme: Business, globex: Business) -> None:
    row = OptOut.objects.get()
    assert row.source in (Source.PROVIDER, Source.CARRIER)
    assert row.evidence.details["answer"]
    assert is_blocked(acme)
    assert not is_blocked(globex)
    assert not OutboundMessage.objects.filter(purpose="opt_out_confirmation").exists()


def test_an_invalid_number_is_no_opt_out(kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber) -> None:
    refusal = kit.invalid_number()
    if refusal is None:
        message = _send_one(kit, acme, gateway, number)
        if not _status_of(kit, number, message, "invalid_number"):
            pytest.skip("It has no word for it.")
    else:
        gateway.always(refusal)
        message = send(acme, sender=number)
        deliver_all()
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.FAILED, "invalid_number")
    assert NumberTrouble.objects.get().kind == "invalid_number"
    assert not OptOut.objects.exists()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(429, {"retry-after": "7"}, b"{}"), Status.QUEUED),
        (Answer(500, {}, b"oops"), Status.UNKNOWN),
        (Answer(502, {}, b"<html>"), Status.UNKNOWN),
        (Answer(400, {}, b"not json"), Status.FAILED),
        (Misbehaviour.CLOSE, Status.UNKNOWN),
        (Misbehaviour.HANG, Status.UNKNOWN),
    ],
    ids=str,
)
def test_every_other_end_is_told_and_never_resent_blindly(
    kit: Kit,
    acme: Business,
    gateway: Gateway,
    number: SenderNumber,
    answer: Answer | Misbehaviour,
    status: str,
    request: pytest.FixtureRequest,
) -> None:
    if answer == Misbehaviour.HANG:
        request.getfixturevalue("short_timeouts")
    gateway.always(answer)
    message = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    assert message.status == status, message.error
    reached = len(kit.sent(gateway))
    deliver_all()
    assert len(kit.sent(gateway)) == reached == 1
    if status == Status.QUEUED:
        assert message.not_before >= timezone.now() + timedelta(seconds=4)


def test_a_slow_body_makes_no_send_unknown(
    kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "DEADLINE_SECONDS", 0.2)
    gateway.always(Misbehaviour.DRIP)
    message = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_a_gateway_that_is_not_there_is_tried_again(
    kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber
) -> None:
    gateway.close()
    message = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    assert message.status == Status.QUEUED


def test_a_delivered_status_is_applied_out_of_order_and_twice(
    kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber
) -> None:
    message = _send_one(kit, acme, gateway, number)
    for word in ("delivered", "delivered", "failed"):
        assert _status_of(kit, number, message, word)
    message.refresh_from_db()
    assert message.status == Status.DELIVERED


def _send_one(kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber) -> OutboundMessage:
    gateway.always(kit.taken("theirs-1"))
    message: OutboundMessage = send(acme, sender=number)
    deliver_all()
    message.refresh_from_db()
    assert message.status == Status.SENT, message.error
    return message


def _status_of(kit: Kit, number: SenderNumber, message: OutboundMessage, word: str) -> bool:
    """Post a status callback. False where the provider has no such word."""
    try:
        body = kit.status(
            word,
            message_id=str(message.pk),
            provider_message_id=message.provider_message_id,
            at=timezone.now(),
        )
    except NotImplementedError:
        return False
    account = number.account
    assert account is not None
    query = f"?{STATUS_ADDRESS_FIELD}={message.pk}"
    answer = post(kit, account, body, kind="status", query=query)
    assert answer.status_code == 200, answer.content
    return True


@pytest.mark.parametrize(
    ("text", "purpose"),
    [("STOP", "opt_out_confirmation"), ("START", "opt_in_confirmation"), ("HELP", "help_reply")],
)
def test_a_text_says_whether_it_was_answered_and_why_not(
    kit: Kit, account: ProviderAccount, text: str, purpose: str
) -> None:
    assert post(kit, account, text_of(kit, text)).status_code == 200
    said = InboundMessage.objects.get(account=account).explanation
    is_silent = any(why in said for why in opt_outs.WHY_SILENT.values())
    assert OutboundMessage.objects.filter(purpose=purpose).count() == (0 if is_silent else 1), said


# --- From end to end -------------------------------------------------------------------------------------------------


def test_the_story(kit: Kit, acme: Business, gateway: Gateway, number: SenderNumber) -> None:
    """A text goes out, STOP comes in and is answered once by whoever answers, the next is blocked, START opens."""
    account = number.account
    assert account is not None
    gateway.always(kit.taken("theirs"))
    send(acme, sender=number, body="Sale ends on Friday.")
    deliver_all()

    assert post(kit, account, text_of(kit, "STOP")).status_code == 200
    assert send(acme, sender=number).reason == "opted_out"
    deliver_all()
    confirmations = OutboundMessage.objects.filter(purpose="opt_out_confirmation").count()
    answers_itself = find_provider(kit.slug).facts.replies_on(number.kind) != "never"
    says_so = InboundMessage.objects.get(account=account).explanation
    assert confirmations == (0 if answers_itself else 1), says_so

    assert post(kit, account, text_of(kit, "START")).status_code == 200
    assert not is_blocked(acme)
    last = send(acme, sender=number, body="Welcome back.")
    deliver_all()
    last.refresh_from_db()
    assert last.status == Status.SENT
    assert kit.sent(gateway)[-1]["body"] == "Welcome back."
