"""Everything that happened with a recipient, in one list: complete, in order, paged, and within one's rights."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ConsentPolicy, User
from compliance.models import Recipient, ReviewItem
from compliance.timeline import Kind, Page, read_timeline
from messaging.models import Difference, InboundMessage, NumberTrouble, OutboundMessage, Reconciliation
from tests.admin_pages import UNCLEAR, log_in, page
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    Business,
    World,
    open_hold,
    opt_out_by_staff,
    recipient,
    send,
    sent_elsewhere,
    text_in,
)


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


def live(business: Business) -> Recipient:
    """Somebody texts, is unclear, opts out, is texted all the same, and more."""
    name = business.tenant.name
    text_in(business, f"Hello {name}.")
    text_in(business, UNCLEAR)
    officer = log_in(business.user("compliance_officer"))
    address = page("compliance.reviewitem", "answer", open_hold(business).pk)
    officer.post(address, {"answer": "not_opt_out", "note": f"{name} read it."})
    text_in(business, "START")
    text_in(business, "STOP")
    send(business, user=business.user("employee"))
    opt_out_by_staff(business, words=f"I told {name} to stop.")
    person, now = recipient(business), timezone.now()
    theirs = {"tenant": business.tenant}
    sent_elsewhere(
        business, f"{name} by an app.", now, is_incident=True, settled_at=now, settled_by="Ann", settled_why="."
    )
    NumberTrouble.objects.create(
        **theirs, recipient=person, kind="unreachable", text=f"{name} off", first_at=now, last_at=now, ended_at=now
    )
    run = Reconciliation.objects.create(**theirs, account=business.standard, stage="done")
    Difference.objects.create(**theirs, run=run, kind="missing_there", number=PERSON, cause=f"{name} cause")
    return person


def read(person: Recipient, who: User, kind: str = "") -> list[str]:
    return [entry.title for entry in read_timeline(person, who, kind).entries]


def test_everything_stands_in_one_list_and_each_kind_alone(world: World) -> None:
    person, boss = live(world.acme), world.acme.user("tenant_admin")
    live(world.globex)
    assert read(person, boss, Kind.TEXTS_IN) == ["Text from them"] * 4
    assert read(person, boss, Kind.DECISIONS) == ["Text from them"] * 3
    assert read(person, boss, Kind.REFUSALS) == ["Refused text"]
    assert len(read(person, boss, Kind.TEXTS_OUT)) == 3  # two answers and the refused one
    assert read(person, boss, Kind.OPT_OUTS) == ["Asked again", "Opted out"]
    assert read(person, boss, Kind.CONSENTS) == ["Agreed to be texted"]
    assert read(person, boss, Kind.REVIEWS) == ["Review answered: not an opt-out", "Held for review"]
    assert read(person, boss, Kind.STAFF) == [
        "Text past an opt-out settled",
        "Asked again",
        "Review answered: not an opt-out",
    ]
    assert read(person, boss, Kind.IMPORTS) == []
    assert set(read(person, boss, Kind.ELSEWHERE)) == {"Text sent elsewhere", "Text past an opt-out settled"}
    assert read(person, boss, Kind.DIFFERENCES) == ["Only on your list: standard"]
    assert read(person, boss, Kind.TROUBLES) == ["Reached again", "Could not be reached"]
    everything = read_timeline(person, boss).entries
    assert len(everything) == 17
    moments = [entry.at for entry in everything if entry.at]
    assert moments == sorted(moments, reverse=True)


def test_the_page_shows_words_reasons_seals_and_nothing_of_another_business(world: World, boss: Client) -> None:
    person, theirs = live(world.acme), live(world.globex)
    body = boss.get(page("compliance.recipient", "change", person.pk)).content.decode()
    for words in (
        "Opted out for all numbers since",
        "because they texted “STOP” to +1 202-555-0100. They asked again",
        "The recipient opted out on",
        "I told Acme Inc. to stop.",
        "Acme Inc. read it.",
        "Consent on record: opt-in word by text",
    ):
        assert words in body, words
    assert "m.." not in body  # a moment ends with “p.m.”, and so may a sentence
    assert "Globex" not in body
    assert boss.get(page("compliance.recipient", "change", theirs.pk)).status_code == 404


def test_the_number_of_queries_does_not_grow(world: World, boss: Client) -> None:
    person = live(world.acme)
    address = page("compliance.recipient", "change", person.pk)
    boss.get(address)
    with CaptureQueriesContext(
        connection,
    ) as few:
        boss.get(address)
    copy_text(person, 60, timezone.now())
    with CaptureQueriesContext(connection) as many:
        boss.get(address)
    assert len(many) == len(few)
    assert "COUNT(" not in " ".join(query["sql"] for query in many.captured_queries)


def copy_text(person: Recipient, times: int, at: datetime) -> None:
    """More texts of somebody, all of one moment."""
    first = InboundMessage.objects.filter(recipient=person).order_by("pk")[0]
    for number in range(times):
        first.pk, first.event_key, first.received_at, first.body = None, f"copy-{number}", at, f"Copy {number}."
        first.save(force_insert=True)


def test_pages_neither_lose_nor_repeat_what_happened_at_one_moment(world: World) -> None:
    person, boss = live(world.acme), world.acme.user("tenant_admin")
    moment = timezone.now() - timedelta(minutes=1)
    copy_text(person, 9, moment)
    OutboundMessage.objects.filter(recipient=person).update(created_at=moment)
    whole = [entry.cursor for entry in read_timeline(person, boss).entries]
    paged: list[str] = []
    after = ""
    for _ in range(30):
        found: Page = read_timeline(person, boss, after=after, at_most=2)
        paged += [entry.cursor for entry in found.entries]
        after = found.older
        if not after:
            break
    assert paged == whole
    assert len(set(whole)) == len(whole) == 26


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "2026-01-01",
        "2026-01-01T00:00:00Z~text_in~x",
        "2026-01-01T00:00:00Z~nothing~1",
        "~~",
        f"9999{'9' * 40}",
    ],
)
def test_an_address_that_is_none_begins_with_the_newest(world: World, boss: Client, after: str) -> None:
    person = live(world.acme)
    answer = boss.get(page("compliance.recipient", "change", person.pk), {"after": after, "kind": "nonsense"})
    assert len(answer.context["timeline"].entries) == 17


def test_a_huge_key_in_an_address_is_no_fault_of_ours(world: World, boss: Client) -> None:
    person = live(world.acme)
    for key in ("9" * 30, "-1"):
        after = f"{timezone.now().isoformat()}~text_in~{key}"
        assert boss.get(page("compliance.recipient", "change", person.pk), {"after": after}).status_code == 200


def test_a_site_manager_sees_the_texts_of_the_site_alone(world: World) -> None:
    person, manager = live(world.acme), world.acme.user("site_manager")
    assert len(read(person, manager, Kind.TEXTS_IN)) == 4
    manager.site = world.acme.branch
    manager.save()
    for kind in (Kind.TEXTS_IN, Kind.TEXTS_OUT, Kind.ELSEWHERE, Kind.DIFFERENCES):
        assert read(person, manager, kind) == [], kind
    assert read(person, manager, Kind.OPT_OUTS) == ["Asked again", "Opted out"]


def test_an_employee_reads_what_the_role_may(world: World) -> None:
    person, employee = live(world.acme), world.acme.user("employee")
    assert read(person, employee, Kind.REVIEWS) == []
    assert len(read(person, employee, Kind.TEXTS_IN)) == 4
    world.acme.long_code.users.clear()
    assert read(person, employee, Kind.TEXTS_IN) == []


# --- What stands -----------------------------------------------------------------------------------------------------


def standings(boss: Client, person: Recipient) -> list[tuple[str, str]]:
    answer = boss.get(page("compliance.recipient", "change", person.pk))
    return [(standing.name, standing.word) for standing in answer.context["standings"]]


def test_each_company_number_that_is_named_has_its_state(world: World, boss: Client) -> None:
    opt_out_by_staff(world.acme, sender=world.acme.long_code)
    person = recipient(world.acme)
    assert standings(boss, person) == [
        ("All other company numbers", "May be texted"),
        ("+1 202-555-0100", "Opted out"),
    ]
    body = boss.get(page("compliance.recipient", "change", person.pk)).content.decode()
    assert "marketing is refused from this one too (US-23)" in body


def test_who_is_held_and_who_has_not_agreed(world: World, boss: Client) -> None:
    text_in(world.acme, UNCLEAR)
    person = recipient(world.acme)
    assert standings(boss, person) == [("All company numbers", "Held for review")]
    ReviewItem.objects.update(status="not_opt_out")
    assert standings(boss, person) == [("All company numbers", "May be texted")]
    world.acme.tenant.consent_policy = ConsentPolicy.ONLY_WITH_CONSENT
    world.acme.tenant.save()
    assert standings(boss, person) == [("All company numbers", "No consent")]


def test_a_site_manager_reads_no_words_that_came_to_another_site(world: World) -> None:
    acme, manager = world.acme, world.acme.user("site_manager")
    opt_out_by_staff(acme, sender=acme.long_code, words="My sister told them.")
    text_in(acme, UNCLEAR, from_=OTHER_PERSON)
    told, held = recipient(acme), recipient(acme, OTHER_PERSON)
    assert "My sister told them." in body_of(log_in(manager), told)
    assert UNCLEAR in body_of(log_in(manager), held)
    manager.site = acme.branch
    manager.save()
    client = log_in(manager)
    assert standings(client, told) == [("All your company numbers", "May be texted")]
    assert "My sister told them." not in body_of(client, told)
    assert "marketing is refused from this one too (US-23)" in body_of(client, told)
    assert standings(client, held) == [("All your company numbers", "Held for review")]
    assert UNCLEAR not in body_of(client, held)
    assert "A text to another site may be an opt-out" in body_of(client, held)


def body_of(client: Client, person: Recipient) -> str:
    return client.get(page("compliance.recipient", "change", person.pk)).content.decode()
