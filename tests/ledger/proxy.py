"""A TCP proxy before a database, that can lose messages the way networks do.

It knows enough of MongoDB's wire protocol to tell commands apart. Tests connect through `url` and
plan what happens to the next messages of a command:

    forward       passed on, answered
    lose_answer   passed on and carried out; the connection breaks before the answer arrives
    lose_command  the connection breaks before the command arrives
    stall         passed on and carried out; the answer never arrives, the connection stays open
"""

import asyncio
import struct
from collections import Counter, deque
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_OP_MSG = 2013
# header (16), flags (4), kind of the first section (1), its length (4), type of its first field (1)
_FIRST_FIELD = 26


def command_of(message: bytes) -> str:
    """Return the name of the command that a message carries, or "" if it is of another kind."""
    if struct.unpack_from("<i", message, 12)[0] != _OP_MSG:
        return ""
    return message[_FIRST_FIELD : message.index(b"\0", _FIRST_FIELD)].decode()


class Proxy:
    """Use as `async with Proxy(database_url) as proxy`."""

    def __init__(self, database_url: str, host: str = "127.0.0.1") -> None:
        self._host = host
        target = urlsplit(database_url.split(",", 1)[0])
        self._target = (target.hostname or "127.0.0.1", target.port or 27017)
        self._plans: dict[str, deque[str]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._news = asyncio.Event()
        self.seen: Counter[str] = Counter()
        #: While set, nothing gets through, and nobody is told: as when a cable is pulled.
        self.silent = False

    @property
    def url(self) -> str:
        """Where to connect to come through here."""
        return f"mongodb://{self._host}:{self._port}/?directConnection=true"

    def plan(self, command: str, *actions: str) -> None:
        """Queue what happens to the next messages that carry this command."""
        self._plans.setdefault(command, deque()).extend(actions)

    async def saw(self, command: str) -> None:
        """Return once a message with this command has come by."""
        while not self.seen[command]:
            self._news.clear()
            await self._news.wait()

    def refuse_new(self) -> None:
        """Refuse new connections; those that are open stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self.refuse_new()
        for writer in list(self._writers):
            writer.transport.abort()
        if self._handlers:
            await asyncio.wait(self._handlers)

    async def restore(self) -> None:
        """Listen again, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def __aenter__(self) -> "Proxy":
        await self.restore()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.cut()

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._writers.add(to_client)
        try:
            with suppress(OSError, EOFError):
                server, to_server = await asyncio.open_connection(*self._target)
                self._writers.add(to_server)
                try:
                    await self._relay(client, to_client, server, to_server)
                finally:
                    await _close(to_server)
                    self._writers.discard(to_server)
        finally:
            await _close(to_client)
            self._writers.discard(to_client)
            self._handlers.discard(task)

    async def _relay(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        lost: asyncio.Queue[str] = asyncio.Queue()
        tasks = (
            asyncio.create_task(self._commands(client, to_server, lost)),
            asyncio.create_task(self._answers(server, to_client, lost)),
        )
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _commands(
        self,
        client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        lost: asyncio.Queue[str],
    ) -> None:
        """Pass commands on; put into `lost` what is to happen to the next answer."""
        while True:
            message = await _message(client)
            if self.silent:
                continue
            command = command_of(message)
            queue = self._plans.get(command)
            action = queue.popleft() if queue else "forward"
            self.seen[command] += 1
            self._news.set()
            if action == "lose_command":
                return
            if action != "forward":
                lost.put_nowait(action)
            to_server.write(message)
            await to_server.drain()

    async def _answers(
        self,
        server: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        lost: asyncio.Queue[str],
    ) -> None:
        while True:
            message = await _message(server)
            action = "forward" if lost.empty() else lost.get_nowait()
            if action == "lose_answer":
                return
            if action == "forward":
                to_client.write(message)
                await to_client.drain()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("<i", head)[0] - 4)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
