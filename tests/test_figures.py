"""Figures of each day: what counts for which day, on whose clocks, and what a late or repeated count makes of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Tenant
from compliance import opt_outs
from compliance.models import OptOut
from compliance.purposes import Purpose
from messaging import delivery
from messaging.figures import keeping, reading
from messaging.figures.counting import count_days
from messaging.figures.days import ONE, day_of, end_of, start_of
from messaging.figures.reading import CampaignSums, Order, Sums
from messaging.models import Campaign, CountedDay, DayFigures, OutboundMessage, WebhookDelivery
from messaging.providers.base import DeliveryState, StatusUpdate
from tests.admin_pages import log_in, visit
from tests.builders import (
    OTHER_PERSON,
    PERSON,
    THIRD_PERSON,
    Business,
    World,
    deliver_all,
    lift_by_staff,
    opt_out_by_staff,
    opt_out_of,
    send,
    staff,
    text_in,
)

NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 3, 12, 16, 0, tzinfo=UTC)  # in New York, four days after its clocks went forward
TODAY = date(2026, 3, 12)


def sums_of(business: Business, today: date = TODAY, days: int = 30, role: str = "tenant_admin") -> dict[date, Sums]:
    """What a person sees of each day, after everything was counted."""
    keeping.count_all(business.tenant, timezone.now())
    person = business.user(role)
    return reading.sum_by_day(reading.figures_of(person, today, days), today, days)


def campaigns_of(business: Business, today: date = TODAY, order: Order = Order.RATE) -> list[CampaignSums]:
    keeping.count_all(business.tenant, timezone.now())
    return reading.sum_by_campaign(reading.figures_of(business.user("tenant_admin"), today, 30), order)


def opened_before(business: Business, days: int = 60) -> None:
    """Let the business be that old: days before it was made are not counted."""
    Tenant.objects.filter(pk=business.tenant.pk).update(created_at=timezone.now() - timedelta(days=days))
    business.tenant.refresh_from_db()


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as travelled:
        yield travelled


# --- Days -------------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_every_moment_lies_in_exactly_its_own_day(name: str, moment: datetime) -> None:
    zone = ZoneInfo(name)
    day = day_of(moment, zone)
    assert start_of(day, zone) <= moment < end_of(day, zone)


@given(st.sampled_from(sorted(available_timezones())), st.dates(date(1990, 1, 1), date(2040, 1, 1)))
def test_days_follow_each_other_without_a_gap(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    assert end_of(day, zone) == start_of(day + ONE, zone)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (TODAY, 24)])
def test_a_day_on_which_the_clocks_change_is_shorter_or_longer(day: date, hours: int) -> None:
    assert end_of(day, NEW_YORK) - start_of(day, NEW_YORK) == timedelta(hours=hours)


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_texts_around_midnight_count_for_the_day_of_the_business(
    acme: Business, clock: time_machine.Traveller, day: date
) -> None:
    opened_before(acme, 1000)
    edges = (start_of(day, NEW_YORK), end_of(day, NEW_YORK))
    for edge in edges:
        for moment in (edge - timedelta(seconds=1), edge):
            clock.move_to(moment)
            text_in(acme, "hello")
    clock.move_to(edges[1] + timedelta(hours=12))
    by_day = sums_of(acme, day + ONE)
    assert [by_day[day + place * ONE].texts_in for place in (-1, 0, 1)] == [1, 2, 1]


# --- What counts ------------------------------------------------------------------------------------------------------


def test_a_day_in_figures(world: World, clock: time_machine.Traveller) -> None:
    acme = world.acme
    send(acme, OTHER_PERSON), send(acme, THIRD_PERSON)
    text_in(acme, "STOP"), text_in(acme, "STOP")
    text_in(world.globex, "STOP"), text_in(world.globex, "hello")
    send(acme, purpose=Purpose.MARKETING, body="x" * 161)
    send(acme, purpose=Purpose.CONVERSATIONAL)
    deliver_all()
    OutboundMessage.objects.filter(recipient__number=THIRD_PERSON).update(status="failed")
    today = sums_of(acme)[TODAY]
    confirmation = 1
    assert (today.texts_in, today.texts_out, today.failed) == (2, 1 + confirmation, 1)
    assert (today.opt_outs, today.opted_back_in) == (1, 0)
    assert (today.blocked, today.blocked_opted_out) == (2, 2)
    assert today.blocked_segments == 2, "two of the marketing text, none of what a person typed"
    clock.shift(60)
    text_in(acme, "START")
    today = sums_of(acme)[TODAY]
    assert (today.opt_outs, today.opted_back_in) == (1, 1)


def test_counting_again_changes_nothing(acme: Business) -> None:
    send(acme, campaign="Spring"), deliver_all()
    text_in(acme, "STOP")
    first = sums_of(acme)
    assert first == sums_of(acme)
    assert first[TODAY].opt_outs == 1


def test_somebody_who_leaves_twice_counts_twice_on_the_days_on_which_they_left(
    acme: Business, clock: time_machine.Traveller
) -> None:
    opened_before(acme)
    for days_ago, words in ((9, "STOP"), (6, "START"), (2, "STOP")):
        clock.move_to(NOON - timedelta(days=days_ago))
        text_in(acme, words)
    clock.move_to(NOON)
    by_day = sums_of(acme)
    assert [by_day[TODAY - place * ONE].opt_outs for place in (9, 6, 2)] == [1, 0, 1]
    assert by_day[TODAY - 6 * ONE].opted_back_in == 1


def test_what_was_undone_is_taken_off_its_day(acme: Business, clock: time_machine.Traveller) -> None:
    opened_before(acme)
    clock.move_to(NOON - timedelta(days=3))
    send(acme, campaign="Spring"), deliver_all()
    text_in(acme, "please take me off your list")
    assert sums_of(acme)[TODAY - 3 * ONE].opt_outs == 1
    clock.move_to(NOON)
    opt_outs.undo(opt_out_of(acme), "Misread.", "A second person", staff(acme), timezone.now())
    by_day = sums_of(acme)
    assert sum(by_day.values(), Sums()).opt_outs == 0
    (spring,) = campaigns_of(acme)
    assert (spring.texts, spring.opt_outs) == (1, 0)


def test_what_staff_lift_counts_as_opted_back_in(acme: Business, clock: time_machine.Traveller) -> None:
    opt_out_by_staff(acme)
    clock.shift(60)
    lift_by_staff(acme, opt_out_of(acme))
    assert sums_of(acme)[TODAY].opted_back_in == 1


# --- Campaigns --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "drawn"), [(0.1, 1), (71.9, 1), (72, 1), (72.1, 0)])
def test_an_opt_out_belongs_to_a_campaign_for_72_hours(
    acme: Business, clock: time_machine.Traveller, hours: float, drawn: int
) -> None:
    opened_before(acme)
    clock.move_to(NOON - timedelta(days=6))
    send(acme, campaign="Spring"), deliver_all()
    clock.move_to(NOON - timedelta(days=6) + timedelta(hours=hours))
    text_in(acme, "STOP")
    clock.move_to(NOON)
    (spring,) = campaigns_of(acme)
    assert (spring.name, spring.texts, spring.opt_outs) == ("Spring", 1, drawn)


def test_a_stop_that_comes_late_counts_by_when_it_was_sent(acme: Business, clock: time_machine.Traveller) -> None:
    """Our fault kept it for four days: the campaign drew it all the same, on the day of its text."""
    opened_before(acme)
    clock.move_to(NOON - timedelta(days=5))
    send(acme, campaign="Spring"), deliver_all()
    asked = timezone.now() + timedelta(hours=1)
    sums_of(acme)
    clock.move_to(NOON)
    text_in(acme, "STOP", sent_at=asked)
    keeping.count_all(acme.tenant, timezone.now())
    row = DayFigures.objects.get(tenant=acme.tenant, drawn=1)
    assert (row.day, row.counted_on) == (TODAY - 5 * ONE, TODAY)
    assert campaigns_of(acme)[0].opt_outs == 1
    assert sums_of(acme)[TODAY].opt_outs == 1, "it is on the list since today"


def test_campaigns_are_sorted_and_coloured_by_rate(acme: Business) -> None:
    rows = [
        CampaignSums(1, "Calm", 1000, 9, 0),
        CampaignSums(2, "Warm", 1000, 10, 0),
        CampaignSums(3, "Hot", 500, 10, 0),
    ]
    assert [row.colour for row in rows] == ["", "orange", "red"]
    assert CampaignSums(4, "Tiny", 10, 2, 0).colour == "", "two people are no trend"
    assert CampaignSums(5, "Refused", 0, 0, 3).rate == 0
    for row in rows:
        campaign = Campaign.objects.create(tenant=acme.tenant, name=row.name)
        DayFigures.objects.create(
            tenant=acme.tenant, day=TODAY, counted_on=TODAY, campaign=campaign, texts_out=row.texts, drawn=row.opt_outs
        )
    visible = reading.figures_of(acme.user("tenant_admin"), TODAY, 30)
    orders = {order: [row.name for row in reading.sum_by_campaign(visible, order)] for order in Order}
    assert orders == {
        Order.RATE: ["Hot", "Warm", "Calm"],
        Order.TEXTS: ["Calm", "Warm", "Hot"],
        Order.OPT_OUTS: ["Hot", "Warm", "Calm"],
    }


# --- Keeping up -------------------------------------------------------------------------------------------------------


def test_the_sweeper_counts_every_day_and_then_only_what_is_due(acme: Business, clock: time_machine.Traveller) -> None:
    Tenant.objects.exclude(pk=acme.tenant.pk).update(created_at=NOON)
    opened_before(acme, 10)
    text_in(acme, "STOP")
    assert keeping.sweep(timezone.now()) == 11 + 1, "eleven days of one business, and today of the other"
    assert keeping.sweep(timezone.now()) == 0
    clock.shift(31)
    assert keeping.sweep(timezone.now()) == 2, "today, of both"
    clock.shift(3600)
    assert keeping.sweep(timezone.now()) == 2 + 3, "and the days on which texts may still change"
    clock.move_to(NOON + timedelta(days=1))
    assert keeping.sweep(timezone.now()) >= 2
    assert CountedDay.objects.filter(tenant=acme.tenant, day=TODAY + ONE).get().counted_at == timezone.now()


def test_what_changes_after_midnight_is_counted(acme: Business, clock: time_machine.Traveller) -> None:
    send(acme)
    keeping.sweep(timezone.now())
    clock.move_to(end_of(TODAY, NEW_YORK) + timedelta(minutes=5))
    deliver_all()
    keeping.sweep(timezone.now())
    visible = reading.figures_of(acme.user("tenant_admin"), TODAY + ONE, 30)
    assert reading.sum_by_day(visible, TODAY + ONE, 30)[TODAY].texts_out == 1


def test_a_delivery_that_is_applied_days_later_is_counted_on_its_own_day(
    acme: Business, clock: time_machine.Traveller
) -> None:
    opened_before(acme)
    keeping.sweep(timezone.now())
    row = CountedDay.objects.get(tenant=acme.tenant, day=TODAY - 20 * ONE)
    assert row.due_at is None
    keeping.want_count(acme.tenant.pk, NOON - timedelta(days=20), timezone.now())
    row.refresh_from_db()
    assert row.due_at == timezone.now()
    assert not WebhookDelivery.objects.exists()


def test_an_outcome_that_comes_weeks_later_is_counted(acme: Business, clock: time_machine.Traveller) -> None:
    send(acme)
    (message,) = deliver_all()
    OutboundMessage.objects.update(status=OutboundMessage.Status.SENT)
    clock.move_to(NOON + timedelta(days=20))
    keeping.sweep(timezone.now())
    assert CountedDay.objects.get(tenant=acme.tenant, day=TODAY).due_at is None
    update = StatusUpdate(DeliveryState.FAILED, str(message.pk))
    assert delivery.apply_status(acme.simulator, update, timezone.now())
    keeping.sweep(timezone.now())
    visible = reading.figures_of(acme.user("tenant_admin"), TODAY, 1)
    sums = reading.sum_by_day(visible, TODAY, 1)[TODAY]
    assert (sums.texts_out, sums.failed) == (0, 1)


def test_days_are_counted_anew_where_the_business_moves_its_clocks(
    acme: Business, clock: time_machine.Traveller
) -> None:
    opened_before(acme, 5)
    clock.move_to(datetime(2026, 3, 12, 2, 0, tzinfo=UTC))  # still the 11th in New York
    text_in(acme, "hello")
    keeping.sweep(timezone.now())
    Tenant.objects.filter(pk=acme.tenant.pk).update(time_zone="Europe/Berlin")
    keeping.sweep(timezone.now())
    (row,) = DayFigures.objects.filter(tenant=acme.tenant, texts_in=1)
    assert row.day == date(2026, 3, 12)


def test_one_day_is_counted_by_one_worker(acme: Business) -> None:
    keeping.open_days(timezone.now())
    row = CountedDay.objects.get(tenant=acme.tenant)
    assert keeping.count_day(row, timezone.now())
    assert not keeping.count_day(row, timezone.now()), "it was taken on the strength of an older row"


def test_a_day_that_takes_long_rests_long(acme: Business) -> None:
    keeping.open_days(timezone.now())
    keeping._save(acme.tenant, [TODAY], [], timezone.now(), seconds=60)
    assert CountedDay.objects.get(tenant=acme.tenant).due_at == timezone.now() + timedelta(minutes=20)


def test_an_older_count_does_not_replace_a_newer_one(acme: Business) -> None:
    keeping.open_days(timezone.now())
    text_in(acme, "hello")
    keeping.count_all(acme.tenant, timezone.now())
    keeping._save(acme.tenant, [TODAY], [], timezone.now() - timedelta(minutes=1), seconds=0)
    assert DayFigures.objects.filter(tenant=acme.tenant, texts_in=1).exists()


def test_nobody_elses_trouble_holds_figures_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = count_days

    def breaks(tenant: Tenant, first: date, last: date) -> list[DayFigures]:
        if tenant == world.acme.tenant:
            raise RuntimeError("broken")
        return real(tenant, first, last)

    monkeypatch.setattr(keeping, "count_days", breaks)
    assert keeping.sweep(timezone.now()) == 1
    assert CountedDay.objects.get(tenant=world.globex.tenant).counted_at


# --- Who sees what ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "texts"), [("tenant_admin", 3), ("auditor", 3), ("site_manager", 2), ("employee", 1)])
def test_everybody_sees_the_figures_of_the_numbers_in_their_sight(acme: Business, role: str, texts: int) -> None:
    for number in (acme.long_code, acme.second_long_code, acme.short_code):
        text_in(acme, "hello", to=number)
    assert sums_of(acme, role=role)[TODAY].texts_in == texts


def test_figures_of_another_business_stay_there(world: World) -> None:
    text_in(world.globex, "STOP")
    keeping.sweep(timezone.now())
    page = log_in(world.acme.user("tenant_admin")).get("/admin/")
    assert page.context["total"] == Sums()
    visit(world, world.acme)
    visit(world, world.globex)
    operator = log_in(world.operator).get("/admin/")
    assert operator.context["total"].opt_outs == 1


# --- The start page ---------------------------------------------------------------------------------------------------


def start_page(business: Business, query: str = "", role: str = "tenant_admin") -> object:
    keeping.sweep(timezone.now())
    return log_in(business.user(role)).get(f"/admin/{query}")


def tiles(answer: object) -> dict[str, tuple[str, str]]:
    return {tile.title: (tile.today, tile.note) for tile in answer.context["tiles"]}  # type: ignore[attr-defined]


def test_blocked_texts_are_worth_what_their_segments_cost(acme: Business) -> None:
    Tenant.objects.filter(pk=acme.tenant.pk).update(segment_price=Decimal("0.0112"), currency="EUR")
    text_in(acme, "STOP")
    for _ in range(50):
        send(acme, body="x" * 200)
    shown = tiles(start_page(acme))
    assert shown["Blocked sends"] == ("50", "50 in 30 days, 50 to people who had opted out")
    assert shown["Saved"] == ("€1.12", "€1.12 in 30 days, 100 segments not sent")


def test_without_a_price_the_page_asks_for_it_where_one_may_set_it(acme: Business) -> None:
    link = f"/admin/accounts/tenant/{acme.tenant.pk}/change/"
    found = {role: start_page(acme, role=role) for role in ("tenant_admin", "auditor", "employee")}
    saved = {
        role: next((tile.link for tile in page.context["tiles"] if tile.title == "Saved"), None)  # type: ignore[attr-defined]
        for role, page in found.items()
    }
    assert saved == {"tenant_admin": link, "auditor": "", "employee": None}


def test_damages_are_named_only_where_the_law_is_and_a_text_was_stopped(acme: Business) -> None:
    words = "$500 to $1,500"
    assert words not in start_page(acme).content.decode()  # type: ignore[attr-defined]
    text_in(acme, "STOP")
    send(acme)
    assert words in start_page_again(acme)
    Tenant.objects.filter(pk=acme.tenant.pk).update(country="DE")
    assert words not in start_page_again(acme)


def start_page_again(business: Business) -> str:
    keeping.count_all(business.tenant, timezone.now())
    content: bytes = log_in(business.user("tenant_admin")).get("/admin/").content
    return content.decode()


def test_the_address_chooses_span_and_order_and_nonsense_is_not_asked(acme: Business) -> None:
    asked = {query: start_page(acme, query) for query in ("", "?days=90&sort=texts", "?days=7&sort=name")}
    found = {query: (page.context["days"], page.context["order"]) for query, page in asked.items()}  # type: ignore[attr-defined]
    assert found == {"": (30, "rate"), "?days=90&sort=texts": (90, "texts"), "?days=7&sort=name": (30, "rate")}
    assert len(asked["?days=90&sort=texts"].context["by_day"]) == 90  # type: ignore[attr-defined]


def test_a_campaign_leads_to_the_people_who_left_after_it(acme: Business) -> None:
    send(acme, campaign="Spring"), deliver_all()
    text_in(acme, "STOP")
    page = start_page(acme)
    campaign = Campaign.objects.get()
    link = f"/admin/compliance/optout/?campaign={campaign.pk}"
    assert link in page.content.decode()  # type: ignore[attr-defined]
    answer = log_in(acme.user("tenant_admin")).get(link)
    assert [row.pk for row in answer.context["cl"].result_list] == [opt_out_of(acme).pk]
    assert OptOut.objects.count() == 1


def test_the_page_costs_the_same_whatever_the_figures(acme: Business, django_assert_max_num_queries: object) -> None:
    client = log_in(acme.user("tenant_admin"))
    text_in(acme, "STOP")
    keeping.sweep(timezone.now())
    client.get("/admin/")
    with django_assert_max_num_queries(30) as asked:  # type: ignore[operator]
        client.get("/admin/?days=90")
    texts = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in texts if "COUNT(" in sql and ("outboundmessage" in sql or "optout" in sql)]


# --- First steps ------------------------------------------------------------------------------------------------------


def done_steps(business: Business, role: str = "tenant_admin") -> dict[str, bool]:
    page = log_in(business.user(role)).get("/admin/")
    return {step.title: step.done for step in page.context["steps"]}


def test_first_steps_are_ticked_and_go_once_a_text_came_in(acme: Business) -> None:
    steps = done_steps(acme)
    assert steps["Connect your SMS provider"]
    assert steps["Name your company numbers"]
    assert not steps["Text STOP from your own phone"]
    assert not steps["Say what a text costs you"]
    Tenant.objects.filter(pk=acme.tenant.pk).update(segment_price=Decimal("0.01"))
    assert done_steps(acme)["Say what a text costs you"]
    assert done_steps(acme, "employee") == {}, "those who can't set it up are not told to"
    text_in(acme, "STOP", from_=PERSON)
    assert done_steps(acme) == {}
