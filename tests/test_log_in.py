"""Log-ins: the guard against guessing, the second step, how long a log-in lasts, and what is on record of it."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessLog
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

from accounts import log_ins, second_factor
from accounts.devices import AuthenticatorApp, RecoveryCodes
from accounts.models import LogIn, User
from tests.admin_pages import log_in, page, visit
from tests.builders import PASSWORD, World

LABEL = "accounts.user"
LOG_IN, START = "/admin/login/", "/admin/"


class Browser(Client):
    """A browser that remembers what the log-in form answered."""

    last: Any = None


def enter(person: User, password: str = PASSWORD, client: Browser | None = None, **extra: Any) -> Browser:
    """The log-in form, as a browser sends it."""
    client = client or Browser()
    client.last = client.post(LOG_IN, {"username": person.username, "password": password, "next": START}, **extra)
    return client


def code_of(person: User, at: float | None = None) -> str:
    """What the person's app shows."""
    app = AuthenticatorApp.objects.filter(user=person).latest("pk")
    return f"{app.code_at(at or timezone.now().timestamp()).token():06d}"


def connect_app(client: Client, person: User) -> list[str]:
    """Connect an authenticator app. Returns the recovery codes."""
    client.get(page(LABEL, "connect_app"))
    answer = client.post(page(LABEL, "connect_app"), {"code": code_of(person)})
    return codes_on(answer)


def codes_on(answer: Any) -> list[str]:
    """The recovery codes that a page shows."""
    codes = re.findall(r"<li>((?:[a-z2-7]{4} ?){4})</li>", answer.content.decode())
    assert len(codes) == 10, answer.content.decode()[-3000:]
    return codes


@pytest.fixture
def boss(world: World) -> User:
    return world.acme.user("tenant_admin")


# --- Guessing ---------------------------------------------------------------------------------------------------------


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_a_guesser_is_locked_out_by_name_and_address_for_a_while(world: World, boss: User) -> None:
    with time_machine.travel("2026-05-04 10:00:00+00:00", tick=False) as clock:
        for _ in range(3):
            answer = enter(boss, "wrong").last
        assert answer.status_code == 429
        assert "15 minutes" in answer.content.decode()
        assert enter(boss).last.status_code == 429
        assert enter(boss, REMOTE_ADDR="10.1.2.3").last.status_code == 302
        assert enter(world.acme.user("auditor")).last.status_code == 302
        clock.shift(timedelta(minutes=16))
        assert enter(boss).last.status_code == 302
    events = LogIn.objects.filter(person=boss).order_by("id").values_list("what", flat=True)
    assert list(events) == ["wrong_password", "wrong_password", "locked_out", "logged_in", "logged_in"]


def test_names_that_nobody_has_are_not_kept(world: World) -> None:
    Client().post(LOG_IN, {"username": "my secret password", "password": "x"})
    assert not LogIn.objects.exists()


def test_admins_see_the_log_ins_of_their_own_people(world: World, boss: User) -> None:
    enter(world.acme.user("employee"), "wrong", HTTP_USER_AGENT="<script>alert(1)</script>")
    enter(world.globex.user("employee"))
    client = log_in(boss)
    shown = client.get(page("accounts.login", "changelist")).content.decode()
    assert "Wrong password" in shown
    assert world.acme.user("employee").display_name in shown
    assert "globex" not in shown
    theirs = LogIn.objects.filter(tenant=world.globex.tenant).latest("pk")
    assert client.get(page("accounts.login", "change", theirs.pk)).status_code == 404
    assert log_in(world.acme.user("compliance_officer")).get(page("accounts.login", "changelist")).status_code == 403


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_a_guesser_has_one_line_however_many_addresses_it_holds(boss: User) -> None:
    for n in range(5):
        answer = enter(boss, "wrong", REMOTE_ADDR=f"2001:db8:1:2::{n:x}").last
    assert answer.status_code == 429
    assert enter(boss, REMOTE_ADDR="2001:db8:1:2:ffff::1").last.status_code == 429
    assert enter(boss, REMOTE_ADDR="2001:db8:1:3::1").last.status_code == 302
    events = LogIn.objects.filter(person=boss).order_by("id").values_list("what", flat=True)
    assert list(events) == ["wrong_password", "wrong_password", "locked_out", "logged_in"]


