"""Threads in the admin: who finds and reads them, and what a person may type there."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AccessRecord
from compliance.models import ReviewItem
from messaging.models import Conversation, OutboundMessage
from messaging.typed import look_ahead
from tests.admin_pages import UNCLEAR, log_in, page
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    THIRD_PERSON,
    Business,
    World,
    deliver_all,
    opt_out_by_staff,
    opt_out_of,
    send,
    text_in,
)

LIST = "messaging.conversation"


def thread(business: Business, number: str = PERSON, sender: Any = None) -> Conversation:
    row: Conversation = Conversation.objects.get(
        tenant=business.tenant, recipient__number=number, sender=(sender or business.long_code).number
    )
    return row


def type_in(client: Client, row: Conversation, body: str = "Your table is ready.", **fields: Any) -> Any:
    form = {"body": body, "key": str(uuid.uuid4()), **fields}
    return client.post(page(LIST, "send", row.pk), form)


@pytest.fixture
def employee(world: World) -> Client:
    return log_in(world.acme.user("employee"))


@pytest.fixture
def boss(world: World) -> Client:
    return log_in(world.acme.user("tenant_admin"))


# --- Typing in a thread -----------------------------------------------------------------------------------------------


def test_what_is_typed_is_sent_as_the_person_who_types(world: World, employee: Client) -> None:
    text_in(world.acme, "Is my table ready?")

    answer = type_in(employee, thread(world.acme))

    assert answer.status_code == 302
    row = OutboundMessage.objects.get()
    assert (row.status, row.purpose, row.user) == ("queued", "conversational", world.acme.user("employee"))
    assert not row.by_person  # there was nothing to be warned of
    assert [text.status for text in deliver_all()] == ["delivered"]


def test_a_form_sent_twice_is_one_text(world: World, employee: Client) -> None:
    text_in(world.acme, "Hello")
    row, key = thread(world.acme), str(uuid.uuid4())

    assert [type_in(employee, row, key=key).status_code for _ in range(2)] == [302, 302]
    assert OutboundMessage.objects.count() == 1

    changed = type_in(employee, row, "Something else", key=key)
    assert changed.status_code == 200
    assert "sent before" in changed.content.decode()
    assert "Something else" in changed.content.decode()
    assert OutboundMessage.objects.count() == 1


def test_nothing_can_be_typed_to_somebody_who_opted_out(world: World, employee: Client) -> None:
    text_in(world.acme, "STOP")
    row = thread(world.acme)

    shown = employee.get(page(LIST, "change", row.pk)).content.decode()
    assert "Nothing can be sent from here." in shown
    assert page(LIST, "send", row.pk) not in shown
    assert page("compliance.optout", "change", opt_out_of(world.acme).pk) in shown

    answer = type_in(employee, row, "Are you sure?").content.decode()
    assert "Are you sure?" in answer
    assert "STOP" in answer
    refused = OutboundMessage.objects.get(purpose="conversational")
    assert (refused.status, refused.reason) == ("blocked", "opted_out")


def test_a_hold_asks_for_a_second_thought(world: World, employee: Client) -> None:
    text_in(world.acme, UNCLEAR)
    row = thread(world.acme)
    assert "Read this first." in employee.get(page(LIST, "change", row.pk)).content.decode()

    without = type_in(employee, row)
    assert "Nothing was sent." in without.content.decode()
    assert "Your table is ready." in without.content.decode()
    assert not OutboundMessage.objects.filter(purpose="conversational").exists()

    assert type_in(employee, row, after_warning="on").status_code == 302
    sent = OutboundMessage.objects.get(purpose="conversational")
    assert (sent.status, sent.by_person) == ("queued", True)


def test_words_of_a_hold_that_nobody_was_warned_of_stay_in_the_box(
    world: World, employee: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person texts while the form is on its way: the gate refuses, and the page asks then."""
    text_in(world.acme, "Hello")
    row = thread(world.acme)
    arrived: list[bool] = []

    def look_then_text(*args: Any) -> Any:
        outlook = look_ahead(*args)
        if not arrived:
            arrived.append(True)
            text_in(world.acme, UNCLEAR)
        return outlook

    monkeypatch.setattr("messaging.admin.text_box.look_ahead", look_then_text)
    shown = type_in(employee, row, "See you at noon").content.decode()
    assert "Not sent." in shown
    assert "See you at noon" in shown
    assert "after_warning" in shown
    assert OutboundMessage.objects.get(purpose="conversational").reason == "held_for_review"


