"""Outages: does the database answer?

Owns the answer, from a regular look and from how the appender fares. Promises to say the beginning
and the end of an outage once each, and never to keep a caller waiting. Refuses nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ledger.clock import Clock
from ledger.errors import StoreError
from ledger.store import Store

# A database that takes longer than this to answer a ping is as good as away.
PATIENCE_S = 2.0
# Who has not looked for so long was not there to see whether it answered.
UNWATCHED_S = 10.0

log = logging.getLogger("tollgate.ledger")


class Outage:
    """Watches the database; `stalled_s` tells for how long events have been waiting."""

    def __init__(self, store: Store, clock: Clock, stalled_s: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._stalled_s = stalled_s
        self._since_s: float | None = None
        self._steady_since_s = self._looked_s = clock.monotonic_s()
        self._asking: set[asyncio.Timeout] = set()

    @property
    def steady_s(self) -> float:
        """For how long the database has been seen to answer without a break."""
        unwatched = self._clock.monotonic_s() - self._looked_s > UNWATCHED_S
        away = self._since_s is not None
        return 0.0 if away or unwatched else self._looked_s - self._steady_since_s

    def reachable(self) -> bool:
        """Tell whether asking the database makes sense right now."""
        return self._since_s is None and self._stalled_s() < PATIENCE_S

    @asynccontextmanager
    async def asking(self, longest_s: float) -> AsyncIterator[None]:
        """Bound a question to the database: as soon as it is seen to answer nobody, or else after
        `longest_s` seconds, this ends with TimeoutError."""
        async with asyncio.timeout(longest_s) as limit:
            self._asking.add(limit)
            try:
                yield
            finally:
                self._asking.discard(limit)

    async def look(self) -> None:
        """Ping the database."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s > UNWATCHED_S:
            self._steady_since_s = now_s
        self._looked_s = now_s
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._store.ping()
        except (TimeoutError, StoreError) as error:
            if self._since_s is None:
                self._since_s = self._clock.monotonic_s()
                log.warning("the database is away: %s", error or "no answer")
                now_s = asyncio.get_running_loop().time()
                for limit in self._asking:
                    if not limit.expired():  # as it may be, in a process that stood still
                        limit.reschedule(now_s)
            return
        if self._since_s is not None:
            away_s = self._clock.monotonic_s() - self._since_s
            self._since_s, self._steady_since_s = None, self._clock.monotonic_s()
            log.warning("the database is back after %.1f s", away_s)
