"""The public opt-out page: nobody logs in, every number is answered the same, and nobody is texted."""

import re
import string
from typing import TYPE_CHECKING

import pytest
from django.core.cache import caches
from django.test import Client

from compliance.models import OptOut, Recipient
from compliance.public_page.views import network_of
from compliance.public_page.wording import choose_language, texts
from messaging.models import OutboundMessage
from tests.admin_pages import log_in, page
from tests.builders import PERSON, Business, is_blocked, new_person, opt_out_of, text_in

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

ADDRESS = "/stop/acme/"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    caches["local"].clear()


def enter(number: str = PERSON) -> "Response":
    return Client().post(f"{ADDRESS}?lang=en", {"number": number}, follow=True)


@pytest.mark.parametrize("written", ["(212) 555-0177", "+1 212 555 0177", " 2125550177 "])
def test_a_number_is_opted_out_of_everything_and_nobody_is_texted(
    acme: Business, globex: Business, written: str
) -> None:
    answer = enter(written)

    assert "will send no more texts to this number" in answer.content.decode()
    row = opt_out_of(acme)
    assert (row.source, row.scope, row.requested_by, row.status) == ("web_page", "tenant", "recipient", "active")
    assert row.evidence.details == {"page": ADDRESS, "language": "en", "address": "127.0.0.0/24"}
    assert is_blocked(acme)
    assert not is_blocked(globex)
    assert not OutboundMessage.objects.exists()


def test_it_answers_the_same_for_every_number(acme: Business) -> None:
    known, out, unknown = new_person(), new_person(), new_person()
    text_in(acme, "Hello, are you open?", from_=known)
    text_in(acme, "STOP", from_=out)
    answers = [enter(number) for number in (known, out, unknown, acme.long_code.number)]

    assert len({_without_tokens(answer.content.decode()) for answer in answers}) == 1
    assert len({(tuple(answer.redirect_chain), answer.status_code) for answer in answers}) == 1


def _without_tokens(body: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "Enter your phone number."),
        ("12", "This is no phone number that we can read. Write it like +1 201-555-0123."),
    ],
)
def test_a_mistake_is_named_above_and_at_the_field(acme: Business, written: str, said: str) -> None:
    answer = enter(written)
    body = answer.content.decode()

    assert answer.status_code == 400
    assert body.count(f"{said}</") == 2
    assert '<a href="#number">' in body
    assert 'aria-invalid="true"' in body
    assert "<title>There is a problem: " in body
    assert not Recipient.objects.exists()


def test_what_is_typed_is_shown_as_text_alone(acme: Business) -> None:
    assert "<script>" not in enter("<script>alert(1)</script>").content.decode()


@pytest.mark.parametrize(
    ("asked_for", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "xx,pl;q=0.5", "pl"),
        ("de", "es", "de"),
        ("xx", "fr-CA", "fr"),
        ("../../etc", "*;q=x,,;", "en"),
    ],
)
def test_it_speaks_the_visitors_language(asked_for: str, accepted: str, expected: str) -> None:
    assert choose_language(asked_for, accepted, "en") == expected


def test_without_a_wish_it_speaks_the_businesss_language() -> None:
    assert choose_language("", "ja", "es") == "es"


@pytest.mark.parametrize("language", sorted(texts()))
def test_every_language_says_everything_with_the_same_places(acme: Business, language: str) -> None:
    english, said = texts()["en"], texts()[language]

    assert set(said) == set(english)
    for name, text in said.items():
        assert places(text) == places(english[name]), name
    answer = Client().get(ADDRESS, headers={"accept-language": language})
    body = answer.content.decode()
    assert f'<html lang="{language}">' in body
    assert answer.headers["Content-Language"] == language
    assert "help@acme.example" in body
    assert "Acme" in body
    assert "{" not in re.sub(r"<style>.*</style>", "", body, flags=re.DOTALL)


def places(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_it_is_kept_out_of_search_engines_and_caches(acme: Business) -> None:
    answer = Client().get(ADDRESS)

    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in answer.headers["Cache-Control"]
    assert b"<script" not in answer.content


def test_a_post_from_elsewhere_is_refused(acme: Business) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(ADDRESS, {"number": PERSON}).status_code == 403
    token = strict.get(ADDRESS).context["csrf_token"]
    answer = strict.post(ADDRESS, {"number": PERSON, "csrfmiddlewaretoken": str(token)})
    assert answer.status_code == 302
    assert is_blocked(acme)


def test_a_business_that_is_not_there_has_no_page(acme: Business) -> None:
    assert Client().get("/stop/nobody/").status_code == 404


def test_ca03_the_page_outlives_the_texts_of_a_business_that_is_switched_off(acme: Business) -> None:
    """AU-03: the way out stays open for as long as somebody may still have its address."""
    acme.tenant.is_active = False
    acme.tenant.save()

    assert "will send no more texts" in enter().content.decode()
    assert opt_out_of(acme).is_active


def test_au01_it_asks_for_the_number_and_nothing_else(acme: Business) -> None:
    body = Client().get(ADDRESS).content.decode()

    named = set(re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]+)"', body))
    assert named <= {"number", "csrfmiddlewaretoken", "lang"}
    assert "number" in named


def test_one_address_can_not_enter_a_list_of_numbers(acme: Business) -> None:
    statuses = [enter(new_person()).status_code for _ in range(31)]
    refused = enter(new_person())

    assert statuses == [200] * 30 + [429]
    assert int(refused.headers["Retry-After"]) > 0
    assert "reply STOP" in refused.content.decode()
    assert OptOut.objects.count() == 30


def test_one_number_is_not_entered_over_and_over(acme: Business) -> None:
    statuses = [enter().status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert enter(new_person()).status_code == 200


def test_a_forged_header_does_not_pass_for_another_address(acme: Business) -> None:
    statuses = set()
    for n in range(32):
        headers = {"x-forwarded-for": f"203.0.113.{n}"}
        statuses.add(Client().post(ADDRESS, {"number": new_person()}, headers=headers).status_code)

    assert statuses == {302, 429}


def test_a_new_address_of_the_same_ipv6_line_is_the_same_visitor(acme: Business) -> None:
    """Whoever has an IPv6 line has more addresses in its /64 than there are numbers."""
    statuses = set()
    for n in range(32):
        visitor = Client(REMOTE_ADDR=f"2001:db8:1:2::{n:x}")
        statuses.add(visitor.post(ADDRESS, {"number": new_person()}).status_code)

    assert statuses == {302, 429}
    assert Client(REMOTE_ADDR="2001:db8:1:3::1").post(ADDRESS, {"number": new_person()}).status_code == 302


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("unknown", ""), ("", "")],
)
def test_of_an_address_only_its_network_is_kept(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_settings_of_a_business_link_to_it(acme: Business) -> None:
    client = log_in(acme.user("tenant_admin"))
    body = client.get(page("accounts.tenant", "change", acme.tenant.pk)).content.decode()

    assert '/stop/acme/" target="_blank"' in body
