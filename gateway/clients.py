"""The clients that are connected: their connections, and how long each is waited for."""

import asyncio
import socket
from typing import Protocol

from tornado import httputil

from gateway.client_line import ClientLine
from gateway.waiting import Waiting


class Finder(Protocol):
    """What finds the handler of a request: tornado's applications, and ours."""

    def find_handler(self, request: httputil.HTTPServerRequest) -> httputil.HTTPMessageDelegate:
        """Return what takes a request in."""
        ...


class Clients:
    """Serves an application to all who connect. A body may have `max_body_bytes`, unless its
    handler says otherwise; beyond that, the connection ends."""

    def __init__(self, application: Finder, max_body_bytes: int) -> None:
        self.application = application
        self.max_body_bytes = max_body_bytes
        self.is_leaving = False
        self.waiting = Waiting()
        self._lines: set[ClientLine] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def accepted(self, connection: socket.socket, address: object) -> None:
        """Serve a connection that was accepted."""
        task = asyncio.get_running_loop().create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def close(self) -> None:
        """Close all connections, and return when they are closed."""
        self.is_leaving = True
        for line in tuple(self._lines):
            line.close()
        while self._lines:
            self._gone.clear()
            await self._gone.wait()

    def made(self, line: ClientLine) -> None:
        """A connection is there; called by itself."""
        self._lines.add(line)

    def lost(self, line: ClientLine) -> None:
        """A connection has ended; called by itself."""
        self._lines.discard(line)
        self.waiting.over(line)
        self._gone.set()

    async def _begin(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: ClientLine(self), connection)
        except OSError:  # it has gone already
            connection.close()
