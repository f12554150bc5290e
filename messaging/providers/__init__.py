"""The providers that a business can connect, by the slug in their webhook address."""

from importlib import import_module

from messaging.providers.base import Provider

# Slug → module and class: a provider is imported when it is first needed.
PROVIDERS: dict[str, tuple[str, str]] = {
    "aws": ("messaging.providers.aws", "AWS"),
    "bandwidth": ("messaging.providers.bandwidth", "Bandwidth"),
    "plivo": ("messaging.providers.plivo", "Plivo"),
    "ringcentral": ("messaging.providers.ringcentral", "RingCentral"),
    "signalwire": ("messaging.providers.signalwire", "SignalWire"),
    "simulator": ("messaging.providers.simulator", "Simulator"),
    "standard": ("messaging.providers.standard", "Standard"),
    "telnyx": ("messaging.providers.telnyx", "Telnyx"),
    "twilio": ("messaging.providers.twilio", "Twilio"),
    "vonage": ("messaging.providers.vonage", "Vonage"),
}


class UnknownProvider(LookupError):
    """No provider has this slug."""


def providers_that(*capabilities: type) -> list[str]:
    """The slugs of the providers that have one of some capabilities."""
    return [slug for slug in PROVIDERS if isinstance(find_provider(slug), capabilities)]


def find_provider(slug: str) -> Provider:
    """The provider of a slug. Raises UnknownProvider with a sentence."""
    try:
        module, name = PROVIDERS[slug]
    except KeyError:
        raise UnknownProvider(f"“{slug}” is not a provider; choose from {', '.join(PROVIDERS)}.") from None
    provider: Provider = getattr(import_module(module), name)()
    return provider
