"""What site managers and employees see of lists: what concerns their own numbers, and what concerns all of them."""

import pytest

from accounts.models import SenderNumber, Site, User
from compliance.models import Consent, OptOut, Recipient, ReviewItem
from messaging.admin import campaigns
from messaging.models import Campaign
from tests.admin_pages import UNCLEAR, log_in, page
from tests.builders import Business, World, deliver_all, new_person, opt_out_by_staff, send, text_in


@pytest.fixture
def opted_out(world: World) -> dict[str, OptOut]:
    """Somebody for all numbers; somebody for the employee's, for another one of the site, for another site's."""
    made = {"all": opt_out_by_staff(world.acme, new_person()).opt_out}
    for name, sender in (
        ("own", world.acme.long_code),
        ("site", world.acme.toll_free),
        ("elsewhere", world.acme.second_long_code),
    ):
        made[name] = opt_out_by_staff(world.acme, new_person(), sender=sender).opt_out
    opt_out_by_staff(world.globex, new_person())
    return made


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("employee", {"all", "own"}),
        ("site_manager", {"all", "own", "site"}),
        ("compliance_officer", {"all", "own", "site", "elsewhere"}),
        ("auditor", {"all", "own", "site", "elsewhere"}),
    ],
)
def test_opt_outs_of_own_numbers_and_of_all(
    world: World, opted_out: dict[str, OptOut], role: str, sees: set[str]
) -> None:
    client = log_in(world.acme.user(role))
    listed = {row.pk for row in client.get(page("compliance.optout", "changelist")).context["cl"].result_list}
    assert listed == {opted_out[name].pk for name in sees}
    for name, row in opted_out.items():
        status = client.get(page("compliance.optout", "change", row.pk)).status_code
        assert status == (200 if name in sees else 404), name


def test_reviews_and_consents_of_the_own_site(acme: Business) -> None:
    for to in (acme.long_code, acme.second_long_code):
        text_in(acme, UNCLEAR, from_=new_person(), to=to)
        text_in(acme, "START", from_=new_person(), to=to)
    manager = acme.user("site_manager")
    assert {row.texted for row in ReviewItem.objects.visible_to(manager)} == {acme.long_code.number}
    seen = {row.sender for row in Consent.objects.visible_to(manager)}
    assert acme.second_long_code.number not in seen


def test_numbers_people_and_sites_of_the_own_site(world: World, acme: Business) -> None:
    manager, elsewhere = acme.user("site_manager"), acme.user("auditor")
    User.objects.filter(pk=elsewhere.pk).update(site=acme.branch)
    assert set(Site.objects.visible_to(manager)) == {acme.headquarters}
    assert set(SenderNumber.objects.visible_to(manager)) == {acme.long_code, acme.toll_free, acme.short_code}
    assert elsewhere not in User.objects.visible_to(manager)
    assert manager in User.objects.visible_to(manager)
    client = log_in(manager)
    assert client.get(page("accounts.user", "change", elsewhere.pk)).status_code == 404
    assert client.get(page("accounts.sendernumber", "change", acme.second_long_code.pk)).status_code == 404


def test_a_manager_without_a_site_sees_what_concerns_all_alone(acme: Business, opted_out: dict[str, OptOut]) -> None:
    manager = acme.user("site_manager")
    manager.site = None
    manager.save()
    assert set(OptOut.objects.visible_to(manager)) == {opted_out["all"]}
    assert not SenderNumber.objects.visible_to(manager).exists()
    assert not User.objects.visible_to(manager).exists()


def test_an_employee_names_a_number_of_theirs_alone(acme: Business) -> None:
    form = log_in(acme.user("employee")).get(page("compliance.optout", "opt_out")).context["form"]
    assert list(form.fields["sender"].queryset) == [acme.long_code]


def test_what_stands_for_another_sites_number_is_left_out(acme: Business) -> None:
    """Whether a person may be texted from here is told: closed for all numbers, or held, wherever they said so."""
    person = new_person()
    opt_out_by_staff(acme, person, sender=acme.second_long_code)
    address = page("compliance.recipient", "change", Recipient.objects.get(number=person).pk)
    manager, officer = log_in(acme.user("site_manager")), log_in(acme.user("compliance_officer"))

    shown, whole = manager.get(address), officer.get(address)
    assert [one.number for one in whole.context["standings"]] == ["", acme.second_long_code.number]
    assert [(one.number, one.name) for one in shown.context["standings"]] == [("", "All your company numbers")]
    assert str(acme.second_long_code) not in shown.content.decode()
    assert ("Opted out for some" in whole.content.decode(), "Opted out for some" in shown.content.decode()) == (1, 0)
    for client, words in ((manager, "May be texted"), (officer, "Opted out for some numbers")):
        assert words in client.get(page("compliance.recipient", "changelist"), {"q": person}).content.decode()

    opt_out_by_staff(acme, person, sender=acme.toll_free)
    named = manager.get(address).context["standings"]
    assert [(one.name, one.word) for one in named] == [
        ("All your other company numbers", "May be texted"),
        (str(acme.toll_free), "Opted out"),
    ]
    opt_out_by_staff(acme, person)
    assert {one.word for one in manager.get(address).context["standings"]} == {"Opted out"}


def test_a_hold_is_told_wherever_the_text_came_in(acme: Business) -> None:
    person = new_person()
    text_in(acme, UNCLEAR, from_=person, to=acme.second_long_code)
    shown = log_in(acme.user("site_manager")).get(
        page("compliance.recipient", "change", Recipient.objects.get(number=person).pk)
    )
    assert "Held for review" in shown.context["label"]
    assert [one.word for one in shown.context["standings"]] == ["Held for review"]


def test_a_campaigns_page_counts_what_the_reader_may_see(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    for sender in (acme.long_code, acme.second_long_code):
        for _ in range(2):
            send(acme, person := new_person(), campaign="Spring", sender=sender)
        deliver_all()
        text_in(acme, "STOP", from_=person, to=sender)
        send(acme, person, campaign="Spring", sender=sender)
    address = page("messaging.campaign", "change", Campaign.objects.get().pk)

    def counted(role: str) -> list[str]:
        shown = log_in(acme.user(role)).get(address)
        form, row = shown.context["adminform"].model_admin, shown.context["original"]
        return [form.sent(row), form.refused(row), form.driven_away(row)]

    assert counted("auditor") == ["4", "2", "2"]
    assert counted("site_manager") == ["2", "1", "2"], "whoever left all numbers is listed to every site"
    monkeypatch.setattr(campaigns, "COUNTED", 2)
    assert counted("auditor") == ["1+", "1+", "1+"], "counting stops early in a mailing to millions"
