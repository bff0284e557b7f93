"""The projector: from events to the documents of a view.

Owns the watermarks in `positions`. Promises that each event of each writer is in each document of
a view exactly once, under retries, crashes and several processes: the update that adds amounts also
advances `applied.<writer>` and is conditional on the value that was read. It runs behind the
appender and coalesces; nothing on the way of a request waits for it.

Refuses to guess: when an update finds another mark than expected, it reads again and folds only
what is not in the document yet.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import aclosing, suppress
from itertools import islice
from typing import Any, TypeVar

from ledger.chains import chain, gathered
from ledger.errors import StoreError
from ledger.events import Document
from ledger.scan import last_event
from ledger.store import Store
from ledger.views import ACCOUNTS, AnyView, only

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
    reached = int(position["seq"]) if position else 0
    marks: Marks = {}
    async with aclosing(gathered(chain(store, slot, reached), view.chunk)) as found:
        async for events in found:
            await project(store, slot, events, marks, view)
            _forget(marks, view)
            reached = int(events[-1]["seq"])
            await save_position(store, slot, reached, view)
    return reached


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
    """Apply a run of one writer's events, in order, to all documents of a view that they touch.

    `marks` remembers, per document, how far this writer's events are known to be applied; it saves
    reads and is kept up to date. Wrong or missing marks only cost a read.
    """
    todo = await _fold(view, slot, events)
    while todo:
        for some in batches(list(todo), MOST_DOCUMENTS):
            if await _project_into(store, slot, events, todo, some, marks, view):
                for document in some:
                    todo.pop(document, None)
            else:
                for document in some:
                    marks.pop(document, None)
            await asyncio.sleep(0)


async def _project_into(
    store: Store,
    slot: int,
    events: Sequence[Document],
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
        known = marks[document]
        if todo[document].first <= known.seq:
            _leave_only(view, slot, events, todo, document, known.seq)
        if document in todo:
            change, after[document] = _guarded(view, slot, document, known, todo[document])
            updates.append(change)
    if await store.bulk_update(view.collection, updates) != len(updates):
        return False
    marks.update(after)
    return True


async def _fold(view: AnyView, slot: int, events: Sequence[Document]) -> dict[str, Any]:
    folded = view.fold(slot)
    for some in batches(events, BREATH):
        folded.add(some)
        if len(events) > BREATH:
            await asyncio.sleep(0)
    return folded.deltas()


def _leave_only(
    view: AnyView,
    slot: int,
    events: Sequence[Document],
    todo: dict[str, Any],
    document: str,
    seq: int,
) -> None:
    """Take out of what a document waits for the events that it has already."""
    folded = view.fold(slot)
    folded.add(only(events, seq))
    rest = folded.deltas().get(document)
    if rest is None:
        del todo[document]
    else:
        todo[document] = rest


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
        self._waiting: deque[Document] = deque()
        self._marks: Marks = {}
        self._fed = asyncio.Event()
        self._hurry = asyncio.Event()
        self._advanced = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._giving_up = False
        self._due = 0
        self._saved = reached
        self.fed = reached
        self.reached = reached

    @property
    def lag(self) -> int:
        """How many events wait to be projected."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to follow the appender."""
        self._task = asyncio.create_task(self._run(), name=f"ledger {self._view.name}")

    def feed(self, events: list[Document]) -> None:
        """Take over events that have just become durable, in their order."""
        self._waiting.extend(events)
        self.fed = events[-1]["seq"]
        self._fed.set()
        if len(self._waiting) - self._due >= self._view.gather:
            self._hurry.set()

    async def until(self, seq: int) -> None:
        """Return once the event with this number is in the view."""
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
        pause_s = self._interval_s
        while True:
            await self._fed.wait()
            await self._pause(pause_s)
            self._fed.clear()
            self._hurry.clear()
            began = loop.time()
            await self._flush()
            await self._save()
            if self._closing and not self._waiting:
                return
            # Bounded, or a flush that waited for the database would be followed by a long silence.
            share_s = self._view.share * (loop.time() - began)
            pause_s = max(self._interval_s, min(share_s, LONGEST_PAUSE_S))

    async def _pause(self, pause_s: float) -> None:
        """Let events gather, unless somebody waits for them."""
        if self._closing:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._hurry.wait()

    async def _flush(self) -> None:
        """Project what waits now. What comes meanwhile gathers for the next time: else a busy
        writer would be projected all the time, a few events at a time."""
        self._due = len(self._waiting)
        while self._due:
            events = list(islice(self._waiting, min(self._due, self._view.chunk)))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await project(self._store, self._slot, events, self._marks, self._view)
            except (StoreError, TimeoutError) as error:
                self._marks.clear()
                if self._giving_up:
                    self._waiting.clear()
                    self._due = 0
                    return
                log.warning("%s wait for the database: %s", self._view.name, error or "no answer")
                await asyncio.sleep(RETRY_S)
                self._due = len(self._waiting)  # what came meanwhile goes the same way
                continue
            await self._done(events)

    async def _done(self, events: list[Document]) -> None:
        """These events are in the view now."""
        for _ in events:
            self._waiting.popleft()
        self._due -= len(events)
        _forget(self._marks, self._view)
        async with self._advanced:
            self.reached = int(events[-1]["seq"])
            self._advanced.notify_all()

    async def _save(self) -> None:
        if self.reached == self._saved:
            return
        try:
            await save_position(self._store, self._slot, self.reached, self._view)
            self._saved = self.reached
        except StoreError as error:
            log.warning("the watermark was not written: %s", error)
