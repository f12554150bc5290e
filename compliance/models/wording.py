"""What a business says in its own words: its keywords and its replies."""

import uuid
from typing import Any, ClassVar, NoReturn

from django.db import models, transaction
from django.utils import timezone
from simple_history.models import HistoricalRecords

from accounts.models import Tenant
from accounts.scoping import TenantOwned, TenantQuerySet
from compliance.keywords.folding import plain
from compliance.models.central_list import ActorKind

LONGEST_WORD = 40


class ReplyKind(models.TextChoices):
    """The texts that we answer with ourselves."""

    OPT_OUT = "opt_out_confirmation", "Opt-out confirmation"
    OPT_OUT_NUMBER = "opt_out_confirmation_number", "Opt-out confirmation, one company number"
    OPT_IN = "opt_in_confirmation", "Opt-in confirmation"
    QUESTION = "opt_in_question", "Question for a YES"
    HELP = "help_reply", "Help reply"
    ANSWER = "keyword_reply", "Answer to a keyword"


class WordingQuerySet(TenantQuerySet):
    """Reads. Rows are written one by one, because a queryset's writes leave no history and no new version."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Keywords and replies are saved one by one, with their history.")

    update = bulk_create = bulk_update = delete = _refuse


def history_of_wording() -> HistoricalRecords:
    """A history whose actor is kept as plain values, which outlive the account."""
    return HistoricalRecords(
        no_db_index=["tenant"],
        history_id_field=models.BigAutoField(),
        history_user_id_field=models.CharField(max_length=64, null=True, editable=False),
        history_user_getter=lambda row: None,
        history_user_setter=lambda row, user: None,
        get_user=lambda instance, **_: None,
        verbose_name="change",
    )


class OwnWording(TenantOwned):
    """What keywords and replies share: who changed them, and a new version of the wording with each change."""

    is_active = models.BooleanField("in use", default=True)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices, editable=False)
    actor_id = models.CharField(max_length=64, blank=True, editable=False)
    actor_name = models.CharField("changed by", max_length=160, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar = WordingQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with its history row and a new version, all of it or nothing."""
        with transaction.atomic():
            self.changed_at = timezone.now()
            super().save(*args, **kwargs)
            Tenant.objects.filter(pk=self.tenant_id).update(wording_version=uuid.uuid4())


class ReplyTemplate(OwnWording):
    """A reply in the words of the business, for one language; the built-in one stands where there is none."""

    kind = models.CharField("reply", max_length=32, choices=ReplyKind.choices)
    name = models.CharField(
        max_length=60,
        blank=True,
        help_text="Empty for the usual reply. A reply with a name is sent only for the keywords that name it.",
    )
    language = models.CharField(max_length=8)
    body = models.TextField(
        "text", max_length=1600, help_text="{brand}, {help_contact}, {frequency} and {company_number} are filled in."
    )
    is_recurring = models.BooleanField(
        "recurring program",
        default=False,
        help_text="Then an opt-in confirmation says how often you text, and that rates may apply (CT-10).",
    )
    frequency = models.CharField(
        "how often you text", max_length=80, blank=True, help_text="For {frequency}, such as “Up to 4 msgs/month”."
    )
    history = history_of_wording()

    class Meta:
        verbose_name = "reply"
        verbose_name_plural = "replies"
        ordering: ClassVar = ["kind", "name", "language"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "name", "language"],
                name="reply_once",
                violation_error_message="There is such a reply already in this language; change that one.",
            )
        ]

    def __str__(self) -> str:
        named = f"{self.get_kind_display()} “{self.name}”" if self.name else self.get_kind_display()
        return f"{named} ({self.language})"


class Keyword(OwnWording):
    """A word that means something to this business, or a word of the lists that it switched off."""

    class Meaning(models.TextChoices):
        OPT_OUT = "opt_out", "Opt out"
        OPT_IN = "opt_in", "Opt in"
        CAMPAIGN = "campaign", "Opt in to a campaign"
        HELP = "help", "Ask for help"
        ANSWER = "answer", "Get an answer"
        OFF = "off", "Nothing: switch a listed word off"

    word = models.CharField(max_length=LONGEST_WORD, help_text="As people text it; case and accents do not matter.")
    folded = models.CharField(max_length=4 * LONGEST_WORD, editable=False)
    meaning = models.CharField("whoever texts it wants to", max_length=10, choices=Meaning.choices)
    language = models.CharField(
        max_length=8, blank=True, help_text="The language of the word, for the reply; empty for that of the business."
    )
    country = models.CharField(
        max_length=2,
        blank=True,
        help_text="Only for recipients' numbers of this country (ISO 3166, two letters); empty for all.",
    )
    reply = models.ForeignKey(
        ReplyTemplate,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="keywords",
        help_text="A reply of yours with a name; empty for the usual one.",
    )
    campaign = models.CharField(max_length=120, blank=True, help_text="The campaign that advertises the word.")
    wording = models.TextField(
        "what people are shown",
        max_length=2000,
        blank=True,
        help_text="The words of the advertisement, kept with every consent (CT-13): “Text JOIN to … for …”.",
    )
    note = models.TextField(
        "why", max_length=500, blank=True, help_text="Needed where the lists know the word with another meaning."
    )
    history = history_of_wording()

    class Meta:
        ordering: ClassVar = ["folded", "country"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "folded", "country"],
                name="keyword_once",
                violation_error_message="This word is listed already; a word has one meaning.",
            )
        ]

    def __str__(self) -> str:
        return self.word

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the form in which the word is compared."""
        self.folded = plain(self.word)
        super().save(*args, **kwargs)
