"""What the pages of keywords and replies share: the languages to choose from, who changes them, and their history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.text import capfirst
from unfold import widgets

from accounts.admin_base import READS, BusinessForm, TenantAdmin, person_of
from compliance.admin.opt_outs import actor_of
from compliance.keywords import LANGUAGES
from compliance.languages import language_name
from compliance.models import Keyword, ReplyTemplate

OwnRow = Keyword | ReplyTemplate
_HIDDEN = ("id", "tenant", "folded", "actor_kind", "actor_id", "actor_name", "created_at", "changed_at")


def language_field(*, empty: str = "", **options: Any) -> forms.ChoiceField:
    """A choice of the languages that we read and write; with `empty` none may be chosen."""
    choices = sorted(((code, language_name(code)) for code in LANGUAGES), key=lambda choice: choice[1])
    if empty:
        choices = [("", empty), *choices]
    return forms.ChoiceField(choices=choices, required=not empty, widget=widgets.UnfoldAdminSelectWidget, **options)


class OwnWordingForm(BusinessForm):
    """A row of the business's own wording, checked as a whole before anything is saved."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"folded", "kind", "language"}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a row: who, when, and what it was before and after."""

    at: datetime
    by: str
    title: str
    fields: list[tuple[str, str, str]]


def steps_of(row: OwnRow) -> list[Step]:
    """Every change of a row, the newest first."""
    records = list(row.history.order_by("-history_id"))
    older = [*records[1:], None]
    return [_step(record, before) for record, before in zip(records, older, strict=True)]


def _step(record: Any, before: Any) -> Step:
    changed = [field for field in record.tracked_fields if field.name not in _HIDDEN]
    rows = [(str(capfirst(field.verbose_name)), _shown(before, field), _shown(record, field)) for field in changed]
    differing = [row for row in rows if row[1] != row[2]]
    return Step(record.history_date, record.actor_name or "System", "Changed" if before else "Added", differing)


def _shown(record: Any, field: Any) -> str:
    if record is None:
        return ""
    display = getattr(record, f"get_{field.name}_display", None)
    value = display() if display else getattr(record, field.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value if value is not None else "")


class OwnWordingAdmin(TenantAdmin):
    """Rows that people change: with their name, and a history that shows each change."""

    form = OwnWordingForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = actor_of(person_of(request))
        obj.actor_kind, obj.actor_id, obj.actor_name = actor.kind, actor.id, actor.name
        super().save_model(request, obj, form, change)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        row = self.find(request, object_id)
        address = self.address("change", row.pk)
        return self.show(
            request,
            "admin/compliance/wording_history.html",
            {"original": row, "title": f"History of {row}", "steps": steps_of(row), "row_address": address},
        )
