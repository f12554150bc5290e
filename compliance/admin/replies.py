"""Replies in the words of the business, with a preview of what a recipient reads and what the rules say of it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold import widgets
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from accounts.admin_base import businesses_of, person_of
from accounts.admin_words import label, quote, two_lines
from accounts.models import SenderNumber, Tenant
from accounts.phone import format_for_people
from compliance.admin.own_wording import OwnWordingAdmin, OwnWordingForm, language_field
from compliance.keywords import LANGUAGES
from compliance.languages import language_name
from compliance.models import Keyword, ReplyKind, ReplyTemplate
from compliance.replies import built_in
from compliance.segments import measure
from compliance.text_rules.lint import ERROR, Draft, errors_of, lint

SAMPLE_NUMBER = "+12025550100"
SAMPLE_FREQUENCY = "Message frequency varies."


def draft_of(tenant: Tenant, values: dict[str, Any]) -> Draft:
    """A reply as the linter looks at it, filled in with what is known of the business."""
    number = SenderNumber.objects.for_tenant(tenant).order_by("-is_active", "number").values_list("number", flat=True)
    return Draft(
        purpose=str(values.get("kind") or ""),
        language=str(values.get("language") or tenant.language),
        body=str(values.get("body") or "").strip(),
        brand=tenant.brand_name,
        help_contact=tenant.help_contact,
        frequency=str(values.get("frequency") or ""),
        company_number=format_for_people(number.first() or SAMPLE_NUMBER),
        is_recurring=bool(values.get("is_recurring")),
    )


class ReplyForm(OwnWordingForm):
    """A reply; what breaks a rule is refused with the rule's name."""

    language = language_field(help_text="Sent to people who text in this language.")

    class Meta:
        widgets = {"body": widgets.UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kept = {name: getattr(self.instance, name) for name in ("kind", "language") if name not in self.fields}
        values = {**kept, **cleaned}
        if values.get("kind") == ReplyKind.ANSWER and not values.get("name"):
            self.add_error("name", "Give it a name: the keyword that it answers is given this name.")
        if cleaned.get("body") and self.instance.tenant_id:
            for finding in errors_of(draft_of(self.instance.tenant, values)):
                self.add_error("body", str(finding))
        if not cleaned.get("is_active", True) and self._answers_a_keyword():
            self.add_error("is_active", "A keyword is answered with this. Switch the keyword off first.")
        return cleaned

    def _answers_a_keyword(self) -> bool:
        if self.instance._state.adding:
            return False
        answered = self.instance.keywords.filter(is_active=True, meaning=Keyword.Meaning.ANSWER)
        return bool(answered.exists())


@admin.register(ReplyTemplate)
class ReplyAdmin(OwnWordingAdmin):
    form = ReplyForm
    list_display = ("what", "language_shown", "text", "length", "state")
    list_filter = (("kind", ChoicesDropdownFilter), "is_active")
    search_fields = ("name", "body")
    search_help_text = "A name, or words of a reply"
    ordering = ("kind", "name", "language")
    fields = ("kind", "name", "language", "body", "is_recurring", "frequency", "is_active")
    change_form_after_template = "admin/compliance/replytemplate/beside.html"
    change_list_template = "admin/compliance/replytemplate/list.html"
    empty_title = "Your replies are the built-in ones"
    empty_text = (
        "Opt-outs, opt-ins and HELP are answered in many languages already. Add a reply to say one of them in your "
        "own words, or to answer a keyword of yours."
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_fields(request, obj)
        return fields if obj is None else ["language_shown" if name == "language" else name for name in fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, "kind", "language_shown"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The built-in text of the reply that is asked for, to start from."""
        asked = request.GET
        tenant = person_of(request).tenant
        kind = asked.get("kind", str(ReplyKind.OPT_IN))
        language = asked.get("language", tenant.language if tenant else "en")
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"kind": kind, "language": language, "body": built_in(kind, language), **initial}

    def get_urls(self) -> list[Any]:
        own = [
            self.door("preview/", require_POST(self.preview_view), "preview"),
            self.door("built-in/", self.list_view, "built_in"),
        ]
        return [*own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        values = {name: getattr(obj, name) for name in ("kind", "language", "body", "frequency", "is_recurring")}
        for finding in lint(draft_of(obj.tenant, values)):
            messages.warning(request, str(finding))

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What a recipient would read of the form as it stands, and what the rules say of it."""
        self.find_permission(request)
        tenant = self._tenant_of(request)
        if tenant is None:
            return self.show(request, "admin/compliance/replytemplate/preview.html", {"draft": None})
        draft = draft_of(tenant, self._values_of(request))
        return self.show(request, "admin/compliance/replytemplate/preview.html", preview_of(draft))

    def find_permission(self, request: HttpRequest) -> None:
        """403 for whoever may not see replies."""
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _tenant_of(self, request: HttpRequest) -> Tenant | None:
        person = person_of(request)
        if person.tenant is not None:
            return person.tenant
        row = self.get_queryset(request).filter(pk=_number(request.POST.get("row"))).first()
        return row.tenant if row else businesses_of(request).filter(pk=_number(request.POST.get("tenant"))).first()

    def _values_of(self, request: HttpRequest) -> dict[str, Any]:
        """What the form holds; what it can't change is the row's."""
        row = self.get_queryset(request).filter(pk=_number(request.POST.get("row"))).first()
        if row is None:
            return request.POST.dict()
        fixed = {"kind": row.kind, "language": row.language}
        if "body" in request.POST:
            return {**request.POST.dict(), **fixed}
        return {**fixed, "body": row.body, "frequency": row.frequency, "is_recurring": row.is_recurring}

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """What is sent without replies of one's own, in every language."""
        self.find_permission(request)
        tenant = person_of(request).tenant or businesses_of(request).first()
        language = request.GET.get("language", tenant.language if tenant else "en")
        language = language if language in LANGUAGES else "en"
        shown = [_built_in_row(tenant, kind, language) for kind in ReplyKind if tenant and built_in(kind, language)]
        context = {
            "title": "Built-in replies",
            "rows": shown,
            "language": language,
            "languages": [(code, language_name(code)) for code in LANGUAGES],
            "may_add": self.has_add_permission(request),
        }
        return self.show(request, "admin/compliance/replytemplate/built_in.html", context)

    @admin.display(description="reply")
    def what(self, row: ReplyTemplate) -> SafeString:
        return two_lines(row.get_kind_display(), f"“{row.name}”" if row.name else "")

    @admin.display(description="language")
    def language_shown(self, row: ReplyTemplate) -> str:
        return language_name(row.language)

    @admin.display(description="text")
    def text(self, row: ReplyTemplate) -> SafeString:
        return quote(row.body, 100)

    @admin.display(description="segments")
    def length(self, row: ReplyTemplate) -> str:
        measured = measure(draft_of(row.tenant, {"body": row.body, "frequency": row.frequency}).filled)
        return f"{measured.segments} · {measured.encoding}"

    @admin.display(description="state")
    def state(self, row: ReplyTemplate) -> SafeString:
        return label("In use", "green") if row.is_active else label("Switched off", "grey")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tenant")


def preview_of(draft: Draft) -> dict[str, Any]:
    """What the preview shows: the filled text, its length on the air, and the findings."""
    findings = lint(draft) if draft.body else []
    return {
        "draft": draft,
        "filled": draft.filled,
        "measured": measure(draft.filled),
        "errors": [finding for finding in findings if finding.level == ERROR],
        "warnings": [finding for finding in findings if finding.level != ERROR],
        "standard": built_in(draft.purpose, draft.language),
    }


def _built_in_row(tenant: Tenant, kind: str, language: str) -> dict[str, Any]:
    draft = draft_of(tenant, {"kind": kind, "language": language, "body": built_in(kind, language)})
    own = ReplyTemplate.objects.for_tenant(tenant).filter(kind=kind, language=language, name="", is_active=True).first()
    return {"label": ReplyKind(kind).label, "kind": kind, "own": own, **preview_of(draft)}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 18 else 0
