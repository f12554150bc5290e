"""HTTP in. A door: read, verify, hand over, answer. A 2xx leaves only after the commit."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.models import ProviderAccount, Tenant
from accounts.prepared import PreparedSelect
from messaging import health, incoming
from messaging.connections import calling
from messaging.figures.keeping import want_count
from messaging.models import WebhookDelivery
from messaging.providers import find_provider
from messaging.providers.base import (
    Proof,
    RawWebhook,
    Rejected,
    Reply,
    Unreadable,
    Unrecognized,
    WebhookKind,
)

log = structlog.get_logger(__name__)

LARGEST_BODY = 64 * 1024
RETRY_PAUSES = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
Kind = WebhookDelivery.Kind
_ACCOUNT_FIELDS = [field.attname for field in ProviderAccount._meta.concrete_fields]  # noqa: SLF001
_TENANT_FIELDS = [field.attname for field in Tenant._meta.concrete_fields]  # noqa: SLF001
_ACCOUNT = PreparedSelect(
    lambda token, slug: ProviderAccount.objects.filter(token=token, provider=slug).values_list(
        *_ACCOUNT_FIELDS, *(f"tenant__{name}" for name in _TENANT_FIELDS)
    ),
    "token",
    "slug",
)


@csrf_exempt
@require_POST
def receive_webhook(request: HttpRequest, provider: str, token: str, kind: str) -> HttpResponse:
    """`POST /webhooks/<provider>/<token>/inbound` and `…/status`."""
    clock = time.perf_counter()
    try:
        return _receive(request, provider, token, Kind(kind), clock)
    except Exception:  # a database that is gone, secrets that no key opens: whoever sends this shall try again
        log.exception("webhook_not_kept", provider=provider)
        return _problem(503, "This could not be kept; send it again.")


def _receive(request: HttpRequest, slug: str, token: str, kind: WebhookDelivery.Kind, clock: float) -> HttpResponse:
    account = find_account(slug, token)
    if account is None:
        return _problem(404, "No connection has this address.")
    body = _read_body(request)
    if body is None:
        return _problem(413, f"The body is larger than {LARGEST_BODY} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return take_in(account, kind, headers, body, clock, request.get_full_path())


def take_in(
    account: ProviderAccount,
    kind: WebhookDelivery.Kind,
    headers: dict[str, str],
    body: bytes,
    clock: float,
    path: str = "",
) -> HttpResponse:
    """Verify, apply and answer one webhook of a connection; the handset simulator comes in here too.

    path: with its query, as it was called: some signatures cover it.
    """
    raw = RawWebhook(headers, body, timezone.now(), WebhookKind(kind), settings.PUBLIC_URL + path)
    provider, opened = find_provider(account.provider), account.settings
    if greeting := provider.handshake(raw, opened):
        return _answer(greeting)
    try:
        with calling(account):  # some verify by a certificate that is fetched once
            proof = provider.verify(raw, opened)
    except Rejected as refusal:
        log.warning("webhook_rejected", connection=account.pk, why=str(refusal))
        health.note_rejection(account, raw, refusal)
        return _problem(refusal.status, str(refusal), refusal.headers)
    return _handle(incoming.Verified(account, provider, opened, raw, proof, clock))


def find_account(slug: str, token: str) -> ProviderAccount | None:
    """The connection that a webhook address names. The simulator exists in demos alone."""
    rows = _ACCOUNT.run(token=token, slug=slug)
    if not rows:
        return None
    ours = len(_ACCOUNT_FIELDS)
    account = ProviderAccount.from_db(connection.alias, _ACCOUNT_FIELDS, rows[0][:ours])
    account.tenant = Tenant.from_db(connection.alias, _TENANT_FIELDS, rows[0][ours:])
    if slug == "simulator" and not (settings.SIMULATOR and account.tenant.is_demo):
        return None
    return account


def _read_body(request: HttpRequest) -> bytes | None:
    """The body, or None where it is too large. The length that the sender declares is not believed."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if length.isdecimal() and int(length) > LARGEST_BODY:
        return None
    # Django reads nothing of a chunked body, which has no length; the web server marks where it ends.
    is_chunked = not length and request.META.get("wsgi.input_terminated")
    body: bytes = (request.META["wsgi.input"] if is_chunked else request).read(LARGEST_BODY + 1)
    return body if len(body) <= LARGEST_BODY else None


def _handle(webhook: incoming.Verified) -> HttpResponse:
    account, raw, proof = webhook.account, webhook.raw, webhook.proof
    try:
        unknown = incoming.apply(webhook)
    except Unreadable as error:
        keep_delivery(account, raw, proof, str(error), retry=False)
        return _problem(400, str(error))
    except incoming.NotYetKnown as error:  # our own note of that text is still under way: looked up again soon
        keep_delivery(account, raw, proof, str(error), retry=True)
        return _answer(webhook.provider.acknowledge(raw))
    except Exception as error:  # a bug of ours never loses a STOP: it is kept, and tried again
        log.exception("webhook_not_applied", connection=account.pk)
        keep_delivery(account, raw, proof, _describe(error), retry=True)
        return _problem(503, "This could not be applied; it is kept and will be tried again.")
    if unknown:
        _keep_unknown(account, raw, proof, unknown)
    return _answer(webhook.provider.acknowledge(raw))


