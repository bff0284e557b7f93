"""The one pool of connections to all upstreams, called below httpx's own client.

Requests and answers are httpx's; what carries them is aiohttp. Never more than the limits here;
closed once, at the end of the process. No cookies are kept, no redirects followed, no proxy taken
from the environment.
"""

import asyncio
from collections.abc import AsyncIterator
from weakref import WeakSet

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import map_aiohttp_exceptions
from multidict import CIMultiDict
from yarl import URL

MAX_CONNECTIONS = 4_000
# Shorter than what servers usually keep an idle connection for.
KEEPALIVE_S = 20.0
DNS_CACHE_S = 60
CONNECT_S = 10.0
IDLE_S = 300.0
MAX_URLS = 10_000
PIECE_BYTES = 16 << 10

Closing = asyncio.Future[None]


class UpstreamTransport(AiohttpTransport):
    """The transport for all requests: it copies no header and no URL twice."""

    def __init__(self, proxy_url: str | None) -> None:
        """`proxy_url` is the proxy for all calls, or None."""
        self._verify = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=self._verify, trust_env=False, client=self._session)
        self._proxy_url = proxy_url
        self._timeout = aiohttp.ClientTimeout(
            sock_connect=CONNECT_S, sock_read=IDLE_S, connect=IDLE_S
        )
        self._urls: dict[str, URL] = {}
        self._closings: WeakSet[Closing] = WeakSet()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return once the head of the answer is there.

        Raises httpx.TransportError or aiohttp.ClientError. The timeouts are this transport's own.
        """
        session = self.client
        if not isinstance(session, aiohttp.ClientSession):
            session = self.client = self.get_client()
        headers = CIMultiDict(
            [(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw]
        )
        content: bytes | httpx.AsyncByteStream | None
        if isinstance(request.stream, httpx.ByteStream):
            headers.popall("content-length", None)
            content = request.read() or None
        else:  # a body that comes piece by piece, of the length given
            assert isinstance(request.stream, httpx.AsyncByteStream)
            content = request.stream
        with map_aiohttp_exceptions():
            response = await session.request(
                request.method,
                self._url(str(request.url)),
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=self._timeout,
                proxy=self._proxy_url,
            )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, self._closings),
            request=request,
        )

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            if len(self._urls) >= MAX_URLS:
                self._urls.clear()
            url = self._urls[text] = URL(text, encoded=True)
        return url

    def _session(self) -> aiohttp.ClientSession:
        """Make the session; called on first use, inside the running loop."""
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            ssl=self._verify,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


class _Body(httpx.AsyncByteStream):
    """An answer's bytes as they arrive, in pieces small enough to be metered one by one."""

    def __init__(self, response: aiohttp.ClientResponse, closings: WeakSet[Closing]) -> None:
        self._response = response
        self._closings = closings

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = self._response.content.read
        closed = self._closed()
        if closed is None:
            self._lost(None)
        else:
            closed.add_done_callback(self._lost)
        try:
            while chunk := await read(PIECE_BYTES):
                yield chunk
        finally:
            if closed is not None:
                closed.remove_done_callback(self._lost)

    def _closed(self) -> Closing | None:
        """Return what is done when the connection is gone; None when it is gone already."""
        connection = self._response.connection
        protocol = connection.protocol if connection is not None else None
        closed = protocol.closed if protocol is not None else None
        if closed is not None and closed not in self._closings:
            self._closings.add(closed)
            closed.add_done_callback(_seen)
        return closed

    def _lost(self, closed: Closing | None) -> None:
        """End a body whose connection is gone. aiohttp's parser forgets those in which it found
        something that is no chunk: who reads them would wait for ever."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was lost"))

    async def aclose(self) -> None:
        """Return the connection to the pool if the answer was read whole, else close it."""
        self._response.release()


def _seen(closed: Closing) -> None:
    """Take note of how a connection ended, also one that nobody was reading any more."""
    if not closed.cancelled():
        closed.exception()
