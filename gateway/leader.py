"""One leader per cluster: a lease document that the process which holds it keeps renewing.

The lease lives by the database's clock; the leader stops believing in it by its own, counted from
before the renewal was asked for, and so before the lease can end for others. A leader that crashes
or loses the database is replaced within LEASE_S + TRY_S seconds; one that closes, within TRY_S.

Two processes may still act as leaders for a moment, because what one began before its lease ended
may run on. What leaders do must therefore be idempotent; the lease saves work, the books do not
rest on it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.tasks import end_all, waited
from ledger.clock import Clock
from ledger.errors import Duplicate, StoreError
from ledger.store import Store

LEASES = "leases"
NAME = "jobs"
LEASE_S = 10.0
TRY_S = 3.0
CLOSE_S = 2.0

log = logging.getLogger("tollgate.jobs")

Told = Callable[[bool], Awaitable[None]]


class Leader:
    """This process's part in the election. `owner` is a name that no other process ever has."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        owner: str,
        *,
        lease_s: float = LEASE_S,
        try_s: float = TRY_S,
    ) -> None:
        self.owner = owner
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._try_s = try_s
        self._until_s = float("-inf")
        self._told: Told | None = None
        self._was_told = False
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether this process may act as the leader right now."""
        return self._clock.monotonic_s() < self._until_s

    def start(self, told: Told) -> None:
        """Begin to stand for election. `told` learns of each change; its StoreErrors are retried.

        It may learn late that the lease is lost, while the database is away: ask `leads` as well.
        """
        self._told = told
        self._task = asyncio.create_task(self._run(), name="leader election")

    async def close(self) -> None:
        """Stop standing, and let another process follow at once."""
        self._stopping.set()
        if self._task is not None:
            await end_all({self._task}, CLOSE_S)
            self._task = None
        if not self.leads:
            return
        self._until_s = float("-inf")
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._store.update_one(LEASES, self._mine(), {"$set": {"expires_us": 0}})
        except (StoreError, TimeoutError) as error:
            log.info("the lease was not given back, it will run out: %s", error)

    async def stand(self) -> bool:
        """Take or prolong the lease if nobody else holds it; return whether this process leads.

        Raises StoreError; the lease ends then when it would have ended.
        """
        asked_s = self._clock.monotonic_s()
        now_us = await self._store.server_now_us()
        change = {"owner": self.owner, "expires_us": now_us + round(self._lease_s * 1_000_000)}
        won = await self._store.update_one(LEASES, self._mine(), {"$set": change})
        if not won:
            won = await self._take_over(now_us, change)
        self._until_s = asked_s + self._lease_s if won else float("-inf")
        return bool(won)

    async def _take_over(self, now_us: int, change: dict[str, object]) -> int:
        held = await self._store.find_one(LEASES, {"_id": NAME})
        if held is None:
            try:
                await self._store.insert_one(LEASES, {"_id": NAME, **change})
            except Duplicate:  # another process was first
                return 0
            return 1
        if held["expires_us"] > now_us:
            return 0
        return await self._store.update_one(LEASES, held, {"$set": change})

    def _mine(self) -> dict[str, str]:
        return {"_id": NAME, "owner": self.owner}

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.stand()
                await self._tell()
            except StoreError as error:
                log.debug("the election waits for the database: %s", error)
            except Exception:  # whatever it is, a cluster must not be left without a leader
                log.exception("the election failed; trying again")
            await waited(self._stopping, self._try_s)

    async def _tell(self) -> None:
        leads = self.leads
        if leads != self._was_told and self._told is not None:
            await self._told(leads)
            self._was_told = leads
