"""Keeps caches fresh: every change in the database reaches every process within two seconds.

Polling is the truth: once a second, everything changed since the last poll, and ten seconds before
it, since writers take their time between reading the database's clock and writing. A change stream,
where there is one, only wakes the poll earlier. While the database is away, caches serve on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

from ledger.errors import StoreError
from ledger.store import Store

OVERLAP_US = 10_000_000
POLL_INTERVAL_S = 1.0
_SETTLE_S = 0.02
_LISTEN_AGAIN_S = 5.0
_CANCEL_AGAIN_S = 0.5
_PART = 500

_log = logging.getLogger(__name__)

Apply = Callable[[list[dict[str, Any]]], None]


class Follower:
    """Follows some collections and hands what changed to their `apply`, which must not wait.

    Documents may come several times and late, so `apply` must ignore what it knows already.
    """

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Apply],
        *,
        interval_s: float = POLL_INTERVAL_S,
        listen: bool = True,
        chores: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`chores` is run after every poll; its StoreErrors count as those of the poll.

        Without `listen` there is no change stream, only polling.
        """
        self._store = store
        self._sources = sources
        self._interval_s = interval_s
        self._listens = listen
        self._chores = chores
        self._seen_us = 0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = False
        self._stopping = False

    async def mark(self) -> None:
        """Remember the database's time: what changes from now on is going to be followed."""
        self._seen_us = await self._store.server_now_us()

    def start(self) -> None:
        """Begin to follow."""
        self._tasks = [asyncio.create_task(self._follow())]
        if self._listens:
            self._tasks.append(asyncio.create_task(self._listen()))

    def wake(self) -> None:
        """Poll in a moment instead of in a second."""
        self._wake.set()

    async def stop(self) -> None:
        """Stop following; returns when nothing of it runs any more.

        A driver may swallow a cancellation in the middle of a call, so it is not asked only once.
        """
        self._stopping = True
        running = set(self._tasks)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
        self._tasks = []

    async def poll(self) -> None:
        """Apply what changed since the last poll. Raises StoreError; nothing is lost by that."""
        now_us = await self._store.server_now_us()
        # A clock that went back (another primary) must not hide changes stamped with it.
        since_us = min(self._seen_us, now_us) - OVERLAP_US
        for collection, apply in self._sources.items():
            await self._poll_one(collection, apply, since_us)
        self._seen_us = now_us

    async def _poll_one(self, collection: str, apply: Apply, since_us: int) -> None:
        part: list[dict[str, Any]] = []
        query = {"changed_us": {"$gte": since_us}}
        async with aclosing(self._store.find(collection, query)) as changed:
            async for doc in changed:
                part.append(doc)
                if len(part) == _PART:
                    _apply(collection, apply, part)
                    part = []
        if part:
            _apply(collection, apply, part)

    async def _follow(self) -> None:
        while not self._stopping:
            with suppress(TimeoutError):
                # Not wait_for: on Python 3.11 it can swallow the cancellation that stops this task.
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
                await asyncio.sleep(_SETTLE_S)  # one poll for a burst of changes
            self._wake.clear()
            try:
                await self.poll()
                if self._chores is not None:
                    await self._chores()
            except Exception as error:  # whatever it is, following must go on
                self._note(error)
            else:
                self._note(None)

    def _note(self, error: Exception | None) -> None:
        if error is not None and not self._failing:
            known = isinstance(error, StoreError)
            _log.warning(
                "changes of the directory cannot be read, trying on: %s",
                error,
                exc_info=None if known else error,
            )
        elif error is None and self._failing:
            _log.info("changes of the directory are read again")
        self._failing = error is not None

    async def _listen(self) -> None:
        while not self._stopping:
            try:
                async with aclosing(self._store.watch(list(self._sources))) as changes:
                    async for _ in changes:
                        self._wake.set()
            except StoreError as error:
                _log.debug("no change stream: %s", error)
            except Exception:
                _log.exception("watching for changes failed; polling goes on")
            await asyncio.sleep(_LISTEN_AGAIN_S)


def _apply(collection: str, apply: Apply, changed: list[dict[str, Any]]) -> None:
    """One document that this version cannot read must not keep the others from being seen."""
    try:
        apply(changed)
    except Exception:
        if len(changed) == 1:
            _log.exception("%s %r cannot be read", collection, changed[0].get("_id"))
            return
        for doc in changed:
            _apply(collection, apply, [doc])
