"""A list is answered as each of its numbers: the two ways of asking the gate never differ, whatever is on record."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ConsentPolicy, OptOutScope, SenderNumber
from compliance import gate
from compliance.models import ConsentWay, OptOut
from compliance.purposes import ASKED_FOR
from tests import builders
from tests.builders import Business, text_in
from tests.test_consents import agree

BY_BUSINESS = OptOut.RequestedBy.BUSINESS
Deed = Callable[[Business, str, SenderNumber], object]
DEEDS: list[Deed] = [
    lambda business, person, number: text_in(business, "STOP", from_=person, to=number),
    lambda business, person, number: text_in(business, "START", from_=person, to=number),
    lambda business, person, number: text_in(business, "leave me alone", from_=person, to=number),
    lambda business, person, number: text_in(business, "Are you open?", from_=person, to=number),
    lambda business, person, number: agree(business, person),
    lambda business, person, number: agree(business, person, ConsentWay.IMPORT, sender=number),
    lambda business, person, number: builders.opt_out_by_staff(business, person, requested_by=BY_BUSINESS),
    lambda business, person, number: builders.opt_out_by_staff(business, person, sender=number),
]


def build_crowd(business: Business, seed: int) -> list[str]:
    """People here and abroad with everything that can be on record, some of it mixed, and one whom nobody knows."""
    chance = random.Random(seed)
    people = [builders.new_person() for _ in range(8)] + [f"+44794600090{n}" for n in range(6)]
    for person, certain in zip(people, DEEDS * 2, strict=False):
        for deed in (certain, *chance.choices(DEEDS, k=chance.randint(0, 2)), certain):
            deed(business, person, chance.choice([business.long_code, business.second_long_code]))
    return [*people, builders.new_person()]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scope", OptOutScope.values)
def test_a_list_is_answered_as_each_of_its_numbers_whatever_happened(acme: Business, scope: str, seed: int) -> None:
    acme.tenant.opt_out_scope = scope
    acme.tenant.save()
    people = build_crowd(acme, seed)
    reasons = set()
    for policy in ConsentPolicy.values:
        acme.tenant.consent_policy = policy
        for number in acme.numbers:
            number.tenant = acme.tenant
        for sender in (None, acme.long_code, acme.toll_free):
            for purpose in ASKED_FOR:
                now = timezone.now() + timedelta(days=seed * 365)  # before US-15 and after
                many = gate.check_many(acme.tenant, people, sender, purpose, now)
                for person in people:
                    one = gate.check(gate.Question(acme.tenant, person, purpose, sender), now)
                    assert many.get(person, gate.ALLOWED) == one
                    reasons.add(one.reason)
    assert reasons == {"", "opted_out", "held_for_review", "no_consent"}
