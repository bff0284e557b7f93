"""The clients that are connected. One look at all of them now and then ends what takes too long;
two timers for each request would cost more than to read it."""

import asyncio
import logging
import socket
from typing import Protocol

from tornado import httputil

from gateway.client_line import ClientLine

LOOK_EVERY_S = 5.0

log = logging.getLogger("tollgate.http")


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
        self._lines: set[ClientLine] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

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
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def lost(self, line: ClientLine) -> None:
        """A connection has ended; called by itself."""
        self._lines.discard(line)
        self._gone.set()

    def _look(self) -> None:
        """End the connections that took too long."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for line in [line for line in self._lines if line.due_s <= now_s]:
            log.debug("%s kept this server waiting for too long", line.peer.remote_ip)
            line.abort()
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if self._lines else None

    async def _begin(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: ClientLine(self), connection)
        except OSError:  # it has gone already
            connection.close()
