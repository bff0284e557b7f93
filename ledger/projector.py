"""The projector: from events to the documents of a view.

Owns the watermarks in `positions`. Promises that each event of each writer is in each document of
a view exactly once, under retries, crashes and several processes: the update that adds amounts also
advances `applied.<writer>` and is conditional on the value that was read. It runs behind the
appender and coalesces; nothing on the way of a request waits for it. Events become sums as they
come, so that memory holds the sums of what waits, and no more than a few of its events.

Refuses to guess: when an update finds another mark than expected, it reads the document again, and
folds the events anew that are not in it yet.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from ledger.chains import chain
from ledger.errors import StoreError
from ledger.events import Document
from ledger.scan import last_event
from ledger.store import Store
from ledger.views import ACCOUNTS, AnyView

RETRY_S = 0.25
# After an outage a command may wait on a connection that nobody answers any more; sending it again
# is safe, and what it did in part stays done.
PATIENCE_S = 15.0
LONGEST_PAUSE_S = 10.0
SETTLE_POLL_S = 0.05
BREATH = 100  # how many events are folded before other tasks get a turn
MOST_DOCUMENTS = 200  # in one command

log = logging.getLogger("tollgate.ledger")

T = TypeVar("T")
Marks = dict[str, Any]


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most this size."""
    return (items[start : start + size] for start in range(0, len(items), size))


def position_id(slot: int) -> str:
    """Name the document that holds a writer's watermark: all up to its `seq` is in the accounts."""
    return ACCOUNTS.position_id(slot)


async def catch_up(store: Store, slot: int, view: AnyView = ACCOUNTS) -> int:
    """Project everything that a writer recorded and return its last sequence number.

    For a writer that has stopped for good or not started yet: at start, and after a takeover.
    """
    position = await store.find_one("positions", {"_id": view.position_id(slot)})
    reached = saved = int(position["seq"]) if position else 0
    folded, marks = view.fold(slot), dict[str, Any]()
    async with aclosing(chain(store, slot, reached)) as pages:
        async for events in pages:
            await _fold(folded, events)
            reached = int(events[-1]["seq"])
            if reached - saved >= view.chunk:
                await _catch_up_to(store, slot, reached, folded, marks, view)
                folded, saved = view.fold(slot), reached
    if reached > saved:
        await _catch_up_to(store, slot, reached, folded, marks, view)
    return reached


async def _catch_up_to(
    store: Store, slot: int, seq: int, folded: Any, marks: Marks, view: AnyView
) -> None:
    await apply(store, slot, folded.deltas(), marks, view)
    _forget(marks, view)
    await save_position(store, slot, seq, view)


async def save_position(store: Store, slot: int, seq: int, view: AnyView = ACCOUNTS) -> None:
    """Write down that all events of a writer up to `seq` are projected."""
    await store.update_one(
        "positions", {"_id": view.position_id(slot)}, {"$max": {"seq": seq}}, upsert=True
    )


async def elsewhere_settled(store: Store, slot: int) -> None:
    """Return once what other live writers have recorded by now is in the accounts.

    Raises StoreError. Waits for ever on a writer that died; the caller must bound it.
    """
    others = {"_id": {"$ne": slot}, "released": False}
    behind: dict[str, int] = {}
    for writer in await store.find_list("writers", others, projection={"_id": 1}):
        last = await last_event(store, writer["_id"])
        if last is not None:
            behind[position_id(writer["_id"])] = int(last["seq"])
    while behind:
        for position in await store.find_ids("positions", behind):
            if int(position["seq"]) >= behind[position["_id"]]:
                del behind[position["_id"]]
        if behind:
            await asyncio.sleep(SETTLE_POLL_S)


async def project(
    store: Store,
    slot: int,
    events: Sequence[Document],
    marks: Marks,
    view: AnyView = ACCOUNTS,
) -> None:
    """Apply a run of one writer's recorded events, in order, to all documents of a view that they
    touch; `marks` as in `apply`."""
    folded = view.fold(slot)
    await _fold(folded, events)
    await apply(store, slot, folded.deltas(), marks, view)


async def _fold(folded: Any, events: Sequence[Document]) -> None:
    for some in batches(events, BREATH):
        folded.add(some)
        await asyncio.sleep(0)


async def apply(
    store: Store, slot: int, todo: dict[str, Any], marks: Marks, view: AnyView = ACCOUNTS
) -> None:
    """Apply what a run of one writer's events does to documents, by id, and take out of `todo` what
    is done: after a failure it can be called again with the rest.

    `marks` remembers, per document, how far this writer's events are known to be applied; it saves
    reads and is kept up to date. Wrong or missing marks only cost a read.
    """
    while todo:
        for some in batches(list(todo), MOST_DOCUMENTS):
            if await _apply_to(store, slot, todo, some, marks, view):
                for document in some:
                    todo.pop(document, None)
            else:
                for document in some:
                    marks.pop(document, None)
            await asyncio.sleep(0)


async def _apply_to(
    store: Store,
    slot: int,
    todo: dict[str, Any],
    some: Sequence[str],
    marks: Marks,
    view: AnyView,
) -> bool:
    """Apply a run of events to some documents; False if any was not as it was known to be."""
    unknown = [document for document in some if document not in marks]
    if unknown:
        await _read_marks(store, slot, unknown, marks, view)
    updates, after = [], {}
    for document in some:
        known, delta = marks[document], todo[document]
        if delta.first <= known.seq:
            delta = await _left(store, slot, document, delta, known.seq, view)
        if delta is not None:
            change, after[document] = _guarded(view, slot, document, known, delta)
            updates.append(change)
    if await store.bulk_update(view.collection, updates) != len(updates):
        return False
    marks.update(after)
    return True


