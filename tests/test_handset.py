"""The handset simulator: the same doors as everybody's texts, in demo businesses alone."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.roles import Role
from compliance.models import OptOut, Recipient, ReviewItem
from messaging import receiving
from messaging.demo.company import Company
from messaging.models import InboundMessage, OutboundMessage, WebhookDelivery
from tests import builders
from tests.demo_world import found_demo

ADDRESSES = {
    "handset": "get",
    "handset_live": "get",
    "handset_text": "post",
    "handset_send": "post",
    "handset_new": "post",
    "handset_enter": "post",
}
PERSON = "+13125550107"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def companies(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Company]]:
    """Both demo businesses without their past, made once for this file."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield {slug: found_demo(slug) for slug in ("northwind-logistics", "bright-smile-dental")}
        transaction.set_rollback(True)


@pytest.fixture
def northwind(companies: dict[str, Company], db: None) -> Company:
    return companies["northwind-logistics"]


@pytest.fixture
def dental(companies: dict[str, Company], db: None) -> Company:
    return companies["bright-smile-dental"]


def chosen(company: Company, **changes: str) -> dict[str, str]:
    values = {"business": company.tenant.slug, "number": company.senders[0].number, "recipient": PERSON}
    return {**values, **changes}


def post(client: Client, name: str, company: Company, **fields: str) -> str:
    """Send one of the simulator's forms as htmx does; the live part that comes back."""
    answer = client.post(reverse(name), chosen(company, **fields), headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def look(client: Client, company: Company, **changes: str) -> str:
    answer = client.get(reverse("handset"), chosen(company, **changes))
    assert answer.status_code == 200
    return str(answer.content.decode())


def tiles(html: str) -> list[str]:
    return re.findall(r'class="tile (\w+)"', html)


# --- Where it is, and for whom ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "method"), ADDRESSES.items())
def test_without_the_setting_there_is_no_simulator(
    client: Client, northwind: Company, settings: Any, name: str, method: str
) -> None:
    settings.SIMULATOR = False
    assert getattr(client, method)(reverse(name), chosen(northwind, text="STOP")).status_code == 404
    assert not InboundMessage.objects.filter(recipient__number=PERSON).exists()


def test_the_root_is_the_simulator_in_a_demo_and_else_the_admin(
    client: Client, northwind: Company, settings: Any
) -> None:
    assert "Text as the recipient" in client.get("/").content.decode()
    settings.SIMULATOR = False
    assert client.get("/")["location"] == reverse("admin:index")


@pytest.mark.parametrize(("name", "method"), ADDRESSES.items())
def test_a_business_that_is_no_demo_is_not_found(client: Client, northwind: Company, name: str, method: str) -> None:
    acme = builders.build_business(
        "acme", "Acme", ("+12025550100", "+12025550101", "+18885550102", "72345", "+13125550103"), is_demo=False
    )
    for fields in (
        {"business": "acme", "number": acme.long_code.number, "text": "STOP"},
        {**chosen(northwind), "number": acme.long_code.number, "text": "STOP"},
    ):
        assert getattr(client, method)(reverse(name), fields).status_code == 404
    assert not OptOut.objects.filter(tenant=acme.tenant).exists()


def test_a_demo_business_that_turned_real_is_not_found(client: Client, dental: Company) -> None:
    Tenant.objects.filter(pk=dental.tenant.pk).update(is_demo=False)
    assert client.get(reverse("handset"), {"business": dental.tenant.slug}).status_code == 404


def test_another_businesss_number_is_not_found(client: Client, northwind: Company, dental: Company) -> None:
    answer = client.get(reverse("handset"), chosen(northwind, number=dental.senders[0].number))
    assert answer.status_code == 404


def test_no_demo_is_said_in_a_sentence(client: Client, northwind: Company) -> None:
    Tenant.objects.update(is_demo=False)
    answer = client.get("/")
    assert answer.status_code == 503
    assert "manage.py demo" in answer.content.decode()


@pytest.mark.parametrize("name", [name for name, method in ADDRESSES.items() if method == "post"])
def test_every_form_wants_its_token(northwind: Company, name: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(reverse(name), chosen(northwind, text="STOP", body="Hello")).status_code == 403
    assert not Recipient.objects.filter(tenant=northwind.tenant, number=PERSON).exists()


def test_the_page_hands_out_a_token_that_works(northwind: Company) -> None:
    strict = Client(enforce_csrf_checks=True)
    page = strict.get(reverse("handset"), chosen(northwind)).content.decode()
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0]
    answer = strict.post(reverse("handset_text"), {**chosen(northwind, text="Hi"), "csrfmiddlewaretoken": token})
    assert answer.status_code == 302


# --- The story -------------------------------------------------------------------------------------------------------


def test_the_page_shows_one_business_text_at_once(client: Client, northwind: Company) -> None:
    html = look(client, northwind, recipient="")
    assert html.count("Track it in our app") == 1
    assert "May be texted" in html
    assert tiles(html) == ["go"] * 10


def test_stop_confirmation_refusal_start_and_history(client: Client, northwind: Company) -> None:
    html = post(client, "handset_text", northwind, word="STOP")
    builders.deliver_all()
    assert tiles(html) == ["stop"] * 10
    assert "Wants no more texts" in html
    assert "en.keyword.stop" in html
    assert "</b> ms" in html
    live = client.get(reverse("handset_live"), chosen(northwind)).content.decode()
    assert live.count("You are unsubscribed") == 1
    assert "Delivered" in live
    refused = post(client, "handset_send", northwind, body="Ten minutes away.", purpose="transactional")
    assert 'class="text refused"' in refused
    assert "<code>opted_out</code>" in refused
    history = reverse("admin:compliance_optout_history", args=[OptOut.objects.get(recipient__number=PERSON).pk])
    assert history in refused
    opened = post(client, "handset_text", northwind, word="START")
    assert tiles(opened) == ["go"] * 10
    assert "Opted back in" in opened
    answer = client.post(reverse("handset_enter"), chosen(northwind, next=history), follow=True)
    assert answer.redirect_chain == [(history, 302)]
    assert "STOP" in answer.content.decode()


def test_times_are_the_businesss_own(client: Client, northwind: Company) -> None:
    with time_machine.travel("2026-11-24T02:30:00+00:00", tick=False):
        html = post(client, "handset_text", northwind, word="STOP")
    assert "8:30 PM" in html
    assert "Nov. 23, 2026" in html
    assert "Nov. 24" not in html


def test_a_text_comes_in_by_the_webhook_door(
    client: Client, northwind: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(receiving, "receive", breaks)
        html = post(client, "handset_text", northwind, text="STOP")
    assert "it is kept and will be tried again" in html
    assert WebhookDelivery.objects.get(tenant=northwind.tenant).attempts == 1
    assert not OptOut.objects.filter(recipient__number=PERSON).exists()


def test_plain_forms_work_without_javascript(client: Client, northwind: Company) -> None:
    answer = client.post(reverse("handset_text"), chosen(northwind, text="stop please"), follow=True)
    assert answer.status_code == 200
    assert "stop please" in answer.content.decode()
    assert "Opted out" in answer.content.decode()
    answer = client.post(reverse("handset_send"), chosen(northwind, body=" "), follow=True)
    assert "Write a text first." in answer.content.decode()


def test_a_held_thread_takes_a_persons_text_after_the_warning(client: Client, northwind: Company) -> None:
    html = post(client, "handset_text", northwind, text="who is this? stop")
    review = ReviewItem.objects.get(recipient__number=PERSON)
    assert "Held for review" in html
    assert re.search(r"Due \w+, \w+ \d+", html)
    assert reverse("admin:compliance_reviewitem_change", args=[review.pk]) in html
    assert tiles(html) == ["wait"] * 10
    assert "held_for_review" in post(client, "handset_send", northwind, body="Hello?")
    post(client, "handset_send", northwind, body="Sorry, who is this?", by_person="on")
    assert OutboundMessage.objects.get(recipient__number=PERSON, body__startswith="Sorry").status == "queued"


def test_the_toll_free_number_leaves_stop_to_the_network(client: Client, northwind: Company) -> None:
    html = post(client, "handset_text", northwind, word="STOP", number=northwind.senders[-1].number)
    assert "the network answers this word by itself" in html
    assert tiles(html) == ["stop"] * 10
    assert 'class="step next"' in html.split("See the one confirmation")[1]


def test_texts_that_no_worker_fetches_are_told(client: Client, northwind: Company) -> None:
    post(client, "handset_send", northwind, body="Anybody?")
    assert "No worker is running" not in look(client, northwind)
    with time_machine.travel(timezone.now() + timedelta(seconds=11), tick=False):
        assert "No worker is running" in look(client, northwind)


# --- What people type ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field"), [("handset_text", "text"), ("handset_send", "body")], ids=["recipient", "business"]
)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [("  ", "Write a text first."), ("a" * 1601, "at most 1600 characters")],
    ids=["empty", "long"],
)
def test_no_words_and_too_many_get_a_sentence(
    client: Client, northwind: Company, name: str, field: str, words: str, sentence: str
) -> None:
    assert sentence in post(client, name, northwind, **{field: words})
    assert not Recipient.objects.filter(tenant=northwind.tenant, number=PERSON).exists()


