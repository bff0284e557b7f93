"""Bodies of requests that come compressed (Content-Encoding: gzip)."""

import zlib
from collections.abc import Awaitable

from tornado import httputil

from gateway.client_call import Call

# What comes out at a time: a small body can hold a very long one.
PIECE_BYTES = 64 << 10
_GZIP = 16 + zlib.MAX_WBITS


class Unzipped(httputil.HTTPMessageDelegate):
    """Passes a request on with its body as it was before; that counts for the body's limit, too."""

    def __init__(self, inner: httputil.HTTPMessageDelegate, call: Call) -> None:
        self._inner = inner
        self._call = call
        self._member = zlib.decompressobj(_GZIP)
        self._bytes = 0

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        """Pass the head on."""
        return self._inner.headers_received(start_line, headers)

    async def data_received(self, chunk: bytes) -> None:
        """Pass on what a part of the body holds. Raises HTTPInputError."""
        while chunk:
            if self._member.eof:  # one file can follow another
                self._member = zlib.decompressobj(_GZIP)
            try:
                piece = self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                raise httputil.HTTPInputError(f"the body is no gzip: {error}") from None
            chunk = self._member.unused_data or self._member.unconsumed_tail
            self._bytes += len(piece)
            if self._bytes > self._call.max_body_bytes:
                raise httputil.HTTPInputError("the body is too long when it is unpacked")
            passed = self._inner.data_received(piece) if piece else None
            if passed is not None:
                await passed

    def finish(self) -> None:
        """Pass the end on. Raises HTTPInputError when the body ended too early."""
        if self._bytes and not self._member.eof:
            raise httputil.HTTPInputError("the body is no whole gzip")
        self._inner.finish()

    def on_connection_close(self) -> None:
        """Pass on that nothing more comes."""
        self._inner.on_connection_close()
