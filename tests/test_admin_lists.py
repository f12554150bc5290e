"""What people read in the admin: pages, searches, filters, long lists."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from messaging.models import OutboundMessage
from tests.admin_pages import Rows, build_rows, log_in, page
from tests.builders import (
    PERSON,
    World,
    is_blocked,
    opt_out_of,
    send,
    text_in,
)


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


@pytest.fixture
def rows(world: World) -> Rows:
    return build_rows(world.acme)


def said(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


# --- Pages that are read ----------------------------------------------------------------------------------------------


def test_the_page_of_an_opt_out_tells_the_whole_story(rows: Rows, boss: Client) -> None:
    row = rows["compliance.optout"]
    body = boss.get(page("compliance.optout", "change", row.pk)).content.decode()
    for words in ("Opted out for all numbers since", "because they texted “STOP”", "acme sale", "acme-employee"):
        assert words in body
    history = boss.get(page("compliance.optout", "history", row.pk)).content.decode()
    assert row.evidence_digest in history


def test_a_conversation_shows_both_ways_and_why_not(rows: Rows, boss: Client) -> None:
    body = boss.get(page("messaging.conversation", "change", rows["messaging.conversation"].pk)).content.decode()
    for words in ("Your parcel is on its way.", "STOP", "Blocked", "The recipient opted out on", "Opted out"):
        assert words in body


def test_a_raw_delivery_is_shown_escaped(rows: Rows, boss: Client) -> None:
    body = boss.get(page("messaging.webhookdelivery", "change", rows["messaging.webhookdelivery"].pk)).content.decode()
    assert "<script>alert(1)" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_a_failed_delivery_is_tried_again(world: World, rows: Rows, boss: Client) -> None:
    kept = rows["messaging.webhookdelivery"]
    address = page("messaging.webhookdelivery", "retry", kept.pk)
    assert "failed again" in said(boss.post(address))
    number = world.acme.long_code.number
    body = f'{{"id": "late", "from": "{PERSON}", "to": "{number}", "text": "STOP"}}'.encode()
    type(kept).objects.filter(pk=kept.pk).update(raw_body=body)
    assert "Applied." in said(boss.post(address))
    assert is_blocked(world.acme)
    assert "already" in said(boss.post(address))


# --- Searches and filters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["compliance.optout", "compliance.recipient", "messaging.conversation"])
@pytest.mark.parametrize("term", ["(212) 555-0177", "+1 212-555-0177", "12125550177", "5550177", "0177", "177"])
def test_any_way_of_writing_a_number_finds_it(world: World, boss: Client, label: str, term: str) -> None:
    text_in(world.acme, "STOP")
    text_in(world.acme, "STOP", from_="+13125550199")
    found = boss.get(page(label, "changelist"), {"q": term}).content.decode()
    assert "+1 212-555-0177" in found
    assert "+1 312-555-0199" not in found


def test_a_search_does_not_reach_another_business(world: World, boss: Client) -> None:
    text_in(world.globex, "STOP")
    for label in ("compliance.optout", "compliance.recipient", "messaging.conversation", "messaging.inboundmessage"):
        for term in (PERSON, "0177"):
            body = boss.get(page(label, "changelist"), {"q": term}).content.decode()
            assert "+1 212-555-0177" not in body, label


def test_filters_offer_and_accept_ones_own_alone(world: World, rows: Rows, boss: Client) -> None:
    theirs = build_rows(world.globex)
    number, campaign = world.globex.long_code.number, theirs["messaging.campaign"].pk
    for label in ("compliance.optout", "compliance.reviewitem", "messaging.conversation", "messaging.outboundmessage"):
        assert boss.get(page(label, "changelist"), {"number": number}).status_code == 404, label
        own = {"number": world.acme.long_code.number}
        assert boss.get(page(label, "changelist"), own).status_code == 200, label
    for label in ("compliance.optout", "messaging.outboundmessage"):
        assert boss.get(page(label, "changelist"), {"campaign": campaign}).status_code == 404, label


@pytest.mark.parametrize(
    ("label", "query"),
    [
        ("accounts.apikey", {"digest__startswith": "a"}),
        ("accounts.provideraccount", {"encrypted_settings__startswith": "g"}),
        ("accounts.user", {"password__startswith": "m"}),
        ("compliance.optout", {"tenant__id__exact": "2"}),
        ("compliance.optout", {"recipient__tenant__name__startswith": "G"}),
    ],
)
def test_an_address_can_not_ask_what_no_filter_asks(
    boss: Client, rows: Rows, label: str, query: dict[str, str]
) -> None:
    assert boss.get(page(label, "changelist"), query).status_code == 400


def test_dates_include_their_last_day(world: World, rows: Rows, boss: Client) -> None:
    today = timezone.localdate(timezone=ZoneInfo("America/New_York")).isoformat()
    address = page("compliance.optout", "changelist")
    for query in ({"opted_out_at_to": today}, {"opted_out_at_from": "nonsense"}, {"status__exact": "active"}):
        assert "STOP" in boss.get(address, query).content.decode(), query
    assert "Nothing fits" in boss.get(address, {"opted_out_at_to": "2020-01-01"}).content.decode()


@pytest.mark.parametrize(("label", "at_most"), [("compliance.optout", 11), ("messaging.conversation", 10)])
def test_lists_cost_the_same_however_long_and_count_nothing(
    world: World, boss: Client, django_assert_max_num_queries: Any, label: str, at_most: int
) -> None:
    for last in range(100, 130):
        text_in(world.acme, "STOP", from_=f"+13125550{last}")
    boss.get(page(label, "changelist"))  # that texts were looked through is put on record once an hour
    with django_assert_max_num_queries(at_most) as captured:
        first = boss.get(page(label, "changelist"))
    assert not [query["sql"] for query in captured.captured_queries if "COUNT(" in query["sql"]]
    assert "Next →" in first.content.decode()
    second = boss.get(page(label, "changelist"), {"p": 2}).content.decode()
    assert "Next →" not in second
    assert "← Previous" in second


def test_a_text_of_no_employee_names_nobody(world: World, boss: Client) -> None:
    send(world.acme, PERSON, campaign="Spring")
    OutboundMessage.objects.update(status="delivered")
    text_in(world.acme, "STOP")
    assert (opt_out_of(world.acme).preceding_user, opt_out_of(world.acme).preceding_campaign) == ("", "Spring")
    assert "None" not in boss.get(page("compliance.optout", "changelist")).content.decode().split("result_list")[1]
