"""The demo: both businesses whole, dated back from now, safe to repeat, and refused beside real ones."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import SenderNumber, Tenant, User
from accounts.roles import Role
from compliance.audit import find_faults
from compliance.classifier import classify
from compliance.models import OptOut, Recipient, ReviewItem
from compliance.purposes import OUR_REPLIES
from messaging.demo.plan import SLUGS, load_plan
from messaging.models import Campaign, InboundMessage, OutboundMessage, WebhookDelivery
from tests.demo_world import run_demo

FICTIONAL = re.compile(r"\+1\d{3}55501\d\d")
INTENTS = {"stop": "opt_out", "start": "opt_in", "help": "help", "unclear": "unclear", "other": "other"}
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """The whole demo, made once for this file."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield run_demo()
        transaction.set_rollback(True)


def count_rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def test_json_is_one_line_with_a_log_in_per_role(demo: dict[str, Any]) -> None:
    roles = [str(role) for role in Role if role != Role.PLATFORM_OPERATOR]
    assert [(tenant["slug"], tenant["users"]) for tenant in demo["tenants"]] == [
        ("bright-smile-dental", 25),
        ("northwind-logistics", 1000),
    ]
    for tenant in demo["tenants"]:
        assert sorted(login["role"] for login in tenant["logins"]) == sorted(roles)
        assert len(tenant["webhook_token"]) > 20


@pytest.mark.parametrize(("slug", "users", "numbers", "sites"), [(SLUGS[0], 25, 1, 1), (SLUGS[1], 1000, 10, 10)])
def test_a_business_has_its_people_numbers_and_sites(
    demo: dict[str, Any], slug: str, users: int, numbers: int, sites: int
) -> None:
    tenant = Tenant.objects.get(slug=slug, is_demo=True)
    senders = SenderNumber.objects.filter(tenant=tenant)
    assert User.objects.filter(tenant=tenant).count() == users
    assert senders.count() == numbers
    assert senders.values("site").distinct().count() == sites
    assert all(sender.users.count() >= 20 for sender in senders)


def test_every_log_in_works_and_nobody_else_has_a_password(demo: dict[str, Any]) -> None:
    logins = [demo["admin"], *(login for tenant in demo["tenants"] for login in tenant["logins"])]
    for login in logins:
        assert Client().login(username=login["username"], password=login["password"]), login
    others = User.objects.exclude(username__in=[login["username"] for login in logins])
    assert not any(user.has_usable_password() for user in others)
    assert User.objects.get(username=demo["admin"]["username"]).is_platform_operator


def test_a_second_run_changes_nothing_and_says_the_same(demo: dict[str, Any]) -> None:
    before = count_rows()
    assert run_demo() == demo
    assert count_rows() == before


def test_numbers_are_fictional_and_leave_most_free(demo: dict[str, Any]) -> None:
    numbers = list(Recipient.objects.filter(tenant__is_demo=True).values_list("number", flat=True))
    numbers += SenderNumber.objects.filter(tenant__is_demo=True).values_list("number", flat=True)
    areas = {area for slug in SLUGS for area in [*load_plan(slug).area_codes, "888"]}
    assert all(FICTIONAL.fullmatch(number) and number[2:5] in areas for number in numbers)


def test_the_audit_trail_holds(demo: dict[str, Any]) -> None:
    assert list(find_faults()) == []


def test_everything_lies_in_the_past_and_in_order(demo: dict[str, Any]) -> None:
    now, oldest = timezone.now(), timezone.now() - timedelta(days=62)
    received = InboundMessage.objects.values_list("received_at", flat=True)
    created = OutboundMessage.objects.values_list("created_at", flat=True)
    assert all(oldest < moment < now for moment in [*received, *created])
    for row in OptOut.objects.filter(tenant__is_demo=True):
        dates = list(row.history.order_by("history_id").values_list("history_date", flat=True))
        assert dates == sorted(dates)
        assert dates[-1] < now


def test_nothing_waits_for_a_worker(demo: dict[str, Any]) -> None:
    found = Counter(OutboundMessage.objects.values_list("status", flat=True))
    assert set(found) == {"delivered", "blocked", "failed", "unknown"}
    assert found["unknown"] == 2


