"""Requests that do not go straight to an upstream, carried by aiohttp: through proxies, and bodies
that come piece by piece.

No cookies are kept, no redirects followed, no proxy taken from the environment: a request's way
(ways.py) says which, and SOCKS proxies have a pool each. Loaded with the first such request.
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterable
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.incoming import Incoming, RawHeaders
from gateway.providers.line import KEEPALIVE_S, PIECE_BYTES
from gateway.providers.lines import MAX_CONNECTIONS
from gateway.providers.ways import Way

DNS_CACHE_S = 60
MAX_TIMEOUTS = 1_000
MAX_SOCKS = 100

Closing = asyncio.Future[None]
Kinds = type[Exception] | tuple[type[Exception], ...]
_FROM_SOCKS = (ProxyConnectionError, ProxyError, ProxyTimeoutError)
# What went wrong as httpx says it; the first that fits.
_SAID: tuple[tuple[Kinds, type[httpx.TransportError]], ...] = (
    (_FROM_SOCKS, httpx.ProxyError),
    ((aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), httpx.ProxyError),
    ((aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError), httpx.ConnectError),
    (aiohttp.InvalidURL, httpx.ConnectError),
    (TimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientError, httpx.ReadError),
)
_BROKEN = (*_FROM_SOCKS, aiohttp.ClientError, TimeoutError)


def said(error: Exception) -> httpx.TransportError:
    """Return what broke as one of httpx's errors."""
    kind = next(kind for known, kind in _SAID if isinstance(error, known))
    return kind(str(error) or type(error).__name__)


class Around:
    """The connections of one process that aiohttp keeps."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._verify = verify
        self._direct: aiohttp.ClientSession | None = None
        self._socks: OrderedDict[str, aiohttp.ClientSession] = OrderedDict()
        self._timeouts: dict[Way, aiohttp.ClientTimeout] = {}
        self._closings: WeakSet[Closing] = WeakSet()

    async def ask(
        self,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        content: bytes | AsyncIterable[bytes] | None,
        way: Way,
    ) -> Incoming:
        """Send a request and return once the head of the answer is there.

        Raises httpx.TransportError.
        """
        socks = way.proxy is not None and way.proxy.startswith("socks")
        session = await self._through_socks(way) if socks else self._opened()
        try:
            response = await session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=self._timeout(way),
                proxy=None if socks else way.proxy,
            )
        except _BROKEN as error:
            raise said(error) from error
        if way.idle_s != way.first_byte_s:
            _wait_no_longer(response, way.idle_s)
        return _Response(response, self._closings)

    async def aclose(self) -> None:
        """Close every connection."""
        while self._socks:
            await self._socks.popitem()[1].close()
        if self._direct is not None:
            await self._direct.close()

    def _timeout(self, way: Way) -> aiohttp.ClientTimeout:
        found = self._timeouts.get(way)
        if found is None:
            if len(self._timeouts) >= MAX_TIMEOUTS:
                self._timeouts.clear()
            # `connect` is for a free connection of the pool, however that comes about.
            longest_s = max(way.connect_s, way.first_byte_s)
            found = self._timeouts[way] = aiohttp.ClientTimeout(
                sock_connect=way.connect_s, sock_read=way.first_byte_s, connect=longest_s
            )
        return found

    def _opened(self) -> aiohttp.ClientSession:
        """Make the session; called on first use, inside the running loop."""
        if self._direct is None:
            self._direct = _session_of(
                aiohttp.TCPConnector(
                    limit=MAX_CONNECTIONS,
                    keepalive_timeout=KEEPALIVE_S,
                    ttl_dns_cache=DNS_CACHE_S,
                    ssl=self._verify,
                )
            )
        return self._direct

    async def _through_socks(self, way: Way) -> aiohttp.ClientSession:
        """Return the session of a SOCKS proxy; the one used longest ago makes room."""
        assert way.proxy is not None
        session = self._socks.get(way.proxy)
        if session is not None:
            self._socks.move_to_end(way.proxy)
            return session
        # Names are resolved by the proxy, whichever way the scheme is spelt.
        connector = ProxyConnector.from_url(
            way.proxy.replace("socks5h://", "socks5://", 1),
            rdns=True,
            limit=MAX_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_S,
            ssl=self._verify,
        )
        self._socks[way.proxy] = session = _session_of(connector)
        if len(self._socks) > MAX_SOCKS:
            await self._socks.popitem(last=False)[1].close()
        return session


def _session_of(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _wait_no_longer(response: aiohttp.ClientResponse, idle_s: float) -> None:
    """From the head of the answer on, wait for each next byte as long as the way says."""
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    if protocol is not None:
        protocol.read_timeout = idle_s
        protocol.start_timeout()  # the one that runs was for the first byte


class _Response(Incoming):
    """An answer; its bytes come in pieces like those of a `Reply`."""

    def __init__(self, response: aiohttp.ClientResponse, closings: WeakSet[Closing]) -> None:
        self.status = response.status
        self.raw_headers: RawHeaders = list(response.raw_headers)
        self._response = response
        self._closed: Closing | None = None
        if not response.content.is_eof():
            self._watch(closings)

    async def __anext__(self) -> bytes:
        try:
            piece = await self._response.content.read(PIECE_BYTES)
        except _BROKEN as error:
            raise said(error) from error
        if not piece:
            raise StopAsyncIteration
        return piece

    def _watch(self, closings: WeakSet[Closing]) -> None:
        """Learn of the end of the connection while it still brings something."""
        connection = self._response.connection
        protocol = connection.protocol if connection is not None else None
        closed = protocol.closed if protocol is not None else None
        if closed is None:
            self._lost(None)
            return
        if closed not in closings:
            closings.add(closed)
            closed.add_done_callback(_seen)
        closed.add_done_callback(self._lost)
        self._closed = closed

    def _lost(self, closed: Closing | None) -> None:
        """End a body whose connection is gone. aiohttp's parser forgets those in which it found
        something that is no chunk: who reads them would wait for ever."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was lost"))

    async def aclose(self) -> None:
        """Return the connection to the pool if the answer was read whole, else close it."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
        self._response.release()


def _seen(closed: Closing) -> None:
    """Take note of how a connection ended, also one that nobody was reading any more."""
    if not closed.cancelled():
        closed.exception()
