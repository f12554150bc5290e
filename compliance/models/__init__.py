"""What the list keeps. Import from here; the files below only part what belongs together."""

from compliance.models.central_list import (
    ActorKind,
    CompanyNumber,
    Evidence,
    OptOut,
    OptOutQuerySet,
    Recipient,
    ReviewItem,
)
from compliance.models.cleaning import CleanedList
from compliance.models.consents import ALL_NUMBERS, Consent, ConsentQuestion
from compliance.models.exports import ExportSchedule, FileDownload, FileFormat, OptOutExport, read_addresses
from compliance.models.list_views import EvidencePack, SavedFilter
from compliance.models.lists import ImportedBatch, ListJob, OptOutImport, StoredFile
from compliance.models.ways import EVIDENCE_WAYS, ConsentWay, Source
from compliance.models.wording import Keyword, ReplyKind, ReplyTemplate

__all__ = [
    "ALL_NUMBERS",
    "EVIDENCE_WAYS",
    "ActorKind",
    "CleanedList",
    "CompanyNumber",
    "Consent",
    "ConsentQuestion",
    "ConsentWay",
    "Evidence",
    "EvidencePack",
    "ExportSchedule",
    "FileDownload",
    "FileFormat",
    "ImportedBatch",
    "Keyword",
    "ListJob",
    "OptOut",
    "OptOutExport",
    "OptOutImport",
    "OptOutQuerySet",
    "Recipient",
    "ReplyKind",
    "ReplyTemplate",
    "ReviewItem",
    "SavedFilter",
    "Source",
    "StoredFile",
    "read_addresses",
]
