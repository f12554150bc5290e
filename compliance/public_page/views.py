"""The page: a door. It reads a number, makes one call, and answers the same for every number."""

import ipaddress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods
from rest_framework.throttling import SimpleRateThrottle

from accounts import phone
from accounts.models import OptOutScope, Tenant
from compliance import opt_outs
from compliance.evidence import Proof
from compliance.models import Source
from compliance.public_page.throttles import AddressThrottle, NumberThrottle
from compliance.public_page.wording import choose_language, say, texts

LONGEST_NUMBER = 64
NETWORK_BITS = {4: 24, 6: 48}


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def opt_out_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for a number, and opt it out of all texts of a business.

    One that is switched off keeps its page: its last texts are still on people's phones (CA-03, AU-03).
    """
    tenant = get_object_or_404(Tenant, slug=slug)
    language = choose_language(request.GET.get("lang", ""), request.headers.get("Accept-Language", ""), tenant.language)
    answer = _take(request, tenant, language) if request.method == "POST" else _show(request, tenant, language)
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    answer.headers["Vary"] = "Accept-Language, Cookie"
    answer.headers["Content-Language"] = language
    return answer


def _take(request: HttpRequest, tenant: Tenant, language: str) -> HttpResponse:
    written = request.POST.get("number", "").strip()[:LONGEST_NUMBER]
    if refused := _refuse(AddressThrottle(), request, tenant, language):
        return refused
    try:
        number = phone.parse_number(written, tenant.country)
    except phone.InvalidNumber:
        wrong = "invalid" if written else "missing"
        return _show(request, tenant, language, wrong=wrong, written=written, status=400)
    if refused := _refuse(NumberThrottle(tenant.pk, number), request, tenant, language):
        return refused
    _record(tenant, number, request, language, timezone.now())
    return HttpResponseRedirect(f"{request.path}?{urlencode({'lang': language, 'done': '1'})}")


def _refuse(throttle: SimpleRateThrottle, request: HttpRequest, tenant: Tenant, language: str) -> HttpResponse | None:
    if throttle.allow_request(request, None):  # type: ignore[arg-type]
        return None
    seconds = int(throttle.wait() or 60) + 1
    answer = _show(request, tenant, language, wrong="too_many", minutes=str(-(-seconds // 60)), status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _record(tenant: Tenant, number: str, request: HttpRequest, language: str, now: datetime) -> None:
    """In force at once, for all numbers of the business, and silently: nobody is texted (promise 3)."""
    network = network_of(request.META.get("REMOTE_ADDR", ""))
    details = {"page": request.path, "language": language, "address": network}
    wish = opt_outs.Request(
        proof=Proof(Source.WEB_PAGE, "", now, details),
        scope=OptOutScope.TENANT,
        reason="Entered on the opt-out page.",
        language=language,
    )
    with transaction.atomic():
        state = opt_outs.lock_recipient(tenant.pk, number, now)
        opt_outs.record_opt_out(state, wish, opt_outs.RECIPIENT, now)


def network_of(address: str) -> str:
    """The network of an address, or "": enough to recognise a flood, too little to find a person (EU-04)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((ip, NETWORK_BITS[ip.version]), strict=False))


def _show(
    request: HttpRequest,
    tenant: Tenant,
    language: str,
    *,
    wrong: str = "",
    written: str = "",
    minutes: str = "",
    status: int = 200,
) -> HttpResponse:
    said = say(
        language,
        brand=tenant.brand_name,
        contact=tenant.help_contact,
        example=phone.example_of(tenant.country),
        minutes=minutes,
    )
    context: dict[str, Any] = {
        "text": said,
        "error": said[wrong] if wrong else "",
        "is_field_wrong": wrong in ("missing", "invalid"),
        "written": written,
        "is_done": request.method != "POST" and "done" in request.GET,
        "language": language,
        "languages": [(code, names["language"]) for code, names in texts().items()],
    }
    return render(request, "stop/page.html", context, status=status)
