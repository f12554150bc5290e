"""How often the page may be used: by address, and for a number. Counted in this process, so that no Redis is needed."""

import ipaddress

from django.core.cache import caches
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

IPV6_OF_ONE_CALLER = 64


def caller_of(address: str) -> str:
    """One line to the internet: an IPv4 address, or the IPv6 network from which it may take any address it likes."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_OF_ONE_CALLER), strict=False))


class AddressThrottle(SimpleRateThrottle):
    """One address may enter as many numbers as a family or an office has, and no list of strangers'."""

    rate = "30/hour"
    cache = caches["local"]

    def get_cache_key(self, request: HttpRequest, view: object) -> str:
        return f"stop-page-address:{caller_of(request.META.get('REMOTE_ADDR', ''))}"


class NumberThrottle(SimpleRateThrottle):
    """One number of one business: whoever opted back in since may come again, and nobody can fill its history."""

    rate = "5/hour"
    cache = caches["local"]

    def __init__(self, tenant_id: int, number: str) -> None:
        super().__init__()
        self._key = f"stop-page-number:{tenant_id}:{number}"

    def get_cache_key(self, request: HttpRequest, view: object) -> str:
        return self._key
