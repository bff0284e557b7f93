"""One connection of a client: requests are answered one after the other.

Nothing accumulates: reading pauses while something waits for its turn, and a request waits while
its client does not read what it is given.
"""

import asyncio
import logging
import math
import os
import socket
from asyncio import Future
from collections import deque
from collections.abc import Awaitable
from http.client import responses
from typing import TYPE_CHECKING, cast

from tornado import httputil
from tornado.iostream import IOStream, StreamClosedError

from gateway.client_call import Call, Peer
from gateway.client_parser import CONTINUE, Found, Head, Refusal, RequestParser
from gateway.unzip import Unzipped

if TYPE_CHECKING:
    from gateway.clients import Clients

#: How long a connection may be idle, how long a body may take to come, and how long a connection
#: that is closed may take to end, in seconds.
IDLE_S, BODY_S, CLOSING_S = 600.0, 300.0, 30.0
# How much of an answer may wait for a client that reads slowly.
MAX_UNSENT_BYTES = 16 << 10

log = logging.getLogger("tollgate.http")


class ClientLine(asyncio.Protocol):
    """A connection. What is found in its bytes waits in a queue until it is its turn.

    Whoever looks ends it after `due_s`, a time of the loop.
    """

    def __init__(self, clients: "Clients") -> None:
        self.peer = Peer("")
        self.due_s = math.inf
        self._is_ending = False
        self._clients = clients
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser()
        self._found: deque[Found] = deque()
        self._call: Call | None = None
        self._delegate: httputil.HTTPMessageDelegate | None = None
        self._awaited: Future[None] | None = None
        self._room: Future[None] | None = None
        self._at_once: Future[None] = self._loop.create_future()
        self._at_once.set_result(None)
        self._is_paused = self._is_full = self._is_delivering = False

    # -- the connection -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername")
        self.peer = Peer(address[0] if address else "")
        # Each piece of a stream is news.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self._clients.made(self)
        self._wait(IDLE_S)

    @property
    def is_closing(self) -> bool:
        """Whether this connection ends: nothing more is read or written."""
        return self._is_ending or self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Take what came; called by the loop."""
        if not self.is_closing:
            self._found.extend(self._parser.feed(data))
            self._deliver()

    def eof_received(self) -> None:
        """The client says no more; called by the loop, which closes the connection. Most have gone
        then; who still reads gets what was written before."""
        self._is_ending = True
        self._wait(CLOSING_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; called by the loop."""
        self._is_ending = True
        self._clients.lost(self)
        self._parser.end()
        self._found.clear()
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_exception(StreamClosedError(exc))
            room.exception()  # whoever does not wait for it need not hear of it
        self._leave()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to; called by the loop."""
        self._is_full = True

    def resume_writing(self) -> None:
        """There is room again; called by the loop."""
        self._is_full = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._deliver()

    def close(self) -> None:
        """End the connection when all that was written has gone out, or soon."""
        if not self.is_closing:
            self._is_ending = True
            self._wait(CLOSING_S)
        self._transport.close()

    def let_go(self) -> None:
        """Say no more, and hear the client out, for a while: closed at once, the connection would
        be reset by what still comes, and the client might never read why."""
        if not self.is_closing:
            self._is_ending = True
            self._wait(CLOSING_S)
            self._transport.write_eof()
            if self._is_paused:
                self._transport.resume_reading()

    def abort(self) -> None:
        """End the connection at once."""
        self._is_ending = True
        self._transport.abort()

    def detach(self) -> IOStream:
        """Leave the connection to another protocol. Raises StreamClosedError if it is gone, or if
        the client spoke that protocol before it was told to."""
        is_early, self._call = bool(self._found), None
        if is_early or self.is_closing:
            self.abort()
            raise StreamClosedError()
        fileno = self._transport.get_extra_info("socket").fileno()
        stream = IOStream(socket.socket(fileno=os.dup(fileno)))
        self.abort()
        return stream

    def _wait(self, longest_s: float) -> None:
        """Wait for the client, at most so long from now."""
        self.due_s = self._loop.time() + longest_s

    # -- what is written ------------------------------------------------------------------------

    def write(self, data: bytes) -> "Future[None]":
        """Write. The future is as that of `room`."""
        if not self.is_closing:
            self._transport.write(data)
        return self.room()

    def room(self) -> "Future[None]":
        """Return a future that is done when there is room for more; it fails with
        StreamClosedError."""
        if self.is_closing:
            closed: Future[None] = self._loop.create_future()
            closed.set_exception(StreamClosedError())
            closed.exception()
            return closed
        if not self._is_full:
            return self._at_once
        if self._room is None or self._room.done():
            self._room = self._loop.create_future()
        return self._room

    @property
    def may_stay(self) -> bool:
        """Whether this server goes on after the answer that is being written."""
        return not self._clients.is_leaving

    def answered(self, call: Call) -> None:
        """An answer is written: be ready for the next request, or end."""
        self._call = self._delegate = None
        if not call.is_read:
            self.let_go()
            return
        if not (call.is_kept and self.may_stay):
            self.close()
            return
        self._wait(IDLE_S)
        if self._found:
            self._loop.call_soon(self._deliver)

    # -- whose turn it is -----------------------------------------------------------------------

    def _deliver(self) -> None:
        """Hand on what was found, as far as its turn has come."""
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._found and not self._has_to_wait():
                self._hand_on(self._found.popleft())
        except Exception as error:
            self._fail(error)
        finally:
            self._is_delivering = False
        if bool(self._found) is not self._is_paused and not self.is_closing:
            self._is_paused = not self._is_paused
            if self._is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _has_to_wait(self) -> bool:
        """Whether the next that was found must wait: for a handler that is not ready for more, or,
        if it is another request, for the answer before it."""
        if self._awaited is not None or self.is_closing:
            return True
        following, call = self._found[0], self._call
        if isinstance(following, Head):
            return call is not None or self._is_full
        return isinstance(following, Refusal) and call is not None and call.is_read

    def _hand_on(self, found: Found) -> None:
        if isinstance(found, Head):
            self._begin(found)
        elif isinstance(found, Refusal):
            raise found
        elif self._call is None or self._delegate is None:
            return
        elif isinstance(found, bytes):
            self._pass(found, self._call, self._delegate)
        elif found is CONTINUE:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            self.due_s = math.inf
            self._delegate.finish()
            self._call.is_read = True

    def _begin(self, head: Head) -> None:
        """Find the handler of a request. Raises HTTPInputError."""
        headers, clients = head.headers, self._clients
        self._call = call = Call(self, head, clients.max_body_bytes)
        self._wait(BODY_S)
        is_zipped = headers.get("Content-Encoding", "").lower() == "gzip"
        if is_zipped:
            headers["X-Consumed-Content-Encoding"] = headers.pop("Content-Encoding")
        request = httputil.HTTPServerRequest(
            start_line=head.start_line, headers=headers, connection=call, server_connection=self
        )
        delegate = clients.application.find_handler(request)
        self._delegate = Unzipped(delegate, call) if is_zipped else delegate
        self._wait_for(delegate.headers_received(head.start_line, headers))

    def _pass(self, part: bytes, call: Call, delegate: httputil.HTTPMessageDelegate) -> None:
        """Pass a part of a body on. Raises Refusal."""
        call.count(len(part))
        self._wait_for(delegate.data_received(part))

    def _wait_for(self, awaitable: Awaitable[None] | None) -> None:
        """Hand nothing on until a handler is ready for it."""
        if awaitable is not None:
            self._awaited = asyncio.ensure_future(awaitable)
            self._awaited.add_done_callback(self._ready)

    def _ready(self, future: "Future[None]") -> None:
        self._awaited = None
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self._fail(error)
        self._deliver()

    # -- what fails -----------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        """End a connection whose request cannot be served; say why, if it is the client's doing."""
        if isinstance(error, httputil.HTTPInputError):
            error = Refusal(400, str(error))
        if isinstance(error, Refusal):
            log.debug("%s sent what is not served: %s", self.peer.remote_ip, error)
            if self._call is None or not self._call.has_begun:
                self.write(_said(error))
        else:
            log.error("a request from %s failed", self.peer.remote_ip, exc_info=error)
        self._leave()
        self.let_go()

    def _leave(self) -> None:
        """Tell who works at a request that its client hears no more."""
        call, delegate = self._call, self._delegate
        self._call = self._delegate = None
        if call is None or call.is_answered:
            return
        if call.is_read:
            call.gone()
        elif delegate is not None:
            delegate.on_connection_close()


def _said(refusal: Refusal) -> bytes:
    words = f"{refusal}\n".encode()
    return (
        f"HTTP/1.1 {refusal.status} {responses[refusal.status]}\r\nConnection: close\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(words)}\r\n\r\n"
    ).encode() + words
