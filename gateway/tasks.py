"""Ending tasks for certain, and waiting that can be ended."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

CANCEL_AGAIN_S = 0.5


async def end_all(tasks: Collection[asyncio.Task[Any]], patience_s: float = 0.0) -> None:
    """Let tasks finish for some seconds, then cancel them; return when none of them runs.

    A driver may swallow a cancellation in the middle of a call, so tasks are not asked only once.
    What they raise is dropped.
    """
    running = set(tasks)
    if running and patience_s:
        _, running = await asyncio.wait(running, timeout=patience_s)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()


async def waited(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event, no longer than some seconds; return whether it is set."""
    with suppress(TimeoutError):
        # Not wait_for: on Python 3.11 it can swallow a cancellation.
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