def test_log_ins_and_sessions_end_one_day(world: World, boss: User, settings: LazySettings) -> None:
    settings.LOG_INS_KEPT_DAYS = 100
    with time_machine.travel("2026-05-04 10:00:00+00:00", tick=False) as clock:
        for person in (boss, world.operator):
            enter(person)
        clock.shift(timedelta(days=100))
        enter(world.acme.user("employee"))
        assert log_ins.delete_old(timezone.now()) == 0
        clock.shift(timedelta(seconds=1))
        assert log_ins.delete_old(timezone.now()) == 2
    assert [row.person.username for row in LogIn.objects.all()] == ["acme-employee"]
    assert Session.objects.count() == 1
    assert not AccessLog.objects.exists(), "a second list of log-ins that nobody sees"


def test_old_log_ins_go_in_batches(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_ins, "DELETED_AT_ONCE", 2)
    with time_machine.travel("2020-05-04 10:00:00+00:00"):
        for _ in range(3):
            log_ins.note(boss, LogIn.What.LOGGED_IN)
    assert [log_ins.delete_old(timezone.now()) for _ in range(3)] == [2, 1, 0]


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_a_password_asked_for_once_more_is_no_way_to_guess_it(boss: User) -> None:
    """Somebody at a browser left open tries words, until the right one counts for nothing any more."""
    client = enter(boss)
    connect_app(client, boss)
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    assert client.post(page(LABEL, "remove_app"), {"password": "wrong"}).status_code == 200
    assert client.post("/admin/password_change/", {"old_password": "wrong", **new}).status_code == 200
    assert client.post(page(LABEL, "recovery_codes"), {"password": "wrong"}).status_code == 429
    assert client.post("/admin/password_change/", {"old_password": PASSWORD, **new}).status_code == 429
    assert client.post(page(LABEL, "remove_app"), {"password": PASSWORD}).status_code == 429
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)
    assert second_factor.has_second_factor(boss)
    assert LogIn.objects.filter(person=boss, what="wrong_password").count() == 2
    assert LogIn.objects.filter(person=boss, what="locked_out").count() == 1


def test_an_admin_needs_the_old_password_for_their_own(world: World, boss: User) -> None:
    """A colleague's asks for no old one: by that page a stolen session could go on to take the second step off."""
    client = enter(boss)
    address = f"/admin/accounts/user/{boss.pk}/password/"
    new = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}
    for answer in (client.get(address), client.post(address, new), client.post(address, {"usable_password": "false"})):
        assert answer["Location"] == "/admin/password_change/"
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)


# --- The second step --------------------------------------------------------------------------------------------------


def test_a_log_in_asks_for_the_code_once_an_app_is_connected(boss: User) -> None:
    first = enter(boss)
    assert "<svg" in first.get(page(LABEL, "connect_app")).content.decode()
    connect_app(first, boss)
    assert first.get(START).status_code == 200

    second = enter(boss)
    answer = second.get("/admin/accounts/user/?page=2")
    assert answer.status_code == 302
    assert answer["Location"].startswith(page(LABEL, "second_step"))
    for closed in (page(LABEL, "account"), page(LABEL, "remove_app"), page(LABEL, "connect_app"), "/admin/search/"):
        assert second.get(closed)["Location"].startswith(page(LABEL, "second_step")), closed
    with time_machine.travel(timezone.now() + timedelta(seconds=60)):
        let_in = second.post(page(LABEL, "second_step"), {"code": code_of(boss), "next": "/admin/accounts/user/"})
        assert let_in["Location"] == "/admin/accounts/user/"
        assert second.get("/admin/accounts/user/").status_code == 200


def test_other_browsers_are_logged_out_when_an_app_is_connected(boss: User) -> None:
    one, other = enter(boss), enter(boss)
    connect_app(one, boss)
    assert other.get(START)["Location"].startswith(LOG_IN)


def test_a_recovery_code_lets_in_once(boss: User) -> None:
    codes = connect_app(enter(boss), boss)
    client = enter(boss)
    assert client.post(page(LABEL, "second_step"), {"code": codes[0].upper()}).status_code == 302
    assert client.get(START).status_code == 200
    assert LogIn.objects.filter(person=boss, what="recovery_code").exists()

    again = enter(boss)
    assert again.post(page(LABEL, "second_step"), {"code": codes[0]}).status_code == 200
    assert again.get(START).status_code == 302
    assert second_factor.recovery_codes_left(boss) == 9


