"""Connecting a provider in the admin: forms without secrets, health at a glance, diagnosis, who answers."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import ProviderAccount, SenderNumber
from messaging import connections, diagnosis, health
from messaging.admin.connection_forms import KIND, SETTING
from messaging.models import ConnectionHealth, InboundMessage, NumberTrouble, OutboundMessage
from messaging.providers import PROVIDERS, addresses, calls
from messaging.providers.capabilities import CallFailed
from messaging.providers.facts import load_facts
from messaging.providers.twilio import Twilio
from tests import builders
from tests.admin_pages import log_in, page, visit
from tests.builders import Business, World, make_secret, text_in
from tests.fake_gateway import Answer, Gateway

LABEL = "accounts.provideraccount"
ADDRESS = "https://gateway.example/texts"
NEW = "(202) 555-0142"
NEW_E164 = "+12025550142"
REAL = sorted(set(PROVIDERS) - {"simulator"})


@pytest.fixture
def boss(acme: Business) -> Client:
    return log_in(acme.user("tenant_admin"))


@pytest.fixture(autouse=True)
def _names_lead_into_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_look_up", lambda host, port: ["10.0.0.9" if "inside" in host else "93.184.216.34"])


def fill(facts: Any, **given: str) -> dict[str, Any]:
    """A filled form: some value in every field that must have one."""
    values = {
        one.name: one.choices[0] if one.choices else f"value-{one.name}" for one in facts.settings if one.required
    }
    values |= {"secret": make_secret(), "base_url": ADDRESS} if facts.slug == "standard" else {}
    named = {SETTING + name: value for name, value in {**values, **given}.items()}
    return {"name": f"Our {facts.label}", "new_numbers": NEW, **named}


def connect(boss: Client, **given: Any) -> tuple[ProviderAccount, str]:
    """Connect the generic gateway. Returns the connection and its secret."""
    secret = make_secret()
    boss.post(page(LABEL, "connect", "standard"), {**fill(load_facts("standard"), secret=secret), **given})
    return ProviderAccount.objects.get(name="Our Standard Webhooks"), secret


def change(account: ProviderAccount, **given: Any) -> dict[str, Any]:
    """The form of a connection as it stands, with some fields filled anew."""
    numbers = list(account.numbers.values_list("number", flat=True))
    stands = {"name": account.name, "numbers": numbers, f"{SETTING}base_url": account.settings["base_url"]}
    return {**stands, **given}


# --- Connecting ------------------------------------------------------------------------------------------------------


def test_every_provider_but_the_simulator_can_be_chosen(boss: Client) -> None:
    body = boss.get(page(LABEL, "add")).content.decode()
    for slug in REAL:
        assert page(LABEL, "connect", slug) in body
        assert load_facts(slug).label in body
    assert "simulator" not in body
    assert boss.get(page(LABEL, "connect", "simulator")).status_code == 404
    assert boss.get(page(LABEL, "connect", "pigeon")).status_code == 404


@pytest.mark.parametrize("slug", REAL)
def test_a_form_has_exactly_the_fields_of_its_provider(boss: Client, slug: str) -> None:
    answer = boss.get(page(LABEL, "connect", slug))
    form, facts = answer.context["form"], load_facts(slug)
    assert {name for name in form.fields if name.startswith(SETTING)} == {SETTING + one.name for one in facts.settings}
    for one in facts.settings:
        field = form.fields[SETTING + one.name]
        assert (field.label, field.required) == (one.label, one.required)
        assert one.find in field.help_text
        assert not any(f">{code}<" in str(form[SETTING + one.name]) for code in ("shared_key", "either", "sms", "a2p"))
        if one.secret:
            assert field.widget.attrs["autocomplete"] == "off"
            assert one.multiline or field.widget.input_type == "password"


def test_connecting_makes_the_connection_and_its_numbers(boss: Client, acme: Business, globex: Business) -> None:
    taken = acme.long_code.number
    secret = make_secret()
    filled = {**fill(load_facts("standard"), secret=secret), "numbers": [taken], "new_numbers": f"{NEW}\n54321"}
    answer = boss.post(page(LABEL, "connect", "standard"), filled)
    account = ProviderAccount.objects.get(name="Our Standard Webhooks")
    assert answer.headers["Location"] == page(LABEL, "change", account.pk)
    assert account.tenant == acme.tenant
    assert account.settings == {"secret": [secret], "base_url": ADDRESS}
    assert not account.private_allowed
    assert set(account.numbers.values_list("number", flat=True)) == {taken, NEW_E164, "54321"}
    assert globex.long_code.account == globex.simulator


def test_its_page_gives_the_addresses_and_the_steps_and_no_secret(boss: Client) -> None:
    account, secret = connect(boss)
    body = boss.get(page(LABEL, "change", account.pk)).content.decode()
    addresses = connections.webhook_addresses(account)
    for address in addresses.values():
        assert body.count(address) == 2  # to copy, and in the step that says where to paste it
    assert "{inbound}" not in body
    assert secret not in body
    assert "never shown" in body
    raw = json.dumps({"id": "1", "from": builders.PERSON, "to": NEW_E164, "text": "STOP"}).encode()
    answer = builders.post_webhook(account, raw, headers=builders.sign(account, raw, secret=secret))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({f"{SETTING}secret": ""}, f"{SETTING}secret", "required"),
        ({f"{SETTING}secret": "whsec_YWJj"}, f"{SETTING}secret", "“Signing secret” is too short"),
        ({f"{SETTING}base_url": "http://gateway.example/"}, f"{SETTING}base_url", "must begin with https://"),
        ({f"{SETTING}base_url": "https://inside.example/"}, f"{SETTING}base_url", "leads into a private network"),
        ({f"{SETTING}base_url": "gateway"}, f"{SETTING}base_url", "must be an address"),
        ({"new_numbers": "+1 202 555 0142\n12"}, "new_numbers", "“12” is not a"),
        ({"new_numbers": ""}, "new_numbers", "Name at least one number"),
        ({"numbers": ["+14155550110"]}, "numbers", "is not one of the available choices"),
        ({"name": ""}, "name", "required"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_stored(
    boss: Client, globex: Business, given: dict[str, str], field: str, said: str
) -> None:
    before = ProviderAccount.objects.count(), SenderNumber.objects.count()
    filled = {**fill(load_facts("standard")), **given}
    answer = boss.post(page(LABEL, "connect", "standard"), filled)
    assert answer.status_code == 200
    assert said in " ".join(answer.context["form"].errors[field])
    assert filled[f"{SETTING}secret"][6:] == "" or filled[f"{SETTING}secret"] not in answer.content.decode()
    assert before == (ProviderAccount.objects.count(), SenderNumber.objects.count())


def test_a_key_of_several_lines_is_not_written_back(boss: Client) -> None:
    filled = {**fill(load_facts("vonage"), private_key="-----BEGIN KEY-----\nhush"), "name": ""}
    answer = boss.post(page(LABEL, "connect", "vonage"), filled)
    assert answer.status_code == 200
    assert "hush" not in answer.content.decode()


def test_a_platform_operator_names_the_business_first(world: World) -> None:
    operator = log_in(world.operator)
    assert operator.get(page(LABEL, "add"), {"business": world.globex.tenant.pk}).status_code == 404
    visit(world, world.globex)
    assert "For which business?" in operator.get(page(LABEL, "add")).content.decode()
    assert operator.get(page(LABEL, "connect", "standard")).status_code == 302
    for wrong in ("9999", "x"):
        assert operator.get(page(LABEL, "add"), {"business": wrong}).status_code == 404
    there = f"{page(LABEL, 'connect', 'standard')}?business={world.globex.tenant.pk}"
    assert there in operator.get(page(LABEL, "add"), {"business": world.globex.tenant.pk}).content.decode()
    operator.post(there, fill(load_facts("standard")))
    assert ProviderAccount.objects.get(name="Our Standard Webhooks").tenant == world.globex.tenant


def test_a_business_of_another_is_never_named(boss: Client, acme: Business, globex: Business) -> None:
    boss.post(f"{page(LABEL, 'connect', 'standard')}?business={globex.tenant.pk}", fill(load_facts("standard")))
    assert ProviderAccount.objects.get(name="Our Standard Webhooks").tenant == acme.tenant


# --- Changing --------------------------------------------------------------------------------------------------------


def test_an_empty_secret_keeps_the_one_that_stands(boss: Client) -> None:
    account, secret = connect(boss)
    body = boss.get(page(LABEL, "settings", account.pk)).content.decode()
    assert secret not in body
    boss.post(page(LABEL, "settings", account.pk), change(account, name="Renamed"))
    account.refresh_from_db()
    assert (account.name, account.settings["secret"]) == ("Renamed", [secret])


def test_a_new_secret_counts_beside_the_old_until_that_is_dropped(boss: Client) -> None:
    account, old = connect(boss)
    new = make_secret()
    boss.post(page(LABEL, "settings", account.pk), change(account, **{f"{SETTING}secret": new}))
    account.refresh_from_db()
    assert account.settings["secret"] == [new, old]
    assert "Drop old secrets" in boss.get(page(LABEL, "change", account.pk)).content.decode()
    boss.post(page(LABEL, "drop", account.pk))
    account.refresh_from_db()
    assert account.settings["secret"] == [new]
    assert "Drop old secrets" not in boss.get(page(LABEL, "change", account.pk)).content.decode()


def test_a_number_that_is_not_ticked_leaves_and_one_that_is_off_stays_off(boss: Client, acme: Business) -> None:
    kept, off = acme.long_code, acme.second_long_code
    account, _ = connect(boss, numbers=[kept.number, off.number])
    SenderNumber.objects.filter(pk=off.pk).update(is_active=False)
    boss.post(page(LABEL, "settings", account.pk), change(account, numbers=[kept.number, off.number]))
    assert set(account.numbers.values_list("number", "is_active")) == {(kept.number, True), (off.number, False)}
    assert SenderNumber.objects.get(number=NEW_E164).account is None


def test_an_optional_secret_can_be_forgotten(boss: Client) -> None:
    boss.post(page(LABEL, "connect", "twilio"), fill(load_facts("twilio"), shared_key="k" * 32))
    account = ProviderAccount.objects.get(name="Our Twilio")
    stands = {"name": account.name, "numbers": [NEW_E164], f"{SETTING}account_sid": account.settings["account_sid"]}
    boss.post(page(LABEL, "settings", account.pk), {**stands, "forget_shared_key": "on"})
    account.refresh_from_db()
    assert "shared_key" not in account.settings
    assert account.settings["auth_token"] == ["value-auth_token"]


def test_settings_that_no_key_opens_are_entered_again(boss: Client, settings: Any) -> None:
    account, _ = connect(boss)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "no longer has" in boss.get(page(LABEL, "change", account.pk)).content.decode()
    secret = make_secret()
    again = {"name": "Again", "numbers": [NEW_E164], f"{SETTING}base_url": ADDRESS}
    refused = boss.post(page(LABEL, "settings", account.pk), again)
    assert "required" in str(refused.context["form"].errors[f"{SETTING}secret"])
    boss.post(page(LABEL, "settings", account.pk), {**again, f"{SETTING}secret": secret})
    account.refresh_from_db()
    assert account.settings == {"secret": [secret], "base_url": ADDRESS}


def test_a_test_with_settings_that_no_key_opens_fails_with_a_sentence(
    boss: Client, acme: Business, settings: Any
) -> None:
    account = builders.build_account(acme.tenant, "twilio", {"account_sid": "AC1", "auth_token": ["token"]})
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert boss.post(page(LABEL, "test", account.pk)).status_code == 302
    told = ConnectionHealth.objects.get(account=account)
    assert (told.test_passed, told.test_said[:6]) == (False, "No key")


def test_switched_off_it_sends_nothing_and_still_takes_a_stop(boss: Client, acme: Business) -> None:
    boss.post(page(LABEL, "switch", acme.simulator.pk), {"on": "off"})
    sender = SenderNumber.objects.select_related("account", "tenant").get(pk=acme.long_code.pk)
    assert builders.send(acme, sender=sender).reason == "sender_inactive"
    assert text_in(acme, "STOP").status_code == 200
    assert builders.is_blocked(acme)
    boss.post(page(LABEL, "switch", acme.simulator.pk), {"on": "on"})
    assert ProviderAccount.objects.get(pk=acme.simulator.pk).is_active


def test_the_page_says_who_changed_what_without_secrets(boss: Client, acme: Business) -> None:
    account, _ = connect(boss)
    new = make_secret()
    boss.post(page(LABEL, "settings", account.pk), change(account, name="Renamed", **{f"{SETTING}secret": new}))
    boss.post(page(LABEL, "switch", account.pk), {"on": "off"})
    said = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
    assert said == ["Connected.", "Changed: Signing secret, Name of this connection.", "Switched off."]
    body = boss.get(page(LABEL, "change", account.pk)).content.decode()
    assert acme.user("tenant_admin").display_name in body
    assert new not in body


# --- Testing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passes", [True, False])
def test_the_test_keeps_what_the_provider_said(boss: Client, monkeypatch: pytest.MonkeyPatch, passes: bool) -> None:
    guarded: list[bool] = []

    def answer(self: Any, settings: Any) -> str:
        guarded.append(calls._public_only.get())
        if not passes:
            raise CallFailed("The provider answered 401: no.")
        return "Account “Acme” is active."

    monkeypatch.setattr(Twilio, "test_connection", answer)
    boss.post(page(LABEL, "connect", "twilio"), fill(load_facts("twilio")))
    account = ProviderAccount.objects.get(name="Our Twilio")
    boss.post(page(LABEL, "test", account.pk))
    kept = ConnectionHealth.objects.get(account=account)
    assert kept.test_passed is passes
    assert kept.tested_at is not None
    assert guarded == [True]
    assert kept.test_said in boss.get(page(LABEL, "change", account.pk)).content.decode().replace("&#x27;", "'")


def test_a_provider_that_cannot_be_tested_says_so(boss: Client, acme: Business) -> None:
    boss.post(page(LABEL, "test", acme.standard.pk))
    assert "offers nothing to test it by" in health.health_of(acme.standard).test_said


# --- At a glance -----------------------------------------------------------------------------------------------------


def verdict(account: ProviderAccount) -> diagnosis.Verdict:
    row = diagnosis.with_signs(ProviderAccount.objects.filter(pk=account.pk)).get()
    return diagnosis.verdict_of(row, timezone.now())


def refuse_one(account: ProviderAccount) -> None:
    raw = b'{"id": "1"}'
    headers = builders.sign(account, raw, secret=make_secret()) | {"host": "other.example"}
    assert builders.post_webhook(account, raw, headers=headers).status_code == 403


def test_a_connection_that_nothing_came_by_says_what_to_do(acme: Business) -> None:
    found = verdict(acme.standard)
    assert (found.colour, found.says[:27]) == ("orange", "No text has arrived by it y")


def test_refused_webhooks_are_red_until_a_text_arrives(acme: Business) -> None:
    text_in(acme, "Hello", to=acme.gateway_number, account=acme.standard)
    assert verdict(acme.standard).colour == "green"
    refuse_one(acme.standard)
    assert verdict(acme.standard).colour == "red"
    assert "No secret of this connection fits" in verdict(acme.standard).says
    text_in(acme, "Hello again", to=acme.gateway_number, account=acme.standard)
    assert verdict(acme.standard).colour == "orange"


def test_failed_calls_are_red_until_one_goes_well(acme: Business) -> None:
    text_in(acme, "Hello")
    now = timezone.now()
    health.note_failure(acme.simulator, "Authenticate", now - timedelta(minutes=1))
    assert verdict(acme.simulator).colour == "red"
    builders.send(acme)
    builders.deliver_all()
    assert verdict(acme.simulator).colour == "orange"
    ConnectionHealth.objects.update(failed_at=now - timedelta(days=3))
    assert verdict(acme.simulator).colour == "green"


@pytest.mark.parametrize(
    ("noted", "colour"),
    [
        ({"upkeep_failed": True, "upkeep_said": "No."}, "red"),
        ({"tested_at": timezone.now(), "test_passed": False, "test_said": "No."}, "red"),
        ({"tested_at": timezone.now(), "test_passed": True}, "green"),
    ],
)
def test_other_signs_count(acme: Business, noted: dict[str, Any], colour: str) -> None:
    text_in(acme, "Hello")
    health.note(acme.simulator, **noted)
    assert verdict(acme.simulator).colour == colour
    ProviderAccount.objects.filter(pk=acme.simulator.pk).update(is_active=False)
    assert verdict(acme.simulator).colour == "grey"


def test_the_list_asks_as_many_queries_for_many_connections(
    boss: Client, acme: Business, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        builders.build_account(acme.tenant, "standard", {"secret": [make_secret()]})
    boss.get(page(LABEL, "changelist"))
    with django_assert_max_num_queries(8):
        boss.get(page(LABEL, "changelist"))


def test_the_newest_text_of_a_connection_is_the_top_of_an_index(acme: Business) -> None:
    plan = InboundMessage.objects.filter(account=acme.standard).order_by("-received_at")[:1].explain()
    assert "inbound_of_connection" in plan or "Seq Scan" in plan  # PostgreSQL reads a small table whole


# --- Diagnosis -------------------------------------------------------------------------------------------------------


def test_the_diagnosis_shows_what_was_compared_and_what_may_be_behind_it(boss: Client, acme: Business) -> None:
    assert "None was refused" in boss.get(page(LABEL, "diagnosis", acme.standard.pk)).content.decode()
    refuse_one(acme.standard)
    answer = boss.get(page(LABEL, "diagnosis", acme.standard.pk))
    body = answer.content.decode()
    for said in (
        "No secret of this connection fits",
        "other.example",
        "not the one in PUBLIC_URL",
        "webhook-timestamp",
    ):
        assert said in body, said
    assert acme.standard.settings["secret"][0] not in body
    assert boss.post(page(LABEL, "diagnosis", acme.standard.pk)).status_code == 405
    assert [hint.title for hint in answer.context["hints"] if hint.is_likely] == [
        "The secret here is not the one over there"
    ]


@pytest.mark.parametrize(
    ("rejection", "likely"),
    [
        ({"why": "No token of this connection fits the signature over the called address."}, {"address", "secret"}),
        ({"why": "Odd.", "host": "other.example", "checked": {"address": "x"}}, {"address"}),
        ({"why": "Odd.", "host": "testserver", "checked": {"address": "x"}}, set()),
        ({"why": "The header webhook-timestamp is off by more than five minutes."}, {"clock"}),
        ({"why": "The header X-Twilio-Signature is missing."}, {"unsigned"}),
        ({"why": "The token's “payload_hash” is not that of the body."}, {"proxy"}),
    ],
)
def test_the_likely_cause_stands_first(rejection: dict[str, Any], likely: set[str]) -> None:
    hints = diagnosis.hints_of(rejection)
    names = {cause["title"]: cause["name"] for cause in diagnosis.words()["cause"]}
    assert {names[hint.title] for hint in hints if hint.is_likely} == likely
    assert [hint.is_likely for hint in hints] == sorted((hint.is_likely for hint in hints), reverse=True)


def test_a_webhook_counts_by_whatever_name_it_was_called(acme: Business) -> None:
    """A proxy may pass its own name on; the name in PUBLIC_URL is what counts, and nobody else sets what was called."""
    raw = json.dumps({"id": "1", "from": builders.PERSON, "to": acme.gateway_number.number, "text": "STOP"}).encode()
    named = builders.sign(acme.standard, raw) | {"host": "inside:8000", "x-called-host": "forged"}
    assert builders.post_webhook(acme.standard, raw, headers=named).status_code == 200
    assert builders.is_blocked(acme)
    refuse_one(acme.standard)
    assert health.health_of(acme.standard).rejection["host"] == "other.example"
    assert Client().get("/admin/login/", headers={"host": "inside:8000"}).status_code == 400


# --- Who answers -----------------------------------------------------------------------------------------------------


def test_who_answers_is_chosen_by_kind_of_number(boss: Client, acme: Business) -> None:
    answer = boss.get(page(LABEL, "answers", acme.simulator.pk))
    assert set(answer.context["form"].fields) == {f"{KIND}long_code", f"{KIND}toll_free", f"{KIND}short_code"}
    assert "nobody can change that" in answer.content.decode()
    text_in(acme, "STOP", from_=builders.new_person())
    assert OutboundMessage.objects.count() == 1
    boss.post(page(LABEL, "answers", acme.simulator.pk), {f"{KIND}long_code": "provider", f"{KIND}toll_free": ""})
    acme.simulator.refresh_from_db()
    assert acme.simulator.answered_by == {"long_code": "provider"}
    text_in(acme, "STOP", from_=builders.new_person())
    assert OutboundMessage.objects.count() == 1
    assert "Who answers: Long code: Simulator answers" in LogEntry.objects.get().get_change_message()


def test_a_choice_that_there_is_not_is_refused(boss: Client, acme: Business) -> None:
    answer = boss.post(page(LABEL, "answers", acme.simulator.pk), {f"{KIND}long_code": "pigeon"})
    assert answer.status_code == 200
    acme.simulator.refresh_from_db()
    assert acme.simulator.answered_by == {}


# --- Others' eyes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["auditor", "compliance_officer"])
def test_those_who_look_find_no_button_and_no_secret(acme: Business, role: str) -> None:
    client = log_in(acme.user(role))
    body = client.get(page(LABEL, "change", acme.standard.pk)).content.decode()
    assert acme.standard.settings["secret"][0] not in body
    for address in ("settings", "test", "switch", "answers", "drop"):
        assert page(LABEL, address, acme.standard.pk) not in body
    assert client.get(page(LABEL, "connect", "standard")).status_code == 403


def test_a_text_says_how_it_was_proven_and_shows_it_as_it_came(boss: Client, acme: Business) -> None:
    text_in(acme, "Hello <b>there</b>", to=acme.gateway_number, account=acme.standard)
    body = boss.get(page("messaging.inboundmessage", "change", builders.last_inbound(acme).pk)).content.decode()
    assert "Signed as a whole by the provider" in body
    assert "Hello &lt;b&gt;there&lt;/b&gt;" in body


def test_a_refused_text_shows_the_providers_answer(boss: Client, acme: Business, gateway: Gateway) -> None:
    builders.use_gateway(acme, gateway.url)
    raw = base64.b64encode(b"evidence").decode()
    gateway.always(Answer(400, body=json.dumps({"error": "unreachable", "trace": raw}).encode()))
    message = builders.send(acme, sender=acme.gateway_number)
    builders.deliver_all()
    body = boss.get(page("messaging.outboundmessage", "change", message.pk)).content.decode()
    assert "The number could not be reached (unreachable: The number could not be reached.)" in body
    assert raw in body
    trouble = NumberTrouble.objects.get()
    person = boss.get(page("compliance.recipient", "change", trouble.recipient_id)).content.decode()
    assert page("messaging.numbertrouble", "change", trouble.pk) in person
    listed = boss.get(
        page("messaging.numbertrouble", "changelist"), {"state": "standing", "kind__exact": "unreachable"}
    )
    assert trouble.recipient.number[-4:] in listed.content.decode()
