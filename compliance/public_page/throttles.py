"""How often the page may be used: by address, and for a number. Counted in this process, so that no Redis is needed."""

from django.core.cache import caches
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from accounts.callers import caller_behind


class AddressThrottle(SimpleRateThrottle):
    """One address may enter as many numbers as a family or an office has, and no list of strangers'."""

    rate = "30/hour"
    cache = caches["local"]

    def get_cache_key(self, request: HttpRequest, view: object) -> str:
        return f"stop-page-address:{caller_behind(request)}"


class NumberThrottle(SimpleRateThrottle):
    """One number of one business: whoever opted back in since may come again, and nobody can fill its history."""

    rate = "5/hour"
    cache = caches["local"]

    def __init__(self, tenant_id: int, number: str) -> None:
        super().__init__()
        self._key = f"stop-page-number:{tenant_id}:{number}"

    def get_cache_key(self, request: HttpRequest, view: object) -> str:
        return self._key
