"""The providers that a business can connect, by the slug in their webhook address."""

from importlib import import_module

from messaging.providers.base import Provider

# Slug → module and class: a provider is imported when it is first needed.
PROVIDERS: dict[str, tuple[str, str]] = {
    "simulator": ("messaging.providers.simulator", "Simulator"),
    "standard": ("messaging.providers.standard", "Standard"),
}


class UnknownProvider(LookupError):
    """No provider has this slug."""


def find_provider(slug: str) -> Provider:
    """The provider of a slug. Raises UnknownProvider with a sentence."""
    try:
        module, name = PROVIDERS[slug]
    except KeyError:
        raise UnknownProvider(f"“{slug}” is not a provider; choose from {', '.join(PROVIDERS)}.") from None
    provider: Provider = getattr(import_module(module), name)()
    return provider
