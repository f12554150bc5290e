"""HTTP in. A door: read, verify, hand over, answer. A 2xx leaves only after the commit."""

import time
from collections.abc import Callable
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
from messaging import delivery, receiving
from messaging.models import WebhookDelivery
from messaging.providers import find_provider
from messaging.providers.base import Proof, Provider, RawWebhook, Rejected, Unreadable

log = structlog.get_logger(__name__)

LARGEST_BODY = 64 * 1024
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id", "webhook-timestamp")
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
    return take_in(account, kind, {name.lower(): value for name, value in request.headers.items()}, body, clock)


def take_in(
    account: ProviderAccount, kind: WebhookDelivery.Kind, headers: dict[str, str], body: bytes, clock: float
) -> HttpResponse:
    """Verify, apply and answer one webhook of a connection; the handset simulator comes in here too."""
    raw = RawWebhook(headers, body, timezone.now())
    provider = find_provider(account.provider)
    try:
        proof = provider.verify(raw, account.settings)
    except Rejected as refusal:
        log.warning("webhook_rejected", connection=account.pk, why=str(refusal))
        return _problem(403, str(refusal))
    return _handle(account, provider, kind, raw, proof, clock)


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


def _handle(
    account: ProviderAccount,
    provider: Provider,
    kind: WebhookDelivery.Kind,
    raw: RawWebhook,
    proof: Proof,
    clock: float,
) -> HttpResponse:
    try:
        APPLY[kind](account, provider, raw, proof, clock)
    except Unreadable as error:
        keep_delivery(account, kind, raw, proof, str(error), retry=False)
        return _problem(400, str(error))
    except Exception as error:  # a bug of ours never loses a STOP: it is kept, and tried again
        log.exception("webhook_not_applied", connection=account.pk)
        keep_delivery(account, kind, raw, proof, _describe(error), retry=True)
        return _problem(503, "This could not be applied; it is kept and will be tried again.")
    content_type, answer = provider.acknowledge()
    return HttpResponse(answer, content_type=content_type)


def _apply_inbound(account: ProviderAccount, provider: Provider, raw: RawWebhook, proof: Proof, clock: float) -> None:
    """Apply every text that can be read; then one that can't makes the whole be kept for a person."""
    faults = []
    for text in provider.read_inbound(raw):
        if isinstance(text, Unreadable):
            faults.append(text)
            continue
        arrival = receiving.Arrival(account, raw.body, proof, raw.received_at, clock)
        receiving.receive(arrival, text, timezone.now())
    if faults:
        raise faults[0]


def _apply_status(account: ProviderAccount, provider: Provider, raw: RawWebhook, proof: Proof, clock: float) -> None:
    for update in provider.read_status(raw):
        delivery.apply_status(account.tenant_id, update, timezone.now())


APPLY: dict[str, Callable[[ProviderAccount, Provider, RawWebhook, Proof, float], None]] = {
    Kind.INBOUND: _apply_inbound,
    Kind.STATUS: _apply_status,
}


def keep_delivery(
    account: ProviderAccount, kind: WebhookDelivery.Kind, raw: RawWebhook, proof: str, error: str, *, retry: bool
) -> WebhookDelivery:
    """Keep what could not be read or applied, once however often it is delivered."""
    kept, _ = WebhookDelivery.objects.update_or_create(
        tenant_id=account.tenant_id,
        account=account,
        kind=kind,
        digest=_digest(raw),
        defaults={
            "error": error,
            "handled_at": None,
            "next_attempt_at": raw.received_at + RETRY_PAUSES[0] if retry else None,
        },
        create_defaults={
            "raw_body": raw.body,
            "headers": {name: raw.headers[name] for name in KEPT_HEADERS if name in raw.headers},
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
    raw = RawWebhook(kept.headers, bytes(kept.raw_body), kept.received_at)
    provider = find_provider(kept.account.provider)
    try:
        APPLY[kept.kind](kept.account, provider, raw, Proof(kept.proof), time.perf_counter())
    except Exception as error:  # shown to a person, and tried again later
        log.exception("delivery_failed_again", delivery=kept.pk)
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
    return str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"


def _problem(status: int, sentence: str) -> JsonResponse:
    body = {"type": "about:blank", "status": status, "detail": sentence}
    return JsonResponse(body, status=status, content_type="application/problem+json")
