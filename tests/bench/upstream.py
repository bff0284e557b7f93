"""A fake OpenAI upstream: HTTP/1.1 on a real socket, as cheap as Python allows, in its own process.

Run as `python -m tests.bench.upstream [--port N]`; it prints its port as one JSON line once it
listens. A stream's chunks are written back to back, each with a write of its own, as a fast
model's are: whoever reads them gets some alone and some together. `GET /served` tells how many
requests it answered.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Final, cast

import orjson

from tests.bench import wire

_MAX_HEAD: Final = 64 * 1024
_JSON: Final = b"content-type: application/json\r\n"
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"
)


def _answer(status: bytes, body: bytes) -> bytes:
    length = b"content-length: %d\r\n" % len(body)
    return (
        b"HTTP/1.1 "
        + status
        + b"\r\n"
        + _JSON
        + b"x-request-id: req_bench\r\n"
        + length
        + b"\r\n"
        + body
    )


def _refusal(status: bytes, message: str) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return _answer(status, orjson.dumps({"error": error}))


def _chunked(frames: list[bytes]) -> tuple[bytes, ...]:
    return tuple(b"%x\r\n%s\r\n" % (len(f), f) for f in frames) + (b"0\r\n\r\n",)


_REPLY: Final = _answer(b"200 OK", wire.reply())
_STREAMS: Final = {asked: (_STREAM_HEAD, *_chunked(wire.frames(asked))) for asked in (False, True)}


class Served:
    """How many requests of each kind were answered since the start."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(wire.KINDS, 0)


class Upstream(asyncio.Protocol):
    """One connection, kept alive; requests are answered in order."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while self._unread and self._take_one():
            pass

    def _take_one(self) -> bool:
        """Answers the next whole request; False when it has not all come yet."""
        end = self._unread.find(b"\r\n\r\n")
        if end < 0:
            if len(self._unread) > _MAX_HEAD:
                self._transport.abort()
            return False
        head = self._unread[:end].lower()
        length = _content_length(head)
        if length is None:
            self._transport.write(_refusal(b"411 Length Required", "send a content-length"))
            self._transport.close()
            return False
        if len(self._unread) < end + 4 + length:
            return False
        body = self._unread[end + 4 : end + 4 + length]
        self._unread = self._unread[end + 4 + length :]
        for piece in self._respond(head, body):
            self._transport.write(piece)
        return True

    def _respond(self, head: bytes, body: bytes) -> tuple[bytes, ...]:
        if head.startswith(b"get /served "):
            return (_answer(b"200 OK", orjson.dumps(self._served.counts)),)
        if not head.startswith(b"post " + wire.PATH.encode() + b" "):
            return (_refusal(b"404 Not Found", "no such route"),)
        if b"\r\nauthorization: bearer " not in head:
            return (_refusal(b"401 Unauthorized", "no key"),)
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            return (_refusal(b"400 Bad Request", "not JSON"),)
        if asked.get("model") != wire.MODEL:
            return (_refusal(b"404 Not Found", "no such model"),)
        if not asked.get("stream"):
            self._served.counts["chat"] += 1
            return (_REPLY,)
        self._served.counts["stream"] += 1
        return _STREAMS[bool((asked.get("stream_options") or {}).get("include_usage"))]


def _content_length(head: bytes) -> int | None:
    """The body's length in bytes; None where a body is sent without one."""
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(head[at + 17 :].split(b"\r\n", 1)[0])
    return None if b"\r\ntransfer-encoding:" in head else 0


async def serve(port: int, protocol: type[Upstream] = Upstream) -> None:
    """Listens until the process is ended."""
    served = Served()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(served), "127.0.0.1", port, backlog=1024)
    print(orjson.dumps({"port": server.sockets[0].getsockname()[1]}).decode(), flush=True)
    await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description="A fake OpenAI upstream for the benchmark.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    try:
        asyncio.run(serve(parser.parse_args().port))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
