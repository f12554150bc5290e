"""The keywords of a business. Before a change is saved, it is tried on the texts that came in lately."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.admin_words import label, two_lines
from accounts.models import Tenant
from accounts.phone import countries
from compliance.admin.own_wording import OwnWordingAdmin, OwnWordingForm, language_field
from compliance.keywords.folding import plain
from compliance.languages import language_name
from compliance.models import Keyword
from compliance.own_keywords import LONGEST_FOLDED, REPLY_KINDS, Entry, faults_of
from compliance.wording import fact_of
from messaging import rule_bench
from messaging.reading_record import note_looking_through

COLOURS = {
    "opt_out": "red",
    "opt_in": "green",
    "campaign": "green",
    "help": "blue",
    "answer": "blue",
    "off": "grey",
}
CONFIRMED, DAYS = "_confirmed", "_days"
_OWN_NAMES = ("csrfmiddlewaretoken", CONFIRMED, DAYS)
# Fields that are shown only where they go with the meaning that is chosen. Where nothing can be chosen, all are.
_READS_ONLY = "typeof meaning === 'undefined'"
CONDITIONAL = {
    "campaign": f"{_READS_ONLY} || meaning === 'campaign'",
    "wording": f"{_READS_ONLY} || meaning === 'campaign'",
    "reply": f"{_READS_ONLY} || meaning !== 'off'",
    "language": f"{_READS_ONLY} || meaning !== 'off'",
}
_CAMPAIGN_ALONE = ("campaign", "wording")


class NotConfirmed(Exception):
    """A change that was not looked at on the rule bench yet; nothing of it is kept."""

    def __init__(self, row: Keyword) -> None:
        super().__init__(row.word)
        self.row = row


class KeywordForm(OwnWordingForm):
    """A keyword; what the law or the networks fix is refused with the rule's name."""

    language = language_field(empty="That of the business", help_text="The reply is given in the language of the word.")
    country = forms.ChoiceField(
        label="Country",
        required=False,
        choices=lambda: [("", "Every country"), *countries()],
        widget=UnfoldAdminSelectWidget,
        help_text="For recipients’ numbers of this country alone.",
        error_messages={"invalid_choice": "This is no country of the list."},
    )

    class Meta:
        widgets = {
            "wording": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "note": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._leave_out_what_does_not_go_with_it(cleaned)
        self.instance.folded = plain(cleaned.get("word") or "")[:LONGEST_FOLDED]
        if "word" in cleaned and "meaning" in cleaned and self.instance.tenant_id:
            for name, sentence in faults_of(self._entry(cleaned, self.instance.tenant)).items():
                self.add_error(name, sentence)
        return cleaned

    def _leave_out_what_does_not_go_with_it(self, cleaned: dict[str, Any]) -> None:
        meaning = cleaned.get("meaning")
        if meaning != Keyword.Meaning.CAMPAIGN:
            cleaned.update(dict.fromkeys(_CAMPAIGN_ALONE, ""))
        if meaning not in REPLY_KINDS:
            cleaned.update(reply=None, language="")

    def _entry(self, cleaned: dict[str, Any], tenant: Tenant) -> Entry:
        reply = cleaned.get("reply")
        return Entry(
            word=cleaned["word"].strip(),
            meaning=cleaned["meaning"],
            language=cleaned.get("language") or "",
            country=cleaned.get("country", ""),
            reply_kind=reply.kind if reply else "",
            reply_name=reply.name if reply else "",
            campaign=cleaned.get("campaign") or "",
            shown=cleaned.get("wording") or "",
            note=cleaned.get("note") or "",
            home=tenant.country,
            home_language=tenant.language,
        )


@admin.register(Keyword)
class KeywordAdmin(OwnWordingAdmin):
    form = KeywordForm
    list_display = ("shown_word", "means", "goes_with", "where", "state")
    list_filter = (("meaning", ChoicesDropdownFilter), "is_active")
    list_select_related = ("reply",)
    search_fields = ("word", "folded", "campaign")
    search_help_text = "A word or a campaign"
    ordering = ("folded", "country")
    fields = ("word", "meaning", "campaign", "wording", "reply", "language", "country", "note", "is_active")
    conditional_fields = CONDITIONAL
    empty_title = "No keywords of your own yet"
    empty_text = (
        "STOP, START, HELP and hundreds of other words are read already, in twelve languages. Add a word to opt people "
        "in to a campaign (“Text JOIN to …”), to answer it with a reply of yours, or to switch a listed word off."
    )

    @admin.display(description="word")
    def shown_word(self, row: Keyword) -> str:
        return row.word

    @admin.display(description="whoever texts it")
    def means(self, row: Keyword) -> SafeString:
        return label(row.get_meaning_display(), COLOURS[row.meaning])

    @admin.display(description="campaign, reply")
    def goes_with(self, row: Keyword) -> SafeString:
        return two_lines(row.campaign, f"“{row.reply.name}”" if row.reply else "")

    @admin.display(description="language, country")
    def where(self, row: Keyword) -> SafeString:
        return two_lines(language_name(row.language) if row.language else "", row.country)

    @admin.display(description="state")
    def state(self, row: Keyword) -> SafeString:
        return label("In use", "green") if row.is_active else label("Switched off", "grey")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; once it is valid, the rule bench; once that is confirmed, the change."""
        try:
            answer: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except NotConfirmed as waiting:
            return self._bench_view(request, waiting.row)
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if CONFIRMED not in request.POST:
            raise NotConfirmed(obj)
        super().save_model(request, obj, form, change)

    def _bench_view(self, request: HttpRequest, row: Keyword) -> HttpResponse:
        note_looking_through(request, "Incoming texts, to try a keyword", row.tenant_id)
        days = days_of(request.POST.get(DAYS, ""))
        change = fact_of(row) if row.is_active else None
        bench = rule_bench.try_change(row.tenant, change, str(row.pk), days, timezone.now())
        again = [(name, value) for name, values in request.POST.lists() for value in values if name not in _OWN_NAMES]
        context = {
            "title": "Before you save",
            "row": row,
            "bench": bench,
            "shown": bench.differences[: rule_bench.SHOWN],
            "tried": f"{bench.tried:,}",
            "differing": f"{bench.differing:,}",
            "kinds": f"{bench.kinds:,}",
            "most": f"{rule_bench.AT_MOST:,}",
            "choices": rule_bench.CHOICES_OF_DAYS,
            "fields": again,
        }
        return self.show(request, "admin/compliance/keyword/bench.html", context)


def days_of(text: str) -> int:
    """How far the bench looks back: one of the choices."""
    return int(text) if text in map(str, rule_bench.CHOICES_OF_DAYS) else rule_bench.USUAL_DAYS
