"""The central list: recipients, their opt-outs, and what proves them.

Nothing here is ever deleted, and only `opt_outs` writes opt-outs.
"""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import IsNull
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.models import OptOutScope
from accounts.number_search import LastFour
from accounts.phone import format_for_people
from accounts.scoping import NumberedQuerySet, TenantOwned
from compliance.models.ways import EVIDENCE_WAYS, Source


class ActorKind(models.TextChoices):
    """Who acted. Kept as plain values, so that history outlives the account."""

    RECIPIENT = "recipient", "Recipient"
    USER = "user", "Employee"
    API_KEY = "api_key", "API key"
    SYSTEM = "system", "System"
    COMMAND = "command", "Command line"


class Recipient(TenantOwned):
    """An outside number of one business. The row is the lock: every change of consent first locks it."""

    number = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now, editable=False)
    # What the gate asks of consents, kept here so that it stays one query. Follows from the rows of Consent.
    opted_in_at = models.DateTimeField(null=True, blank=True, editable=False)
    opted_in_for = models.JSONField(default=list, blank=True, editable=False)
    texted_at = models.DateTimeField("last text from them", null=True, blank=True, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "number"], name="recipient_once")]
        indexes: ClassVar = [
            models.Index(LastFour("number"), F("tenant"), name="recipient_by_last_digits"),
            models.Index(fields=["tenant", "-created_at", "-id"], name="recipient_newest_first"),
        ]

    def __str__(self) -> str:
        return format_for_people(self.number)


class Evidence(TenantOwned):
    """The words and ids behind a change of consent. Append-only, held by triggers."""

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="evidence")
    way = models.CharField(max_length=16, choices=EVIDENCE_WAYS)
    words = models.TextField(blank=True)
    occurred_at = models.DateTimeField()
    details = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return f"{self.get_way_display()}: “{self.words[:60]}”"


class CompanyNumber(Func):
    """The company number that an opt-out is about: the closed one, else the one that was texted; NULL for none.

    In SQL without parameters, so that the index over it is recognised.
    """

    template = "NULLIF(COALESCE(NULLIF(%(expressions)s), '')"
    arg_joiner = ", ''), "
    output_field = models.CharField()

    def __init__(self) -> None:
        super().__init__(F("sender"), F("texted"))


def _narrows(field: str, name: str, condition: Q | None = None) -> models.Index:
    """The list in its order for one value of a filter: of a business, and of a few rows in all businesses."""
    return models.Index(fields=[field, "tenant", "-changed_at", "-id"], condition=condition, name=name)


class CountedHistory(HistoricalRecords):  # type: ignore[misc]
    """History that can be counted by the day on which changes were recorded, without reading all of it."""

    def get_meta_options(self, model: Any) -> dict[str, Any]:
        by_day = models.Index(fields=["tenant", "changed_at"], name="opt_out_changes_by_day")
        return {**super().get_meta_options(model), "indexes": [by_day]}