@pytest.mark.parametrize("purpose", ["emergency", "opt_out_confirmation", "nonsense"])
def test_only_ordinary_purposes_can_be_chosen(client: Client, northwind: Company, purpose: str) -> None:
    assert "Choose what the text is for" in post(client, "handset_send", northwind, body="Hello", purpose=purpose)
    assert not OutboundMessage.objects.filter(recipient__number=PERSON).exists()


def test_markup_in_a_text_stays_text(client: Client, northwind: Company) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    for html in (
        post(client, "handset_text", northwind, text=script),
        post(client, "handset_send", northwind, body=script),
        look(client, northwind),
        look(client, northwind, recipient=script),
    ):
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_odd_characters_are_taken(client: Client, northwind: Company) -> None:
    post(client, "handset_text", northwind, text="ok\x00 \U0001f44d")
    assert InboundMessage.objects.get(recipient__number=PERSON).body == "ok\ufffd \U0001f44d"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("12", "is not a possible phone number"), ("nobody", "is not a phone number"), ("own", "of the business itself")],
)
def test_a_number_that_can_be_no_handset_gets_a_sentence(
    client: Client, northwind: Company, typed: str, sentence: str
) -> None:
    typed = northwind.senders[3].number if typed == "own" else typed
    html = look(client, northwind, recipient=typed)
    assert sentence in html
    assert northwind.plan.handset in html


