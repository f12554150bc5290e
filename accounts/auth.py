"""Who is calling: roles of people in the admin, API keys of programs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import ApiKey, User
from accounts.roles import ROLE_PERMISSIONS

if TYPE_CHECKING:  # REST framework's views import this module for their defaults
    from rest_framework.views import APIView

LAST_USED_EVERY = timedelta(minutes=1)


class RoleBackend(ModelBackend):
    """Log-in by password; permissions from the person's role alone."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """The permissions of a role. None where the person or the business is inactive."""
        if not isinstance(user_obj, User) or not self.user_can_authenticate(user_obj) or obj is not None:
            return set()
        return set(ROLE_PERMISSIONS[user_obj.role])

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return perm in self.get_all_permissions(user_obj, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.get_all_permissions(user_obj))

    def user_can_authenticate(self, user: Any) -> bool:
        """An inactive business locks its people out at once, open log-ins included."""
        if not super().user_can_authenticate(user):
            return False
        return user.tenant is None or user.tenant.is_active


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`: one query on the key's digest."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Write the key as: Authorization: Bearer <key>.")
        return AnonymousUser(), self._find(words[1].decode("latin-1"))

    def authenticate_header(self, request: Request) -> str:
        return self.keyword

    @staticmethod
    def _find(key: str) -> ApiKey:
        found: ApiKey | None = (
            ApiKey.objects.select_related("tenant")
            .filter(digest=ApiKey.digest_of(key), is_active=True, tenant__is_active=True)
            .first()
        )
        if found is None:
            raise AuthenticationFailed("This API key is unknown or has been switched off.")
        _note_use(found)
        return found


def _note_use(key: ApiKey) -> None:
    """Write `last_used_at` at most once a minute: a busy key must not cost a write a request."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


class HasScope(BasePermission):
    """Let a key in that holds the scope which the view names for the method."""

    code = "missing_scope"

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        needed = self._scope_for(request, view)
        self.message = f"This API key lacks the scope “{needed}”."
        return needed in request.auth.scopes

    @staticmethod
    def _scope_for(request: Request, view: "APIView") -> str:
        scopes: dict[str, str] = view.scopes  # type: ignore[attr-defined]
        return scopes.get(request.method or "", ApiKey.Scope.READ)


class KeyRateThrottle(SimpleRateThrottle):
    """A limit per key, counted in this process: a dead Redis must not touch a request."""

    scope = "api_key"
    cache = caches["local"]

    def get_rate(self) -> str:
        return f"{settings.API_RATE_LIMIT_PER_MINUTE}/min"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        return f"throttle:{request.auth.pk}" if isinstance(request.auth, ApiKey) else None


def scopes_from(names: Iterable[str]) -> list[str]:
    """Checked key scopes. Raises ValueError naming the one that does not exist."""
    wanted = list(names) or list(ApiKey.DEFAULT_SCOPES)
    for name in wanted:
        if name not in ApiKey.Scope.values:
            raise ValueError(f"“{name}” is not a scope; choose from {', '.join(ApiKey.Scope.values)}.")
    return wanted