class OptOutQuerySet(NumberedQuerySet):
    """Reads. Writing passes `opt_outs`, since a queryset's writes leave no history."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Opt-outs are written by compliance.opt_outs alone, with their history.")

    update = bulk_create = bulk_update = delete = _refuse


class OptOut(TenantOwned):
    """One row per recipient, scope and who asked; `active` or `lifted`, never deleted."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Opted out"
        LIFTED = "lifted", "Opted back in"

    class RequestedBy(models.TextChoices):
        RECIPIENT = "recipient", "Recipient"
        BUSINESS = "business", "Business"

    class Action(models.TextChoices):
        OPTED_OUT = "opted_out", "Opted out"
        REPEATED = "repeated", "Asked again"
        SUPERSEDED = "superseded", "Arrived late; a newer opt-in stands"
        LIFTED = "lifted", "Opted back in"
        UNDONE = "undone", "Undone: it was no opt-out"

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="opt_outs")
    scope = models.CharField(max_length=8, choices=OptOutScope.choices)
    sender = models.CharField("company number", max_length=32, blank=True)
    requested_by = models.CharField(max_length=10, choices=RequestedBy.choices)

    status = models.CharField(max_length=8, choices=Status.choices)
    source = models.CharField(max_length=12, choices=Source.choices)
    reason = models.TextField(blank=True)
    rule = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8, blank=True)
    texted = models.CharField("company number texted", max_length=32, blank=True)
    episode = models.PositiveIntegerField(default=1)
    opted_out_at = models.DateTimeField()
    asked_at = models.DateTimeField("last asked at")
    lifted_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    action = models.CharField("last change", max_length=12, choices=Action.choices)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField("changed by", max_length=160, blank=True)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    evidence_digest = models.CharField(max_length=64)

    preceding_id = models.CharField("text that came before", max_length=36, blank=True)
    preceding_at = models.DateTimeField(null=True, blank=True)
    preceding_user_id = models.BigIntegerField(null=True, blank=True)
    preceding_user = models.CharField("employee who sent it", max_length=160, blank=True)
    preceding_campaign_id = models.BigIntegerField(null=True, blank=True)
    preceding_campaign = models.CharField("campaign", max_length=120, blank=True)

    # Whether the one confirmation of this episode is asked for and handed over: a fact about a text, not a change
    # of consent, so it stays out of history.
    confirmation_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmation_claimed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar = OptOutQuerySet.as_manager()
    writes = models.Manager()
    history = CountedHistory(
        excluded_fields=["confirmation_asked_at", "confirmation_claimed_at"],
        no_db_index=["tenant", "evidence"],
        history_id_field=models.BigAutoField(),
        history_user_id_field=models.CharField(max_length=64, null=True, editable=False),
        history_user_getter=lambda row: None,
        history_user_setter=lambda row, user: None,
        get_user=lambda instance, **_: None,
        verbose_name="change",
    )

    class Meta:
        verbose_name = "opt-out"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "recipient", "scope", "sender", "requested_by"], name="opt_out_once"
            ),
            models.CheckConstraint(
                name="opt_out_sender_goes_with_number_scope",
                condition=models.Q(scope="tenant", sender="") | (models.Q(scope="number") & ~models.Q(sender="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-changed_at", "-id"], name="opt_out_newest_first"),
            models.Index(fields=["-changed_at", "-id"], name="opt_out_newest_of_all"),
            models.Index(fields=["-opted_out_at", "-id", "tenant"], name="opt_out_by_day"),
            _narrows("source", "opt_out_by_source"),
            # What is rare in a list is what a filter takes long to find. Imported rows stand in none of these.
            _narrows("status", "opt_out_lifted", Q(status="lifted")),
            _narrows("requested_by", "opt_out_by_business", Q(requested_by="business")),
            _narrows("language", "opt_out_by_language", ~Q(language="")),
            _narrows("preceding_campaign_id", "opt_out_by_campaign", Q(preceding_campaign_id__isnull=False)),
            models.Index(
                CompanyNumber(),
                F("tenant"),
                F("changed_at").desc(),
                F("id").desc(),
                condition=Q(IsNull(CompanyNumber(), False)),
                name="opt_out_by_number",
            ),
            _narrows("preceding_user_id", "opt_out_by_employee", Q(preceding_user_id__isnull=False)),
        ]
        permissions: ClassVar = [
            ("record_optout", "Can opt people out"),
            ("lift_optout", "Can opt people back in, with evidence"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.get_status_display().lower()}"

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class ReviewQuerySet(NumberedQuerySet):
    """Reviews, by the company number that was texted."""

    number_field = "texted"


class ReviewItem(TenantOwned):
    """A text that a person must read. An unclear one is a hold until it is answered or falls due."""

    class Kind(models.TextChoices):
        UNCLEAR = "unclear", "May be an opt-out"
        WANTS_BACK = "wants_back", "Wants to be texted again"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        OPTED_OUT = "opted_out", "Opted out"
        NOT_OPT_OUT = "not_opt_out", "Not an opt-out"
        CLOSED = "closed", "Closed"

    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="review_items")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.UNCLEAR)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+", db_index=False)
    texted = models.CharField("company number texted", max_length=32, blank=True)
    reason = models.TextField()
    rule = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8, blank=True)
    preceding = models.JSONField(default=dict, editable=False)
    asked_at = models.DateTimeField("received")
    due_at = models.DateTimeField("due", null=True, blank=True)
    # From when people are told that it is due soon, and when those who may answer were told by e-mail.
    alert_at = models.DateTimeField(null=True, blank=True, editable=False)
    alerted_at = models.DateTimeField(null=True, blank=True, editable=False)
    put_off_at = models.DateTimeField(null=True, blank=True, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    answered_by = models.CharField(max_length=160, blank=True, editable=False)
    answer_reason = models.TextField(blank=True, editable=False)

    objects: ClassVar = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = "review"
        indexes: ClassVar = [
            models.Index(fields=["tenant", "status", "due_at"], name="review_oldest_first"),
            models.Index(fields=["due_at"], condition=models.Q(status="open", kind="unclear"), name="review_due"),
            models.Index(fields=["alert_at"], condition=models.Q(status="open", alerted_at=None), name="review_alert"),
        ]
        permissions: ClassVar = [("answer_reviewitem", "Can answer reviews")]

    def __str__(self) -> str:
        return f"{self.recipient}: {self.get_kind_display().lower()}"

    @property
    def is_hold(self) -> bool:
        return self.status == self.Status.OPEN and self.kind == self.Kind.UNCLEAR