def test_a_code_counts_once(boss: User) -> None:
    connect_app(enter(boss), boss)
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False):
        code = code_of(boss)
        assert enter(boss).post(page(LABEL, "second_step"), {"code": code}).status_code == 302
        assert "is wrong" in enter(boss).post(page(LABEL, "second_step"), {"code": code}).content.decode()


def test_a_copy_of_the_database_opens_no_log_in(boss: User) -> None:
    """The key is encrypted, and of the recovery codes only digests are kept."""
    codes = connect_app(enter(boss), boss)
    app = AuthenticatorApp.objects.get(user=boss)
    stored = [*AuthenticatorApp.objects.values_list("encrypted_key", flat=True), app.name]
    assert not any(app.key.hex() in text or app.key_in_base32 in text for text in stored)
    kept = json.dumps(RecoveryCodes.objects.get(user=boss).digests)
    assert not any(code.replace(" ", "") in kept for code in codes)


def test_an_app_whose_key_nothing_opens_says_so_and_a_recovery_code_still_lets_in(
    boss: User, settings: LazySettings
) -> None:
    codes = connect_app(enter(boss), boss)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    client = enter(boss)
    assert "ENCRYPTION_KEYS" in client.post(page(LABEL, "second_step"), {"code": "123456"}).content.decode()
    assert not LogIn.objects.filter(what="wrong_code").exists()
    assert client.post(page(LABEL, "second_step"), {"code": codes[3].replace(" ", "-")}).status_code == 302
    assert client.get(START).status_code == 200


def test_guessed_codes_must_wait(boss: User) -> None:
    connect_app(enter(boss), boss)
    client = enter(boss)
    with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=False) as clock:
        wrong = "000000" if code_of(boss) != "000000" else "000001"
        assert "is wrong" in client.post(page(LABEL, "second_step"), {"code": wrong}).content.decode()
        assert (
            "Too many wrong codes" in client.post(page(LABEL, "second_step"), {"code": code_of(boss)}).content.decode()
        )
        clock.shift(timedelta(seconds=2))
        assert client.post(page(LABEL, "second_step"), {"code": code_of(boss)}).status_code == 302
    assert LogIn.objects.filter(person=boss, what="wrong_code").count() == 1


def test_the_app_is_removed_with_the_password_alone(boss: User) -> None:
    client = enter(boss)
    connect_app(client, boss)
    assert "not your password" in client.post(page(LABEL, "remove_app"), {"password": "guess"}).content.decode()
    assert second_factor.has_second_factor(boss)
    client.post(page(LABEL, "remove_app"), {"password": PASSWORD})
    assert not second_factor.has_second_factor(boss)
    assert second_factor.recovery_codes_left(boss) == 0
    assert enter(boss).get(START).status_code == 200


def test_new_recovery_codes_void_the_old_ones(boss: User) -> None:
    client = enter(boss)
    old = connect_app(client, boss)
    answer = client.post(page(LABEL, "recovery_codes"), {"password": PASSWORD})
    assert "no-store" in answer["Cache-Control"]
    assert not set(codes_on(answer)) & set(old)


def test_a_business_can_need_it_of_roles(world: World, boss: User) -> None:
    world.acme.tenant.second_factor_roles = ["employee"]
    world.acme.tenant.save()
    employee = world.acme.user("employee")
    client = enter(employee)
    assert client.get(START)["Location"].startswith(page(LABEL, "connect_app"))
    connect_app(client, employee)
    assert client.get(START).status_code == 200
    for free in (boss, world.globex.user("employee")):
        assert enter(free).get(START).status_code == 200


def test_the_setting_is_on_the_page_of_the_business(world: World, boss: User) -> None:
    client = log_in(boss)
    address = page("accounts.tenant", "change", world.acme.tenant.pk)
    form = dict(client.get(address).context["adminform"].form.initial)
    form = {name: value for name, value in form.items() if value not in (None, False)}
    client.post(address, {**form, "second_factor_roles": ["auditor", "tenant_admin"]})
    world.acme.tenant.refresh_from_db()
    assert set(world.acme.tenant.second_factor_roles) == {"tenant_admin", "auditor"}
    assert client.get(address)["Location"].startswith(page(LABEL, "connect_app"))  # it counts at the next click


def test_operators_can_be_made_to_have_it(world: World, settings: LazySettings) -> None:
    settings.OPERATORS_NEED_SECOND_STEP = True
    assert enter(world.operator).get(START)["Location"].startswith(page(LABEL, "connect_app"))
    assert enter(world.acme.user("auditor")).get(START).status_code == 200


