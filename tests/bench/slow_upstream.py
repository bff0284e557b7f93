"""An upstream whose streams are slow: a first word after a while, then one word a second or so.

Run as `python -m tests.bench.slow_upstream --port N --words N --every S --first S`.
"""

from __future__ import annotations

import argparse
import asyncio
import re

from tests.bench import wire

_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_READY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class SlowUpstream:
    """`words` at most 39, `first_s` before the first of them, `every_s` between two."""

    def __init__(self, words: int, first_s: float, every_s: float) -> None:
        frames = wire.frames(True)
        self._words = frames[:words]
        self._end = [*frames[wire.CONTENT_CHUNKS :]]
        self._first_s = first_s
        self._every_s = every_s

    async def serve(self, port: int) -> None:
        """Listen until the process is ended."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=2048)
        await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length.group(1)) if length else 0)
                if head.startswith(b"GET"):
                    writer.write(_READY)
                else:
                    await self._stream(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._first_s)
        writer.write(_HEAD)
        for frame in self._words:
            writer.write(_chunked(frame))
            await writer.drain()
            await asyncio.sleep(self._every_s)
        writer.write(b"".join(map(_chunked, self._end)) + b"0\r\n\r\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="An upstream with slow streams.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--first", type=float, required=True)
    parser.add_argument("--every", type=float, required=True)
    args = parser.parse_args()
    try:
        asyncio.run(SlowUpstream(args.words, args.first, args.every).serve(args.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
