"""The one way to all upstreams, called below httpx's own client.

What goes straight to an upstream goes over connections of our own (lines.py), what goes through a
proxy or comes piece by piece over aiohttp's (around.py). Closed once, at the end of the process. No
cookies are kept, no redirects followed, no proxy taken from the environment.
"""

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, NamedTuple

import httpx
from multidict import CIMultiDict
from yarl import URL

from gateway.providers.incoming import Incoming
from gateway.providers.lines import Lines, Place, head_of
from gateway.providers.ways import EXTENSION, Way

if TYPE_CHECKING:  # aiohttp is loaded with the first request that needs it
    from gateway.providers.around import Around

MAX_URLS = 10_000
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

Content = bytes | AsyncIterable[bytes] | None


class Address(NamedTuple):
    """An address as it is asked: the place, what it is called there, and what is asked for."""

    place: Place
    host: str
    target: str


class UpstreamTransport(httpx.AsyncBaseTransport):
    """The transport for all requests."""

    def __init__(self, usual: Way) -> None:
        """`usual` is the way of requests that name none."""
        self._verify = httpx.create_ssl_context(trust_env=False)
        self._usual = usual
        self._lines = Lines(self._verify)
        self._around: Around | None = None
        self._addresses: dict[str, Address | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return once the head of the answer is there.

        Raises httpx.TransportError. The timeouts are those of its way.
        """
        way: Way = request.extensions.get(EXTENSION, self._usual)
        answer = await self.ask(request.method, str(request.url), *parts_of(request), way)
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=answer, request=request
        )

    async def ask(
        self, method: str, url: str, headers: CIMultiDict[str], content: Content, way: Way
    ) -> Incoming:
        """Send a request without making httpx's objects, and return as soon as the head of the
        answer is there.

        `content` that comes piece by piece is as long as the headers say. The caller closes the
        answer. Raises like `handle_async_request`.
        """
        address = self._address(url)
        around = way.proxy is not None or method == "HEAD"
        if around or address is None or not isinstance(content, bytes | None):
            return await self._to_go_around().ask(method, url, headers, content, way)
        body = content or b""
        length = len(body) if body or method not in _WITHOUT_BODY else None
        head = head_of(method, address.target, address.host, headers, length)
        return await self._lines.ask(address.place, head, body, way)

    async def aclose(self) -> None:
        """Close every connection."""
        self._lines.close()
        if self._around is not None:
            await self._around.aclose()

    def _to_go_around(self) -> "Around":
        if self._around is None:
            from gateway.providers.around import Around

            self._around = Around(self._verify)
        return self._around

    def _address(self, text: str) -> Address | None:
        """Read an address; None for one that aiohttp must understand."""
        if text not in self._addresses:
            if len(self._addresses) >= MAX_URLS:
                self._addresses.clear()
            self._addresses[text] = _read_address(text)
        return self._addresses[text]


def parts_of(request: httpx.Request) -> tuple[CIMultiDict[str], Content]:
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
