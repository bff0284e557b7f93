"""The books of one process, open.

Owns the life of a writer: taking a slot, recovering what its former owner left, appending,
projecting, holding credit, renewing the lease, recovering slots that others abandoned, and giving
everything back at the end. Promises that `record` returns only when the event is durable and every
process sees its effect. Refuses work once the slot was taken over (`fenced` is set then).
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from ledger import writers
from ledger.appender import Appender, Place
from ledger.clock import Clock
from ledger.credit import Credit, free_slices
from ledger.errors import Fenced, StoreError, Unavailable
from ledger.events import Draft, Receipt, Schemas
from ledger.prices import PriceBook
from ledger.projector import Projector, catch_up
from ledger.store import Store
from ledger.writers import Writer

MAX_PENDING = 10_000
FLUSH_INTERVAL_S = 0.2
PRICE_REFRESH_S = 1.0
IDLE_CHECK_S = 5.0
RECOVERY_S = 10.0
SETTLED_S = 2.0
CANCEL_AGAIN_S = 0.5

log = logging.getLogger("tollgate.ledger")


class Books:
    """Everything a process needs to keep books; made by `open`, ended by `close`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        writer: Writer,
        prices: PriceBook,
        *,
        max_pending: int,
        flush_interval_s: float,
    ) -> None:
        self.store = store
        self.clock = clock
        self.writer = writer
        self.prices = prices
        self.credit = Credit(store, clock, writer.slot)
        self.projector = Projector(
            store, writer.slot, writer.next_seq - 1, interval_s=flush_interval_s
        )
        self.appender = Appender(
            store,
            clock,
            Schemas(),
            writer,
            max_pending=max_pending,
            on_landed=self.projector.feed,
        )
        self._chores: list[asyncio.Task[None]] = []
        self._closing = False

    @classmethod
    async def open(
        cls,
        store: Store,
        clock: Clock,
        *,
        max_pending: int = MAX_PENDING,
        flush_interval_s: float = FLUSH_INTERVAL_S,
    ) -> "Books":
        """Take a writer slot, recover it, load the prices and start.

        Raises Fenced or StoreError when that can't be done.
        """
        await recover_abandoned(store, clock)
        writer = await writers.acquire(store, clock)
        if writer is None:
            raise Unavailable("no writer slot could be taken")
        await _recover(store, writer)
        prices = PriceBook(clock)
        await prices.load(store)
        books = cls(
            store,
            clock,
            writer,
            prices,
            max_pending=max_pending,
            flush_interval_s=flush_interval_s,
        )
        books._start()
        return books

    @property
    def fenced(self) -> asyncio.Event:
        """Set once another process owns this writer's slot; the process must stop then."""
        return self.appender.fenced

    def place(self) -> Place:
        """Reserve room for one event to come. Raises BooksUnavailable when there is none."""
        return self.appender.place()

    async def append(self, draft: Draft, place: Place | None = None) -> Receipt:
        """Record an event; durable on return, in the accounts a moment later."""
        return await self.appender.append(draft, place)

    async def record(self, draft: Draft) -> Receipt:
        """Record an event; durable and in the accounts, for every process, on return."""
        receipt = await self.appender.append(draft)
        if receipt.writer == self.writer.slot:
            await self.projector.until(receipt.seq)
        return receipt

    async def debit(self, draft: Draft, *, wait_s: float = 2.0) -> Receipt:
        """Record an event that takes credit away, after holding that credit first.

        Raises InsufficientCredit when the account does not have it.
        """
        held = await self.credit.hold([draft.account], -draft.amount_nano, wait_s=wait_s)
        try:
            receipt = await self.append(draft)
        except BaseException:
            held.release()
            raise
        held.settle(0 if receipt.replayed else -draft.amount_nano)
        if receipt.writer == self.writer.slot:
            await self.projector.until(receipt.seq)
        return receipt

    async def settled(self) -> None:
        """Return once all that is durable by now is in the accounts: for exact reading.

        Waits no longer than SETTLED_S, so that a slow database slows readers and no more.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S):
                await self.projector.until(self.projector.fed)

    async def close(self) -> None:
        """Record and project what waits, give slices and slot back."""
        await self._end_chores()
        await self.appender.close()
        await self.projector.close()
        if self.fenced.is_set():
            return
        await free_slices(self.store, self.writer.slot)
        await writers.release(self.store, self.writer)

    async def _end_chores(self) -> None:
        """End the chores; a driver may swallow a cancellation, so they are asked until they do."""
        self._closing = True
        running = set(self._chores)
        while running:
            for chore in running:
                chore.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)

    def _start(self) -> None:
        self.projector.start()
        chores: dict[str, Coroutine[Any, Any, None]] = {
            "lease": self._keep_lease(),
            "idle slices": self._return_idle_slices(),
            "prices": self._refresh_prices(),
            "recovery": self._recover_others(),
        }
        for name, chore in chores.items():
            self._chores.append(asyncio.create_task(chore, name=f"ledger {name}"))

    async def _keep_lease(self) -> None:
        while not self._closing:
            await asyncio.sleep(writers.RENEW_S)
            try:
                await writers.renew(self.store, self.writer)
            except Fenced as error:
                log.error("%s; this process stops", error)
                self.fenced.set()
                return
            except StoreError as error:
                log.warning("the lease was not renewed: %s", error)

    async def _return_idle_slices(self) -> None:
        while not self._closing:
            await asyncio.sleep(IDLE_CHECK_S)
            try:
                await self.credit.return_idle()
            except StoreError as error:
                log.warning("idle credit was not returned: %s", error)

    async def _refresh_prices(self) -> None:
        while not self._closing:
            await asyncio.sleep(PRICE_REFRESH_S)
            try:
                await self.prices.refresh()
            except StoreError as error:
                log.warning("prices were not refreshed: %s", error)

    async def _recover_others(self) -> None:
        while not self._closing:
            await asyncio.sleep(RECOVERY_S)
            try:
                await recover_abandoned(self.store, self.clock)
            except (Fenced, StoreError) as error:
                log.warning("an abandoned writer was not recovered: %s", error)


async def recover_abandoned(store: Store, clock: Clock) -> int:
    """Fence off every writer whose process is gone, project its events and free its credit.

    Returns how many were recovered.
    """
    recovered = 0
    for slot in await writers.abandoned(store):
        writer = await writers.acquire(store, clock, only_slot=slot)
        if writer is not None:
            await _recover(store, writer)
            await writers.release(store, writer)
            recovered += 1
    return recovered


async def _recover(store: Store, writer: Writer) -> None:
    await catch_up(store, writer.slot)
    await free_slices(store, writer.slot)
