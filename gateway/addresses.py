"""Which addresses a URL that a user gave may lead to.

Only those of the open internet: never this machine, its network, or what a cloud keeps for its
machines' metadata, in whatever form the address is written. Sources: IANA's registries of special
purpose addresses (Python's ipaddress has most), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6052 and
RFC 8215 (NAT64); the metadata addresses outside private ranges are Azure's and Oracle's.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_PUBLIC_6 = IPv6Network("2000::/3")
# These carry an IPv4 address, which some machine on the way takes out again.
_CARRIERS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
_METADATA = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))
_HTTP_PORTS = (80, 443)
_FIRST_FREE_PORT = 1024


def networks(value: str) -> tuple[Network, ...]:
    """Read networks such as 10.1.0.0/16, fd00:1::/64 or a single address. Raises ValueError."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(","))
    except ValueError:
        raise ValueError("give networks such as 10.1.0.0/16,fd00:1::/64") from None


def may_connect(host: str, allowed: Sequence[Network]) -> bool:
    """Whether an address is of the open internet, or in a network that the operator allows."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv6Address):
        carried = any(address in carrier for carrier in _CARRIERS)
        return address in _PUBLIC_6 and address.is_global and not carried
    metadata = any(address in network for network in _METADATA)
    return address.is_global and not address.is_multicast and not metadata


def is_web_port(port: int | None) -> bool:
    """Whether a web server may listen there: not where mail and the like are spoken."""
    return port is not None and (port in _HTTP_PORTS or port >= _FIRST_FREE_PORT)
