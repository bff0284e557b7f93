"""Rollups counted again: do the pages say what the events say, and mending them.

Owns the comparison of all pages with the events, and the one operation that replaces pages.
Promises to hold no more than the pages of a day and the events behind a watermark, to work beside
running servers (a page is compared with exactly the events that it says are in it), and to replace
a page only if it is still the one that was compared. Refuses to judge pages of a time from which
events are in an archive.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from ledger.archived import Archives
from ledger.chains import chain, gathered
from ledger.cubes import MINUTES, Cell, Cells, by_minute, merged
from ledger.errors import StoreError
from ledger.events import Document
from ledger.projector import batches, catch_up
from ledger.rollups import ROLLUPS, Folding, PageDelta, cells_of, packed
from ledger.store import Store
from ledger.views import applied

MAX_ROUNDS = 20
TOGETHER = 4_000  # many events share a cell
BREATH = 500  # how many events are counted before other tasks get a turn

Progress = Callable[[int], None]
Read = Callable[[Store, int, int], AsyncGenerator[list[Document], None]]


class RollupFault(NamedTuple):
    """One page that is wrong: a stable kind, its id, and a sentence for a person."""

    kind: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A page that should be otherwise: None where there should be, or is, no page."""

    page: str
    expected: PageDelta | None
    stored: Document | None

    @property
    def is_fault(self) -> bool:
        """Whether it is wrong, and not only written before events were counted by minute: whoever
        reads such a page reads the events instead."""
        if self.expected is None or self.stored is None:
            return True
        slot = int(self.stored["writer"])
        return not _same(self.expected, self.stored, slot, by_minute_too=False)

    @property
    def fault(self) -> RollupFault:
        """Say what is wrong."""
        if self.expected is None:
            return RollupFault("rollup changed", self.page, "no event belongs into this page")
        if self.stored is None:
            return RollupFault("rollup changed", self.page, "the page is missing")
        if applied(self.stored, self.stored["writer"]) != self.expected.last:
            return RollupFault("rollup changed", self.page, "names another event as its last")
        return RollupFault("rollup changed", self.page, "its sums are not those of its events")


async def verify_rollups(store: Store, *, progress: Progress | None = None) -> list[RollupFault]:
    """Compare all pages with the events and return what is wrong, empty if nothing is."""
    faults: list[RollupFault] = []
    for slot in await _slots(store):
        async with aclosing(differences(store, slot, progress=progress)) as found:
            async for difference in found:
                if difference.is_fault:
                    faults.append(difference.fault)
    return faults


async def rebuild_rollups(
    store: Store, *, whole: Read | None = None, progress: Progress | None = None
) -> int:
    """Make all pages what the events say and return how many were wrong. Raises StoreError.

    `whole` reads a writer's events, archived ones too; without it pages of archived times stay.
    """
    mended = 0
    for slot in await _slots(store):
        await catch_up(store, slot, ROLLUPS)
        for _ in range(MAX_ROUNDS):
            left = 0
            found = differences(
                store, slot, read=whole or chain, whole=whole is not None, progress=progress
            )
            async with aclosing(found):
                async for difference in found:
                    left += 1
                    mended += await _mend(store, slot, difference)
            if not left:
                break
        else:
            raise StoreError(f"the rollups of writer {slot} kept changing while they were rebuilt")
    return mended


async def _slots(store: Store) -> list[int]:
    slots = await store.find_list("writers", {}, projection={"_id": 1}, sort=[("_id", 1)])
    return [int(slot["_id"]) for slot in slots]


async def differences(
    store: Store,
    slot: int,
    *,
    read: Read = chain,
    whole: bool = False,
    progress: Progress | None = None,
) -> AsyncGenerator[Difference, None]:
    """Yield the pages of a writer that are not what its events say.

    With `whole`, `read` yields archived events too, and pages of their time are judged as well.
    """
    recount = _Recount(store, slot, -1 if whole else await _archived_until(store, slot))
    await recount.begin()
    last = 0
    async with aclosing(gathered(read(store, slot, 0), TOGETHER)) as found:
        async for events in found:
            await recount.add(events)
            last = int(events[-1]["seq"])
            for difference in await recount.closed():
                yield difference
            if progress is not None:
                progress(len(events))
    stored = await recount.open_pages()
    async with aclosing(read(store, slot, last)) as late:
        async for events in late:
            await recount.add(events)
    for difference in recount.compare_open(stored):
        yield difference
    for difference in await recount.strays():
        yield difference


async def _archived_until(store: Store, slot: int) -> int:
    """Return the time of the last event that went to an archive, or -1."""
    ranges = (await Archives.load(store)).by_writer.get(slot)
    if not ranges:
        return -1
    last = await store.find_one("events", {"writer": slot, "seq": ranges[-1].last_seq})
    return int(last["ts"]) if last is not None else -1


