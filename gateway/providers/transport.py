"""The one pool of connections to all upstreams, called below httpx's own client.

Requests and answers are httpx's; what carries them is aiohttp. Never more than the limits here;
closed once, at the end of the process. No cookies are kept, no redirects followed, no proxy taken
from the environment: a request's way (ways.py) says which, and SOCKS proxies have a pool each.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterable
from typing import NamedTuple
from weakref import WeakSet

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import map_aiohttp_exceptions
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.incoming import Incoming, RawHeaders
from gateway.providers.line import KEEPALIVE_S, PIECE_BYTES
from gateway.providers.lines import MAX_CONNECTIONS, Lines, Place, head_of
from gateway.providers.ways import EXTENSION, Way

DNS_CACHE_S = 60
MAX_URLS = 10_000
MAX_TIMEOUTS = 1_000
MAX_SOCKS = 100

_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

Closing = asyncio.Future[None]
Content = bytes | AsyncIterable[bytes] | None


class Address(NamedTuple):
    """An address as it is asked: the place, what it is called there, and what is asked for."""

    place: Place
    host: str
    target: str


class UpstreamTransport(AiohttpTransport):
    """The transport for all requests: it copies no header and no URL twice."""

    def __init__(self, usual: Way) -> None:
        """`usual` is the way of requests that name none."""
        self._verify = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=self._verify, trust_env=False, client=self._session)
        self._usual, self._patience = usual, _timeout_of(usual)
        self._timeouts: dict[Way, aiohttp.ClientTimeout] = {}
        self._lines = Lines(self._verify)
        self._addresses: dict[str, Address | None] = {}
        self._closings: WeakSet[Closing] = WeakSet()
        self._socks: OrderedDict[str, aiohttp.ClientSession] = OrderedDict()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return once the head of the answer is there.

        Raises httpx.TransportError or aiohttp.ClientError. The timeouts are those of its way.
        """
        way: Way = request.extensions.get(EXTENSION, self._usual)
        answer = await self.ask(request.method, str(request.url), *parts_of(request), way)
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=answer, request=request
        )

    async def ask(
        self,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        content: Content,
        way: Way,
    ) -> Incoming:
        """Send a request without making httpx's objects, and return as soon as the head of the
        answer is there.

        `content` that comes piece by piece is as long as the headers say. The caller closes the
        answer. Raises like `handle_async_request`.
        """
        address = self._address(url)
        if address is None or way.proxy is not None or not isinstance(content, bytes | None):
            return await self._ask_around(method, url, headers, content, way)
        body = content or b""
        length = len(body) if body or method not in _WITHOUT_BODY else None
        head = head_of(method, address.target, address.host, headers, length)
        return await self._lines.ask(address.place, head, body, way)

    async def _ask_around(
        self, method: str, url: str, headers: CIMultiDict[str], content: Content, way: Way
    ) -> Incoming:
        """Send what aiohttp carries: through proxies, and bodies that come piece by piece."""
        socks = way.proxy is not None and way.proxy.startswith("socks")
        session = await self._socks_session(way) if socks else self._direct()
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
        except Exception as error:
            said = _said_by_proxy(error) if socks else None
            if said is not None:
                raise said from error
            with map_aiohttp_exceptions():
                raise
        if way.idle_s != way.first_byte_s:
            _wait_no_longer(response, way.idle_s)
        return _Around(response, self._closings)

    async def aclose(self) -> None:
        """Close every connection."""
        self._lines.close()
        while self._socks:
            await self._socks.popitem()[1].close()
        await super().aclose()

    def _address(self, text: str) -> Address | None:
        """Read an address; None for one that aiohttp must understand."""
        if text not in self._addresses:
            if len(self._addresses) >= MAX_URLS:
                self._addresses.clear()
            self._addresses[text] = _read_address(text)
        return self._addresses[text]

    def _timeout(self, way: Way) -> aiohttp.ClientTimeout:
        if way is self._usual:
            return self._patience
        found = self._timeouts.get(way)
        if found is None:
            if len(self._timeouts) >= MAX_TIMEOUTS:
                self._timeouts.clear()
            found = self._timeouts[way] = _timeout_of(way)
        return found

    def _direct(self) -> aiohttp.ClientSession:
        session = self.client
        if not isinstance(session, aiohttp.ClientSession):
            session = self.client = self.get_client()
        return session

    def _session(self) -> aiohttp.ClientSession:
        """Make the session; called on first use, inside the running loop."""
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            ssl=self._verify,
        )
        return _session_of(connector)

    async def _socks_session(self, way: Way) -> aiohttp.ClientSession:
        """Return the session of a SOCKS proxy; the one used longest ago makes room."""
        assert way.proxy is not None
        session = self._socks.get(way.proxy)
        if session is not None:
            self._socks.move_to_end(way.proxy)
            return session
        from aiohttp_socks import ProxyConnector  # few have such a proxy

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


def _timeout_of(way: Way) -> aiohttp.ClientTimeout:
    # `connect` is for a free connection of the pool, however that comes about.
    longest_s = max(way.connect_s, way.first_byte_s)
    return aiohttp.ClientTimeout(
        sock_connect=way.connect_s, sock_read=way.first_byte_s, connect=longest_s
    )


def _session_of(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _said_by_proxy(error: Exception) -> httpx.ProxyError | None:
    """Return what a SOCKS proxy refused as httpx would say it; None for other errors."""
    from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

    if isinstance(error, ProxyConnectionError | ProxyError | ProxyTimeoutError):
        return httpx.ProxyError(f"the proxy did not connect: {error}")
    return None


def _wait_no_longer(response: aiohttp.ClientResponse, idle_s: float) -> None:
    """From the head of the answer on, wait for each next byte as long as the way says."""
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    if protocol is not None:
        protocol.read_timeout = idle_s
        protocol.start_timeout()  # the one that runs was for the first byte


def parts_of(
    request: httpx.Request,
) -> tuple[CIMultiDict[str], bytes | AsyncIterable[bytes] | None]:
    """Return a request's headers and its body, as `ask` takes them."""
    raw = request.headers.raw
    headers = CIMultiDict([(name.decode("ascii"), value.decode("latin-1")) for name, value in raw])
    if isinstance(request.stream, httpx.ByteStream):
        headers.popall("content-length", None)
        return headers, request.read() or None
    # A body that comes piece by piece, of the length given.
    assert isinstance(request.stream, httpx.AsyncByteStream)
    return headers, request.stream


def _read_address(text: str) -> Address | None:
    url = URL(text, encoded=True)
    if url.scheme not in ("http", "https") or not url.raw_host or url.user or not url.port:
        return None
    host = url.host_port_subcomponent
    assert host is not None
    place = Place(url.raw_host, url.port, url.scheme == "https")
    return Address(place, host, url.raw_path_qs)


class _Around(Incoming):
    """An answer that aiohttp carries; its bytes come in pieces like those of a `Reply`."""

    def __init__(self, response: aiohttp.ClientResponse, closings: WeakSet[Closing]) -> None:
        self.status = response.status
        self.raw_headers: RawHeaders = list(response.raw_headers)
        self._response = response
        self._closed: Closing | None = None
        if not response.content.is_eof():
            self._watch(closings)

    async def __anext__(self) -> bytes:
        piece = await self._response.content.read(PIECE_BYTES)
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