def test_an_admin_resets_a_colleagues_second_step(world: World, boss: User) -> None:
    employee = world.acme.user("employee")
    theirs = enter(employee)
    connect_app(theirs, employee)
    officer = log_in(world.acme.user("compliance_officer"))
    assert officer.post(page(LABEL, "reset_second_step", employee.pk)).status_code == 403
    assert (
        log_in(world.globex.user("tenant_admin")).post(page(LABEL, "reset_second_step", employee.pk)).status_code == 404
    )
    assert second_factor.has_second_factor(employee)

    client = log_in(boss)
    assert "Reset the second step" in client.get(page(LABEL, "change", employee.pk)).content.decode()
    client.post(page(LABEL, "reset_second_step", employee.pk))
    assert not second_factor.has_second_factor(employee)
    assert theirs.get(START)["Location"].startswith(LOG_IN)
    event = LogIn.objects.get(what="factor_reset")
    assert (event.person, event.by) == (employee, boss.display_name)
    assert "second step" in client.get(page(LABEL, "history", employee.pk)).content.decode()
    assert not mail.outbox


def test_ones_own_second_step_is_not_reset_past_the_password(boss: User) -> None:
    client = enter(boss)
    connect_app(client, boss)
    client.post(page(LABEL, "reset_second_step", boss.pk))
    assert second_factor.has_second_factor(boss)


def test_the_command_lets_in_the_last_operator_who_lost_their_phone(world: World) -> None:
    theirs = enter(world.operator)
    connect_app(theirs, world.operator)
    call_command("reset_second_step", world.operator.username)
    assert not second_factor.has_second_factor(world.operator)
    assert theirs.get(START)["Location"].startswith(LOG_IN)
    assert LogIn.objects.get(what="factor_reset").by == "Command line"


