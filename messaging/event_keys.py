"""Under which key an incoming text is known, so that it is applied once."""

from hashlib import sha256

from messaging.storable import clean

LONGEST_KEY = 255


def storable_key(key: str) -> str:
    """A provider's key as it can be stored."""
    key = clean(key)
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()


def key_of(*words: str) -> str:
    """A key made of everything that a text says, where the provider gave its key twice."""
    return sha256(clean("\n".join(words)).encode()).hexdigest()
