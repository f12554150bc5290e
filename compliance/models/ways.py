"""The ways by which a wish reaches us: to stop, and to be texted."""

from django.db import models


class Source(models.TextChoices):
    """How an opt-out reached us."""

    KEYWORD = "keyword", "Keyword by text"
    PHRASE = "phrase", "Sentence by text"
    REVIEW = "review", "Review of an unclear text"
    WEB_PAGE = "web_page", "Web page"
    VOICE = "voice", "Phone call"
    EMAIL = "email", "E-mail"
    IN_PERSON = "in_person", "In person"
    LETTER = "letter", "Letter"
    API = "api", "API"
    IMPORT = "import", "Import"
    STAFF = "staff", "Staff"
    PROVIDER = "provider", "Provider"
    CARRIER = "carrier", "Carrier"


class ConsentWay(models.TextChoices):
    """How somebody agreed to be texted."""

    SPOKEN = "spoken", "Spoken"
    WRITTEN = "written", "In writing"
    POINT_OF_SALE = "point_of_sale", "At the point of sale"
    ONLINE = "online", "Online purchase or form"
    FIRST_TEXT = "first_text", "First text to a public number"
    CAMPAIGN = "campaign", "Keyword of an advertising campaign"
    KEYWORD = "keyword", "Opt-in word by text"
    DOUBLE_OPT_IN = "double_opt_in", "Answered YES"
    API = "api", "API"
    IMPORT = "import", "Import"
    STAFF = "staff", "Another way"


# What evidence may be of: either list, of which a few names are common to both.
EVIDENCE_WAYS = list({**dict(ConsentWay.choices), **dict(Source.choices)}.items())