async def _left(
    store: Store, slot: int, document: str, delta: Any, seq: int, view: AnyView
) -> Any | None:
    """Return what is left of a delta for a document that has the events up to `seq`, by reading
    the others again; None when nothing is."""
    if seq >= delta.last:
        return None
    folded = view.fold(slot)
    async with aclosing(chain(store, slot, seq, delta.last)) as pages:
        async for events in pages:
            await _fold(folded, events)
    return folded.deltas().get(document)


def _guarded(
    view: AnyView, slot: int, document: str, known: Any, delta: Any
) -> tuple[tuple[Document, Document, bool], Any]:
    """Return (filter, update, upsert), which applies if the mark is still the known one, and what
    is known afterwards."""
    guard, update, after = view.change(known, delta, slot)
    mark = f"applied.{slot}"
    expected: Any = known.seq if known.seq else {"$exists": False}
    change = {**update, "$set": {**update.get("$set", {}), mark: delta.last}}
    return ({"_id": document, mark: expected, **guard}, change, not known.seq), after


async def _read_marks(
    store: Store, slot: int, documents: list[str], marks: Marks, view: AnyView
) -> None:
    found = await store.find_ids(view.collection, documents, projection=view.fields(slot))
    by_id = {document["_id"]: document for document in found}
    for document in documents:
        marks[document] = view.known(by_id.get(document), slot)


def _forget(marks: Marks, view: AnyView) -> None:
    if len(marks) > view.remember:
        marks.clear()


class Projector:
    """Projects this process's own events, a moment behind the appender."""

    def __init__(
        self,
        store: Store,
        slot: int,
        reached: int,
        *,
        interval_s: float,
        view: AnyView = ACCOUNTS,
    ) -> None:
        self._store = store
        self._view = view
        self._slot = slot
        self._interval_s = interval_s
        self._fresh: list[Document] = []
        self._folded = view.fold(slot)
        self._taken = reached
        self._marks: Marks = {}
        self._fed = asyncio.Event()
        self._hurry = asyncio.Event()
        self._many = asyncio.Event()
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
        return self.fed - self.reached

    def start(self) -> None:
        """Begin to follow the appender."""
        self._task = asyncio.create_task(self._run(), name=f"ledger {self._view.name}")

    def feed(self, events: list[Document]) -> None:
        """Take over events that have just become durable, in their order."""
        self._fresh += events
        self.fed = int(events[-1]["seq"])
        self._fed.set()
        if len(self._fresh) >= BREATH:
            self._many.set()
        if self.fed - self._taken >= self._view.gather:
            self._hurry.set()
            self._many.set()

    async def until(self, seq: int) -> None:
        """Return once the event with this number is in the view."""
        if self.reached >= seq:
            return
        self._hurry.set()
        self._many.set()
        async with self._advanced:
            await self._advanced.wait_for(lambda: self.reached >= seq)

    async def close(self, *, give_up: bool = False) -> None:
        """Project what is left, write the watermark, and stop.

        To give up is to leave the rest to whoever recovers this writer: the database is away.
        """
        self._closing, self._giving_up = True, give_up
        self._fed.set()
        self._hurry.set()
        self._many.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self._interval_s
        while True:
            await self._fed.wait()
            await self._pause(pause_s)
            self._fed.clear()
            self._hurry.clear()
            began = loop.time()
            if not await self._flush():
                return
            await self._save()
            if self._closing and not self.lag:
                return
            # Bounded, or a flush that waited for the database would be followed by a long silence.
            share_s = self._view.share * (loop.time() - began)
            pause_s = max(self._interval_s, min(share_s, LONGEST_PAUSE_S))

    async def _pause(self, pause_s: float) -> None:
        """Let events gather, unless somebody waits for them; fold them as they come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                while not (self._closing or self._hurry.is_set()):
                    await self._many.wait()
                    self._many.clear()
                    await self._fold()

    async def _fold(self) -> None:
        """Make sums of the events that have come."""
        while some := self._fresh[:BREATH]:
            del self._fresh[:BREATH]
            self._folded.add(some)
            await asyncio.sleep(0)

    async def _flush(self) -> bool:
        """Project what waits now; False when it was given up. What comes meanwhile gathers for the
        next time: else a busy writer would be projected all the time, a few events at a time."""
        await self._fold()
        todo, self._folded = self._folded.deltas(), self._view.fold(self._slot)
        self._taken = self.fed
        while todo:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await apply(self._store, self._slot, todo, self._marks, self._view)
            except (StoreError, TimeoutError) as error:
                self._marks.clear()
                if self._giving_up:
                    return False
                log.warning("%s wait for the database: %s", self._view.name, error or "no answer")
                await asyncio.sleep(RETRY_S)
        await self._done(self._taken)
        return True

    async def _done(self, seq: int) -> None:
        """The events up to this number are in the view now."""
        _forget(self._marks, self._view)
        async with self._advanced:
            self.reached = seq
            self._advanced.notify_all()

    async def _save(self) -> None:
        if self.reached == self._saved:
            return
        try:
            await save_position(self._store, self._slot, self.reached, self._view)
            self._saved = self.reached
        except StoreError as error:
            log.warning("the watermark was not written: %s", error)
