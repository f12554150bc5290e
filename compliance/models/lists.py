"""Work on lists that goes on in the background, and the files that it reads and leaves."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.scoping import TenantOwned
from compliance.models.central_list import ActorKind


class StoredFile(TenantOwned):
    """A file of a list. Its bytes go once they expire; the row stays, so that its name and checksum are on record."""

    name = models.CharField(max_length=200)
    path = models.CharField(max_length=200, unique=True, editable=False)
    content_type = models.CharField(max_length=120)
    sha256 = models.CharField("SHA-256", max_length=64)
    size = models.BigIntegerField("bytes")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=models.Q(deleted_at=None), name="stored_file_expiring")
        ]

    def __str__(self) -> str:
        return self.name


class ListJob(TenantOwned):
    """One piece of work on a list. It can stop anywhere, and goes on from its cursor; see `compliance.transfer.jobs`.

    `kind` names the work in a worker's door, together with the key.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    UNDER_WAY: ClassVar = (State.WAITING, State.RUNNING)
    ENDED: ClassVar = (State.DONE, State.FAILED, State.CANCELLED)

    kind: ClassVar[str]

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices, editable=False)
    actor_id = models.CharField(max_length=64, blank=True, editable=False)
    actor_name = models.CharField("started by", max_length=160, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    rows_done = models.PositiveBigIntegerField(default=0, editable=False)
    rows_total = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    cursor = models.JSONField(default=dict, editable=False)
    error = models.TextField(blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    not_before = models.DateTimeField(default=timezone.now, editable=False)
    # Who works on it, by a word of their own for each stretch, and until when nobody else may.
    taken_by = models.CharField(max_length=32, blank=True, editable=False)
    taken_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="%(class)s_newest"),
            models.Index(
                fields=["not_before"], condition=models.Q(state__in=["waiting", "running"]), name="%(class)s_due"
            ),
        ]

    @property
    def key(self) -> str:
        """What a worker is woken with."""
        return f"{self.kind}:{self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def percent(self) -> int | None:
        """How far it is, 0 to 100; None while nobody knows how long the list is."""
        if self.state == self.State.DONE:
            return 100
        return min(self.rows_done * 100 // self.rows_total, 100) if self.rows_total else None

    def is_due(self, now: datetime) -> bool:
        """Whether a worker should go on with it now."""
        return self.is_under_way and self.not_before <= now


class OptOutImport(ListJob):
    """A file of opt-outs, from its upload to the last of its lines on the list."""

    kind = "import"

    class Stage(models.TextChoices):
        MAPPING = "mapping", "Columns to be confirmed"
        CHECKING = "checking", "Checking the file"
        READY = "ready", "Checked; nothing is imported yet"
        IMPORTING = "importing", "Importing"
        ENDED = "ended", "Imported"

    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.MAPPING)
    source = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", verbose_name="file")
    # What the columns mean: see compliance.transfer.importing.options.
    options = models.JSONField(default=dict, editable=False)
    # The file as read: one plain line for each of its own, and what would become of each.
    staged = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    preview = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    result = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    # Lines by outcome: what the check foresaw, and what came of it.
    foreseen = models.JSONField(default=dict, editable=False)
    counts = models.JSONField(default=dict, editable=False)
    # The first lines of each outcome, as the check saw them.
    samples = models.JSONField(default=dict, editable=False)

    class Meta(ListJob.Meta):
        verbose_name = "import"
        permissions: ClassVar = [("import_optout", "Can import lists of opt-outs")]

    def __str__(self) -> str:
        return self.source.name


class ImportedBatch(models.Model):
    """What became of the lines of one batch, a letter each, written with the batch itself: every line once."""

    run = models.ForeignKey(OptOutImport, on_delete=models.PROTECT, related_name="batches", db_index=False)
    first = models.PositiveBigIntegerField()
    outcomes = models.TextField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "first"], name="imported_batch_once")]

    def __str__(self) -> str:
        return f"{self.run_id} from line {self.first}"
