"""The projector: from events to account documents.

Owns the columns of `accounts` and the watermarks in `positions`. Promises that each event of each
writer is in each account exactly once, under retries, crashes and several processes: the update
that adds amounts also advances `applied.<writer>` and is conditional on the value that was read.
It runs behind the appender and coalesces; nothing on the way of a request waits for it.

Refuses to guess: when an update finds another mark than expected, it reads again and folds only
what is not in the document yet.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress

from ledger.accounts import Sums, effects
from ledger.errors import StoreError
from ledger.events import Document
from ledger.scan import chain
from ledger.store import Store

CHUNK = 1_000
MAX_REMEMBERED = 200_000
POSITION_INTERVAL_S = 2.0
RETRY_S = 0.25

log = logging.getLogger("tollgate.ledger")

Folded = dict[str, list[tuple[int, Document]]]


def position_id(slot: int) -> str:
    """Name the document that holds a writer's watermark: all up to its `seq` is projected."""
    return f"accounts:{slot}"


async def catch_up(store: Store, slot: int) -> int:
    """Project everything that a writer recorded and return its last sequence number.

    For a writer that has stopped for good or not started yet: at start, and after a takeover.
    """
    position = await store.find_one("positions", {"_id": position_id(slot)})
    reached = int(position["seq"]) if position else 0
    marks: dict[str, int] = {}
    async for events in chain(store, slot, reached):
        await project(store, slot, events, marks)
        reached = int(events[-1]["seq"])
        await save_position(store, slot, reached)
    return reached


async def save_position(store: Store, slot: int, seq: int) -> None:
    """Write down that all events of a writer up to `seq` are projected."""
    await store.update_one(
        "positions", {"_id": position_id(slot)}, {"$max": {"seq": seq}}, upsert=True
    )


async def project(store: Store, slot: int, events: list[Document], marks: dict[str, int]) -> None:
    """Apply a run of one writer's events, in order, to all accounts that they touch.

    `marks` remembers, per account, how far this writer's events are known to be applied; it saves
    reads and is kept up to date. Wrong or missing marks only cost a read.
    """
    todo = _fold(events)
    while todo:
        unknown = [account for account in todo if account not in marks]
        if unknown:
            await _read_marks(store, slot, unknown, marks)
        updates = []
        for account in list(todo):
            fresh = [(seq, event) for seq, event in todo[account] if seq > marks[account]]
            if fresh:
                updates.append(_update(account, slot, marks[account], fresh))
            else:
                del todo[account]
        if not updates:
            return
        if await store.bulk_update("accounts", updates) == len(updates):
            for account, entries in todo.items():
                marks[account] = entries[-1][0]
            return
        for account in todo:
            marks.pop(account, None)


def _fold(events: list[Document]) -> Folded:
    folded: Folded = {}
    for event in events:
        for effect in effects(event):
            folded.setdefault(effect.account, []).append((event["seq"], event))
    return folded


async def _read_marks(store: Store, slot: int, accounts: list[str], marks: dict[str, int]) -> None:
    writer = str(slot)
    found = await store.find_list(
        "accounts", {"_id": {"$in": accounts}}, projection={f"applied.{writer}": 1}
    )
    for account in accounts:
        marks[account] = 0
    for document in found:
        marks[document["_id"]] = int(document.get("applied", {}).get(writer, 0))


def _update(
    account: str, slot: int, mark: int, entries: list[tuple[int, Document]]
) -> tuple[Document, Document, bool]:
    """Return (filter, update, upsert) that applies `entries` if the mark is still `mark`."""
    writer, sums = str(slot), Sums()
    for seq, event in entries:
        for effect in effects(event):
            if effect.account == account:
                sums.add(effect, writer, seq)
    increments = dict(sums.columns)
    consumed = sums.consumed_by.get(writer, 0)
    if consumed:
        increments["consumed"] = consumed
        increments[f"consumed_by.{writer}"] = consumed
    expected: Document = mark if mark else {"$exists": False}  # type: ignore[assignment]
    update: Document = {"$set": {f"applied.{writer}": sums.applied[writer]}}
    if increments:
        update["$inc"] = increments
    return {"_id": account, f"applied.{writer}": expected}, update, not mark


class Projector:
    """Projects this process's own events, a moment behind the appender."""

    def __init__(self, store: Store, slot: int, reached: int, *, interval_s: float) -> None:
        self._store = store
        self._slot = slot
        self._interval_s = interval_s
        self._waiting: deque[Document] = deque()
        self._marks: dict[str, int] = {}
        self._fed = asyncio.Event()
        self._hurry = asyncio.Event()
        self._advanced = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._giving_up = False
        self._saved = reached
        self.fed = reached
        self.reached = reached

    @property
    def lag(self) -> int:
        """How many events wait to be projected."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to follow the appender."""
        self._task = asyncio.create_task(self._run(), name="ledger projector")

    def feed(self, events: list[Document]) -> None:
        """Take over events that have just become durable, in their order."""
        self._waiting.extend(events)
        self.fed = events[-1]["seq"]
        self._fed.set()

    async def until(self, seq: int) -> None:
        """Return once the event with this number is in the accounts."""
        if self.reached >= seq:
            return
        self._hurry.set()
        async with self._advanced:
            await self._advanced.wait_for(lambda: self.reached >= seq)

    async def close(self, *, give_up: bool = False) -> None:
        """Project what is left, write the watermark, and stop.

        To give up is to leave the rest to whoever recovers this writer: the database is away.
        """
        self._closing, self._giving_up = True, give_up
        self._fed.set()
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        save_at = loop.time() + POSITION_INTERVAL_S
        while True:
            await self._fed.wait()
            await self._pause()
            self._fed.clear()
            self._hurry.clear()
            await self._flush()
            if self._closing or loop.time() >= save_at:
                await self._save()
                save_at = loop.time() + POSITION_INTERVAL_S
            if self._closing and not self._waiting:
                return

    async def _pause(self) -> None:
        """Let events gather, unless somebody waits for them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval_s):
                await self._hurry.wait()

    async def _flush(self) -> None:
        while self._waiting:
            events = [self._waiting[i] for i in range(min(CHUNK, len(self._waiting)))]
            try:
                await project(self._store, self._slot, events, self._marks)
            except StoreError as error:
                self._marks.clear()
                if self._giving_up:
                    self._waiting.clear()
                    return
                log.warning("accounts wait for the database: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            for _ in events:
                self._waiting.popleft()
            if len(self._marks) > MAX_REMEMBERED:
                self._marks.clear()
            async with self._advanced:
                self.reached = events[-1]["seq"]
                self._advanced.notify_all()

    async def _save(self) -> None:
        if self.reached == self._saved:
            return
        try:
            await save_position(self._store, self._slot, self.reached)
            self._saved = self.reached
        except StoreError as error:
            log.warning("the watermark was not written: %s", error)