def test_a_line_break_of_a_browser_is_one_character(world: World, employee: Client) -> None:
    """What the counter counts is what is sent."""
    text_in(world.acme, "Hello")
    body = "One" + "\r\n" * 2 + "x" * 1595
    assert type_in(employee, thread(world.acme), body).status_code == 302
    assert OutboundMessage.objects.get().body == body.replace("\r\n", "\n")


@pytest.mark.parametrize(("body", "says"), [("", "Write a text first."), ("x" * 1601, "1600")])
def test_a_text_has_words_and_an_end(world: World, employee: Client, body: str, says: str) -> None:
    text_in(world.acme, "Hello")
    assert says in type_in(employee, thread(world.acme), body).content.decode()
    assert not OutboundMessage.objects.exists()


def test_a_key_that_is_none_sends_nothing(world: World, employee: Client) -> None:
    text_in(world.acme, "Hello")
    assert type_in(employee, thread(world.acme), key="1").status_code == 200
    assert not OutboundMessage.objects.exists()


def test_people_type_from_their_own_numbers_alone(world: World, employee: Client) -> None:
    text_in(world.acme, "Hello", to=world.acme.second_long_code)
    text_in(world.globex, "Hello")

    assert type_in(employee, thread(world.acme, sender=world.acme.second_long_code)).status_code == 404
    for client in (employee, log_in(world.acme.user("tenant_admin"))):
        assert type_in(client, thread(world.globex)).status_code == 404
    assert (
        type_in(log_in(world.acme.user("auditor")), thread(world.acme, sender=world.acme.second_long_code)).status_code
        == 403
    )
    assert not OutboundMessage.objects.exists()


def test_the_length_follows_while_one_types(employee: Client) -> None:
    def said(body: str) -> str:
        return employee.post(page(LIST, "count"), {"body": body}).content.decode()

    assert "5 characters · 1 segment, GSM-7" in said("Hello")
    assert "because of “ё”" in said("Hellё")
    assert "2 segments" in said("x" * 161)


def test_a_refusal_shows_its_reason_and_the_opt_out(world: World, employee: Client) -> None:
    text_in(world.acme, "STOP please")
    text_in(world.acme, "STOP")
    send(world.acme, body="Buy now")
    shown = employee.get(page(LIST, "change", thread(world.acme).pk)).content.decode()
    assert "See the opt-out" in shown
    assert page("messaging.outboundmessage", "change", OutboundMessage.objects.get(body="Buy now").pk) in shown


# --- Finding a thread -------------------------------------------------------------------------------------------------


def found(client: Client, **query: Any) -> set[str]:
    answer = client.get(page(LIST, "changelist"), query)
    assert answer.status_code == 200
    return {row.recipient.number for row in answer.context["cl"].result_list}


def test_threads_are_found_by_words_of_any_text(world: World, boss: Client, employee: Client) -> None:
    text_in(world.acme, "Where is my PARCEL?")
    text_in(world.acme, "Thanks")
    send(world.acme, OTHER_PERSON, "Your parcel waits at the desk.")
    text_in(world.acme, "parcel?", from_=THIRD_PERSON, to=world.acme.second_long_code)
    text_in(world.globex, "parcel of another business", from_="+12125550190")

    assert found(boss, q="parcel") == {PERSON, OTHER_PERSON, THIRD_PERSON}
    assert found(employee, q="parcel") == {PERSON, OTHER_PERSON}
    assert found(boss, q="100% nothing") == set()
    assert found(boss, q=PERSON[-4:]) == {PERSON}


