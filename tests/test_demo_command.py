"""`demo` on an empty database, on a broken run, and beside real businesses."""

from typing import Any

import pytest
from django.core.management import CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from messaging.demo import building
from messaging.demo.plan import SLUGS
from tests.builders import World
from tests.demo_world import found_demo, run_demo


def test_a_run_that_broke_leaves_nothing_and_the_next_one_heals_it(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    small = SLUGS[:1]
    monkeypatch.setattr(building, "SLUGS", small)

    def breaks(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(building, "plan_elsewhere", breaks)
        with pytest.raises(RuntimeError), transaction.atomic():
            building.ensure_demo(timezone.now())
    assert not Tenant.objects.filter(slug__in=small).exists()
    with django_capture_on_commit_callbacks() as wakes:
        building.ensure_demo(timezone.now())
    assert Tenant.objects.filter(slug__in=small).count() == 1
    assert wakes == [], "hundreds of finished texts would wake the worker"


def test_refused_beside_another_business(world: World) -> None:
    with pytest.raises(CommandError, match=r"“Acme Inc\.” is a business of this installation"):
        run_demo()
    assert not Tenant.objects.filter(slug__in=SLUGS).exists()


def test_refused_where_a_real_business_has_a_demo_name(db: None) -> None:
    Tenant.objects.create(slug=SLUGS[0], name="Real Dental", brand_name="Real", help_contact="x@example.org")
    with pytest.raises(CommandError, match="“Real Dental”"):
        run_demo()


def test_a_business_made_beside_the_demo_does_not_stop_the_next_start(db: None) -> None:
    """`make run` runs the command at every start; whoever made a business there must get in again."""
    for slug in SLUGS:
        found_demo(slug)
    Tenant.objects.create(slug="real", name="Real", brand_name="Real", help_contact="help@real.example")
    assert [tenant["slug"] for tenant in run_demo()["tenants"]] == list(SLUGS)
    assert Tenant.objects.count() == 3
