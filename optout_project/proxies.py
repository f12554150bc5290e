"""Who really calls, where proxies stand before us: only those that are named are believed."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

Network = IPv4Network | IPv6Network
CALLED_HOST_META = "HTTP_X_CALLED_HOST"
# Called by machines, which know us by an address of our network or a proxy's own name as well.
CALLED_BY_MACHINES = ("/webhooks/", "/healthz", "/readyz")


def client_address_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Put the client's address in REMOTE_ADDR where a trusted proxy tells it, and drop what others claim.

    First in the chain: whoever reads REMOTE_ADDR or asks whether a request came by https relies on it. Without a
    trusted proxy nothing is believed and nothing needs to be dropped.
    """
    if not settings.TRUSTED_PROXIES:
        raise MiddlewareNotUsed
    networks: Sequence[Network] = settings.TRUSTED_PROXIES
    told_https = settings.FORWARDED_PROTO_META

    def middleware(request: HttpRequest) -> HttpResponse:
        peer = request.META.get("REMOTE_ADDR", "")
        hops = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        if is_within(peer, networks):
            request.META["REMOTE_ADDR"] = client_behind(peer, hops, networks)
        else:
            request.META.pop(told_https, None)
        return get_response(request)

    return middleware


def machines_host_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Machines are answered by whatever name they call: a STOP is not lost to a proxy that passes its own name on.

    The name that was called is kept for the diagnosis page, in a header that nobody else can set.
    """
    public_host = urlsplit(settings.PUBLIC_URL).netloc

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(CALLED_BY_MACHINES):
            request.META[CALLED_HOST_META] = request.META.get("HTTP_HOST", "")
            request.META["HTTP_HOST"] = public_host
        return get_response(request)

    return middleware


def client_behind(peer: str, hops: str, networks: Sequence[Network]) -> str:
    """The nearest hop that is no proxy of ours: each proxy adds on the right, and what stands before is hearsay."""
    for hop in reversed([hop.strip() for hop in hops.split(",")]):
        if not _is_address(hop):
            return peer
        if not is_within(hop, networks):
            return hop
        peer = hop
    return peer


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of the networks."""
    if not _is_address(address):
        return False
    found = ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
