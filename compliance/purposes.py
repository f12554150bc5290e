"""Why a text is sent. The first four may be asked for; the last four are our own replies."""

from django.db import models


class Purpose(models.TextChoices):
    MARKETING = "marketing", "Marketing"
    TRANSACTIONAL = "transactional", "Transactional"
    CONVERSATIONAL = "conversational", "Conversational"
    EMERGENCY = "emergency", "Emergency"
    OPT_OUT_CONFIRMATION = "opt_out_confirmation", "Opt-out confirmation"
    OPT_IN_CONFIRMATION = "opt_in_confirmation", "Opt-in confirmation"
    HELP_REPLY = "help_reply", "Help reply"
    KEYWORD_REPLY = "keyword_reply", "Answer to a keyword"


ASKED_FOR = (Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.CONVERSATIONAL, Purpose.EMERGENCY)
OUR_REPLIES = (
    Purpose.OPT_OUT_CONFIRMATION,
    Purpose.OPT_IN_CONFIRMATION,
    Purpose.HELP_REPLY,
    Purpose.KEYWORD_REPLY,
)
