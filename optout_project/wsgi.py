"""What the web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "optout_project.settings")

application = get_wsgi_application()


def warm_up() -> None:
    """Load what Django leaves to the first request: nobody's STOP shall wait for addresses, words and holidays."""
    from django.urls import get_resolver
    from django.utils import timezone

    from compliance.classifier import classify
    from compliance.due_dates import due_at
    from compliance.text_rules.instructions import has_instruction

    get_resolver().url_patterns  # noqa: B018 - reading it imports every view
    classify("please stop")
    has_instruction("Reply STOP to unsubscribe")
    due_at(timezone.now(), "US", "America/New_York")


warm_up()