@pytest.mark.parametrize(("username", "why"), [("nobody", "Nobody logs in"), ("", "Nobody"), (None, "no second step")])
def test_the_command_says_what_it_can_not_do(boss: User, username: str | None, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("reset_second_step", boss.username if username is None else username)


# --- How long a log-in lasts ------------------------------------------------------------------------------------------


def test_a_log_in_ends_when_nothing_happens_and_after_some_hours(boss: User) -> None:
    with time_machine.travel("2026-05-04 08:00:00+00:00", tick=False) as clock:
        client = enter(boss)
        clock.shift(timedelta(minutes=59))
        assert client.get(START).status_code == 200
        clock.shift(timedelta(minutes=59))
        assert client.get(START).status_code == 200
        clock.shift(timedelta(minutes=61))
        assert client.get(START)["Location"].startswith(LOG_IN)
        assert "60 minutes" in client.get(LOG_IN).content.decode()

        client = enter(boss)
        for _ in range(14):
            clock.shift(timedelta(minutes=50))
            assert client.get(START).status_code == 200
        clock.shift(timedelta(minutes=50))
        assert client.get(START).status_code == 302


def test_a_click_is_noted_once_a_minute(boss: User) -> None:
    """A click must not cost a write each."""
    with time_machine.travel("2026-05-04 08:00:00+00:00", tick=False) as clock:
        client = enter(boss)
        noted = client.session["seen_at"]
        clock.shift(timedelta(seconds=50))
        client.get(page(LABEL, "account"))
        assert client.session["seen_at"] == noted
        clock.shift(timedelta(seconds=20))
        client.get(page(LABEL, "account"))
        assert client.session["seen_at"] == noted + 70


def test_every_log_in_has_a_session_of_its_own(boss: User) -> None:
    client = Browser()
    client.get(LOG_IN)
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    enter(boss, client=client)
    assert client.session.session_key != before


def test_a_new_password_logs_out_everywhere_else(boss: User) -> None:
    here, elsewhere = enter(boss), enter(boss)
    form = here.get("/admin/password_change/").content.decode()
    assert "at least 10 characters" in form
    assert "commonly used" in form
    new = "another very long passphrase"
    here.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert here.get(START).status_code == 200
    assert elsewhere.get(START)["Location"].startswith(LOG_IN)
    assert LogIn.objects.filter(person=boss, what="password_changed").exists()


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123", "acme-tenant_admin"])
def test_weak_passwords_are_refused(boss: User, password: str) -> None:
    client = enter(boss)
    form = {"old_password": PASSWORD, "new_password1": password, "new_password2": password}
    assert client.post("/admin/password_change/", form).status_code == 200
    boss.refresh_from_db()
    assert boss.check_password(PASSWORD)


def test_log_out_everywhere_else(boss: User) -> None:
    here, elsewhere = enter(boss), enter(boss)
    here.post(page(LABEL, "log_out_everywhere"))
    assert here.get(START).status_code == 200
    assert elsewhere.get(START)["Location"].startswith(LOG_IN)
    assert enter(boss).get(START).status_code == 200


def test_the_account_page_shows_ones_own_log_ins(world: World, boss: User) -> None:
    enter(boss, "wrong", REMOTE_ADDR="10.9.8.7")
    shown = enter(boss).get(page(LABEL, "account")).content.decode()
    assert "10.9.8.7" in shown
    assert "Wrong password" in shown
    assert "10.9.8.7" not in enter(world.acme.user("auditor")).get(page(LABEL, "account")).content.decode()


# --- Visits of platform operators -------------------------------------------------------------------------------------


def start(client: Client, business: Any, reason: str = "Ticket 4711: texts stay queued", minutes: int = 30) -> Any:
    form = {"business": business.tenant.pk, "reason": reason, "minutes": minutes}
    return client.post(page("accounts.tenant", "visits"), form)


def test_an_operator_visits_with_a_reason_for_a_while(world: World) -> None:
    from tests.builders import opt_out_of, text_in

    text_in(world.acme, "STOP")
    row = page("compliance.optout", "change", opt_out_of(world.acme).pk)
    client = log_in(world.operator)
    closed = client.get(row)
    assert closed.status_code == 404
    assert page("accounts.tenant", "visits") in closed.content.decode()
    assert "No business is open to you." in client.get(START).content.decode()
    assert start(client, world.acme, reason="because").context["form"].errors["reason"]
    assert client.get(row).status_code == 404

    assert start(client, world.acme).status_code == 302
    shown = client.get(row)
    assert shown.status_code == 200
    assert "Ticket 4711: texts stay queued" in shown.content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert client.get(row).status_code in (302, 404)
    client.post(page("accounts.tenant", "end_visit", world.acme.tenant.pk))
    assert client.get(row).status_code == 404


def test_the_visited_business_sees_the_visit(world: World) -> None:
    client = log_in(world.operator)
    start(client, world.acme)
    client.post(page("accounts.tenant", "end_visit", world.acme.tenant.pk))
    own = (
        log_in(world.acme.user("compliance_officer")).get(page("accounts.accessrecord", "changelist")).content.decode()
    )
    assert "Ticket 4711: texts stay queued" in own
    assert "Ended early" in own
    theirs = log_in(world.globex.user("compliance_officer")).get(page("accounts.accessrecord", "changelist"))
    assert "Ticket 4711" not in theirs.content.decode()


def test_what_an_operator_changes_names_them(world: World) -> None:
    from tests.builders import history_of, opt_out_by_staff, opt_out_of

    opt_out_by_staff(world.acme, at=timezone.now() - timedelta(hours=1))
    visit(world, world.acme)
    form = {"way": "voice", "words": "Text me again.", "at": timezone.localtime().strftime("%Y-%m-%dT%H:%M")}
    address = page("compliance.optout", "opt_back_in", opt_out_of(world.acme).pk)
    log_in(world.operator).post(address, {**form, "reason": "Called us."})
    change = history_of(world.acme)[-1]
    assert (change.action, change.actor_name) == ("lifted", "operator")


def test_nobody_else_visits(world: World, boss: User) -> None:
    assert log_in(boss).get(page("accounts.tenant", "visits")).status_code == 403
    assert start(log_in(boss), world.globex).status_code == 403


def test_outside_a_visit_an_operator_changes_only_what_runs_the_installation(world: World) -> None:
    address = page("accounts.tenant", "change", world.acme.tenant.pk)
    client = log_in(world.operator)
    fields = set(client.get(address).context["adminform"].form.fields)
    assert fields == {"name", "country", "time_zone", "language", "slug", "is_active"}
    visit(world, world.acme)
    assert "consent_policy" in client.get(address).context["adminform"].form.fields


def test_the_start_page_tells_an_operator_which_connections_work(world: World) -> None:
    shown = log_in(world.operator).get(START).content.decode()
    assert world.acme.tenant.name in shown
    assert "Look at it" in shown
