"""The address of a file that was shared by a link: a door without a log-in, opened by the signature alone."""

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from compliance.public_page.views import network_of
from compliance.transfer import files
from compliance.transfer.exporting import links

NEVER_MADE = "This link was never made here, or a part of it is missing. Copy it whole from the e-mail."
ASK = "Ask whoever sent it for a new one."


@never_cache
@require_safe
def shared_file(request: HttpRequest, signed: str) -> HttpResponse | FileResponse:
    """The file behind a link; a clear sentence where there is none, or none any more."""
    now = timezone.now()
    try:
        opened = links.open_link(signed, now)
        content = files.open_file(opened.stored)
    except links.NoSuchLink:
        return _say(request, "There is no such file", NEVER_MADE, 404)
    except (links.LinkExpired, files.FileGone) as error:
        return _say(request, "This link no longer works", f"{error} {ASK}", 410)
    stored = opened.stored
    if request.method == "GET":
        network = network_of(request.META.get("REMOTE_ADDR", ""))
        links.note_download(stored, opened.sent_to, now, by_link=True, network=network)
    answer = FileResponse(content, as_attachment=True, filename=stored.name, content_type=stored.content_type)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _say(request: HttpRequest, heading: str, sentence: str, status: int) -> HttpResponse:
    answer = render(request, "shared_file.html", {"heading": heading, "sentence": sentence}, status=status)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer
