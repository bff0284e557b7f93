"""One connection to an upstream, and what comes back on it.

A request goes out whole; what comes back is parsed by llhttp, through httptools. Of bytes that
nobody asked for, none is ever taken for an answer: the connection is closed. Nothing accumulates:
reading pauses while a slow client lets pieces wait, and heads, trailers and the like are bounded.
"""

import asyncio
import socket
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools
import httpx

from gateway.providers.incoming import Incoming, RawHeaders
from gateway.providers.ways import Way

if TYPE_CHECKING:
    from gateway.providers.lines import Lines, Place

# Shorter than what servers usually keep an idle connection for.
KEEPALIVE_S = 20.0
# An answer is handed out in pieces small enough to be metered one by one.
PIECE_BYTES = 16 << 10
# How much may wait to be read, and how much may come between two pieces of an answer.
MAX_WAITING_BYTES = 256 << 10
MAX_BETWEEN_BYTES = 64 << 10
_NO_BODY = frozenset({204, 304})
# A body up to this size is worth a copy, to go out together with its head.
_JOINED_BYTES = 64 << 10
_DISCONNECTED = "the server disconnected"


class Reply(Incoming):
    """An answer on its way. `begun` says that status and headers are there, `complete` that all of
    it came; what came is kept until it is read, whatever becomes of the connection."""

    def __init__(self, line: "Line") -> None:
        self.status = 0
        self.raw_headers: RawHeaders = []
        self.begun = self.complete = False
        self.waiting_bytes = 0
        self._line = line
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None

    async def head(self) -> None:
        """Return once status and headers are there. Raises httpx.TransportError."""
        while not self.begun or self._error is not None:
            await self._news()

    async def __anext__(self) -> bytes:
        """Return what comes next. Raises httpx.TransportError."""
        while not self._pieces:
            if self.complete:
                raise StopAsyncIteration
            await self._news()
        return self._take()

    async def aclose(self) -> None:
        """Give up what did not come yet, and its connection."""
        if not self.complete:
            self._line.close()

    def feed(self, piece: bytes) -> None:
        """Take a part of the body."""
        self._pieces.append(piece)
        self.waiting_bytes += len(piece)
        self.wake()

    def fail(self, error: Exception) -> None:
        """Nothing more will come; what came already is still to be read."""
        if not self.complete and self._error is None:
            self._error = error
            self.wake()

    def doubt(self, error: Exception) -> None:
        """What came is no HTTP. An answer that seemed to be whole was longer than it said, then,
        and nobody knows where it ends; a further answer after it would be HTTP."""
        self.complete = False
        self.fail(error)

    def end(self) -> None:
        """All of it is there, unless it failed before."""
        if self._error is None:
            self.complete = True
            self.wake()

    def wake(self) -> None:
        """Let the reader look."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def ends_with_connection(self) -> bool:
        """Whether its body is all that comes until the connection ends (RFC 9112, 6.3)."""
        names = {name.lower() for name, _ in self.raw_headers}
        framed = b"content-length" in names or b"transfer-encoding" in names
        return self.begun and not framed and self.status not in _NO_BODY

    @property
    def is_whole(self) -> bool:
        """Whether all of it came, and was read."""
        return self.complete and not self._pieces

    async def _news(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _take(self) -> bytes:
        pieces = self._pieces
        if self.waiting_bytes <= PIECE_BYTES:
            taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
        else:
            taken = pieces.popleft()
            while pieces and len(taken) + len(pieces[0]) <= PIECE_BYTES:
                taken += pieces.popleft()
            if len(taken) > PIECE_BYTES:
                pieces.appendleft(taken[PIECE_BYTES:])
                taken = taken[:PIECE_BYTES]
        self.waiting_bytes -= len(taken)
        self._line.taken(self)
        return taken


class Line(asyncio.Protocol):
    """A connection: one request at a time. It is given back to `lines` after each whole answer."""

    def __init__(self, lines: "Lines", place: "Place") -> None:
        self.place = place
        self._lines = lines
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        # What many servers do wrong and everybody accepts.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._reply: Reply | None = None
        self._way = Way()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self._body: list[bytes] = []
        self._between_bytes = self._head_bytes = 0
        self._is_interim = self._is_paused = self._is_tainted = self._is_kept = False

    # -- asking ---------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return not self._is_tainted and not self._transport.is_closing()

    def begin(self, head: bytes, body: bytes, way: Way) -> Reply:
        """Send a request and return its answer, of which nothing is there yet."""
        self._reply = reply = Reply(self)
        self._way, self._between_bytes, self._head_bytes = way, 0, 0
        self._heard_s = self._loop.time()
        if not self.is_open:
            reply.fail(httpx.RemoteProtocolError(_DISCONNECTED))
            return reply
        self._look_by(self._heard_s + way.first_byte_s)
        if len(body) <= _JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)
        return reply

    def close(self) -> None:
        """End the connection at once."""
        self._is_tainted = True
        if self._reply is not None:
            self._reply.fail(httpx.ReadError("the connection was closed here"))
        self._transport.abort()

    def taken(self, reply: Reply) -> None:
        """Some of an answer was read: go on if that is what this connection waited for."""
        if self._is_paused and reply is self._reply and reply.waiting_bytes < MAX_WAITING_BYTES:
            self._resume()

    # -- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self._lines.made(self)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        """Take what came; called by the loop."""
        reply = self._reply
        if reply is None:
            self.close()
            return
        self._heard_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._is_tainted = True
            reply.doubt(httpx.RemoteProtocolError(f"this is no HTTP: {error}"))
        if self._body:
            reply.feed(b"".join(self._body))
            self._body.clear()
            self._between_bytes = 0
        else:
            self._between_bytes += len(data)
            if self._between_bytes > MAX_BETWEEN_BYTES:
                self._is_tainted = True
                reply.fail(httpx.RemoteProtocolError("too much comes that is no answer"))
        if reply.complete or self._is_tainted:
            self._done()
        elif reply.waiting_bytes > MAX_WAITING_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by the loop."""
        self._is_tainted = True
        self._lines.lost(self)
        del self._parser  # it refers back: together they would wait for the collector
        if self._timer is not None:
            self._timer.cancel()
        reply, self._reply = self._reply, None
        if reply is None:
            return
        if exc is None and reply.ends_with_connection:
            reply.end()
        elif exc is None:
            reply.fail(httpx.RemoteProtocolError(_DISCONNECTED))
        else:
            reply.fail(httpx.ReadError(f"the connection was lost: {exc}"))

    def _done(self) -> None:
        """Nothing more is expected; be ready for the next request, or end."""
        self._reply = None
        if self._is_paused:
            self._resume()
        unsent = self._transport.get_write_buffer_size()  # an answer before all was asked
        if self._is_tainted or unsent or not self._is_kept:
            self.close()
            return
        self._look_by(self._heard_s + KEEPALIVE_S)
        self._lines.free(self)

    def _resume(self) -> None:
        self._is_paused = False
        self._heard_s = self._loop.time()
        self._transport.resume_reading()

    # -- time -----------------------------------------------------------------------------------

    def _look_by(self, when_s: float) -> None:
        """See to it that somebody looks then at the latest: one timer serves many requests."""
        if self._timer is None or self._timer.when() > when_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when_s, self._look)

    def _look(self) -> None:
        """End what kept silent for too long."""
        self._timer = None
        reply, now_s = self._reply, self._loop.time()
        if reply is None:
            longest_s = KEEPALIVE_S
        else:
            longest_s = self._way.idle_s if reply.begun else self._way.first_byte_s
        if self._is_paused:  # it is the client who is slow
            self._heard_s = now_s
        due_s = self._heard_s + longest_s
        if now_s < due_s:
            self._look_by(due_s)
            return
        if reply is not None:
            reply.fail(httpx.ReadTimeout(f"Timeout: nothing came for {longest_s:g} s"))
        self.close()

    # -- what the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message begins; one after the answer was not asked for."""
        if self._reply is None or self._reply.complete:
            self._is_tainted = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those of a trailer are passed over. Raises ValueError for too much."""
        if self._reply is not None and not self._reply.begun:
            self._reply.raw_headers.append((name, value))
            self._head_bytes += len(name) + len(value) + 4
            if self._head_bytes > MAX_BETWEEN_BYTES:
                raise ValueError("the head is too long")

    def on_headers_complete(self) -> None:
        """All headers are there."""
        reply = self._reply
        if reply is None or reply.complete:
            return
        status = self._parser.get_status_code()
        if status < 200:  # the answer follows
            self._is_interim = True
            reply.raw_headers.clear()
            return
        reply.status, reply.begun = status, True
        self._is_kept = self._parser.should_keep_alive()  # known now, and forgotten at the end
        self._between_bytes = 0
        self._look_by(self._heard_s + self._way.idle_s)
        reply.wake()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; what came at once is handed on as one piece."""
        if not self._is_tainted:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        if self._is_interim:
            self._is_interim = False
        elif self._reply is not None:
            self._reply.end()
