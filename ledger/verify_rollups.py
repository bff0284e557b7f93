"""Rollups beside a verification: counted again from the pages of events that are read anyway.

Owns the hand-over: each page of a writer's events goes to the recount too, so that the events are
read from the database once. Promises that a recount that fails is a fault and stops nothing else.
Refuses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ledger.chains import chain
from ledger.check_events import FAILURES
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.recount_rollups import RollupFault, differences
from ledger.store import Store

AHEAD = 8  # pages: what is gathered, and as many while pages of sums are read


class RollupFeed:
    """The recount of one writer's rollups; `put` each page of its events in order, then `end`."""

    def __init__(self, store: Store, writer: int) -> None:
        self._store = store
        self._writer = writer
        self._pages: asyncio.Queue[list[Document] | None] = asyncio.Queue(AHEAD)
        self._ended = False
        self._task = asyncio.create_task(self._run(), name=f"rollups of writer {writer}")

    async def put(self, page: list[Document]) -> None:
        """Hand over events that follow those before."""
        await self._pages.put(page)

    async def end(self) -> list[RollupFault]:
        """Let the recount finish and return what is wrong. Raises StoreError."""
        await self._pages.put(None)
        return await self._task

    async def cancel(self) -> None:
        """Stop, whatever the state; harmless after `end`."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> list[RollupFault]:
        faults: list[RollupFault] = []
        try:
            found = differences(self._store, self._writer, read=self._read)
            async with aclosing(found):
                async for difference in found:
                    if difference.is_fault:
                        faults.append(difference.fault)
        except (LedgerError, *FAILURES) as error:
            message = f"can't be counted again: {error!r}"
            faults.append(RollupFault("rollup changed", f"writer {self._writer}", message))
            while not self._ended:
                self._ended = await self._pages.get() is None
        return faults

    async def _read(
        self, store: Store, writer: int, after: int
    ) -> AsyncGenerator[list[Document], None]:
        """Yield what was handed over, and what the database has behind it: rollups may know of
        events that were not handed over."""
        while not self._ended:
            page = await self._pages.get()
            if page is None:
                self._ended = True
                break
            after = int(page[-1]["seq"])
            yield page
        async with aclosing(chain(store, writer, after)) as rest:
            async for page in rest:
                yield page
