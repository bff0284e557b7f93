"""Reading ahead: what is worked on is followed by what is on its way.

Owns the small queue between a reader and who works on its pages, so that the database and this
process are busy at the same time. Promises the pages in their order, the reader's own error, and
that nothing of the reader runs any more once the caller has closed it. Refuses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TypeVar

DEPTH = 3

T = TypeVar("T")


async def ahead(pages: AsyncGenerator[T, None], depth: int = DEPTH) -> AsyncGenerator[T, None]:
    """Yield what a generator yields, while up to `depth` more are being fetched."""
    queue: asyncio.Queue[T | None] = asyncio.Queue(depth)

    async def fill() -> None:
        try:
            async with aclosing(pages):
                async for page in pages:
                    await queue.put(page)
        finally:
            filled.set()
            with suppress(asyncio.QueueFull):  # who waits finds an end; who does not sees `filled`
                queue.put_nowait(None)

    filled = asyncio.Event()
    reader = asyncio.create_task(fill(), name="ledger reading ahead")
    try:
        while not (filled.is_set() and queue.empty()):
            page = await queue.get()
            if page is not None:
                yield page
        await reader
    finally:
        reader.cancel()
        await asyncio.wait([reader])
