"""An upstream without manners: after each request it writes the bytes that it is told to, on a real
socket, and ends the connection as it is told to."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    path: str
    head: bytes
    body: bytes


class Line:
    """The connection to whoever asked."""

    def __init__(self, writer: asyncio.StreamWriter, released: asyncio.Event) -> None:
        self._writer = writer
        self._released = released

    async def write(self, *pieces: bytes) -> None:
        """Write pieces, each with a system call of its own."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def hang(self) -> None:
        """Say nothing until the upstream is released, or whoever asked has gone."""
        await self._released.wait()

    def reset(self) -> None:
        """End the connection with a reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Play = Callable[[Line, Request], Awaitable[bool]]


class RawUpstream:
    """The server. Use as `async with RawUpstream() as upstream`.

    `play` answers a request, and says whether the connection stays open.
    """

    def __init__(self) -> None:
        self.play: Play | None = None
        self.received: list[Request] = []
        self.released = asyncio.Event()
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> RawUpstream:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.released.set()
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                continue
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever asked has gone
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        body = await reader.readexactly(int(found.group(1)) if found else 0)
        request = Request(head.split(b" ", 2)[1].decode(), head, body)
        self.received.append(request)
        assert self.play is not None
        return await self.play(Line(writer, self.released), request)