class _Recount:
    """The pages of one writer, added up again from its events."""

    def __init__(self, store: Store, slot: int, archived_until: int) -> None:
        self._store = store
        self._slot = slot
        self._archived_until = archived_until
        self._watermark = 0
        self._listed: set[str] = set()
        self._folding = Folding(slot)
        self._pages: dict[str, PageDelta] = {}
        self._tail: list[Document] = []
        self._ts = 0

    async def begin(self) -> None:
        """Note which pages there are, and behind which event they may lack some."""
        async with aclosing(
            self._store.find("rollups", {"writer": self._slot}, projection={"start": 1})
        ) as pages:
            async for page in pages:
                if self._judged(int(page["start"])):
                    self._listed.add(page["_id"])
        name = {"_id": ROLLUPS.position_id(self._slot)}
        position = await self._store.find_one("positions", name)
        self._watermark = int(position["seq"]) if position else 0

    def _judged(self, start: int) -> bool:
        return start > self._archived_until

    async def add(self, events: list[Document]) -> None:
        """Count more events, some at a time, so that others have their turn; those behind the
        watermark are kept for later. (Beside a thread both would wait for each other.)"""
        base = [event for event in events if event["seq"] <= self._watermark]
        self._tail += events[len(base) :]
        if not base:
            return
        self._ts = int(base[-1]["ts"])
        for some in batches(base, BREATH):
            self._folding.add(some)
            await asyncio.sleep(0)

    async def closed(self) -> list[Difference]:
        """Compare and forget the pages whose time is over."""
        pages = self._only_judged(self._folding.closed(self._ts))
        return self._compare(pages, await self._read(pages))

    async def open_pages(self) -> dict[str, Document]:
        """Read the pages that more events may go into."""
        self._pages = self._only_judged(self._folding.deltas())
        return await self._read({*self._pages, *self._folded(self._tail)})

    def _only_judged(self, pages: dict[str, PageDelta]) -> dict[str, PageDelta]:
        return {name: page for name, page in pages.items() if self._judged(page.start)}

    def _folded(self, events: Iterable[Document]) -> dict[str, PageDelta]:
        folding = Folding(self._slot)
        folding.add(events)
        return self._only_judged(folding.deltas())

    async def _read(self, names: Iterable[str]) -> dict[str, Document]:
        return {page["_id"]: page for page in await self._store.find_ids("rollups", names)}

    def compare_open(self, stored: Mapping[str, Document]) -> list[Difference]:
        """Compare the other pages, each with the events that it says are in it."""
        for name, page in stored.items():
            reached = applied(page, self._slot)
            late = [event for event in self._tail if event["seq"] <= reached]
            delta = self._folded(late).get(name)
            if delta is not None:
                _merge(self._pages, delta)
        return self._compare(self._pages, stored)

    def _compare(
        self, expected: Mapping[str, PageDelta], stored: Mapping[str, Document]
    ) -> list[Difference]:
        self._listed.difference_update(expected)
        return [
            Difference(name, page, stored.get(name))
            for name, page in expected.items()
            if not _same(page, stored.get(name), self._slot)
        ]

    async def strays(self) -> list[Difference]:
        """Return the pages into which no event belongs; called last."""
        pages = await self._read(self._listed)
        return [Difference(name, None, page) for name, page in pages.items()]


def _merge(pages: dict[str, PageDelta], more: PageDelta) -> None:
    page = pages.get(more.id)
    if page is None:
        pages[more.id] = more
        return
    page.last = more.last
    cells: Cells = page.cells
    for key, cell in more.cells.items():
        cells[key] = merged(cells[key], cell) if key in cells else cell


def _same(
    expected: PageDelta, stored: Document | None, slot: int, *, by_minute_too: bool = True
) -> bool:
    if stored is None or applied(stored, slot) != expected.last:
        return False
    place = (stored["shelf"], stored["start"], stored["writer"])
    if place != (expected.shelf, expected.start, slot):
        return False
    if stored["cells"] == packed(expected.cells):  # as a rule: their order is that of the events
        return True
    try:
        cells = cells_of(stored)
    except (IndexError, TypeError, ValueError):
        return False
    if not by_minute_too:
        cells = {key: _as_told(cell, expected.cells.get(key)) for key, cell in cells.items()}
    return cells == expected.cells


def _as_told(cell: Cell, expected: Cell | None) -> Cell:
    """Return a cell that can't tell its minutes with those that it should have."""
    if expected is None or len(cell) != len(expected) or by_minute(cell) is not None:
        return cell
    return [*cell[:MINUTES], expected[MINUTES]]


async def _mend(store: Store, slot: int, difference: Difference) -> int:
    """Put the expected page in place, unless it is another than the one that was compared."""
    name, expected, stored = difference.page, difference.expected, difference.stored
    mark = f"applied.{slot}"
    guard: Document = {"_id": name, mark: {"$exists": False}}
    if stored is not None:
        guard = {"_id": name, mark: applied(stored, slot), "rev": stored["rev"]}
    if expected is None:
        return await store.delete_one("rollups", guard)
    page: Document = {
        "cells": packed(expected.cells),
        "shelf": expected.shelf,
        "start": expected.start,
        "writer": slot,
        "rev": int(stored["rev"]) + 1 if stored is not None else 0,
        mark: expected.last,
    }
    return await store.bulk_update("rollups", [(guard, {"$set": page}, stored is None)])
