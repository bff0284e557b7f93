"""Outages: does the database answer?

Owns the answer, from a regular look and from how the appender fares. Promises to say the beginning
and the end of an outage once each, and never to keep a caller waiting. Refuses nothing.
"""

import asyncio
import logging
from collections.abc import Callable

from ledger.clock import Clock
from ledger.errors import StoreError
from ledger.store import Store

# A database that takes longer than this to answer a ping is as good as away.
PATIENCE_S = 2.0

log = logging.getLogger("tollgate.ledger")


class Outage:
    """Watches the database; `stalled_s` tells for how long events have been waiting."""

    def __init__(self, store: Store, clock: Clock, stalled_s: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._stalled_s = stalled_s
        self._since_s: float | None = None

    def reachable(self) -> bool:
        """Tell whether asking the database makes sense right now."""
        return self._since_s is None and self._stalled_s() < PATIENCE_S

    async def look(self) -> None:
        """Ping the database."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._store.ping()
        except (TimeoutError, StoreError) as error:
            if self._since_s is None:
                self._since_s = self._clock.monotonic_s()
                log.warning("the database is away: %s", error or "no answer")
            return
        if self._since_s is not None:
            away_s = self._clock.monotonic_s() - self._since_s
            self._since_s = None
            log.warning("the database is back after %.1f s", away_s)