def test_no_text_was_handed_over_to_somebody_opted_out(demo: dict[str, Any]) -> None:
    closed: dict[int, list[tuple[Any, Any]]] = {}
    for row in OptOut.objects.filter(tenant__is_demo=True):
        changes = list(row.history.order_by("history_id"))
        ends = [(one.history_date, two.history_date) for one, two in pairwise(changes) if one.status == "active"]
        if changes[-1].status == "active":
            ends.append((changes[-1].history_date, timezone.now()))
        closed.setdefault(row.recipient_id, []).extend(ends)
    sent = OutboundMessage.objects.exclude(claimed_at=None).exclude(purpose__in=OUR_REPLIES)
    assert sent.count() > 500
    for message in sent:
        assert message.claimed_at is not None
        for since, until in closed.get(message.recipient_id, []):
            assert not since <= message.claimed_at < until, message.pk


def test_refusals_carry_their_decision(demo: dict[str, Any]) -> None:
    refused = OutboundMessage.objects.filter(status="blocked")
    assert refused.count() > 100
    assert all(message.reason == message.decision["reason"] == "opted_out" for message in refused)
    assert all(message.decision["opt_out_id"] and message.decision["sentence"] for message in refused)


def test_opt_outs_come_from_many_sources_with_repeats_and_returns(demo: dict[str, Any]) -> None:
    rows = OptOut.objects.filter(tenant__is_demo=True)
    assert rows.count() > 250
    wanted = {"keyword", "review", "voice", "email", "in_person", "web_page", "api", "import", "staff"}
    assert wanted <= set(rows.values_list("source", flat=True))
    assert rows.filter(requested_by="business", status="active").count() == 8
    actions = Counter(OptOut.history.filter(tenant__is_demo=True).values_list("action", flat=True))
    assert actions["repeated"] >= 5
    lifted = OptOut.history.filter(tenant__is_demo=True, action="lifted")
    assert {"recipient", "user"} <= set(lifted.values_list("actor_kind", flat=True))


@pytest.mark.parametrize("slug", SLUGS)
def test_one_campaign_drives_people_away(demo: dict[str, Any], slug: str) -> None:
    tenant = Tenant.objects.get(slug=slug)
    drove = Counter(OptOut.objects.filter(tenant=tenant).values_list("preceding_campaign", flat=True))
    del drove[""]
    (worst, most), (_, second) = drove.most_common(2)
    assert most > 3 * second
    mailed = Campaign.objects.get(tenant=tenant, name=worst)
    left = OptOut.objects.filter(tenant=tenant, preceding_campaign=worst, source="keyword")
    assert all(row.opted_out_at - mailed.created_at < timedelta(hours=9) for row in left)


@pytest.mark.parametrize("slug", SLUGS)
def test_reviews_wait_and_none_is_past_due(demo: dict[str, Any], slug: str) -> None:
    waiting = ReviewItem.objects.filter(tenant__slug=slug, status="open")
    due = [item.due_at - timezone.now() for item in waiting if item.due_at is not None]
    assert min(due) > timedelta(hours=20)
    assert sum(left < timedelta(days=5) for left in due) >= 2
    assert waiting.filter(kind="wants_back").exists()
    assert ReviewItem.objects.filter(tenant__slug=slug).exclude(status="open").exists()
    assert WebhookDelivery.objects.filter(tenant__slug=slug, next_attempt_at=None).exists()


@pytest.mark.parametrize("slug", SLUGS)
def test_the_handset_has_one_text_from_every_number(demo: dict[str, Any], slug: str) -> None:
    texts = OutboundMessage.objects.filter(tenant__slug=slug, recipient__number=load_plan(slug).handset)
    assert texts.count() == SenderNumber.objects.filter(tenant__slug=slug).count()
    assert set(texts.values_list("status", flat=True)) == {"delivered"}


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("kind", INTENTS)
def test_the_words_of_the_demo_mean_what_they_are_listed_as(slug: str, kind: str) -> None:
    for words in load_plan(slug).replies[kind]:
        assert classify(words).intent == INTENTS[kind], words
