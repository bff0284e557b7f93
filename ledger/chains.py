"""Chains: a writer's events by number, a thousand at a time.

Owns the reading ahead: while a page is worked on, the next ones are on their way, so that the
database and this process are busy at the same time. Promises constant memory, the order of the
numbers, queries that ask for a closed range of an index, and that no event that was recorded before
a page was asked for is left out. Refuses nothing.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from math import ceil
from operator import itemgetter
from typing import Any

from ledger.events import Document
from ledger.store import Store

PAGE = 1_000
AT_ONCE = 3
WIDEST = 16_000
MOST_EMPTY = 200

_number = itemgetter("seq")


async def chain(
    store: Store,
    writer: int,
    after_seq: int = 0,
    to_seq: int | None = None,
    *,
    page_size: int | None = None,
) -> AsyncGenerator[list[Document], None]:
    """Yield a writer's events behind a number, up to another, in their order, in pages.

    Numbers that are missing are skipped; who cares must look at `seq`. A few pages are in memory
    at a time, of some 5 kB an event: whoever reads beside traffic asks for smaller ones.
    """
    while True:
        async with aclosing(unbroken(store, writer, after_seq, to_seq, page_size)) as pages:
            async for page in pages:
                yield page
                after_seq = end_of(page)
        if to_seq is not None and after_seq >= to_seq:
            return
        following = await _next_number(store, writer, after_seq, to_seq)
        if following is None:
            return
        after_seq = following - 1


async def _next_number(store: Store, writer: int, after_seq: int, to_seq: int | None) -> int | None:
    """Return the first number behind another that has an event, or None.

    Where many are missing, as in archived periods, larger and larger windows are looked at.
    """
    end, width = after_seq, PAGE
    for _ in range(MOST_EMPTY):
        if end <= after_seq:
            end = await _known_end(store, writer, after_seq)
        last = end if to_seq is None else min(end, to_seq)
        if last <= after_seq:
            return None
        found = await numbered(store, writer, after_seq, after_seq + width, fields={"seq": 1})
        if found:
            break
        after_seq, width = min(after_seq + width, last), min(width * 4, WIDEST)
    else:
        beyond = {"writer": writer, "seq": {"$gt": after_seq}}
        first = await store.find_one("events", beyond, sort=[("seq", 1)], projection={"seq": 1})
        found = [first] if first is not None else []
    number = ceil(found[0]["seq"]) if found else None
    return None if number is None or (to_seq is not None and number > to_seq) else number


async def _known_end(store: Store, writer: int, after_seq: int) -> int:
    """Return a number up to which a writer has recorded all; `after_seq` if nothing is behind it.

    The watermark is such a number; behind it only a short tail can be.
    """
    position = await store.find_one("positions", {"_id": f"accounts:{writer}"})
    if position is not None and position["seq"] > after_seq:
        return int(position["seq"])
    beyond = {"writer": writer, "seq": {"$gt": after_seq}}
    last = await store.find_one("events", beyond, sort=[("seq", -1)])
    return int(last["seq"]) if last is not None else after_seq


async def numbered(
    store: Store, writer: int, above: int, to: int, *, fields: Mapping[str, Any] | None = None
) -> list[Document]:
    """Return the events of a writer behind number `above`, up to number `to`, in their order.

    They come out of the index in this order; to ask for it would make some databases sort them.
    """
    wanted = {"writer": writer, "seq": {"$gt": above, "$lte": to}}
    return sorted(await store.find_list("events", wanted, projection=fields), key=_number)


def end_of(page: list[Document]) -> int:
    """Return the number behind which to go on; somebody may have planted a fraction."""
    return int(ceil(page[-1]["seq"]))


@dataclass(slots=True)
class _Asked:
    """A window of numbers up to `end`, and its events as soon as they are there."""

    end: int
    events: asyncio.Task[list[Document]]


async def unbroken(
    store: Store, writer: int, after: int, to: int | None = None, page_size: int | None = None
) -> AsyncGenerator[list[Document], None]:
    """Yield pages of a writer's events behind number `after`, up to the first page with a gap or
    the end in it. That one is yielded too, unless it is empty.

    What was asked for behind it is dropped: its gap may have been filled before that was read.
    """
    size = page_size or PAGE
    waiting: deque[_Asked] = deque()
    at_once = 1  # until a full page shows that there is more
    try:
        while True:
            while len(waiting) < at_once and (to is None or after < to):
                end = after + size if to is None else min(after + size, to)
                events = asyncio.create_task(numbered(store, writer, after, end))
                waiting.append(_Asked(end, events))
                after = end
            if not waiting:
                return
            page = await waiting[0].events
            asked = waiting.popleft()
            if page:
                yield page
            if not page or page[-1]["seq"] != asked.end:
                return
            at_once = AT_ONCE
    finally:
        for asked in waiting:
            asked.events.add_done_callback(_drop)
            asked.events.cancel()


def _drop(events: asyncio.Task[list[Document]]) -> None:
    """Nobody wants these any more, nor to hear what went wrong."""
    if not events.cancelled():
        events.exception()


async def gathered(
    pages: AsyncGenerator[list[Document], None], least: int
) -> AsyncGenerator[list[Document], None]:
    """Yield the events of several pages together, at least so many but at the end."""
    events: list[Document] = []
    async with aclosing(pages):
        async for page in pages:
            events += page
            if len(events) >= least:
                yield events
                events = []
    if events:
        yield events
