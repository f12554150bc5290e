"""An evidence pack says how everything stood at one moment, whatever happens while it is made."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.evidence_pack import gathering, make_pack, parts
from compliance.models import Evidence, OptOut
from tests.builders import Business, at_once, recipient, text_in

pytestmark = pytest.mark.django_db(transaction=True)


def make_while_somebody_opts_out(business: Business, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A STOP is acknowledged after the opt-outs of a pack were read, and before its evidence."""
    person, officer = recipient(business), business.user("compliance_officer")
    first, *others = parts.registered()
    assert first.name == "opt_outs"

    def say(row: OptOut) -> dict[str, Any]:
        at_once(lambda: text_in(business, "STOPALL"))
        return first.say(row)

    monkeypatch.setattr(gathering, "registered", lambda: [replace(first, say=say), *others])
    before = Evidence.objects.count()
    said: dict[str, Any] = json.loads(make_pack(person, officer, "For a court.", timezone.now()).record)
    assert Evidence.objects.count() > before
    return said


def test_a_pack_is_of_one_moment(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    text_in(acme, "STOP")
    said = make_while_somebody_opts_out(acme, monkeypatch)
    rows = {part["name"]: part["rows"] for part in said["parts"]}
    assert [len(rows[name]) for name in ("opt_outs", "opt_out_history", "evidence", "texts_in")] == [1, 1, 1, 1]
    assert said["checks"]["faults"] == []


def test_a_pack_is_made_in_a_transaction_that_has_begun(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    text_in(acme, "STOP")
    with transaction.atomic():
        assert OptOut.objects.count() == 1
        assert make_while_somebody_opts_out(acme, monkeypatch)["parts"]
