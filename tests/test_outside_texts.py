"""Texts that did not pass through us: read once, shown in the thread, and told where they broke an opt-out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.models import ProviderAccount
from compliance.models import OptOut
from messaging import connections, incidents, outside
from messaging.models import Conversation, OutboundMessage, OutsideReading, OutsideText
from messaging.providers import PROVIDERS
from messaging.providers.base import DeliveryState, StatusUpdate
from messaging.providers.capabilities import CallFailed, SentPage, SentText
from messaging.providers.failures import Failure, FailureKind
from messaging.threads import read_thread
from tests.builders import OTHER_PERSON, PERSON, Business, is_blocked, new_person, opt_out_by_staff, send, text_in
from tests.listing_provider import Listing


@pytest.fixture(autouse=True)
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Listing]]:
    monkeypatch.setitem(PROVIDERS, "standard", ("tests.listing_provider", "Listing"))
    Listing.forget()
    yield Listing
    Listing.forget()


def sent(
    business: Business, *, to: str = PERSON, at: datetime | None = None, body: str = "Hi!", key: str = ""
) -> SentText:
    return SentText(
        key or f"id-{len(Listing.texts)}", business.gateway_number.number, to, body, at or timezone.now(), "Bo"
    )


def read(account: ProviderAccount, later: timedelta = timedelta()) -> int:
    with time_machine.travel(timezone.now() + later, tick=False):
        return outside.read_outside_texts(account.pk)


def test_a_text_of_an_employees_app_is_shown_in_its_thread(acme: Business, globex: Business) -> None:
    Listing.texts.append(sent(acme, body="See you at 3."))
    assert read(acme.standard) == 1
    row = OutsideText.objects.get()
    assert (row.tenant, row.is_incident, row.by) == (acme.tenant, False, "Bo")
    (bubble,) = read_thread(Conversation.objects.get(tenant=acme.tenant)).bubbles
    assert (bubble.tag, bubble.body, bubble.incoming) == ("Sent elsewhere", "See you at 3.", False)


def test_what_was_read_is_not_read_twice(acme: Business) -> None:
    Listing.texts.extend(sent(acme, key=f"k-{n}", to=new_person()) for n in range(5))
    assert read(acme.standard) == 5
    assert Listing.pages_read == ["", "2", "4"]
    assert read(acme.standard) == 0, "not due yet"
    assert read(acme.standard, timedelta(minutes=6)) == 0
    assert OutsideText.objects.count() == 5


def test_our_own_texts_are_none(acme: Business) -> None:
    message = send(acme, sender=acme.gateway_number)
    OutboundMessage.objects.filter(pk=message.pk).update(
        status="sent", account=acme.standard, provider_message_id="ours-1"
    )
    Listing.texts.append(sent(acme, key="ours-1", body=message.body))
    assert read(acme.standard) == 0


def test_a_text_of_ours_is_known_by_what_its_hand_over_answered_and_gets_its_status(
    acme: Business, globex: Business
) -> None:
    """As RingCentral has it: a batch answers one id, its records show another, and the status stands there alone."""
    delivered, refused = (
        send(acme, to=to, sender=acme.gateway_number, body="From here.") for to in (PERSON, OTHER_PERSON)
    )
    for message, name in ((delivered, "batch-1"), (refused, "batch-2")):
        OutboundMessage.objects.filter(pk=message.pk).update(
            status="sent", account=acme.standard, provider_message_id=name
        )
    opted_out = Failure(FailureKind.OPTED_OUT, "SMS-RC-413", raw="{}")
    states = {
        "batch-1": StatusUpdate(DeliveryState.DELIVERED, provider_message_id="batch-1"),
        "batch-2": StatusUpdate(DeliveryState.FAILED, provider_message_id="batch-2", failure=opted_out),
    }
    for (name, status), to in zip(states.items(), (PERSON, OTHER_PERSON), strict=True):
        Listing.texts.append(replace(sent(acme, to=to), handed_over_as=name, status=status))
    assert [read(acme.standard), read(acme.standard, timedelta(minutes=6))] == [0, 0]
    for message in (delivered, refused):
        message.refresh_from_db()
    assert (delivered.status, refused.status, refused.reason) == ("delivered", "failed", "opted_out_at_provider")
    assert is_blocked(acme, OTHER_PERSON)
    assert not is_blocked(acme, PERSON)
    assert not is_blocked(globex, OTHER_PERSON)
    assert OptOut.history.count() == 1


def test_a_status_of_somebody_elses_text_changes_nothing(acme: Business, globex: Business) -> None:
    message = send(globex, sender=globex.gateway_number)
    OutboundMessage.objects.filter(pk=message.pk).update(
        status="sent", account=globex.standard, provider_message_id="theirs-1"
    )
    status = StatusUpdate(DeliveryState.DELIVERED, provider_message_id="theirs-1")
    Listing.texts.append(replace(sent(acme, key="theirs-1"), status=status))
    assert read(acme.standard) == 1
    message.refresh_from_db()
    assert message.status == "sent"


def test_a_text_whose_outcome_was_unknown_is_found_and_known(acme: Business) -> None:
    message = send(acme, sender=acme.gateway_number)
    OutboundMessage.objects.filter(pk=message.pk).update(
        status="unknown", reason="outcome_unknown", account=acme.standard, claimed_at=timezone.now()
    )
    Listing.texts.append(sent(acme, key="theirs-9", body=message.body))
    assert read(acme.standard) == 0
    message.refresh_from_db()
    assert (message.status, message.provider_message_id, message.reason) == ("sent", "theirs-9", "")


def test_the_words_are_asked_for_where_a_list_holds_none_and_only_of_what_is_not_ours(acme: Business) -> None:
    ours, lost = (send(acme, sender=acme.gateway_number, body=body) for body in ("Ours.", "Lost."))
    OutboundMessage.objects.filter(pk=ours.pk).update(
        status="sent", account=acme.standard, provider_message_id="ours-1"
    )
    OutboundMessage.objects.filter(pk=lost.pk).update(
        status="unknown", account=acme.standard, claimed_at=timezone.now()
    )
    Listing.texts.extend(sent(acme, key=key, body="") for key in ("ours-1", "lost-1", "app-1"))
    Listing.words.update({"lost-1": "Lost.", "app-1": "From the app."})
    assert read(acme.standard) == 1
    assert read(acme.standard, timedelta(minutes=6)) == 0
    assert OutsideText.objects.get().body == "From the app."
    assert Listing.completed == ["lost-1", "app-1"]
    lost.refresh_from_db()
    assert (lost.status, lost.provider_message_id) == ("sent", "lost-1")


def test_one_after_an_opt_out_is_an_incident_until_a_person_settles_it(acme: Business, globex: Business) -> None:
    asked = timezone.now() - timedelta(hours=2)
    opt_out_by_staff(acme, at=asked)
    Listing.texts.append(sent(acme, at=asked - timedelta(minutes=1), key="before"))
    Listing.texts.append(sent(acme, at=asked + timedelta(hours=1), key="after"))
    read(acme.standard)
    incident = OutsideText.objects.get(is_incident=True)
    assert incident.provider_message_id == "after"
    assert "had opted out" in incident.explanation
    assert incidents.settle(incident, "Ada", "Spoke to Bo.", timezone.now())
    assert not incidents.settle(incident, "Eve", "", timezone.now())
    incident.refresh_from_db()
    assert (incident.settled_by, incident.settled_why) == ("Ada", "Spoke to Bo.")


def test_the_providers_own_answer_to_a_stop_is_none_but_a_second_text_is(acme: Business) -> None:
    connections.choose_who_answers(acme.standard, {"long_code": "provider"})
    text_in(acme, "STOP", to=acme.gateway_number)
    now = timezone.now()
    Listing.texts.append(sent(acme, at=now + timedelta(seconds=2), body="You are unsubscribed.", key="answer"))
    Listing.texts.append(sent(acme, at=now + timedelta(seconds=90), body="But our sale!", key="sale"))
    read(acme.standard, timedelta(minutes=2))
    assert dict(OutsideText.objects.values_list("provider_message_id", "is_incident")) == {
        "answer": False,
        "sale": True,
    }


def test_a_provider_that_answers_nothing_by_itself_excuses_no_text_after_a_stop(acme: Business) -> None:
    text_in(acme, "STOP", to=acme.gateway_number)
    Listing.texts.append(sent(acme, at=timezone.now() + timedelta(seconds=20), body="But our sale!"))
    read(acme.standard, timedelta(minutes=2))
    assert OutsideText.objects.get().is_incident


def test_after_a_return_it_is_none_and_in_between_it_was(acme: Business) -> None:
    text_in(acme, "STOP", to=acme.gateway_number)
    stopped = timezone.now()
    with time_machine.travel(stopped + timedelta(hours=3), tick=False):
        text_in(acme, "START", to=acme.gateway_number)
    Listing.texts.append(sent(acme, at=stopped + timedelta(hours=2), key="between"))
    Listing.texts.append(sent(acme, at=stopped + timedelta(hours=4), key="afterwards"))
    read(acme.standard, timedelta(hours=5))
    assert dict(OutsideText.objects.values_list("provider_message_id", "is_incident")) == {
        "between": True,
        "afterwards": False,
    }


def test_a_provider_that_fails_is_left_alone_and_read_from_where_it_was(acme: Business) -> None:
    Listing.texts.extend(sent(acme, key=f"k-{n}", to=new_person()) for n in range(3))
    Listing.fails.append(CallFailed("Busy.", 600))
    assert read(acme.standard) == 0
    reading = OutsideReading.objects.get()
    assert (reading.error, reading.failures) == ("Busy.", 1)
    assert acme.standard.pk not in outside.find_due(timezone.now() + timedelta(minutes=9))
    assert acme.standard.pk in outside.find_due(timezone.now() + timedelta(minutes=11))
    assert read(acme.standard, timedelta(minutes=11)) == 3


def test_a_page_that_is_gone_over_there_does_not_end_the_reading(
    acme: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    Listing.texts.extend(sent(acme, key=f"k-{n}", to=new_person()) for n in range(5))
    read_sent, asked = Listing.read_sent, list[str]()

    def forget_the_second(self: Listing, settings: Any, since: datetime, page: str, senders: Any) -> SentPage:
        asked.append(page)
        if page == "2" and "" not in asked[1:]:
            raise CallFailed("There is no such page.", status=400)
        return read_sent(self, settings, since, page, senders)

    monkeypatch.setattr(Listing, "read_sent", forget_the_second)
    for hours in range(4):
        read(acme.standard, timedelta(hours=2 * hours))
    assert asked == ["", "2", "2", "2", "", "2", "4"]
    assert OutsideText.objects.count() == 5


def test_connections_of_every_business_are_read(acme: Business, globex: Business) -> None:
    assert outside.find_due(timezone.now()) == sorted([acme.standard.pk, globex.standard.pk])


def test_an_incident_is_told_once_by_e_mail_without_numbers_or_words(
    acme: Business, globex: Business, settings: LazySettings, mailoutbox: list[EmailMessage]
) -> None:
    settings.EMAIL_ALERTS = True
    asked = timezone.now() - timedelta(hours=2)
    opt_out_by_staff(acme, at=asked)
    Listing.texts.append(sent(acme, at=asked + timedelta(hours=1), body="Our sale!"))
    read(acme.standard)
    assert incidents.send_alerts(timezone.now()) == 1
    assert incidents.send_alerts(timezone.now()) == 0
    (told,) = mailoutbox
    assert set(told.to) == {"tenant_admin@acme.example", "compliance_officer@acme.example"}
    assert "Our sale!" not in str(told.body)
    assert PERSON not in str(told.body)


def test_an_alert_that_no_mail_server_takes_is_tried_again(
    acme: Business, settings: LazySettings, mailoutbox: list[EmailMessage]
) -> None:
    settings.EMAIL_ALERTS = True
    opt_out_by_staff(acme, at=timezone.now() - timedelta(hours=2))
    Listing.texts.append(sent(acme))
    read(acme.standard)
    settings.EMAIL_BACKEND = "django.core.mail.backends.nothing.Backend"
    assert incidents.send_alerts(timezone.now()) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert incidents.send_alerts(timezone.now()) == 1
