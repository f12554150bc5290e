"""Admin pages of the central list: opt-outs with their history, reviews, recipients."""

from compliance.admin.opt_outs import OptOutAdmin
from compliance.admin.recipients import RecipientAdmin
from compliance.admin.reviews import ReviewAdmin

__all__ = ["OptOutAdmin", "RecipientAdmin", "ReviewAdmin"]
