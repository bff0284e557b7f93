"""Clients that keep a server waiting: for the head of their next request, or for its body.

One look at all of them now and then; two timers for each request would cost more than to read it.
"""

import asyncio
import logging

from tornado.http1connection import HTTP1Connection

#: How long a connection may be idle, and how long a body may take to come, in seconds.
IDLE_S, BODY_S = 600.0, 300.0
LOOK_EVERY_S = 5.0

log = logging.getLogger("tollgate.http")


class Waiting:
    """Knows how long each connection is waited for, and closes those that take longer."""

    def __init__(self) -> None:
        self._until_s: dict[HTTP1Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until_s)

    def begin(self, connection: HTTP1Connection, longest_s: float) -> None:
        """Wait for a connection, at most so long from now."""
        loop = asyncio.get_running_loop()
        self._until_s[connection] = loop.time() + longest_s
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    def over(self, connection: HTTP1Connection) -> None:
        """What was waited for is there."""
        self._until_s.pop(connection, None)

    def _look(self) -> None:
        """Close who took too long, and forget who is gone."""
        loop = asyncio.get_running_loop()
        now_s, due = loop.time(), []
        for connection, until_s in self._until_s.items():
            if connection.stream is None or connection.stream.closed() or until_s <= now_s:
                due.append(connection)
        for connection in due:
            del self._until_s[connection]
            if connection.stream is not None and not connection.stream.closed():
                log.debug("%s kept this server waiting for too long", connection.context)
                connection.stream.close()
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if self._until_s else None
