"""Whose request it is when it comes through a proxy (setting TRUSTED_PROXIES).

Anybody can write X-Forwarded-For, so it is believed as far as it was written by proxies that the
operator trusts: from its right end, the first address that is not such a proxy is the client.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from tornado.httputil import HTTPServerRequest

from gateway.addresses import Network

_MOST = 50
_PROTOCOLS = frozenset({"http", "https"})


class TrustedProxies:
    """The networks of the proxies in front of this server."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._is_one = lru_cache(maxsize=1_000)(self._look_up)

    def apply(self, request: HTTPServerRequest) -> None:
        """Say on a request what the proxies in front say of it: address and protocol."""
        if not self._is_one(request.remote_ip or ""):
            return
        headers = request.headers
        client = self._client(headers.get("X-Forwarded-For", "") or headers.get("X-Real-Ip", ""))
        if client:
            request.remote_ip = client
        protocol = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        if protocol in _PROTOCOLS:
            request.protocol = protocol

    def _client(self, chain: str) -> str:
        """Return the client's address, "" where a proxy wrote none that can be read."""
        found = ""
        for part in reversed(chain.split(",")[-_MOST:]):
            address = _address(part)
            if not address:
                return found
            found = address
            if not self._is_one(address):
                return found
        return found

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _address(written: str) -> str:
    """Return an address as it is compared; some proxies write brackets or a port."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
