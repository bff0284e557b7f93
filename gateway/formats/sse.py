"""Server-sent events as bytes: whole lines out of reads that end anywhere.

Nothing is accumulated without a bound: of a line longer than MAX_LINE everything is passed on as it
comes, and its owner is told that it cannot be understood.
"""

import re

import orjson

MAX_LINE = 1 << 20
DONE = b"data: [DONE]\n\n"
# What a stream may begin with; it is no part of its first line (HTML Standard, server-sent events).
BOM = b"\xef\xbb\xbf"

_USAGE = re.compile(rb'"usage"\s*:(?!\s*null)')
_ERROR_FIRST = re.compile(rb'\s*\{\s*"error"\s*:')


class Lines:
    """Cuts a byte stream at line ends."""

    __slots__ = ("_held", "_limit", "_size", "overflowing")

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._size = 0
        self.overflowing = False

    def feed(self, chunk: bytes) -> bytes:
        """Return the complete lines so far. While `overflowing`, pieces of one endless line."""
        cut = chunk.rfind(b"\n") + 1
        if cut == len(chunk) and not self._held:
            self.overflowing = self.overflowing and not cut
            return chunk
        if self.overflowing and not cut:
            return chunk
        if not cut:
            return self._hold(chunk)
        whole = b"".join([*self._held, chunk[:cut]])
        self._held, self._size, self.overflowing = [], 0, False
        if cut < len(chunk):
            self._hold(chunk[cut:])
        return whole

    def rest(self) -> bytes:
        """Return what is held, at the end of the stream."""
        whole = b"".join(self._held)
        self._held, self._size = [], 0
        return whole

    def _hold(self, piece: bytes) -> bytes:
        self._held.append(piece)
        self._size += len(piece)
        if self._size <= self._limit:
            return b""
        self.overflowing = True
        return self.rest()


def data_of(line: bytes) -> bytes | None:
    """Return the payload of a `data:` line, or None for any other line."""
    return line[5:].strip() if line.startswith(b"data:") else None


def may_hold_usage(data: bytes) -> bool:
    """Tell, without parsing, whether frames can carry usage that is not null."""
    return _USAGE.search(data) is not None


def first_telling(stream: bytes) -> int:
    """Return where the first line begins that may say usage or [DONE]; -1 if there is none."""
    # Many say "usage":null in every frame: to count is faster than to look at each of them.
    tells = stream.count(b'"usage"') != stream.count(b'"usage":null')
    found = _USAGE.search(stream) if tells else None
    places = [at for at in (found.start() if found else -1, stream.find(b"[DONE]")) if at >= 0]
    return stream.rfind(b"\n", 0, min(places)) + 1 if places else -1


def first_data(stream: bytes) -> bytes:
    """Return the payload of the first `data:` line, b"" if there is none."""
    start = stream.find(b"data:")
    return stream[start + 5 :].split(b"\n", 1)[0].strip() if start >= 0 else b""


def is_stream(beginning: bytes) -> bool:
    """Tell whether a body begins as a stream does, whatever its head calls it."""
    return beginning.removeprefix(BOM).lstrip().startswith((b"data:", b"event:", b":"))


def is_error(data: bytes) -> bool:
    """Tell whether a frame is an error object rather than a chunk."""
    return _ERROR_FIRST.match(data) is not None


def frame(payload: object) -> bytes:
    """Write one data event."""
    return b"data: " + orjson.dumps(payload) + b"\n\n"
