"""The pages of keywords and replies: rules are named, the bench comes before a change, history shows who did what."""

from typing import Any

import pytest
from django.test import Client

from compliance.models import Keyword, ReplyTemplate
from messaging import rule_bench
from messaging.models import InboundMessage
from tests.admin_pages import log_in, page
from tests.builders import Business, new_person, text_in

GOOD = "Thank you for subscribing to {brand}. Reply HELP to receive assistance. Text STOP to unsubscribe."


@pytest.fixture
def browser(acme: Business) -> Client:
    return log_in(acme.user("compliance_officer"))


def keyword_form(word: str, meaning: str, **more: Any) -> dict[str, Any]:
    return {"word": word, "meaning": meaning, "is_active": "on", **more}


def add_keyword(browser: Client, word: str, meaning: str, **more: Any) -> Any:
    return browser.post(page("compliance.keyword", "add"), keyword_form(word, meaning, **more))


def reply_form(body: str, kind: str = "opt_in_confirmation", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "language": "en", "body": body, "is_active": "on", **more}


# --- Keywords --------------------------------------------------------------------------------------------------------


def test_a_change_is_tried_on_the_texts_that_came_in_and_saved_once_confirmed(
    acme: Business, globex: Business, browser: Client
) -> None:
    for business, times in ((acme, 2), (globex, 1)):
        for _ in range(times):
            text_in(business, "Piñata!", from_=new_person())
    text_in(acme, "see you at 9")

    bench = add_keyword(browser, "pinata", "opt_out")

    assert not Keyword.objects.exists()
    assert bench.context["bench"].tried == 3
    [difference] = bench.context["shown"]
    assert (difference.text, difference.times) == ("Piñata!", 2)
    assert (difference.then, difference.now) == ("Ordinary text", "Opted out")

    again = dict(bench.context["fields"])
    saved = browser.post(page("compliance.keyword", "add"), {**again, "_confirmed": "1"})

    assert saved.status_code == 302
    row = Keyword.objects.get()
    assert (row.tenant, row.folded) == (acme.tenant, "pinata")
    assert row.actor_name == acme.user("compliance_officer").display_name


def test_switching_a_keyword_off_is_tried_too(acme: Business, browser: Client) -> None:
    keyword = Keyword.objects.create(tenant=acme.tenant, word="pinata", meaning="opt_out")
    text_in(acme, "PINATA")
    form = keyword_form("pinata", "opt_out")
    del form["is_active"]

    bench = browser.post(page("compliance.keyword", "change", keyword.pk), form)

    [difference] = bench.context["shown"]
    assert (difference.then, difference.now) == ("Opted out", "Ordinary text")
    keyword.refresh_from_db()
    assert keyword.is_active


def test_the_bench_looks_back_as_far_as_one_chooses(acme: Business, browser: Client) -> None:
    text_in(acme, "PINATA")
    InboundMessage.objects.update(received_at="2026-01-01T00:00:00Z")

    assert add_keyword(browser, "pinata", "opt_out").context["bench"].tried == 0
    assert add_keyword(browser, "pinata", "opt_out", _days="365").context["bench"].tried == 1
    assert add_keyword(browser, "pinata", "opt_out", _days="9" * 30).context["bench"].days == 30


