"""Makes what is missing of the demo: each business whole or not at all."""

from datetime import datetime

from django.db import transaction

from accounts.models import Tenant
from messaging.demo.company import ensure_operator, found_company
from messaging.demo.elsewhere import plan_elsewhere
from messaging.demo.plan import SLUGS, load_plan
from messaging.demo.story import Story
from messaging.figures.keeping import count_all
from messaging.waking import without_waking


def ensure_demo(now: datetime) -> None:
    """Both businesses and the platform operator. What stands already stays as it is."""
    ensure_operator()
    for slug in SLUGS:
        with transaction.atomic(), without_waking():
            if not Tenant.objects.filter(slug=slug).exists():
                _build(slug, now)


def _build(slug: str, now: datetime) -> None:
    story = Story(found_company(load_plan(slug), now), now)
    story.plan_texts()
    plan_elsewhere(story)
    story.timeline.play()
    count_all(story.company.tenant, now)
