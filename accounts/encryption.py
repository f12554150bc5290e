"""Secrets at rest: Fernet with a list of keys. The first encrypts, all decrypt."""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(value: dict[str, Any]) -> str:
    """A JSON object as a token that only ENCRYPTION_KEYS can open."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(json.dumps(value).encode()).decode()


def renew(token: str) -> str:
    """The same secret under the first key. Raises cryptography.fernet.InvalidToken with keys that do not fit."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(token.encode()).decode() if token else ""


def decrypt(token: str) -> dict[str, Any]:
    """The object behind a token. Raises cryptography.fernet.InvalidToken with keys that do not fit."""
    if not token:
        return {}
    opened: dict[str, Any] = json.loads(_fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()))
    return opened
