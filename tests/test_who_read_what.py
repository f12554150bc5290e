"""Reading is on record: append-only, once for each stretch of time, shown to those who answer for the business."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.access import AN_HOUR, Reader, record_access
from accounts.models import AccessRecord, ReaderKind
from accounts.roles import Role
from messaging.models import OutboundMessage
from tests.admin_pages import build_rows, log_in, page, visit
from tests.builders import PERSON, World, recipient, text_in

What = AccessRecord.What
LIST = "accounts.accessrecord"


def test_a_person_and_a_thing_are_kept_once_an_hour(world: World) -> None:
    text_in(world.acme, "Hello")
    person, about = world.acme.user("auditor"), recipient(world.acme)
    at = datetime(2026, 5, 4, 10, 10, tzinfo=UTC)
    for now in (at, at + timedelta(minutes=20), at + timedelta(hours=1)):
        record_access(person, world.acme.tenant, What.RECIPIENT, about, once_within=AN_HOUR, now=now)
    record_access(
        world.acme.user("site_manager"), world.acme.tenant, What.RECIPIENT, about, once_within=AN_HOUR, now=at
    )

    rows = AccessRecord.objects.for_tenant(world.acme.tenant).order_by("id")
    assert [(row.reader_id, row.at.hour) for row in rows] == [
        (str(person.pk), 10),
        (str(person.pk), 11),
        (str(world.acme.user("site_manager").pk), 10),
    ]


def test_it_keeps_who_as_plain_values_and_no_number(world: World) -> None:
    text_in(world.acme, "Hello")
    record_access(world.operator, world.acme.tenant, What.RECIPIENT, recipient(world.acme), reason="Ticket 12")
    record_access(Reader(ReaderKind.LINK, "7", "Signed link of export 7"), world.acme.tenant, What.EXPORT, "Export 7")

    by_operator, by_link = AccessRecord.objects.order_by("id")
    assert (by_operator.reader_kind, by_operator.reader_name) == ("operator", "operator")
    assert (by_operator.reader_role, by_operator.reason) == (Role.PLATFORM_OPERATOR, "Ticket 12")
    assert (by_link.reader_kind, by_link.about, by_link.about_type) == ("link", "Export 7", "")
    assert PERSON[-4:] not in by_operator.about


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_accessrecord SET reader_name = 'Nobody'",
        "DELETE FROM accounts_accessrecord",
    ],
)
def test_it_cannot_be_changed_by_sql(world: World, sql: str) -> None:
    record_access(world.acme.user("auditor"), world.acme.tenant, What.EXPORT, "Export 7", once_within=AN_HOUR)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    with pytest.raises(DatabaseError), transaction.atomic():
        AccessRecord.objects.update(reader_name="Nobody")
    assert AccessRecord.objects.get().reader_name != "Nobody"


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_insert_or_replace_replaces_none(world: World) -> None:
    record_access(world.acme.user("auditor"), world.acme.tenant, What.EXPORT, "Export 7", once_within=AN_HOUR)
    columns = ", ".join(str(field.column) for field in AccessRecord._meta.fields if field.column != "id")
    table = AccessRecord._meta.db_table
    copy = f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}"  # noqa: S608 - names of the model
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(copy)
    assert AccessRecord.objects.count() == 1


def test_the_list_names_what_was_read_as_it_is_called_today(world: World) -> None:
    text_in(world.acme, "Hello")
    text_in(world.globex, "Hello")
    for business in (world.acme, world.globex):
        record_access(business.user("site_manager"), business.tenant, What.RECIPIENT, recipient(business))

    shown = log_in(world.acme.user("compliance_officer")).get(page(LIST, "changelist")).content.decode()

    assert page("compliance.recipient", "change", recipient(world.acme).pk) in shown
    assert world.acme.user("site_manager").display_name in shown
    assert "globex" not in shown.lower()


def test_the_list_is_narrowed_to_a_person(world: World) -> None:
    for role in ("site_manager", "employee"):
        record_access(world.acme.user(role), world.acme.tenant, What.EXPORT, f"Export of {role}", now=timezone.now())
    client = log_in(world.acme.user("auditor"))

    of_one = client.get(page(LIST, "changelist"), {"who": world.acme.user("employee").pk}).content.decode()
    assert "Export of employee" in of_one
    assert "Export of site_manager" not in of_one
    assert client.get(page(LIST, "changelist"), {"who": world.globex.user("employee").pk}).status_code == 404


# --- No way around the record -----------------------------------------------------------------------------------------


def read_by(world: World) -> list[tuple[str, str]]:
    rows = AccessRecord.objects.for_tenant(world.acme.tenant).filter(reader_id=str(world.operator.pk))
    return [(row.what, row.about) for row in rows.exclude(what=What.VISIT).order_by("id")]


@pytest.mark.parametrize(
    ("label", "about"),
    [
        ("messaging.conversation", "Conversations"),
        ("messaging.inboundmessage", "Incoming texts"),
        ("messaging.outboundmessage", "Outgoing texts"),
        ("messaging.outsidetext", "Texts sent elsewhere"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "head"])
def test_a_list_of_texts_is_on_record_whatever_the_method(world: World, label: str, about: str, method: str) -> None:
    visit(world, world.acme)
    answer = getattr(log_in(world.operator), method)(page(label, "changelist"))
    assert answer.status_code == 200
    assert read_by(world) == [("texts", about)]


def test_pages_that_show_texts_beside_conversations_are_on_record(world: World) -> None:
    rows = build_rows(world.acme)
    visit(world, world.acme)
    client = log_in(world.operator)
    client.get(page("messaging.outsidetext", "change", rows["messaging.outsidetext"].pk))
    client.get(page("messaging.webhookdelivery", "change", rows["messaging.webhookdelivery"].pk))
    tried = client.post(page("compliance.keyword", "change", rows["compliance.keyword"].pk), {
        "word": "to read along", "meaning": "help", "country": "", "is_active": "on",
    })  # fmt: skip
    assert "Before you save" in tried.content.decode()
    assert [what for what, _ in read_by(world)] == ["conversation", "texts", "texts"]
    assert [about for what, about in read_by(world) if what == "texts"] == [
        "Failed deliveries",
        "Incoming texts, to try a keyword",
    ]


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("outboundmessage", "in_reply_to"),
        ("outboundmessage", "conversation"),
        ("inboundmessage", "conversation"),
        ("conversation", "recipient"),
        ("conversation", "outbound"),
        ("nothing", "at_all"),
    ],
)
def test_no_choice_of_a_form_lets_anybody_search_texts(world: World, model: str, field: str) -> None:
    text_in(world.acme, "my sister is ill")
    asked = {"app_label": "messaging", "model_name": model, "field_name": field, "term": "sister"}
    answer = log_in(world.acme.user("tenant_admin")).get("/admin/autocomplete/", asked)
    assert answer.status_code == 403
    assert not OutboundMessage.objects.exists()


def test_the_choices_that_a_form_offers_are_found(world: World) -> None:
    asked = {"app_label": "accounts", "model_name": "sendernumber", "field_name": "site", "term": "HQ"}
    found = log_in(world.acme.user("tenant_admin")).get("/admin/autocomplete/", asked).json()
    assert [row["text"] for row in found["results"]] == [world.acme.headquarters.name]
    assert log_in(world.acme.user("tenant_admin")).get("/admin/autocomplete/?term=%00").status_code == 404


def test_what_a_business_decides_is_read_in_a_visit_alone(world: World) -> None:
    world.acme.tenant.brand_name = "Only in a visit"
    world.acme.tenant.save()
    client, pk = log_in(world.operator), world.acme.tenant.pk
    assert "Only in a visit" not in client.get(page("accounts.tenant", "changelist")).content.decode()
    assert "Only in a visit" not in client.get(page("accounts.tenant", "change", pk)).content.decode()
    assert client.get(page("accounts.tenant", "history", pk)).status_code == 404
    visit(world, world.acme)
    assert client.get(page("accounts.tenant", "history", pk)).status_code == 200
