"""Lists of people to text, cleaned of those who may not be."""

from typing import ClassVar

from django.db import models

from accounts.models import SenderNumber
from compliance.models.lists import ListJob, StoredFile
from compliance.purposes import Purpose

ASKED_PURPOSES = [
    (purpose.value, purpose.label) for purpose in (Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.CONVERSATIONAL)
]


class CleanedList(ListJob):
    """An uploaded list, and the two that came of it. Of the people only these files are kept, until they expire."""

    kind = "clean"

    source = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", verbose_name="file")
    # Which column holds the number, from 0; whether the first line names the columns.
    number_column = models.PositiveIntegerField(default=0, editable=False)
    has_header = models.BooleanField(default=True, editable=False)
    purpose = models.CharField(max_length=20, choices=ASKED_PURPOSES, default=Purpose.MARKETING)
    sender = models.ForeignKey(
        SenderNumber, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="company number"
    )
    kept = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    removed = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    # Lines by what became of them.
    counts = models.JSONField(default=dict, editable=False)

    class Meta(ListJob.Meta):
        verbose_name = "cleaned list"
        permissions: ClassVar = [("clean_list", "Can clean lists of people to text")]

    def __str__(self) -> str:
        return self.source.name
