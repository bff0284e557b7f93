"""WebSockets to upstreams: opened on a channel's way, and read as JSON by protocols that answer so.

Of a connection that nobody waits for any more nothing stays open.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx
import orjson
from tornado.httpclient import HTTPClientError, HTTPRequest, _RequestProxy
from tornado.httputil import HTTPHeaders, RequestStartLine, ResponseStartLine
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketError

from gateway.dialects.dialect import Json
from gateway.providers.base import Answer, CallFailed
from gateway.providers.tunnel import Tunnel
from gateway.providers.ways import Way

HANDSHAKE_S = 20.0
# No single message of an answer is as long as this, nor all that it says.
MAX_MESSAGE, MAX_ANSWER = 8 << 20, 32 << 20
# Tornado breaks off after five seconds where the other side does not close in turn.
_CLOSE_S = 6.0
# What tornado answers itself where no answer came.
NO_ANSWER = 599
# Nothing was asked of a model yet.
BROKEN = (OSError, StreamClosedError, WebSocketError, TimeoutError, ValueError)


class _Connection(WebSocketClientConnection):
    """A connection that closes where nobody waits for it any more, through a proxy or not."""

    def __init__(self, request: HTTPRequest, tunnel: Tunnel | None, **manners: Any) -> None:
        given = _RequestProxy(request, HTTPRequest._DEFAULTS)
        super().__init__(cast(HTTPRequest, given), **manners)
        if tunnel is not None:
            self.tcp_client.close()
            self.tcp_client = tunnel  # nothing is connected before the loop's next round

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Take the end of the handshake."""
        await super().headers_received(start_line, headers)
        if self.connect_future.cancelled():
            self.close()


async def opened(
    request: HTTPRequest, tunnel: Tunnel | None, **manners: Any
) -> WebSocketClientConnection:
    """Return a connection. Raises HTTPClientError with the answer that refused it, or BROKEN."""
    return await _Connection(request, tunnel, **manners).connect_future


class Frames:
    """The JSON objects that one answer consists of; what else comes is passed over."""

    def __init__(self, socket: WebSocketClientConnection, way: Way) -> None:
        self._socket = socket
        self._patience_s = way.first_byte_s
        self._idle_s = way.idle_s
        loop = asyncio.get_running_loop()
        self._over = False
        self._draining: asyncio.Task[None] | None = None
        self._until = loop.time() + way.total_s if way.total_s else None

    async def read(self) -> tuple[Json, bytes] | None:
        """Return the next object, and its JSON on one line; None once the other side closed.

        Raises CallFailed.
        """
        while True:
            try:
                async with asyncio.timeout_at(self._until), asyncio.timeout(self._patience_s):
                    message = await self._socket.read_message()
            except TimeoutError:
                raise CallFailed("upstream_timeout", "no message in time") from None
            self._patience_s = self._idle_s
            if message is None:
                self._over = True
                return None
            if (found := _object(message)) is not None:
                return found

    async def aclose(self) -> None:
        """Close the connection. Nobody waits until the other side has, too."""
        self._socket.close()
        if not self._over and self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        """Read what still comes, since Tornado reads no further than what was taken."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                while not self._over:
                    self._over = await self._socket.read_message() is None
        except TimeoutError:
            return


def _object(message: str | bytes) -> tuple[Json, bytes] | None:
    text = message.encode() if isinstance(message, str) else message
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    # Line ends are white space in JSON: inside of texts they are escaped.
    line = text.replace(b"\n", b" ").replace(b"\r", b" ")
    return (found, line) if isinstance(found, dict) else None


async def ask(url: httpx.URL, headers: Mapping[str, str], body: bytes, way: Way) -> Frames | Answer:
    """Open a connection, say one thing and return what is answered: the frames of it, or the
    answer that refused the handshake. Raises CallFailed."""
    request = HTTPRequest(
        str(url),
        headers=HTTPHeaders(headers),
        connect_timeout=way.connect_s,
        request_timeout=way.connect_s + HANDSHAKE_S,
    )
    try:
        tunnel = None if way.proxy is None else Tunnel(way.proxy)
        socket = await opened(request, tunnel, max_message_size=MAX_MESSAGE)
    except HTTPClientError as error:
        if error.response is None or error.code == NO_ANSWER:
            code = "upstream_timeout" if "imeout" in str(error) else "upstream_unreachable"
            raise CallFailed(code, str(error), worked=False) from error
        said = {name.lower(): value for name, value in error.response.headers.items()}
        return Answer(error.code, said, _once(error.response.body or b""))
    except (*BROKEN, LookupError) as error:
        says = str(error) or type(error).__name__
        raise CallFailed("upstream_unreachable", says, worked=False) from error
    frames = Frames(socket, way)
    try:
        await socket.write_message(body)
    except (WebSocketError, StreamClosedError) as error:
        await frames.aclose()
        raise CallFailed("upstream_cut", "closed before it was asked") from error
    except BaseException:
        await frames.aclose()
        raise
    return frames


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
