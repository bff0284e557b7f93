"""The one pool of connections to all upstreams, called below httpx's own client.

Never more than the limits here; closed once, at the end of the process. No cookies are kept, no
redirects followed, no proxy taken from the environment.
"""

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

MAX_CONNECTIONS = 4_000
# Shorter than what servers usually keep an idle connection for.
KEEPALIVE_S = 20.0
DNS_CACHE_S = 60


def make_transport(proxy_url: str | None) -> AiohttpTransport:
    """Return the transport; its session is made on first use, inside the running loop."""
    verify = httpx.create_ssl_context(trust_env=False)

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            ssl=verify,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    proxy = httpx.Proxy(proxy_url) if proxy_url else None
    return AiohttpTransport(verify=verify, trust_env=False, proxy=proxy, client=session)
