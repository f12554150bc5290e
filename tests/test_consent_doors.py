"""The doors to consents: the API, the form in the admin, and the import of a list."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from compliance.models import Consent, OptOut
from messaging.models import OutboundMessage
from tests.admin_pages import log_in, page
from tests.api import Caller, assert_problem
from tests.builders import OTHER_PERSON, PERSON, Business, is_blocked, new_person, opt_out_of, recipient, text_in

SHOWN = "May we text you offers? Reply STOP at any time."
AT_THE_TILL = {"recipient": "(212) 555-0177", "way": "point_of_sale", "wording": SHOWN, "words": "Yes", "campaign": "X"}


def texts(business: Business) -> list[OutboundMessage]:
    return list(OutboundMessage.objects.filter(tenant=business.tenant))


# --- API -------------------------------------------------------------------------------------------------------------


def test_a_program_records_a_consent_and_it_is_confirmed(acme: Business) -> None:
    caller = Caller.of(acme)
    answer = caller.post("consents", {**AT_THE_TILL, "sender": acme.long_code.number, "given_at": "2026-11-01T10:00"})

    assert answer.status_code == 201
    said = answer.json()
    (text,) = texts(acme)
    assert said["confirmation"] == {"id": str(text.pk), "status": "queued"}
    assert (said["recipient"], said["scope"], said["sender"], said["pending"]) == (PERSON, "tenant", None, False)
    assert (said["given_at"], said["recorded_by"]) == ("2026-11-01T10:00:00Z", "API key Integration")
    assert said["explanation"] == "Recorded and confirmed."
    assert caller.post("consents", {**AT_THE_TILL, "sender": acme.long_code.number}).json()["confirmation"] is None


def test_without_a_sender_nobody_is_texted_and_the_answer_says_so(acme: Business) -> None:
    said = Caller.of(acme).post("consents", AT_THE_TILL).json()

    assert (said["confirmation"], texts(acme)) == (None, [])
    assert "no company number" in said["explanation"]


def test_whoever_is_opted_out_stays_so(acme: Business) -> None:
    text_in(acme, "STOP")
    said = Caller.of(acme).post("consents", {**AT_THE_TILL, "sender": acme.long_code.number}).json()

    assert said["opted_out"] is True
    assert said["confirmation"] is None
    assert is_blocked(acme)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("way", "keyword"),
        ("way", "double_opt_in"),
        ("way", "telepathy"),
        ("recipient", "12"),
        ("given_at", "2999-01-01"),
        ("scope", "number"),
        ("recipient", "own"),
        ("unknown", "x"),
    ],
)
def test_what_can_not_be_is_refused_by_name(acme: Business, field: str, value: str) -> None:
    body: dict[str, Any] = {**AT_THE_TILL, field: acme.toll_free.number if value == "own" else value}
    named = "sender" if field == "scope" else field
    problem = assert_problem(Caller.of(acme).post("consents", body), 400, "invalid")

    assert [error["field"] for error in problem["errors"]] == [named]
    assert not Consent.objects.exists()


def test_scopes_of_keys_and_businesses_hold(acme: Business, globex: Business) -> None:
    assert_problem(Caller.of(acme, "read").post("consents", AT_THE_TILL), 403, "missing_scope")
    assert_problem(Caller.of(acme, "write").get("consents"), 403, "missing_scope")
    foreign = {**AT_THE_TILL, "sender": globex.long_code.number}
    assert_problem(Caller.of(acme).post("consents", foreign), 404)
    Caller.of(globex).post("consents", AT_THE_TILL)
    assert Caller.of(acme).get("consents").json()["results"] == []


def test_the_list_is_filtered_and_paged(acme: Business) -> None:
    caller = Caller.of(acme)
    for way in ("spoken", "online", "api"):
        caller.post("consents", {**AT_THE_TILL, "way": way})
    text_in(acme, "START", from_=OTHER_PERSON)

    ways = [row["way"] for row in caller.get("consents?recipient=+12125550177").json()["results"]]
    assert ways == ["api", "online", "spoken"]
    assert [row["recipient"] for row in caller.get("consents?way=keyword").json()["results"]] == [OTHER_PERSON]
    first = caller.get("consents?page_size=3").json()
    second = caller.client.get(first["next"], headers=caller.headers()).json()
    assert [row["way"] for row in second["results"]] == ["spoken"]
    assert caller.get("consents?since=2999-01-01").json()["results"] == []


# --- The form --------------------------------------------------------------------------------------------------------


def filled(business: Business, **changes: Any) -> dict[str, Any]:
    form = {
        "number": "212.555.0177",
        "way": "spoken",
        "at": "2026-11-01T10:00",
        "wording": SHOWN,
        "words": "Sure.",
        "taken_by": "Ann at the desk",
        "scope": "tenant",
        "sender": business.long_code.pk,
    }
    return {**form, **changes}


@pytest.mark.parametrize("role", ["tenant_admin", "employee"])
def test_an_employee_records_what_they_heard(acme: Business, role: str) -> None:
    client = log_in(acme.user(role))
    answer = client.post(page("compliance.consent", "record"), filled(acme), follow=True)

    (consent,) = Consent.objects.all()
    assert answer.redirect_chain[-1][0] == page("compliance.consent", "change", consent.pk)
    body = answer.content.decode()
    for expected in (SHOWN, "Sure.", "Ann at the desk", "Recorded and confirmed.", "Spoken"):
        assert expected in body
    assert consent.evidence.details["taken_by"] == "Ann at the desk"
    assert [text.sender_number for text in texts(acme)] == [acme.long_code]


def test_the_form_says_who_stays_opted_out(acme: Business) -> None:
    text_in(acme, "STOP")
    client = log_in(acme.user("tenant_admin"))
    answer = client.post(page("compliance.consent", "record"), filled(acme), follow=True)

    assert "is opted out and stays so" in answer.content.decode()
    assert opt_out_of(acme).is_active


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"number": "12"}, "number"),
        ({"wording": ""}, "wording"),
        ({"scope": "number", "sender": ""}, "sender"),
        ({"way": "keyword"}, "way"),
        ({"at": "2999-01-01T00:00"}, "at"),
    ],
)
def test_a_form_with_a_mistake_names_it(acme: Business, changes: dict[str, Any], wrong: str) -> None:
    client = log_in(acme.user("tenant_admin"))
    answer = client.post(page("compliance.consent", "record"), filled(acme, **changes))

    assert wrong in answer.context["form"].errors
    assert not Consent.objects.exists()


def test_another_businesss_number_can_not_be_named(acme: Business, globex: Business) -> None:
    client = log_in(acme.user("tenant_admin"))
    answer = client.post(page("compliance.consent", "record"), filled(acme, sender=globex.long_code.pk))

    assert "sender" in answer.context["form"].errors


def test_a_recipients_page_shows_consents(acme: Business) -> None:
    Caller.of(acme).post("consents", AT_THE_TILL)
    body = log_in(acme.user("tenant_admin")).get(page("compliance.recipient", "change", recipient(acme).pk)).content

    assert b"At the point of sale" in body


def test_a_request_by_letter_is_recorded_with_who_took_it(acme: Business) -> None:
    """US-03, US-05: every way to ask is as good as a text, and in force at once."""
    form = {
        "number": PERSON,
        "requested_by": "recipient",
        "source": "letter",
        "at": "2026-11-01T10:00",
        "words": "Please stop.",
        "taken_by": "Front desk",
        "scope": "tenant",
        "reason": "Wrote to us.",
    }
    client = log_in(acme.user("employee"))
    answer = client.post(page("compliance.optout", "opt_out"), form, follow=True)

    row = opt_out_of(acme)
    assert (row.source, row.evidence.details["taken_by"]) == ("letter", "Front desk")
    assert "Front desk" in answer.content.decode()
    assert is_blocked(acme)


# --- The import ------------------------------------------------------------------------------------------------------


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(business: Business, path: Path, *options: str, capsys: pytest.CaptureFixture[str]) -> str:
    call_command("import_consents", str(path), "--tenant", business.tenant.slug, *options)
    return "".join(capsys.readouterr())


def test_a_list_is_recorded_once_and_texts_and_lifts_nobody(
    acme: Business, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = new_person()
    text_in(acme, "STOP", from_=stopped)
    before = len(texts(acme))
    path = write(
        tmp_path / "list.csv",
        "phone,consented_at,words,disclosure,campaign,sender",
        f"(212) 555-0177,2026-05-01,Yes,{SHOWN},Spring,",
        f"{OTHER_PERSON},2026-05-01T10:00:00Z,,,,{acme.long_code.number}",
        f"{stopped},2026-11-23,,,,",
        f"{new_person()},,,,,",
        "12,2026-05-01,,,,",
    )
    said = run(acme, path, "--dry-run", capsys=capsys)
    assert "2  recorded" in said
    assert not Consent.objects.exists()

    said = run(acme, path, capsys=capsys)
    for line in ("2  recorded", "1  refused: opted out", "2  invalid", "line 4:", "line 5: The field “given_at”"):
        assert line in said
    assert recipient(acme).opted_in_for == ["*"]
    assert recipient(acme, OTHER_PERSON).opted_in_for == [acme.long_code.number]
    assert OptOut.objects.get(recipient__number=stopped).is_active
    assert len(texts(acme)) == before
    assert "2  on record already" in run(acme, path, capsys=capsys)
    assert Consent.objects.count() == 2


@pytest.mark.parametrize(
    ("header", "cell", "taken"),
    [
        ("subscribed", "no", False),
        ("subscribed", "yes", True),
        ("status", "Opted out", False),
        ("status", "Blocked", False),
        ("status", "STOP", False),
        ("status", "Active", True),
        ("unsubscribed", "yes", False),
        ("opted_out", "2026-06-01", False),
        ("opted_out", "false", True),
        ("opted_out", "", True),
    ],
)
def test_a_line_that_says_no_is_no_consent(
    acme: Business, tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, cell: str, taken: bool
) -> None:
    path = write(tmp_path / "list.csv", f"phone,date,{header}", f"{PERSON},2026-05-01,{cell}")
    assert f"1  {'recorded' if taken else 'invalid'}" in run(acme, path, capsys=capsys)
    assert Consent.objects.exists() is taken


def test_a_file_that_is_no_list_is_refused(acme: Business, tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        call_command("import_consents", str(write(tmp_path / "x.csv", "a,b")), "--tenant", "acme")
