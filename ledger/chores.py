"""Chores: what a process does again and again while its books are open.

Owns the tasks. Promises that a chore that fails is tried again at its next turn and said once, and
that all of them end when asked to, even if a driver swallows a cancellation. Refuses nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ledger.errors import LedgerError

CANCEL_AGAIN_S = 0.5

log = logging.getLogger("tollgate.ledger")


class Chores:
    """The chores of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False

    def start(self, name: str, every_s: float, chore: Callable[[], Awaitable[Any]]) -> None:
        """Do a chore every so many seconds, the first time after as long."""
        task = asyncio.create_task(self._repeat(name, every_s, chore), name=f"ledger {name}")
        self._tasks.add(task)

    async def end(self) -> None:
        """End all chores."""
        self._ending = True
        running = self._tasks
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
        self._tasks = set()

    async def _repeat(self, name: str, every_s: float, chore: Callable[[], Awaitable[Any]]) -> None:
        failing = False
        while not self._ending:
            await asyncio.sleep(every_s)
            try:
                await chore()
                failing = False
            except (LedgerError, OSError) as error:
                if not failing:
                    log.warning("%s: %s; it is tried again", name, error)
                failing = True
            except Exception:  # a bug must not end for good what the books rely on
                log.exception("%s failed; it is tried again", name)
