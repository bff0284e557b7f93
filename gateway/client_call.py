"""One request of a client and its answer: what tornado's handlers read from and write to.

The body of an answer is framed as its head says: by its length, in chunks, or by the end of the
connection for clients that know neither (RFC 9112, 6 and 9).
"""

from asyncio import Future
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tornado import httputil
from tornado.iostream import IOStream

from gateway.client_parser import Head, Refusal

if TYPE_CHECKING:
    from gateway.client_line import ClientLine

SWITCHING = 101
_NO_BODY = frozenset({204, 304})


class Peer(NamedTuple):
    """Who is at the other end, as tornado's requests want to know it."""

    remote_ip: str
    protocol: str = "http"


class Call(httputil.HTTPConnection):
    """A request, of which the head is there, and its answer.

    `is_kept` says that the connection may serve another request; `is_read` that all of this one
    came; `has_begun` and `is_answered`, that the head of the answer and all of it are written.
    """

    def __init__(
        self,
        line: "ClientLine",
        head: Head,
        max_body_bytes: int,
    ) -> None:
        self.context = line.peer
        self.is_kept = head.is_kept
        self.is_read = self.has_begun = self.is_answered = False
        self.max_body_bytes = max_body_bytes
        self._body_bytes = 0
        self._line = line
        self._asked = head.start_line
        self._on_close: Callable[[], None] | None = None
        self._in_chunks = False
        self._left_bytes: int | None = None
        self._held = b""

    def set_max_body_size(self, max_body_size: int) -> None:
        """Let the body of this request have so many bytes; beyond, the connection ends."""
        self.max_body_bytes = max_body_size

    def count(self, size: int) -> None:
        """So much of the body came. Raises Refusal when that is too much."""
        self._body_bytes += size
        if self._body_bytes > self.max_body_bytes:
            raise Refusal(413, f"a body may have {self.max_body_bytes} bytes")

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Call this when the client goes before all of the answer is written."""
        self._on_close = callback

    def gone(self) -> None:
        """The client has gone."""
        callback, self._on_close = self._on_close, None
        if callback is not None:
            callback()

    def close(self) -> None:
        """End the connection when all that is written has gone out."""
        self._on_close = None
        self._line.close()

    def detach(self) -> IOStream:
        """Hand the connection over, for another protocol: only after an answer of 101."""
        stream = self._line.detach()
        if self._held:
            stream.write(self._held)
        return stream

    # -- the answer -----------------------------------------------------------------------------

    def write_headers(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> "Future[None]":
        """Write the head of the answer, and the first of its body.

        The future is done when there is room for more. Raises ValueError for a head that would be
        two lines, HTTPOutputError for more than the length that it says.
        """
        assert isinstance(start_line, httputil.ResponseStartLine)
        self.has_begun = True
        self._frame(start_line.code, headers)
        lines = [f"HTTP/1.1 {start_line.code} {start_line.reason}"]
        lines += [f"{name}: {value}" for name, value in headers.get_all()]
        head = "\r\n".join(lines)
        if not head.count("\r") == head.count("\n") == len(lines) - 1:
            raise ValueError(f"a header of the answer has a line break: {lines!r}")
        data = head.encode("latin1") + b"\r\n\r\n"
        if start_line.code == SWITCHING:
            self._held = data
            return self._line.room()
        return self._line.write(data + self._framed(chunk) if chunk else data)

    def write(self, chunk: bytes) -> "Future[None]":
        """Write more of the body. The future is done when there is room for more.

        Raises HTTPOutputError for more than the length that the head says.
        """
        return self._line.write(self._framed(chunk))

    def finish(self) -> None:
        """All of the answer is written. Raises HTTPOutputError for less than its head says."""
        if self._left_bytes:
            self.close()
            raise httputil.HTTPOutputError(f"{self._left_bytes} bytes less than Content-Length")
        if self._in_chunks:
            self._line.write(b"0\r\n\r\n")
        self.is_answered = True
        self._on_close = None
        if not self._held:
            self._line.answered(self)

    def _frame(self, code: int, headers: httputil.HTTPHeaders) -> None:
        """Find out how the end of the body is told, and tell how."""
        asked = self._asked
        self.is_kept = self.is_kept and self.is_read and self._line.may_stay
        has_body = code >= 200 and code not in _NO_BODY and asked.method != "HEAD"
        if "Content-Length" in headers:
            self._left_bytes = int(headers["Content-Length"]) if has_body else 0
        elif asked.version == "HTTP/1.1":
            self._in_chunks = has_body
            if has_body:
                headers["Transfer-Encoding"] = "chunked"
        elif has_body:
            self.is_kept = False
        if code != SWITCHING and self.is_kept is not (asked.version == "HTTP/1.1"):
            headers["Connection"] = "keep-alive" if self.is_kept else "close"

    def _framed(self, chunk: bytes) -> bytes:
        if self._in_chunks:  # an empty chunk would be the end
            return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
        if self._left_bytes is not None:
            self._left_bytes -= len(chunk)
            if self._left_bytes < 0:
                self.close()
                raise httputil.HTTPOutputError("more than Content-Length")
        return chunk
