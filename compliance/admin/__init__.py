"""Admin pages of the central list: opt-outs with their history, reviews, recipients, replies, and lists out."""

from compliance.admin.cleaning import CleanedListAdmin
from compliance.admin.export_schedules import ExportScheduleAdmin
from compliance.admin.exports import ExportAdmin
from compliance.admin.imports import ImportAdmin
from compliance.admin.opt_outs import OptOutAdmin
from compliance.admin.recipients import RecipientAdmin
from compliance.admin.replies import ReplyAdmin
from compliance.admin.reviews import ReviewAdmin

__all__ = [
    "CleanedListAdmin",
    "ExportAdmin",
    "ExportScheduleAdmin",
    "ImportAdmin",
    "OptOutAdmin",
    "RecipientAdmin",
    "ReplyAdmin",
    "ReviewAdmin",
]