def test_words_are_looked_for_in_the_newest_threads(
    world: World, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.thread_search.SEARCHED", 1)
    text_in(world.acme, "parcel")
    text_in(world.acme, "parcel", from_=OTHER_PERSON)
    assert found(boss, q="parcel") == {OTHER_PERSON}
    assert "newest 2,000 conversations" in boss.get(page(LIST, "changelist"), {"q": "parcel"}).content.decode()


def test_threads_are_found_by_state_and_by_who_texted(world: World, boss: Client, employee: Client) -> None:
    text_in(world.acme, "STOP")
    text_in(world.acme, UNCLEAR, from_=OTHER_PERSON)
    send(world.acme, THIRD_PERSON, user=world.acme.user("employee"))

    assert found(boss, state="opted_out") == {PERSON}
    assert found(boss, state="held") == {OTHER_PERSON}
    assert found(boss, state="open") == {THIRD_PERSON}
    assert found(boss, employee=world.acme.user("employee").pk) == {THIRD_PERSON}
    for stranger in (world.globex.user("employee").pk, "x"):
        assert boss.get(page(LIST, "changelist"), {"employee": stranger}).status_code == 404
    assert employee.get(page(LIST, "changelist"), {"employee": world.acme.user("auditor").pk}).status_code == 404


def test_the_state_of_one_number_is_not_that_of_another(world: World, boss: Client) -> None:
    text_in(world.acme, "Hello")
    text_in(world.acme, "Hello", to=world.acme.second_long_code)
    opt_out_by_staff(world.acme, sender=world.acme.second_long_code)
    rows = boss.get(page(LIST, "changelist"), {"state": "opted_out"}).context["cl"].result_list
    assert [row.sender for row in rows] == [world.acme.second_long_code.number]


# --- Reading is on record ---------------------------------------------------------------------------------------------


def readings() -> list[tuple[str, str]]:
    rows = AccessRecord.objects.filter(what="conversation").order_by("id")
    return [(row.reader_role, row.about_id) for row in rows]


def test_reading_what_is_not_of_ones_numbers_is_on_record_once(world: World, employee: Client) -> None:
    text_in(world.acme, "Hello")
    row = thread(world.acme)
    address = page(LIST, "change", row.pk)

    employee.get(address)
    assert readings() == []
    officer = log_in(world.acme.user("compliance_officer"))
    for _ in range(2):
        officer.get(address)
    text = page("messaging.inboundmessage", "change", row.inbound.get().pk)
    log_in(world.acme.user("site_manager")).get(text)
    log_in(world.globex.user("tenant_admin")).get(address)

    assert readings() == [("compliance_officer", str(row.pk)), ("site_manager", str(row.pk))]


def test_a_thread_beside_a_review_is_read_as_well(world: World) -> None:
    from tests.builders import open_hold

    text_in(world.acme, UNCLEAR)
    log_in(world.acme.user("compliance_officer")).get(page("compliance.reviewitem", "change", open_hold(world.acme).pk))
    assert readings() == [("compliance_officer", str(thread(world.acme).pk))]


def test_looking_through_texts_is_on_record(world: World, employee: Client, boss: Client) -> None:
    text_in(world.acme, "Hello", sent_at=timezone.now() - timedelta(minutes=1))
    for label in ("messaging.inboundmessage", "messaging.outboundmessage", LIST):
        for client in (employee, boss):
            client.get(page(label, "changelist"))
    rows = AccessRecord.objects.filter(what="texts").order_by("id")
    assert [(row.reader_role, row.about) for row in rows] == [
        ("tenant_admin", "Incoming texts"),
        ("tenant_admin", "Outgoing texts"),
        ("tenant_admin", "Conversations"),
    ]


# --- What leads to what stands behind a refusal -----------------------------------------------------------------------


def test_a_text_that_was_held_leads_to_the_review(world: World, boss: Client, employee: Client) -> None:
    text_in(world.acme, UNCLEAR)
    send(world.acme)
    review = page("compliance.reviewitem", "change", ReviewItem.objects.get().pk)
    address = page(LIST, "change", thread(world.acme).pk)

    shown = boss.get(address).content.decode()
    assert f'href="{review}">See the review</a>' in shown
    assert review not in employee.get(address).content.decode()  # their role has no such page


def test_a_review_of_another_sites_number_is_no_link_for_a_site_manager(world: World) -> None:
    manager = log_in(world.acme.user("site_manager"))
    text_in(world.acme, "Hello")
    text_in(world.acme, UNCLEAR, to=world.acme.second_long_code)
    send(world.acme)
    review = page("compliance.reviewitem", "change", ReviewItem.objects.get().pk)

    shown = manager.get(page(LIST, "change", thread(world.acme).pk)).content.decode()
    assert "Held for review" in shown
    assert review not in shown
    assert manager.get(review).status_code == 404
