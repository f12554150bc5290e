"""Provider connections: how they are, connecting a provider, changing one, and why its webhooks are refused."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST

from accounts.admin_base import READS, PageAdmin, businesses_of, person_of, require
from accounts.admin_words import label, moment, number, two_lines
from accounts.models import ProviderAccount, SenderNumber, Tenant
from messaging import connections, diagnosis, upkeep
from messaging.admin.connection_forms import KINDS, AnswersForm, ConnectionForm
from messaging.connections import NotConnected
from messaging.models import WebhookDelivery
from messaging.providers import PROVIDERS, find_provider
from messaging.providers.base import secrets_of
from messaging.providers.capabilities import ListsOptOuts, NeedsUpkeep, TakesOptOuts, Testable
from messaging.providers.facts import Facts, load_facts

CHANGE = "accounts.change_provideraccount"
ADD = "accounts.add_provideraccount"
NUMBERS_SHOWN = 3
SHOWN = 10


@admin.register(ProviderAccount)
class ConnectionAdmin(PageAdmin):
    page_template = "admin/accounts/provideraccount/page.html"
    change_list_template = "admin/accounts/provideraccount/list.html"
    list_display = ("shown_name", "numbers", "verdict", "last_text")
    ordering = ("name", "id")
    search_fields = ("name",)
    search_help_text = "A name"
    empty_title = "No provider is connected yet"
    empty_text = (
        "A connection brings the texts that people send to your numbers here, and takes yours to them. You need the "
        "keys of your account at the provider, and some minutes."
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return person_of(request).has_perm(ADD)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return diagnosis.with_signs(super().get_queryset(request)).prefetch_related("numbers")

    @admin.display(description="connection")
    def shown_name(self, row: ProviderAccount) -> SafeString:
        provider = load_facts(row.provider).label
        return two_lines(row.name, "" if provider == row.name else provider)

    @admin.display(description="company numbers")
    def numbers(self, row: ProviderAccount) -> SafeString:
        found = list(row.numbers.all())
        if not found:
            return SafeString("–")
        lines = [number(one.number) for one in found[:NUMBERS_SHOWN]]
        more = len(found) - NUMBERS_SHOWN
        lines += [SafeString(f"and {more} more")] if more > 0 else []
        return format_html(
            '<span class="oo-lines">{}</span>', format_html_join(SafeString("<br>"), "{}", ((one,) for one in lines))
        )

    @admin.display(description="state")
    def verdict(self, row: ProviderAccount) -> SafeString:
        found = diagnosis.verdict_of(row, timezone.now())
        return two_lines(label(found.word, found.colour), format_html('<span class="oo-quote">{}</span>', found.says))

    @admin.display(description="last text from a person")
    def last_text(self, row: Any) -> SafeString:
        return moment(row.last_in)

    def get_urls(self) -> list[Any]:
        return [
            self.door("add/<slug:provider>/", self.connect_view, "connect"),
            self.door("<int:object_id>/settings/", self.settings_view, "settings"),
            self.door("<int:object_id>/test/", require_POST(self.test_view), "test"),
            self.door("<int:object_id>/upkeep/", require_POST(self.upkeep_view), "upkeep"),
            self.door("<int:object_id>/drop-old-secrets/", require_POST(self.drop_view), "drop"),
            self.door("<int:object_id>/switch/", require_POST(self.switch_view), "switch"),
            self.door("<int:object_id>/who-answers/", self.answers_view, "answers"),
            self.door("<int:object_id>/diagnosis/", self.diagnosis_view, "diagnosis"),
            *super().get_urls(),
        ]

    # --- Looking ------------------------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, row: ProviderAccount) -> dict[str, Any]:
        provider = find_provider(row.provider)
        addresses = connections.webhook_addresses(row)
        return {
            "verdict": diagnosis.verdict_of(row, timezone.now()),
            "health": diagnosis.health_of(row),
            "facts": provider.facts,
            "addresses": addresses,
            "is_reachable": diagnosis.is_reachable(settings.PUBLIC_URL),
            "public_url": settings.PUBLIC_URL,
            "steps": [fill_in(step, addresses) for step in provider.facts.steps],
            "kept": kept_settings(row, provider.facts),
            "has_old_secrets": connections.has_old_secrets(row),
            "numbers": row.numbers.all(),
            "answers": [answer_said(row, provider.facts, kind) for kind in kinds_of(row)],
            "may_change": person_of(request).has_perm(CHANGE),
            "can_test": isinstance(provider, Testable),
            "needs_upkeep": isinstance(provider, NeedsUpkeep),
            "reads_list": isinstance(provider, ListsOptOuts),
            "has_list": isinstance(provider, ListsOptOuts | TakesOptOuts),
            "history": history_of(row),
        }

    def diagnosis_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        row = self.find(request, str(object_id))
        health = diagnosis.health_of(row)
        context = {
            "original": row,
            "title": "Diagnosis",
            "health": health,
            "rejection": health.rejection,
            "hints": diagnosis.hints_of(health.rejection) if health.rejected_at else [],
            "calls_elsewhere": diagnosis.calls_elsewhere(health.rejection),
            "addresses": connections.webhook_addresses(row),
            "public_url": settings.PUBLIC_URL,
            "deliveries": WebhookDelivery.objects.filter(account=row).order_by("-received_at")[:SHOWN],
            "sees_deliveries": person_of(request).has_perm("messaging.view_webhookdelivery"),
        }
        return self.show(request, "admin/accounts/provideraccount/diagnosis.html", context)

    # --- Connecting ---------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Step 1: choose a provider; a platform operator chooses the business first."""
        if request.method not in READS:
            return HttpResponseNotAllowed(READS)
        require(request, ADD)
        tenant = self._tenant_of(request)
        context = {
            "title": "Connect a provider",
            "tenant": tenant,
            "businesses": businesses_of(request) if person_of(request).is_platform_operator else None,
            "choices": choices(),
        }
        return self.show(request, "admin/accounts/provideraccount/choose.html", context)

    def connect_view(self, request: HttpRequest, provider: str) -> HttpResponse:
        """Step 2: the provider's own fields, and the numbers. Then the page of the connection says what is left."""
        require(request, ADD)
        if provider not in PROVIDERS or provider == "simulator":
            raise Http404
        tenant = self._tenant_of(request)
        if tenant is None:
            return self.go_to("add")
        form = ConnectionForm(tenant, load_facts(provider), None, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                account = connections.open_connection(tenant, form.wish()).account
            except NotConnected as error:
                form.refuse(error)
            else:
                self.log_addition(request, account, "Connected.")
                messages.success(request, "Saved. Now follow the steps below, then test it.")
                return self.go_to("change", account.pk)
        return self._show_form(request, form, None)

    def settings_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request, CHANGE)
        row = self._find_to_change(request, object_id)
        form = ConnectionForm(row.tenant, load_facts(row.provider), row, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                connections.change_connection(row, form.wish())
            except NotConnected as error:
                form.refuse(error)
            else:
                self.log_change(request, row, changes_of(form))
                messages.success(request, "Saved.")
                return self.go_to("change", row.pk)
        return self._show_form(request, form, row)

    def _show_form(self, request: HttpRequest, form: ConnectionForm, row: ProviderAccount | None) -> HttpResponse:
        context = {"form": form, "facts": form.facts, "original": row, "title": f"Connect {form.facts.label}"}
        if row is not None:
            context["title"] = "Change settings"
        return self.show(request, "admin/accounts/provideraccount/settings.html", context)

    # --- Buttons ------------------------------------------------------------------------------------------------------

    def test_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask the provider whether the settings work. Nobody is texted."""
        row = self._find_to_change(request, object_id)
        if connections.try_connection(row, timezone.now()):
            messages.success(request, "The test passed.")
        else:
            messages.error(request, "The test failed; below is what the provider said.")
        return self._back_to_test(row)

    def _back_to_test(self, row: ProviderAccount) -> HttpResponse:
        return HttpResponseRedirect(f"{self.address('change', row.pk)}#test")

    def upkeep_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Renew what runs out by itself, without waiting until it is due."""
        row = self._find_to_change(request, object_id)
        if upkeep.keep_up_now(row):
            messages.success(request, "The upkeep is done.")
        else:
            messages.error(request, "The upkeep failed; below is why.")
        return HttpResponseRedirect(f"{self.address('change', row.pk)}#upkeep")

    def drop_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._find_to_change(request, object_id)
        if connections.drop_old_secrets(row):
            self.log_change(request, row, "Dropped the old secrets.")
            messages.success(request, "Only the newest secrets count now.")
        return self.go_to("change", row.pk)

    def switch_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        row = self._find_to_change(request, object_id)
        on = request.POST.get("on") == "on"
        connections.switch(row, on=on)
        self.log_change(request, row, f"Switched {'on' if on else 'off'}.")
        messages.success(request, "Texts leave through it again." if on else "No text leaves through it any more.")
        return self.go_to("change", row.pk)

    def answers_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Who answers STOP, START and HELP."""
        require(request, CHANGE)
        row = self._find_to_change(request, object_id)
        facts = load_facts(row.provider)
        kinds = kinds_of(row)
        form = AnswersForm(row, facts, kinds, request.POST or None)
        if request.method == "POST" and form.is_valid():
            connections.choose_who_answers(row, {**row.answered_by, **form.choices()})
            said = "; ".join(f"{title}: {said}" for title, said in (answer_said(row, facts, kind) for kind in kinds))
            self.log_change(request, row, f"Who answers: {said}")
            messages.success(request, "Saved. It counts from the next text on.")
            return self.go_to("change", row.pk)
        context = {"form": form, "facts": facts, "original": row, "title": "Who answers", "history": history_of(row)}
        return self.show(request, "admin/accounts/provideraccount/answers.html", context)

    # --- Who may ------------------------------------------------------------------------------------------------------

    def _find_to_change(self, request: HttpRequest, object_id: int) -> ProviderAccount:
        row: ProviderAccount = self.find(request, str(object_id))
        require(request, CHANGE)
        return row

    def _tenant_of(self, request: HttpRequest) -> Tenant | None:
        """The business to connect for: one's own; for a platform operator the one that the address names."""
        person = person_of(request)
        if not person.is_platform_operator:
            return person.tenant
        asked = request.GET.get("business", "")
        if not asked:
            return None
        found = businesses_of(request).filter(pk=asked).first() if asked.isdecimal() else None
        if found is None:
            raise Http404
        return found


def choices() -> list[Facts]:
    """The providers to choose from, by name; the one for everything else comes last."""
    found = [load_facts(slug) for slug in PROVIDERS if slug != "simulator"]
    return sorted(found, key=lambda facts: (facts.slug == "standard", facts.label.lower()))


def kinds_of(row: ProviderAccount) -> list[str]:
    """The kinds of number that a connection has; all of them where it has none yet."""
    found = {one.kind for one in row.numbers.all()} | set(row.answered_by)
    return [kind for kind, _ in KINDS if kind in found or not found]


def answer_said(row: ProviderAccount, facts: Facts, kind: str) -> tuple[str, str]:
    """Who answers on a kind of number, for people."""
    words = diagnosis.words()
    chosen = row.answered_by.get(kind, "")
    said = words[chosen]["label"] if chosen else words["default"][facts.replies_on(kind)]
    return str(SenderNumber.Kind(kind).label), said.format(provider=facts.label)


def kept_settings(row: ProviderAccount, facts: Facts) -> list[tuple[str, str]] | None:
    """What is entered, without secrets. None where the keys of this installation do not open it."""
    kept = connections.settings_of(row)
    if kept is None:
        return None
    shown = [
        (one.label, secret_said(len(secrets_of(kept, one.name))) if one.secret else str(kept.get(one.name) or "–"))
        for one in facts.settings
    ]
    if kept.get("base_url") and "base_url" not in facts.names:
        shown.append(("Calls go to", str(kept["base_url"])))
    return shown


def secret_said(count: int) -> str:
    """What may be said of a secret."""
    if count > 1:
        return f"Kept encrypted, never shown. {count} count at the moment: the new one and {count - 1} old."
    return "Kept encrypted, never shown." if count else "–"


def changes_of(form: ConnectionForm) -> str:
    """What a form changed, in words and without secrets."""
    labels = [str(form.fields[name].label) for name in form.changed_data if name in form.fields]
    return f"Changed: {', '.join(labels)}." if labels else "Saved without a change."


def fill_in(step: str, addresses: dict[str, str]) -> SafeString:
    """A step to take at the provider, with the addresses of this connection in their places."""
    text = str(escape(step))
    for kind, address in addresses.items():
        text = text.replace(f"{{{kind}}}", format_html('<code class="oo-break">{}</code>', address))
    return mark_safe(text)  # noqa: S308 - the step is escaped above


def history_of(row: ProviderAccount) -> QuerySet[LogEntry]:
    """Who changed what, the newest first."""
    kind = ContentType.objects.get_for_model(ProviderAccount)
    rows = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    return rows.order_by("-action_time", "-pk")[:SHOWN]
