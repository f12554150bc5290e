"""Promise 7. An import never opts anyone back in; nor does a new number, a new list or “any message in”."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import SenderNumber
from compliance import opt_outs, transfer
from compliance.models import OptOut, ReviewItem
from messaging import delivery
from messaging.models import InboundMessage
from tests import builders
from tests.builders import PERSON, Business, confirmations, history_of, is_blocked, opt_out_of, send, text_in

CHATTER = [
    "YES",
    "Yes please",
    "ok",
    "Hello",
    "thanks!",
    "👍",
    "",
    "I love your texts",
    "HELP",
    "start?",
    "restart",
    "1",
    "Y",
]


@pytest.mark.parametrize("text", CHATTER)
def test_no_text_but_an_opt_in_word_opts_anyone_back_in(acme: Business, text: str) -> None:
    text_in(acme, "STOP")
    text_in(acme, text)

    assert is_blocked(acme)
    assert not builders.replies(acme, PERSON, "opt_in_confirmation")


@pytest.mark.parametrize("text", ["YES", "Y", "yes!", "OUI"])
def test_yes_opts_in_only_while_a_question_is_open(acme: Business, text: str) -> None:
    """No double opt-in question is ever open here, so YES is the answer to something else (NET-20)."""
    text_in(acme, text)
    assert builders.last_inbound(acme).intent == "other"

    text_in(acme, "STOP")
    text_in(acme, text)
    assert is_blocked(acme)


@pytest.mark.parametrize("text", ["START", "start", "Start.", "UNSTOP", "unstop!"])
def test_an_opt_in_word_opens_what_the_person_closed(acme: Business, text: str) -> None:
    text_in(acme, "STOP")
    text_in(acme, text)

    assert not is_blocked(acme)
    assert [row.action for row in history_of(acme)] == ["opted_out", "lifted"]


def test_a_business_block_survives_start_and_goes_to_a_person(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    text_in(acme, "START")

    assert is_blocked(acme)
    assert builders.last_inbound(acme).outcome == InboundMessage.Outcome.NOT_LIFTED
    (item,) = ReviewItem.objects.filter(kind=ReviewItem.Kind.WANTS_BACK)
    assert (item.status, item.evidence.words) == ("open", "START")
    assert builders.replies(acme) == []


def test_start_lifts_what_the_person_asked_for_and_leaves_the_business_block(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS)
    text_in(acme, "STOP")
    text_in(acme, "START")

    rows = {row.requested_by: row.status for row in OptOut.objects.filter(recipient__number=PERSON)}
    assert rows == {"business": "active", "recipient": "lifted"}
    assert is_blocked(acme)


def test_a_stop_does_not_overwrite_a_business_block(acme: Business) -> None:
    builders.opt_out_by_staff(acme, requested_by=OptOut.RequestedBy.BUSINESS, words="Legal.")
    text_in(acme, "STOP")

    assert {row.requested_by for row in OptOut.objects.all()} == {"business", "recipient"}
    assert len(confirmations(acme)) == 1


def test_a_new_number_of_the_business_is_closed_too(acme: Business) -> None:
    text_in(acme, "STOP")
    new = SenderNumber.objects.create(
        tenant=acme.tenant, number="+12025550188", kind="long_code", account=acme.simulator, site=acme.branch
    )

    assert send(acme, sender=new).reason == "opted_out"


def test_a_person_who_writes_on_about_something_else_stays_opted_out(acme: Business) -> None:
    text_in(acme, "STOP")
    for text in ("By the way, where is my parcel?", "leave me alone", "no"):
        text_in(acme, text, to=acme.second_long_code)

    assert is_blocked(acme)
    assert len(history_of(acme)) == 1


def imported(business: Business, folder: Path, content: str) -> transfer.ImportReport:
    file = folder / "list.csv"
    file.write_text(content, encoding="utf-8")
    actor = opt_outs.Actor(opt_outs.SYSTEM.kind, name="Import")
    return transfer.import_opt_outs(file, business.tenant, actor, timezone.now())


@pytest.mark.parametrize("status", ["", "active", "lifted", "opted in", "subscribed"])
def test_an_import_opts_nobody_back_in_whatever_its_columns_say(acme: Business, tmp_path: Path, status: str) -> None:
    text_in(acme, "STOP")
    imported(acme, tmp_path, f"recipient,status,consent\n{PERSON},{status},yes\n")

    assert is_blocked(acme)
    assert opt_out_of(acme).status == "active"


def test_an_import_texts_nobody(acme: Business, tmp_path: Path) -> None:
    imported(acme, tmp_path, f"recipient\n{PERSON}\n{builders.OTHER_PERSON}\n")

    assert is_blocked(acme)
    assert builders.replies(acme) == []
    assert delivery.find_due(timezone.now(), 10) == []


def test_the_first_stop_after_an_import_is_confirmed_once(acme: Business, tmp_path: Path) -> None:
    imported(acme, tmp_path, f"recipient\n{PERSON}\n")
    for _ in range(2):
        text_in(acme, "STOP")

    assert len(confirmations(acme)) == 1
    text_in(acme, "START")
    assert not is_blocked(acme)


def test_an_import_of_an_older_opt_out_yields_to_a_newer_start(acme: Business, tmp_path: Path) -> None:
    text_in(acme, "START")
    before = (timezone.now() - timedelta(days=30)).isoformat()
    imported(acme, tmp_path, f"recipient,opted_out_at\n{PERSON},{before}\n")

    assert not is_blocked(acme)


def test_an_import_into_one_business_leaves_the_other_alone(acme: Business, globex: Business, tmp_path: Path) -> None:
    imported(acme, tmp_path, f"recipient\n{PERSON}\n")

    assert is_blocked(acme)
    assert not is_blocked(globex)
