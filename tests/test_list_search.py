"""Finding a number in a list: written in any way, by its last digits, and never another business's."""

from typing import Any

import phonenumbers
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import number_search
from accounts.number_search import search_numbers
from accounts.phone import parse_number
from compliance.actors import SYSTEM
from compliance.evidence import Proof
from compliance.models import OptOut, Recipient, Source
from compliance.opt_outs.bulk import Line, record_many
from tests.admin_pages import log_in, page, visit
from tests.builders import Business, World

NUMBERS = ("+12125550177", "+493012345678", "+442079460958", "+33142685300", "+12125550178", "+390612345678")
FORMATS = (
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
)


def list_of(business: Business, *numbers: str) -> None:
    proof = Proof(Source.IMPORT, "", timezone.now())
    record_many(business.tenant, [Line(number, proof) for number in numbers], SYSTEM, timezone.now())


def found(rows: Any, term: str, person: Any, to_recipient: str = "recipient__") -> set[str]:
    return set(search_numbers(rows, term, person, to_recipient).values_list(f"{to_recipient}number", flat=True))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.sampled_from(NUMBERS),
    way=st.sampled_from(FORMATS),
    dots=st.sampled_from(["", ".", " ", "-", "\u00a0", "/"]),
    around=st.sampled_from([("", ""), (" ", "\t"), ("tel ", ""), ("«", "»")]),
)
def test_any_way_of_writing_a_number_finds_it_alone(
    world: World, number: str, way: int, dots: str, around: tuple[str, str]
) -> None:
    list_of(world.acme, *NUMBERS)
    list_of(world.globex, *NUMBERS)
    written = phonenumbers.format_number(phonenumbers.parse(number), way)
    written = written.removeprefix("tel:").replace("-", dots or "-").join(around)
    boss = world.acme.user("tenant_admin")
    rows = OptOut.objects.visible_to(boss)
    assert found(rows, written, boss) == {number}
    assert search_numbers(rows, written, boss, "recipient__").get().tenant_id == world.acme.tenant.pk


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.sampled_from(NUMBERS), length=st.integers(3, 11), dash=st.sampled_from(["", "-", " "]))
def test_last_digits_find_what_ends_so_and_nothing_else(world: World, number: str, length: int, dash: str) -> None:
    list_of(world.acme, *NUMBERS)
    ending = number[1:][-length:]
    boss = world.acme.user("tenant_admin")
    wanted = {other for other in NUMBERS if other.endswith(ending)}
    assert found(OptOut.objects.visible_to(boss), dash.join((ending[:2], ending[2:])), boss) == wanted
    assert found(Recipient.objects.visible_to(boss), ending, boss, "") == wanted


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(term=st.text(max_size=40))
def test_no_words_break_a_search(world: World, term: str) -> None:
    boss = world.acme.user("tenant_admin")
    assert found(OptOut.objects.visible_to(boss), term.replace("\x00", ""), boss) == set()


@pytest.mark.parametrize(
    ("country", "term"),
    [("DE", "030 12345678"), ("US", "0049 30 12345678"), ("US", "(030) 1234-5678"), ("GB", "020 7946 0958")],
)
def test_national_ways_of_writing_are_read_as_at_home(world: World, country: str, term: str) -> None:
    list_of(world.acme, *NUMBERS)
    world.acme.tenant.country = country
    world.acme.tenant.save()
    boss = type(world.operator).objects.get(pk=world.acme.user("tenant_admin").pk)
    wanted = "+442079460958" if country == "GB" else "+493012345678"
    assert found(OptOut.objects.visible_to(boss), term, boss) == {wanted}


def test_two_digits_are_too_few(world: World) -> None:
    list_of(world.acme, *NUMBERS)
    boss = world.acme.user("tenant_admin")
    assert found(OptOut.objects.visible_to(boss), "77", boss) == set()


def test_an_operator_finds_a_number_in_every_business(world: World) -> None:
    visit(world, world.acme)
    visit(world, world.globex)
    list_of(world.acme, *NUMBERS)
    list_of(world.globex, *NUMBERS)
    for term in ("+1 212 555 0177", "0177"):
        rows = search_numbers(OptOut.objects.visible_to(world.operator), term, world.operator, "recipient__")
        assert set(rows.values_list("tenant", flat=True)) == {world.acme.tenant.pk, world.globex.tenant.pk}


def test_more_than_are_looked_up_are_found_all_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_search, "AT_MOST", 2)
    numbers = [f"+1212555{n:03d}7" for n in range(100, 106)]
    list_of(world.acme, *numbers, "+12125551008")
    list_of(world.globex, "+12135551007")
    boss = world.acme.user("tenant_admin")
    assert found(OptOut.objects.visible_to(boss), "007", boss) == {"+12125551007"}
    monkeypatch.setattr(number_search, "AT_MOST", 0)
    assert found(OptOut.objects.visible_to(boss), "1007", boss) == {"+12125551007"}


def test_the_search_goes_by_the_index(world: World) -> None:
    """On SQLite as on PostgreSQL: the expression in the query is the one that the index is over."""
    list_of(world.acme, *NUMBERS)
    rows = number_search._written(Recipient.objects.all(), "0177", "", "endswith")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "recipient_by_last_digits" in rows.explain()


def test_filters_by_number_go_by_their_index(world: World) -> None:
    from compliance.admin.list_filters import TextedNumberFilter

    if connection.vendor != "postgresql":
        pytest.skip("SQLite takes a partial index only where the value stands in the statement; its lists are short.")
    condition = TextedNumberFilter.condition(TextedNumberFilter.__new__(TextedNumberFilter), "+12025550100")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    for rows, index in (
        (OptOut.objects.filter(condition), "opt_out_by_number"),
        (OptOut.objects.filter(status="lifted"), "opt_out_lifted"),
        (OptOut.objects.filter(language="ja"), "opt_out_by_language"),
        (OptOut.objects.filter(requested_by="business"), "opt_out_by_business"),
        (OptOut.objects.filter(preceding_campaign_id=7), "opt_out_by_campaign"),
        (OptOut.objects.filter(preceding_user_id=7), "opt_out_by_employee"),
    ):
        newest = rows.filter(tenant=world.acme.tenant).order_by("-changed_at", "-id")[:26]
        assert index in newest.explain(), index


def test_a_page_of_a_search_costs_the_same_queries(world: World, django_assert_max_num_queries: Any) -> None:
    boss: Client = log_in(world.acme.user("tenant_admin"))
    list_of(world.acme, *(f"+1212555{n:04d}" for n in range(40)))
    for term in ("+12125550007", "0007", "12125550"):
        with django_assert_max_num_queries(13):
            boss.get(page("compliance.optout", "changelist"), {"q": term})


def test_the_numbers_of_the_test_are_numbers() -> None:
    assert [parse_number(number, "US") for number in NUMBERS] == list(NUMBERS)
