"""Where a provider is called: an address that is one, and that does not lead into our own network."""

import ipaddress
import socket
from urllib.parse import urlsplit

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def check_address(address: str, *, private_allowed: bool) -> None:
    """Refuse an address that is none or, unless allowed, one that leads into our own network.

    Raises ValueError with a sentence.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("The setting “base_url” must be an address such as https://gateway.example/texts.")
    if private_allowed:
        return
    if parts.scheme != "https":
        raise ValueError("The setting “base_url” must begin with https://, so that nobody reads along.")
    if not all(is_public(found) for found in _look_up(parts.hostname, port or 443)):
        raise ValueError(
            "The setting “base_url” leads into a private network; "
            "only whoever runs this installation can set that, with connect_provider."
        )


def _look_up(host: str, port: int) -> list[str]:
    try:
        return [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise ValueError(f"The setting “base_url” names {host}, which can't be found.") from None


def is_public(address: str) -> bool:
    """Whether an IP address lies outside every private network."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.is_site_local:
            return False
        found = _inside(found)
    return found.is_global and not found.is_multicast


def _inside(found: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    translated = ipaddress.IPv4Address(found.packed[-4:]) if found in NAT64 else None
    return found.ipv4_mapped or found.sixtofour or translated or found