def _answer(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, content_type=reply.content_type, headers=dict(reply.headers))


def _keep_unknown(account: ProviderAccount, raw: RawWebhook, proof: Proof, unknown: list[Unrecognized]) -> None:
    """An event that we do not know is stored and counted, and troubles nobody."""
    kinds = ", ".join(sorted({event.kind for event in unknown}))[:120]
    kept = keep_delivery(account, raw, proof, f"Not an event that we act on: {kinds}.", retry=False)
    WebhookDelivery.objects.filter(pk=kept.pk).update(handled_at=raw.received_at)
    health.count_unknown(account, kinds, len(unknown), raw.received_at)


def keep_delivery(account: ProviderAccount, raw: RawWebhook, proof: str, error: str, *, retry: bool) -> WebhookDelivery:
    """Keep what could not be read or applied, once however often it is delivered."""
    names = find_provider(account.provider).kept_headers
    kept, _ = WebhookDelivery.objects.update_or_create(
        tenant_id=account.tenant_id,
        account=account,
        kind=raw.kind.value,
        digest=_digest(raw),
        defaults={
            "error": error,
            "handled_at": None,
            "next_attempt_at": raw.received_at + RETRY_PAUSES[0] if retry else None,
        },
        create_defaults={
            "raw_body": raw.body,
            "headers": {name: raw.headers[name] for name in names if name in raw.headers},
            "proof": proof,
            "received_at": raw.received_at,
            "error": error,
            "next_attempt_at": raw.received_at + RETRY_PAUSES[0] if retry else None,
        },
    )
    return kept


def _digest(raw: RawWebhook) -> str:
    """Equal bodies under two webhook ids are two webhooks: STOP, START, STOP may be the same words."""
    return sha256(raw.headers.get("webhook-id", "").encode() + raw.body).hexdigest()


def retry_delivery(kept: WebhookDelivery, now: datetime) -> bool:
    """Read and apply a kept delivery again, dated as it came. False where it fails once more."""
    account, clock = kept.account, time.perf_counter()
    raw = RawWebhook(kept.headers, bytes(kept.raw_body), kept.received_at, WebhookKind(kept.kind))
    provider = find_provider(account.provider)
    try:
        incoming.apply(incoming.Verified(account, provider, account.settings, raw, Proof(kept.proof), clock))
    except incoming.NotYetKnown as error:
        return _look_once_more(kept, error, now)
    except Exception as error:  # shown to a person, and tried again later
        log.exception("delivery_failed_again", delivery=kept.pk)
        _note_failure(kept, error, now)
        return False
    WebhookDelivery.objects.filter(pk=kept.pk).update(handled_at=now, next_attempt_at=None)
    want_count(account.tenant_id, kept.received_at, now)
    return True


def put_aside(kept: WebhookDelivery, by: str, why: str, now: datetime) -> bool:
    """Nothing is to be done about a delivery: it waits for nobody any more. False where it waits no longer anyhow."""
    values = {"put_aside_at": now, "put_aside_by": by, "put_aside_why": why}
    return bool(WebhookDelivery.objects.waiting().filter(pk=kept.pk).update(**values))


def take_up_again(kept: WebhookDelivery) -> bool:
    """Let a delivery that was put aside wait again. False where nobody had put it aside."""
    rows = WebhookDelivery.objects.filter(pk=kept.pk, handled_at=None, put_aside_at__isnull=False)
    return bool(rows.update(put_aside_at=None, put_aside_by="", put_aside_why=""))


def _look_once_more(kept: WebhookDelivery, error: Exception, now: datetime) -> bool:
    """A status of a text that we still do not know after some minutes was never about a text of ours."""
    if kept.attempts < len(RETRY_PAUSES):
        _note_failure(kept, error, now)
        return False
    WebhookDelivery.objects.filter(pk=kept.pk).update(handled_at=now, next_attempt_at=None)
    return True


def _note_failure(kept: WebhookDelivery, error: Exception, now: datetime) -> None:
    pause = RETRY_PAUSES[min(kept.attempts, len(RETRY_PAUSES) - 1)]
    again = None if isinstance(error, Unreadable) else now + pause
    with transaction.atomic():
        WebhookDelivery.objects.filter(pk=kept.pk).update(
            attempts=F("attempts") + 1, error=_describe(error), next_attempt_at=again
        )


def _describe(error: Exception) -> str:
    """What went wrong, for the person who looks: our own sentence, or the kind of a fault with its words."""
    return str(error) if isinstance(error, Unreadable | incoming.NotYetKnown) else f"{type(error).__name__}: {error}"


def _problem(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    body = {"type": "about:blank", "status": status, "detail": sentence}
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=dict(headers or {}))
