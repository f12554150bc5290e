"""Who calls, as far as an address tells."""

import ipaddress

from django.http import HttpRequest

IPV6_OF_ONE_CALLER = 64


def caller_of(address: str) -> str:
    """One line to the internet: an IPv4 address, or the start of the IPv6 network whose addresses it takes at will."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_OF_ONE_CALLER), strict=False).network_address)


def caller_behind(request: HttpRequest) -> str | None:
    """The line that a request comes from. None where the server does not say."""
    return caller_of(request.META.get("REMOTE_ADDR", "")) or None
