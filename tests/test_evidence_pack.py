"""The evidence pack: complete, true to its digest, on record, within one's rights, and bounded."""

import hashlib
import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AccessRecord
from compliance import timeline
from compliance.evidence_pack import make_pack, parts, printing
from compliance.evidence_pack.gathering import gather
from compliance.evidence_pack.lettering import Letters
from compliance.models import Evidence, EvidencePack, Recipient
from messaging.evidence_pack import PROVEN_AT_MOST
from messaging.models import Difference, NumberTrouble, Reconciliation
from tests.admin_pages import UNCLEAR, log_in, page
from tests.builders import (
    PERSON,
    Business,
    World,
    lift_by_staff,
    opt_out_by_staff,
    opt_out_of,
    recipient,
    send,
    text_in,
)
from tests.processor_time import runs_within

# Where each source of the timeline stands in a pack.
IN_PARTS = {
    "pack": "packs",
    "opt_out": "opt_out_history",
    "consent": "consents",
    "question": "consent_questions",
    "review": "reviews",
    "answer": "reviews",
    "difference": "differences",
    "trouble": "troubles",
    "reached": "troubles",
    "settled": "texts_elsewhere",
    "elsewhere": "texts_elsewhere",
    "text_in": "texts_in",
    "text_out": "texts_out",
}
WHY = "Complaint 12-345, for Smith & Partners."


@pytest.fixture
def person(world: World) -> Recipient:
    """Somebody agrees, is unclear, opts out, is texted all the same, and in and out again; in both businesses."""
    for business in (world.acme, world.globex):
        text_in(business, "START")
        text_in(business, UNCLEAR)
        send(business, body=f"A sale of {business.tenant.name}", campaign=f"{business.tenant.slug} sale")
        text_in(business, "STOP")
        send(business, body="Another one")
        lift_by_staff(business, opt_out_of(business), words=f"{business.tenant.slug}, text me again.")
        opt_out_by_staff(business, words="停止してください")
    return recipient(world.acme)


def make(business: Business, row: Recipient, role: str = "compliance_officer") -> Any:
    return make_pack(row, business.user(role), WHY, timezone.now())


