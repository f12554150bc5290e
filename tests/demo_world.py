"""The demo for tests: the whole of it by its command, or a business without its sixty days, which is quick."""

import io
import json
from datetime import datetime
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from messaging.demo.company import Company, found_company
from messaging.demo.exchange import Exchange
from messaging.demo.plan import load_plan
from messaging.waking import without_waking


def run_demo() -> dict[str, Any]:
    """What `demo --json` prints."""
    out = io.StringIO()
    call_command("demo", "--json", stdout=out)
    (line,) = out.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def found_demo(slug: str, now: datetime | None = None) -> Company:
    """One business, its people and numbers, and one text on the handset from its first number."""
    company = found_company(load_plan(slug), now or timezone.now())
    plan = company.plan
    with without_waking():
        Exchange(company).send(plan.handset, company.senders[0], plan.handset_text, None, now or timezone.now())
    return company
