"""Caches with bounds, and loading that is done once however many ask."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class RecentlyUsed(Generic[K, V]):
    """A dictionary that forgets what was not used for longest once it holds `most` entries."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value and count this as a use."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def peek(self, key: K) -> V | None:
        """Return the value; not a use."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Store a value as the most recently used."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget an entry if it is there."""
        self._entries.pop(key, None)


class Absent(Generic[K]):
    """Remembers for a short time what was not found; bounded, since anyone can ask for anything."""

    def __init__(self, most: int, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._until = RecentlyUsed[K, float](most)

    def has(self, key: K, now_s: float) -> bool:
        """Tell whether the key was found missing less than the time to live ago."""
        until_s = self._until.peek(key)
        return until_s is not None and now_s < until_s

    def add(self, key: K, now_s: float) -> None:
        """Note that there is no such key at this moment (monotonic seconds)."""
        self._until.put(key, now_s + self._ttl_s)

    def drop(self, key: K) -> None:
        """Forget a key, which exists now."""
        self._until.drop(key)


class OneLoad(Generic[K, V]):
    """Loads a value once for all who ask at the same time; at most `at_once` loads run."""

    def __init__(self, load: Callable[[K], Awaitable[V]], at_once: int) -> None:
        self._load = load
        self._running: dict[K, asyncio.Task[V]] = {}
        self._slots = asyncio.Semaphore(at_once)

    async def get(self, key: K) -> V:
        """Return what the load returns or raises. A caller who gives up does not stop the rest."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._run(key))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(task)

    async def _run(self, key: K) -> V:
        async with self._slots:
            return await self._load(key)

    def _finish(self, key: K, task: "asyncio.Task[V]") -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, also when every caller has given up
