"""The line between the parent and one worker: messages both ways over a socket pair.

A message is a dictionary of plain values (and the settings), pickled, behind its length. Nobody
else can write to the pair. That it ends tells each side that the other is gone.
"""

import asyncio
import pickle
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")
# A report holds some hundred series of metrics; twice this much unread means that nobody reads.
_MOST_UNSENT_BYTES = 64 << 20
_LAST_WORDS_S = 1.0


def receive(line: socket.socket) -> Message:
    """Wait for one message, without a loop. Raises EOFError when the other side is gone."""
    with line.makefile("rb", buffering=0) as file:
        size = _LENGTH.unpack(_exactly(file.read, _LENGTH.size))[0]
        message: Message = pickle.loads(_exactly(file.read, size))
    return message


def _exactly(read: Any, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = read(size - len(found))
        if not part:
            raise EOFError("the other side is gone")
        found += part
    return found


class Link:
    """One end of the line, in a loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, line: socket.socket) -> "Link":
        """Take over one end of a socket pair."""
        line.setblocking(False)
        return cls(*await asyncio.open_connection(sock=line))

    def send(self, message: Message) -> None:
        """Send a message; dropped when the other side is gone or reads nothing for long."""
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            return
        packed = pickle.dumps(message)
        self._writer.write(_LENGTH.pack(len(packed)) + packed)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what comes, until the other side is gone."""
        try:
            while True:
                size = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))[0]
                yield pickle.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    async def close(self) -> None:
        """Let go of this end, after what was sent has left."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._writer.wait_closed()
