"""Failed deliveries that a person puts aside, with a reason, and takes up again."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from messaging import sweeping
from messaging.models import WebhookDelivery
from tests.admin_pages import log_in, page
from tests.builders import Business, World, unapplied


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


def keep(business: Business) -> WebhookDelivery:
    """A delivery that is due to be tried again."""
    return WebhookDelivery.objects.create(
        tenant=business.tenant,
        account=business.simulator,
        kind="inbound",
        raw_body=b"nonsense",
        digest="d" * 64,
        received_at=timezone.now(),
        error="Broke.",
        next_attempt_at=timezone.now() - timedelta(seconds=1),
    )


def test_what_is_put_aside_waits_for_nobody_and_can_be_taken_up_again(world: World, boss: Client) -> None:
    kept = keep(world.acme)
    boss.post(page("messaging.webhookdelivery", "put_aside", kept.pk), {"why": "A test\x00 of ours."})
    kept.refresh_from_db()
    assert (kept.put_aside_by, kept.put_aside_why) == (
        world.acme.user("tenant_admin").display_name,
        "A test\ufffd of ours.",
    )
    sweeping.retry_deliveries(timezone.now())
    kept.refresh_from_db()
    assert kept.attempts == 1
    listed = page("messaging.webhookdelivery", "changelist")
    leads_there = page("messaging.webhookdelivery", "change", kept.pk)
    assert leads_there not in boss.get(listed, {"state": "waiting"}).content.decode()
    assert leads_there in boss.get(listed, {"state": "aside"}).content.decode()
    boss.post(page("messaging.webhookdelivery", "take_up", kept.pk))
    sweeping.retry_deliveries(timezone.now())
    kept.refresh_from_db()
    assert (kept.put_aside_at, kept.attempts) == (None, 2)
    shown = boss.get(page("messaging.webhookdelivery", "change", kept.pk)).content.decode()
    assert "Put aside: A test" in shown
    assert "Taken up again. It had been put aside: A test" in shown


def test_without_a_reason_it_goes_on_waiting(world: World, boss: Client) -> None:
    kept = keep(world.acme)
    boss.post(page("messaging.webhookdelivery", "put_aside", kept.pk), {"why": " "})
    kept.refresh_from_db()
    assert kept.put_aside_at is None


def test_what_was_applied_can_not_be_put_aside(world: World, boss: Client) -> None:
    kept = keep(world.acme)
    WebhookDelivery.objects.update(handled_at=timezone.now())
    boss.post(page("messaging.webhookdelivery", "put_aside", kept.pk), {"why": "Nothing."})
    kept.refresh_from_db()
    assert kept.put_aside_at is None
    assert unapplied(world.acme) == 0
