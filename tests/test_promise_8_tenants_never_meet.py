"""Promise 8. Tenants never meet: here in list, gate, webhooks and provider words. API and admin: tests of their own."""

from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from compliance.models import Evidence, OptOut, Recipient, ReviewItem
from messaging import delivery
from messaging.models import Campaign, Conversation, InboundMessage, OutboundMessage, WebhookDelivery
from tests import builders
from tests.admin_pages import visit
from tests.builders import PERSON, Business, World, deliver_all, is_blocked, post_webhook, send, text_in

SCOPED = [OptOut, Recipient, Evidence, ReviewItem, Campaign, Conversation, InboundMessage, OutboundMessage]


def fill(business: Business) -> None:
    send(business, campaign="Autumn")
    deliver_all()
    text_in(business, "STOP")
    text_in(business, "leave me alone", from_=builders.OTHER_PERSON)
    text_in(business, "START", from_=builders.THIRD_PERSON)


def test_one_person_is_another_recipient_in_each_business(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    text_in(globex, "Hello")

    assert (is_blocked(acme), is_blocked(globex)) == (True, False)
    assert Recipient.objects.filter(number=PERSON).count() == 2


def test_a_start_to_one_business_opens_nothing_at_the_other(acme: Business, globex: Business) -> None:
    text_in(acme, "STOP")
    text_in(globex, "STOP")
    text_in(globex, "START")

    assert (is_blocked(acme), is_blocked(globex)) == (True, False)


def test_every_row_of_a_story_belongs_to_its_business(acme: Business, globex: Business) -> None:
    fill(acme)
    for table in SCOPED:
        assert table.objects.for_tenant(acme.tenant).count() == table.objects.count() > 0, table
        assert table.objects.for_tenant(globex.tenant).count() == 0, table
    assert set(OptOut.history.values_list("tenant_id", flat=True)) == {acme.tenant.pk}


def test_people_see_the_rows_of_their_business_alone(world: World) -> None:
    fill(world.acme)
    fill(world.globex)
    for table in SCOPED:
        assert not table.objects.visible_to(world.operator).exists()
    visit(world, world.globex)
    for table in SCOPED:
        assert {row.tenant_id for row in table.objects.visible_to(world.operator)} == {world.globex.tenant.pk}, table
        for role in Role:
            if role != Role.PLATFORM_OPERATOR:
                seen = table.objects.visible_to(world.acme.user(role))
                assert {row.tenant_id for row in seen} <= {world.acme.tenant.pk}, (table, role)


def test_an_employee_sees_the_threads_of_the_numbers_that_they_send_from(acme: Business) -> None:
    text_in(acme, "Hello")
    text_in(acme, "Hello", to=acme.second_long_code)

    (seen,) = Conversation.objects.visible_to(acme.user(Role.EMPLOYEE))
    assert seen.sender == acme.long_code.number
    assert InboundMessage.objects.visible_to(acme.user(Role.EMPLOYEE)).count() == 1
    assert Conversation.objects.visible_to(acme.user(Role.TENANT_ADMIN)).count() == 2


def test_every_user_of_a_shared_number_sees_its_threads_once(acme: Business) -> None:
    colleague = User.objects.create_user(
        "acme-colleague", "c@acme.example", None, tenant=acme.tenant, role=Role.EMPLOYEE, site=acme.branch
    )
    acme.long_code.users.add(colleague)
    text_in(acme, "Hello")

    for user in (colleague, acme.user(Role.EMPLOYEE)):
        assert Conversation.objects.visible_to(user).count() == 1


def test_a_site_manager_sees_the_threads_of_their_site(acme: Business) -> None:
    text_in(acme, "Hello")
    text_in(acme, "Hello", to=acme.second_long_code)

    assert [row.sender for row in Conversation.objects.visible_to(acme.user(Role.SITE_MANAGER))] == [
        acme.long_code.number
    ]


def test_a_status_for_another_businesss_text_changes_nothing(acme: Business, globex: Business) -> None:
    message = send(globex)
    delivery.claim_message(message.pk, timezone.now())
    OutboundMessage.objects.filter(pk=message.pk).update(provider_message_id="p-1")

    for body in ({"message_id": str(message.pk)}, {"provider_message_id": "p-1"}):
        assert post_webhook(acme.simulator, body | {"status": "failed"}, kind="status").status_code == 200

    message.refresh_from_db()
    assert message.status == OutboundMessage.Status.SENDING


def test_the_same_campaign_name_is_two_campaigns(acme: Business, globex: Business) -> None:
    first, second = send(acme, campaign="Autumn"), send(globex, campaign="Autumn")

    assert first.campaign_id != second.campaign_id


def test_the_same_idempotency_key_is_two_texts(acme: Business, globex: Business) -> None:
    first = send(acme, idempotency_key="k-1", request_digest="d")
    second = send(globex, idempotency_key="k-1", request_digest="e")

    assert first.pk != second.pk


def test_a_kept_webhook_belongs_to_the_business_of_its_token(acme: Business, globex: Business) -> None:
    post_webhook(acme.simulator, b"no JSON")
    post_webhook(globex.simulator, b"no JSON")

    assert WebhookDelivery.objects.for_tenant(acme.tenant).count() == 1
    assert WebhookDelivery.objects.for_tenant(globex.tenant).count() == 1


def test_a_preceding_text_is_never_another_businesss(acme: Business, globex: Business) -> None:
    send(globex, campaign="Secret of Globex")
    deliver_all()
    text_in(acme, "STOP")

    assert builders.opt_out_of(acme).preceding_campaign == ""
