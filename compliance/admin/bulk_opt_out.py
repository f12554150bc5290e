"""Opting out many numbers at once, with one reason: typed, pasted, or ticked in a list. Opting in is one at a time."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold import widgets

from accounts import phone
from accounts.admin_base import TenantAdmin, person_of, require
from accounts.models import SenderNumber, Tenant, User
from compliance.actors import Actor
from compliance.admin.forms import OptOutForm
from compliance.evidence import Proof
from compliance.models import ActorKind
from compliance.opt_outs.bulk import Line, Listed, record_many
from compliance.sentences import reach

AT_MOST = 5_000
AT_ONCE = 1_000
NAMED_AT_MOST = 20
PARTS = re.compile(r"[,;\t]")
RECORD = "compliance.record_optout"
PAGE = "admin/compliance/optout/opt_out_many.html"
SAID = {
    Listed.NEW: ("{n} number is opted out for {reach}.", "{n} numbers are opted out for {reach}."),
    Listed.ALREADY: ("{n} was opted out already.", "{n} were opted out already."),
    Listed.NEWER_OPT_IN: (
        "{n} opted in after that moment, so the newer wish stands.",
        "{n} opted in after that moment, so the newer wish stands.",
    ),
}


class BulkOptOutForm(OptOutForm):
    """Numbers in any format, and what is true of all of them."""

    number = None  # type: ignore[assignment]
    words = None  # type: ignore[assignment]
    numbers = forms.CharField(
        label="Numbers",
        max_length=AT_MOST * 64,
        widget=widgets.UnfoldAdminTextareaWidget(
            attrs={
                "rows": 8,
                "autofocus": True,
                "placeholder": "(202) 555-0123\n+44 20 7946 0958",
                "spellcheck": "false",
            }
        ),
        help_text=f"One a line, in any usual format, at most {AT_MOST:,}. For longer lists use an import.",
    )
    field_order = ("business", "numbers", "requested_by", "source", "at", "taken_by", "scope", "sender", "reason")

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(person, *args, **kwargs)
        self.fields["at"].help_text = "One date for all of them."

    def _check_number(self, cleaned: dict[str, Any]) -> None:
        """Every line is read before anything is recorded; what can't be read is named by its line."""
        if "numbers" not in cleaned or self.tenant is None:
            return
        wrong = list(self._read(cleaned["numbers"], self.tenant))
        if len(self.found) > AT_MOST:
            wrong = [f"These are {len(self.found):,} numbers; at most {AT_MOST:,} at once. Use an import."]
        if wrong:
            rest = f"And {len(wrong) - NAMED_AT_MOST} more lines." if len(wrong) > NAMED_AT_MOST else ""
            self.add_error("numbers", [*wrong[:NAMED_AT_MOST], *filter(None, [rest, "Nobody was opted out."])])
        elif not self.found:
            self.add_error("numbers", "Enter at least one number.")

    def _read(self, text: str, tenant: Tenant) -> Iterator[str]:
        """Fills `found` with the numbers, each once, and yields what is wrong with a line."""
        self.found: dict[str, int] = {}
        for at, raw in _parts(text):
            try:
                self.found.setdefault(phone.parse_number(raw, tenant.country), at)
            except phone.InvalidNumber as error:
                yield f"Line {at}: {error}"
        ours = SenderNumber.objects.for_tenant(tenant).values_list("number", flat=True)
        for number in set(ours).intersection(self.found):
            yield f"Line {self.found[number]}: {phone.format_for_people(number)} is one of your company numbers."


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The numbers of a text with their lines."""
    for at, line in enumerate(text.splitlines(), start=1):
        for part in PARTS.split(line):
            if part.strip():
                yield at, part.strip()


@transaction.atomic
def record_all(form: BulkOptOutForm, person: User) -> Counter[Listed]:
    """Record what a checked form says: all of it or nothing, in batches. Counts what became of the numbers."""
    said, now, tenant = form.cleaned_data, timezone.now(), form.tenant
    assert tenant is not None  # noqa: S101 - the form is valid
    proof = Proof(said["source"], "", said["at"], form.details)
    sender = said["sender"].number if said["sender"] else ""
    lines = [
        Line(number, proof, said["reason"], sender=sender, requested_by=said["requested_by"], asks_again=True)
        for number in sorted(form.found)
    ]
    actor = Actor(ActorKind.USER, str(person.pk), person.display_name)
    outcomes: Counter[Listed] = Counter()
    for start in range(0, len(lines), AT_ONCE):
        outcomes.update(record_many(tenant, lines[start : start + AT_ONCE], actor, now))
    return outcomes


def say(outcomes: Counter[Listed], form: BulkOptOutForm) -> str:
    """What became of the numbers, in sentences."""
    sender = form.cleaned_data["sender"]
    about = reach(form.cleaned_data["scope"], sender.number if sender else "")
    return " ".join(
        SAID[outcome][count != 1].format(n=f"{count:,}", reach=about) for outcome, count in sorted(outcomes.items())
    )


class WithBulkOptOut(TenantAdmin):
    """A list of opt-outs to which many can be added at once."""

    def get_urls(self) -> list[Any]:
        return [self.door("opt-out-many/", self.opt_out_many_view, "opt_out_many"), *super().get_urls()]

    def opt_out_many_view(self, request: HttpRequest) -> HttpResponse:
        require(request, RECORD)
        form = BulkOptOutForm(person_of(request), request.POST or None)
        if request.method == "POST" and form.is_valid():
            messages.success(request, say(record_all(form, person_of(request)), form))
            return self.go_to("changelist")
        return self.show(request, PAGE, {"form": form, "title": "Opt out many"})


class WithTickedOptOut(TenantAdmin):
    """A list whose ticked rows can be opted out together: `number_field` leads from a row to the recipient's number."""

    actions = ("opt_out_ticked",)  # type: ignore[assignment]
    list_disable_select_all = True
    number_field: str

    @admin.action(description="Opt out the ticked numbers", permissions=["record"])
    def opt_out_ticked(self, request: HttpRequest, ticked: QuerySet[Any]) -> HttpResponse | None:
        """The form with the ticked numbers in it: nothing is recorded before a reason is given."""
        rows = list(ticked.values_list("tenant_id", self.number_field)[: self.list_per_page])
        businesses = {tenant_id for tenant_id, _ in rows}
        if len(businesses) != 1:
            messages.error(request, "Tick numbers of one business at a time.")
            return None
        lines = "\n".join(sorted({number for _, number in rows}))
        form = BulkOptOutForm(person_of(request), initial={"numbers": lines, "business": businesses.pop()})
        context = {"form": form, "title": "Opt out many", "action": reverse("admin:compliance_optout_opt_out_many")}
        return self.show(request, PAGE, context)

    def has_record_permission(self, request: HttpRequest) -> bool:
        return person_of(request).has_perm(RECORD)