def test_the_bench_says_where_it_stopped(acme: Business, browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        text_in(acme, "PINATA", from_=new_person())
    monkeypatch.setattr(rule_bench, "AT_MOST", 2)

    bench = add_keyword(browser, "pinata", "help")

    assert (bench.context["bench"].tried, bench.context["bench"].is_capped) == (2, True)
    assert "the newest 2 were tried" in bench.content.decode()


def test_us01_a_fixed_word_is_refused_in_a_sentence(browser: Client) -> None:
    answer = add_keyword(browser, "Stop", "off")
    assert "(US-01)" in str(answer.context["adminform"].form.errors["word"])


def test_a_word_has_one_meaning(acme: Business, browser: Client) -> None:
    Keyword.objects.create(tenant=acme.tenant, word="piñata", meaning="opt_out")
    answer = add_keyword(browser, "PINATA", "help", _confirmed="1")
    assert "listed already" in str(answer.context["adminform"].form.errors)


def test_a_country_that_is_none_is_refused(browser: Client) -> None:
    answer = add_keyword(browser, "PINATA", "opt_out", country="XX")
    form = answer.context["adminform"].form
    assert "no country" in str(form.errors["country"])
    assert ("DE", "Germany (+49)") in form.fields["country"].choices


def test_a_reply_of_another_business_can_not_be_chosen(globex: Business, browser: Client) -> None:
    foreign = ReplyTemplate.objects.create(
        tenant=globex.tenant, kind="keyword_reply", name="Hours", language="en", body="{brand} is open from 9 to 5."
    )
    answer = add_keyword(browser, "HOURS", "answer", reply=foreign.pk, _confirmed="1")
    assert "reply" in answer.context["adminform"].form.errors
    assert not Keyword.objects.exists()


def test_history_shows_who_changed_what(acme: Business, browser: Client) -> None:
    add_keyword(browser, "PINATA", "opt_out", _confirmed="1")
    keyword = Keyword.objects.get()
    browser.post(page("compliance.keyword", "change", keyword.pk), keyword_form("PINATA", "help", _confirmed="1"))

    newest, oldest = browser.get(page("compliance.keyword", "history", keyword.pk)).context["steps"]

    assert newest.by == acme.user("compliance_officer").display_name
    assert newest.fields == [("Whoever texts it wants to", "Opt out", "Ask for help")]
    assert oldest.title == "Added"


# --- Replies ---------------------------------------------------------------------------------------------------------


def test_a_good_reply_is_saved_and_a_bad_one_refused_with_its_rules(acme: Business, browser: Client) -> None:
    bad = browser.post(page("compliance.replytemplate", "add"), reply_form("20% off at {brnad}! bit.ly/x"))
    errors = str(bad.context["adminform"].form.errors["body"])
    assert all(said in errors for said in ("{brnad}", "CT-10", "NET-17"))
    assert not ReplyTemplate.objects.exists()

    saved = browser.post(page("compliance.replytemplate", "add"), reply_form(GOOD))
    assert saved.status_code == 302
    assert ReplyTemplate.objects.get().tenant == acme.tenant


def test_ct10_a_recurring_program_says_more(browser: Client) -> None:
    answer = browser.post(page("compliance.replytemplate", "add"), reply_form(GOOD, is_recurring="on"))
    assert "rates may apply" in str(answer.context["adminform"].form.errors["body"])


def test_an_answer_to_a_keyword_has_a_name(browser: Client) -> None:
    form = reply_form("{brand} is open from 9 to 5.", "keyword_reply")
    assert "name" in browser.post(page("compliance.replytemplate", "add"), form).context["adminform"].form.errors
    assert browser.post(page("compliance.replytemplate", "add"), {**form, "name": "Hours"}).status_code == 302


def test_a_reply_that_answers_a_keyword_stays_in_use(acme: Business, browser: Client) -> None:
    browser.post(
        page("compliance.replytemplate", "add"), reply_form("{brand} opens at 9 sharp.", "keyword_reply", name="Hours")
    )
    reply = ReplyTemplate.objects.get()
    Keyword.objects.create(tenant=acme.tenant, word="HOURS", meaning="answer", reply=reply)
    answer = browser.post(
        page("compliance.replytemplate", "change", reply.pk), {"name": "Hours", "body": "{brand} opens at 9 sharp."}
    )
    assert "Switch the keyword off first" in str(answer.context["adminform"].form.errors["is_active"])


def test_the_preview_fills_measures_and_judges(acme: Business, browser: Client) -> None:
    address = page("compliance.replytemplate", "preview")
    seen = browser.post(address, reply_form("{brand} ê " + "a" * 70, "opt_out_confirmation")).content.decode()

    for said in ("Acme ê aaa", "77 characters", "UCS-2", "2 segments", "CT-09", "“ê” (better “é”)", "Built in:"):
        assert said in seen, said
    assert browser.get(address).status_code == 405
    assert log_in(acme.user("employee")).post(address, {}).status_code == 403


def test_whoever_only_reads_sees_the_preview_of_the_row(acme: Business) -> None:
    reply = ReplyTemplate.objects.create(
        tenant=acme.tenant, kind="help_reply", language="en", body="{brand} helps: {help_contact}"
    )
    auditor = log_in(acme.user("auditor"))
    seen = auditor.post(page("compliance.replytemplate", "preview"), {"row": reply.pk}).content.decode()
    assert "Acme helps: help@acme.example" in seen


def test_the_preview_of_a_row_is_of_the_own_business(globex: Business, browser: Client) -> None:
    foreign = ReplyTemplate.objects.create(
        tenant=globex.tenant, kind="help_reply", language="en", body="{brand}: {help_contact}"
    )
    seen = browser.post(
        page("compliance.replytemplate", "preview"),
        {"row": foreign.pk, "tenant": globex.tenant.pk, "body": "{brand} {help_contact}", "kind": "help_reply"},
    )
    assert "Globex" not in seen.content.decode()


def test_the_built_in_replies_are_shown_in_every_language(acme: Business, browser: Client) -> None:
    address = page("compliance.replytemplate", "built_in")
    ReplyTemplate.objects.create(tenant=acme.tenant, kind="help_reply", language="fr", body="{brand} : {help_contact}")
    rows = browser.get(f"{address}?language=fr").context["rows"]
    assert [bool(row["own"]) for row in rows if row["kind"] == "help_reply"] == [True]
    assert all(row["filled"].startswith("Acme") or "Acme" in row["filled"] for row in rows)
    assert browser.get(f"{address}?language=%00").status_code == 404
    assert browser.get(f"{address}?language=xx").status_code == 200


def test_a_new_reply_begins_with_the_built_in_text(browser: Client) -> None:
    seen = browser.get(f"{page('compliance.replytemplate', 'add')}?kind=help_reply&language=fr")
    assert "AIDE" in seen.content.decode() or "pour de l" in seen.content.decode()