def test_a_new_handset_is_texted_first(client: Client, northwind: Company) -> None:
    answer = client.post(reverse("handset_new"), chosen(northwind), follow=True)
    fresh = answer.context["stage"].recipient
    assert fresh not in (PERSON, northwind.plan.handset)
    assert OutboundMessage.objects.get(recipient__number=fresh).body == northwind.plan.handset_text
    again = client.post(reverse("handset_new"), chosen(northwind), follow=True)
    assert again.context["stage"].recipient != fresh


def test_no_handset_left_is_said(client: Client, northwind: Company) -> None:
    used = [Recipient(tenant=northwind.tenant, number=number) for number in northwind.plan.handset_numbers()[1:]]
    Recipient.objects.bulk_create(used, ignore_conflicts=True)
    answer = client.post(reverse("handset_new"), chosen(northwind), follow=True)
    assert "type a number of your own" in answer.content.decode()


# --- Log-ins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role != Role.PLATFORM_OPERATOR])
def test_one_click_logs_in_as_a_role(client: Client, dental: Company, role: str) -> None:
    name = next(login.name for login in dental.plan.logins if login.role == role)
    fields = chosen(dental, login=name, recipient="")
    answer = client.post(reverse("handset_enter"), fields, follow=True)
    assert answer.status_code == 200
    assert answer.context["user"].role == role
    assert answer.context["user"].tenant == dental.tenant
    assert answer.request["PATH_INFO"] == reverse("admin:compliance_optout_changelist")


def test_nobody_else_is_logged_in(client: Client, dental: Company, northwind: Company) -> None:
    other = User.objects.filter(tenant=dental.tenant).exclude(password__startswith="md5").earliest("pk")
    for name in (other.username, "operator", dental.plan.username(dental.plan.logins[0]), "nobody"):
        answer = client.post(reverse("handset_enter"), chosen(dental, login=name, recipient=""))
        assert answer.status_code == 404, name
    User.objects.filter(username=dental.plan.username(dental.plan.logins[0])).update(role=Role.COMPLIANCE_OFFICER)
    answer = client.post(reverse("handset_enter"), chosen(dental, login=dental.plan.logins[0].name, recipient=""))
    assert answer.status_code == 404, "the log-in has another role now"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example/admin/", "/simulator/", "/admin//evil"])
def test_a_log_in_leads_into_the_admin_alone(client: Client, dental: Company, address: str) -> None:
    answer = client.post(reverse("handset_enter"), chosen(dental, next=address, recipient=""))
    assert answer["location"] in (reverse("admin:compliance_optout_changelist"), "/admin//evil")
    assert "evil.example" not in answer["location"]


def test_whoever_is_logged_in_already_stays_who_they_are(client: Client, dental: Company, northwind: Company) -> None:
    auditor = User.objects.get(tenant=dental.tenant, role=Role.AUDITOR)
    client.force_login(auditor, backend="accounts.auth.RoleBackend")
    listed = reverse("admin:compliance_optout_changelist")
    client.post(reverse("handset_enter"), chosen(dental, next=listed, recipient=""))
    assert client.session["_auth_user_id"] == str(auditor.pk)
    client.post(reverse("handset_enter"), chosen(northwind, next=listed))
    assert client.session["_auth_user_id"] == str(northwind.officer.pk), "the other business needs its own log-in"
