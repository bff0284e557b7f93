"""Clients that keep a server waiting: for the head of their next request, for its body, or for the
end of their connection.

One look at all of them now and then; two timers for each request would cost more than to read it.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.client_line import ClientLine

#: How long a connection may be idle, how long a body may take to come, and how long a connection
#: that is closed may take to end, in seconds.
IDLE_S, BODY_S, CLOSING_S = 600.0, 300.0, 30.0
LOOK_EVERY_S = 5.0

log = logging.getLogger("tollgate.http")


class Waiting:
    """Knows how long each connection is waited for, and ends those that take longer."""

    def __init__(self) -> None:
        self._until_s: dict[ClientLine, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until_s)

    def begin(self, line: "ClientLine", longest_s: float) -> None:
        """Wait for a connection, at most so long from now."""
        loop = asyncio.get_running_loop()
        self._until_s[line] = loop.time() + longest_s
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY_S, self._look)

    def over(self, line: "ClientLine") -> None:
        """What was waited for is there."""
        self._until_s.pop(line, None)

    def _look(self) -> None:
        """End the connections that took too long."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for line in [line for line, until_s in self._until_s.items() if until_s <= now_s]:
            del self._until_s[line]
            log.debug("%s kept this server waiting for too long", line.peer.remote_ip)
            line.abort()
        self._timer = loop.call_later(LOOK_EVERY_S, self._look) if self._until_s else None