def part(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = next(part["rows"] for part in said["parts"] if part["name"] == name)
    return rows


def test_it_holds_everything_of_the_number_and_nothing_of_another_business(world: World, person: Recipient) -> None:
    pack = make(world.acme, person)
    said = json.loads(pack.record)
    assert (said["recipient"]["number"], said["business"]["name"], said["why"]) == (PERSON, "Acme Inc.", WHY)
    assert "Opted out for all numbers since" in said["state"][0]["sentences"][0]
    changes = part(said, "opt_out_history")
    assert [change["action"] for change in changes] == ["opted_out", "lifted", "opted_out"]
    assert {row["words"] for row in part(said, "evidence")} >= {"START", "STOP", "停止してください"}
    assert all(row["digest_holds"] for row in part(said, "evidence"))
    assert [row["way"] for row in part(said, "consents")] == ["keyword", "staff"]
    assert len(part(said, "reviews")) == 1
    assert [row["words"] for row in part(said, "texts_in")] == ["START", UNCLEAR, "STOP"]
    refused = [row for row in part(said, "texts_out") if row["status"] == "blocked"]
    assert [row["refused_because"] for row in refused][-1] == "opted_out"
    assert json.loads(part(said, "webhooks")[-1]["raw"])["text"] == "STOP"
    assert said["checks"]["faults"] == []
    assert "globex" not in pack.record.decode().lower()


def test_its_digest_is_printed_and_kept(world: World, person: Recipient) -> None:
    pack = make(world.acme, person)
    assert hashlib.sha256(pack.record).hexdigest() == pack.digest
    row = EvidencePack.objects.get()
    assert (row.sha256, row.why, row.recipient_id) == (pack.digest, WHY, person.pk)
    assert row.actor_name == world.acme.user("compliance_officer").display_name
    record = AccessRecord.objects.get(what="evidence_pack")
    assert (record.about_id, record.reason, record.tenant_id) == (str(person.pk), WHY, world.acme.tenant.pk)


def test_whatever_the_timeline_shows_is_in_the_pack(world: World, person: Recipient) -> None:
    """Sources and parts are registered apart: one that is added to the page alone would be missing before a court."""
    missing = set(timeline._sources) - set(IN_PARTS)
    assert not missing
    assert set(IN_PARTS.values()) <= set(parts._parts)


def test_differences_troubles_and_earlier_packs_are_told(world: World, person: Recipient) -> None:
    acme, now = world.acme, timezone.now()
    NumberTrouble.objects.create(
        tenant=acme.tenant, recipient=person, kind="unreachable", text="Phone off", first_at=now, last_at=now
    )
    for business in (acme, world.globex):
        run = Reconciliation.objects.create(tenant=business.tenant, account=business.standard, stage="done")
        cause = f"Cause of {business.tenant.name}"
        Difference.objects.create(tenant=business.tenant, run=run, kind="missing_there", number=PERSON, cause=cause)
    make(acme, person)
    said = json.loads(make(acme, person).record)
    assert [row["provider_words"] for row in part(said, "troubles")] == ["Phone off"]
    assert [row["likely_cause"] for row in part(said, "differences")] == ["Cause of Acme Inc."]
    assert [row["why"] for row in part(said, "packs")] == [WHY]


def test_the_paper_says_whatever_the_record_says(
    world: World, person: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(printing.Sheet, "say", lambda _, text, **__: printed.append(text))
    monkeypatch.setattr(printing.Sheet, "fact", lambda _, name, value: printed.append(f"{name}: {value}"))
    said = json.loads(make(world.acme, person).record)
    text = part(said, "texts_in")[-1]
    assert f"Provider event: {text['provider_event']}" in printed
    assert any("allowed: no" in line for line in printed if line.startswith("Decision"))


def test_words_that_were_changed_behind_our_back_are_named(world: World, person: Recipient) -> None:
    from compliance import triggers

    triggers.remove_triggers(connection)
    Evidence.objects.filter(recipient=person, words="STOP").update(words="Please go on")
    said = json.loads(make(world.acme, person).record)
    assert [row["digest_holds"] for row in part(said, "evidence") if row["words"] == "Please go on"] == [False]
    assert said["checks"]["evidence_whose_digest_holds"] == said["checks"]["evidence_rows"] - 1
    assert any("is missing, altered or switched off" in fault for fault in said["checks"]["faults"])


def test_it_comes_as_one_file_with_both(world: World, person: Recipient) -> None:
    officer = log_in(world.acme.user("compliance_officer"))
    address = page("compliance.recipient", "evidence_pack", person.pk)
    assert "for whom and why" in officer.post(address, {"why": " "}).content.decode()
    assert not EvidencePack.objects.exists()
    answer = officer.post(address, {"why": WHY})
    assert answer["Content-Type"] == "application/zip"
    assert "no-store" in answer["Cache-Control"]
    with ZipFile(io.BytesIO(answer.content)) as archive:
        record, document = (archive.read(name) for name in sorted(archive.namelist()))
    assert document.startswith(b"%PDF-")
    assert hashlib.sha256(record).hexdigest() == EvidencePack.objects.get().sha256
    assert EvidencePack.objects.get().sha256 in officer.get(address).content.decode()
    shown = officer.get(page("compliance.recipient", "change", person.pk)).content.decode()
    assert "Evidence pack made" in shown


@pytest.mark.parametrize(
    ("role", "status"),
    [("tenant_admin", 200), ("compliance_officer", 200), ("auditor", 200), ("site_manager", 403), ("employee", 403)],
)
def test_only_who_reads_all_of_it_may_make_one(world: World, person: Recipient, role: str, status: int) -> None:
    client = log_in(world.acme.user(role))
    answer = client.post(page("compliance.recipient", "evidence_pack", person.pk), {"why": WHY})
    assert answer.status_code == status
    assert EvidencePack.objects.count() == (1 if status == 200 else 0)
    theirs = page("compliance.recipient", "evidence_pack", recipient(world.globex).pk)
    assert client.post(theirs, {"why": WHY}).status_code == (404 if status == 200 else 403)


def test_it_costs_the_same_queries_however_much_there_is(world: World, person: Recipient) -> None:
    officer, now = world.acme.user("auditor"), timezone.now()
    with CaptureQueriesContext(connection) as few:
        gather(person, officer, WHY, now)
    for _ in range(5):
        text_in(world.acme, "STOP")
        send(world.acme)
    with CaptureQueriesContext(connection) as many:
        gather(Recipient.objects.select_related("tenant").get(pk=person.pk), officer, WHY, now)
    assert len(many) <= len(few) + 1


def test_what_is_too_much_is_left_out_and_said(
    world: World, person: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, one in parts._parts.items():
        monkeypatch.setitem(parts._parts, name, parts.Part(one.name, one.title, one.rows, one.at, one.say, 2))
    said = json.loads(make(world.acme, person).record)
    texts = next(part for part in said["parts"] if part["name"] == "texts_in")
    assert texts["older_rows_left_out"]
    assert [row["words"] for row in texts["rows"]] == [UNCLEAR, "STOP"]
    assert PROVEN_AT_MOST <= 100


@pytest.fixture(scope="module")
def letters() -> Letters:
    return Letters(FPDF())


@pytest.mark.parametrize("words", ["Zażółć gęślą", "ОТПИСАТЬСЯ", "停止", "受信拒否", "수신거부", "退訂", "¿Qué? ñ ß ç"])
def test_words_of_every_language_we_read_are_printed(letters: Letters, words: str) -> None:
    assert letters.spell(words) == words


def test_each_letter_is_printed_by_the_font_that_has_it() -> None:
    assert [(family, run) for family, run, _ in Letters(FPDF()).runs("Why 停止!", "B")] == [
        ("main", "Why "),
        ("rest", "停止"),
        ("main", "!"),
    ]


def test_what_no_font_has_is_named_not_boxed(letters: Letters) -> None:
    assert letters.spell("no\x00\u202e\U0001fae0") == "no[U+0000][U+202E][U+1FAE0]"


ROOM = 4_000.0
WORDS = st.text(st.sampled_from("ab W\n停Ж🫠"), max_size=60)


@given(WORDS)
def test_breaking_lines_loses_no_letter_and_leaves_none_beyond_the_margin(letters: Letters, words: str) -> None:
    spelled = letters.spell(words)
    lines = list(letters.lines(spelled, ROOM, ""))
    blank = str.maketrans("", "", " \n")
    assert "".join(lines).translate(blank) == spelled.translate(blank)
    for line in lines:
        runs = list(letters.runs(line, ""))
        assert "".join(run for _, run, _ in runs) == line
        assert sum(width for _, _, width in letters.runs(line.rstrip(), "")) <= ROOM


def test_a_long_text_is_not_measured_anew_for_every_letter(letters: Letters) -> None:
    """fpdf2 takes some seconds for as much."""
    words = letters.spell("https://example.com/" + "x" * 200_000)
    assert runs_within(0.5, lambda: list(letters.lines(words, 60_000.0, "")))


def test_a_repeat_leaves_the_words_that_began_the_opt_out(world: World) -> None:
    text_in(world.acme, "QUIT")
    text_in(world.acme, "S T O P")
    (row,) = part(json.loads(make(world.acme, recipient(world.acme)).record), "opt_outs")
    assert "because they texted “QUIT”" in row["sentence"]
