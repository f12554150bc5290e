"""Texts that did not pass through us: read from the provider's own records, shown in the thread, and judged.

One that went to somebody who had opted out is an incident. A text of ours whose outcome was unknown is found here too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.local_time import say_day
from accounts.models import ProviderAccount, SenderNumber
from accounts.phone import mask_number, read_party
from compliance import opt_outs
from compliance.models import OptOut
from compliance.purposes import Purpose
from compliance.reach import which_reach
from messaging import delivery
from messaging.answering import may_answer_by_itself
from messaging.connections import calling
from messaging.models import OutboundMessage, OutsideReading, OutsideText
from messaging.providers import find_provider, providers_that
from messaging.providers.base import DeliveryState
from messaging.providers.capabilities import CallFailed, ReportsSent, SentText
from messaging.receiving import believe
from messaging.sending import touch_conversation
from messaging.storable import clean

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=5)
FIRST_LOOK_BACK = timedelta(days=1)
OVERLAP = timedelta(minutes=15)  # records appear late; what was read before is not read twice
TAKEN_FOR = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)
PAGES_AT_A_STRETCH = 50
FROM_THE_START_AFTER = 3  # failures of one page
SAME_TEXT_WITHIN = timedelta(minutes=10)
CONFIRMS_WITHIN = timedelta(minutes=5)  # as ours (US-11)
Status = OutboundMessage.Status


def find_due(now: datetime) -> list[int]:
    """The connections whose records should be read again."""
    slugs = providers_that(ReportsSent)
    rows = ProviderAccount.objects.filter(provider__in=slugs, is_active=True, tenant__is_active=True)
    free = Q(outside_reading__taken_until=None) | Q(outside_reading__taken_until__lt=now)
    due = Q(outside_reading=None) | (free & Q(outside_reading__not_before__lte=now))
    return list(rows.filter(due).order_by("pk").values_list("pk", flat=True))


def read_outside_texts(account_id: int) -> int:
    """Read what was sent from a connection since the last time. Returns how many texts were new.

    Goes on from the page it came to, after a stop or a pause that the provider asked for.
    """
    account = ProviderAccount.objects.select_related("tenant").get(pk=account_id)
    provider = find_provider(account.provider)
    reading = _take(account, timezone.now())
    if reading is None or not isinstance(provider, ReportsSent):
        return 0
    count = 0
    try:
        for _ in range(PAGES_AT_A_STRETCH):
            count += _read_page(account, provider, reading)
            if not reading.next_page:
                break
    except CallFailed as error:
        _pause(reading, str(error), error.retry_after_seconds)
    except Exception as error:  # what can't be read of one connection must not hold up the others
        log.exception("outside_reading_broke", connection=account_id)
        _pause(reading, f"Our own error: {error!r}", None)
    _save(reading, taken_until=None)
    return count


def _take(account: ProviderAccount, now: datetime) -> OutsideReading | None:
    OutsideReading.objects.get_or_create(
        account=account, defaults={"tenant_id": account.tenant_id, "since": now - FIRST_LOOK_BACK, "not_before": now}
    )
    free = Q(taken_until=None) | Q(taken_until__lt=now)
    rows = OutsideReading.objects.filter(account=account, not_before__lte=now)
    if not rows.filter(free).update(taken_until=now + TAKEN_FOR):
        return None
    found: OutsideReading = OutsideReading.objects.get(account=account)
    return found


def _save(reading: OutsideReading, **values: object) -> None:
    OutsideReading.objects.filter(pk=reading.pk).update(**values)
    for name, value in values.items():
        setattr(reading, name, value)


def _read_page(account: ProviderAccount, provider: ReportsSent, reading: OutsideReading) -> int:
    numbers = SenderNumber.objects.for_tenant(account.tenant).filter(account=account)
    by_number = {number.number: number for number in numbers}
    with calling(account):
        page = provider.read_sent(account.settings, reading.since, reading.next_page, sorted(by_number))
        texts = [_tidy(account, text) for text in page.texts]
        unseen = _without_seen(account, texts)
        completed = [_tidy(account, provider.complete(account.settings, text)) for text in unseen]
    unknown = [text for text in completed if not _is_ours(account, text)]
    _apply_statuses(account, page.texts)
    for text in sorted(unknown, key=lambda found: (found.recipient, found.sent_at)):
        _keep(account, by_number.get(text.sender), text)
    now = timezone.now()
    newest = max((text.sent_at for text in texts), default=None)
    newest = max(filter(None, (newest, reading.newest)), default=None)
    done = {"next_page": page.next_page, "newest": newest, "failures": 0, "error": "", "read_at": now}
    if not page.next_page:
        done |= {"since": max(reading.since, (newest or now) - OVERLAP), "not_before": now + EVERY, "newest": None}
    _save(reading, **done, taken_until=now + TAKEN_FOR)
    return len(unknown)


def _tidy(account: ProviderAccount, text: SentText) -> SentText:
    country = account.tenant.country
    return SentText(
        clean(text.provider_message_id)[:128],
        read_party(clean(text.sender), country),
        read_party(clean(text.recipient), country),
        clean(text.body),
        believe(text.sent_at, timezone.now()),
        clean(text.by)[:160],
        clean(text.handed_over_as)[:128],
    )


def _apply_statuses(account: ProviderAccount, texts: Sequence[SentText]) -> None:
    """What became of our own texts, from a provider that tells it in its records alone."""
    told = {text.status.provider_message_id: text.status for text in texts if text.status}
    waiting = OutboundMessage.objects.filter(
        account=account,
        provider_message_id__in=[name for name in told if name],
        status__in=(Status.SENDING, Status.SENT, Status.UNKNOWN),
    )
    for name, status in waiting.values_list("provider_message_id", "status"):
        if told[name].state != DeliveryState.SENT or status != Status.SENT:
            delivery.apply_status(account, told[name], timezone.now())


def _without_seen(account: ProviderAccount, texts: Sequence[SentText]) -> list[SentText]:
    """Those whose ids are neither of a text of ours nor of one that was read before."""
    ids = [name for text in texts for name in text.names]
    known = set(
        OutboundMessage.objects.filter(account=account, provider_message_id__in=ids).values_list(
            "provider_message_id", flat=True
        )
    )
    known |= set(
        OutsideText.objects.filter(account=account, provider_message_id__in=ids).values_list(
            "provider_message_id", flat=True
        )
    )
    return [text for text in texts if known.isdisjoint(text.names)]


def _is_ours(account: ProviderAccount, text: SentText) -> bool:
    """Whether it is one of ours whose id was never saved: then its outcome is known after all."""
    ours = OutboundMessage.objects.filter(
        tenant_id=account.tenant_id,
        account=account,
        recipient__tenant_id=account.tenant_id,  # or the number would be looked for in every business
        recipient__number=text.recipient,
        sender_number__number=text.sender,
        body=text.body,
        provider_message_id="",
        status__in=(Status.SENDING, Status.UNKNOWN),
        claimed_at__range=(text.sent_at - SAME_TEXT_WITHIN, text.sent_at + SAME_TEXT_WITHIN),
    ).first()
    if ours is None:
        return False
    found = OutboundMessage.objects.filter(pk=ours.pk, status=Status.UNKNOWN)
    found.update(status=Status.SENT, sent_at=text.sent_at, reason="", error="")
    OutboundMessage.objects.filter(pk=ours.pk).update(provider_message_id=text.names[-1])
    return True


def _keep(account: ProviderAccount, sender: SenderNumber | None, text: SentText) -> None:
    """Store one text in its thread, judged by what stood when it was sent."""
    now = timezone.now()
    with transaction.atomic():
        state = opt_outs.lock_recipient(account.tenant_id, text.recipient, now)
        thread = touch_conversation(account.tenant_id, state.locked_id, text.sender, sender, text.body, now)
        broken = _opt_out_at(state.locked_id, text)
        may_be_answer = sender is None or may_answer_by_itself(account, find_provider(account.provider).facts, sender)
        explanation, is_incident = _judge(broken, text, account.tenant.time_zone, may_be_answer=may_be_answer)
        row, is_new = OutsideText.objects.get_or_create(
            account=account,
            provider_message_id=text.provider_message_id,
            defaults={
                "tenant_id": account.tenant_id,
                "conversation": thread,
                "recipient_id": state.locked_id,
                "sender_number": sender,
                "body": text.body,
                "by": text.by,
                "sent_at": text.sent_at,
                "seen_at": now,
                "is_incident": is_incident,
                "explanation": explanation,
                "opt_out_id": broken.pk if broken else None,
            },
        )
    if is_new and row.is_incident:
        log.error("text_sent_past_opt_out", recipient=mask_number(text.recipient), connection=account.pk, text=row.pk)


def _opt_out_at(recipient_id: int, text: SentText) -> OptOut | None:
    """The opt-out that stood, for this company number, when the text was sent."""
    stood = OptOut.objects.select_related("evidence").filter(recipient_id=recipient_id, opted_out_at__lt=text.sent_at)
    rows = stood.filter(Q(status=OptOut.Status.ACTIVE) | Q(lifted_at__gt=text.sent_at)).order_by("opted_out_at")
    reaching = which_reach(rows, text.sender, Purpose.TRANSACTIONAL, text.recipient, text.sent_at)
    return reaching[0] if reaching else None


def _judge(broken: OptOut | None, text: SentText, time_zone: str, *, may_be_answer: bool) -> tuple[str, bool]:
    """may_be_answer: whether the provider answers opt-outs by itself, or nobody can tell."""
    if broken is None:
        return "Sent elsewhere, not through this system. Nobody had asked to stop.", False
    is_early = text.sent_at - broken.asked_at <= CONFIRMS_WITHIN
    if may_be_answer and is_early and not _was_confirmed_elsewhere(broken, text):
        return "Most likely the provider's own answer to the opt-out.", False
    words = f" with “{broken.evidence.words[:80]}”" if broken.evidence.words else ""
    day = say_day(broken.opted_out_at, time_zone)
    return f"Sent elsewhere to somebody who had opted out on {day}{words}. This system could not stop it.", True


def _was_confirmed_elsewhere(broken: OptOut, text: SentText) -> bool:
    """One answer is the provider's; a second text after the opt-out is none."""
    rows = OutsideText.objects.filter(recipient_id=broken.recipient_id, sent_at__gte=broken.asked_at)
    return rows.filter(sent_at__lte=text.sent_at).exists()


def _pause(reading: OutsideReading, said: str, retry_after_seconds: float | None) -> None:
    failures = reading.failures + 1
    usual = min(EVERY * 2 ** min(failures, 10), LONGEST_PAUSE)
    asked = timedelta(seconds=retry_after_seconds) if retry_after_seconds is not None else usual
    not_before = timezone.now() + min(asked, LONGEST_PAUSE)
    # A page that fails again and again may be gone over there: what was read before is not read twice.
    page = "" if failures % FROM_THE_START_AFTER == 0 else reading.next_page
    _save(reading, failures=F("failures") + 1, error=clean(said), not_before=not_before, next_page=page)
