"""The appender: the one way into the books.

Owns the order of this process's events. Promises each caller its own receipt or its own error: a
receipt only for an event that is durable, the first receipt again for a replay, KeyReused for an id
that says something else; gapless numbers; and that an event once accepted is recorded even if its
caller goes away. Batches form by chaining: while one is in flight callers queue, its completion
sends the next, so an idle system adds no delay and a busy one batches by itself.

Refuses new work when too many events wait, when the database has been silent for a while, and for
good once another process has taken over the writer's slot.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ledger.clock import Clock
from ledger.errors import (
    BatchStopped,
    BooksBusy,
    BooksUnavailable,
    Duplicate,
    Fenced,
    KeyReused,
    OutcomeUnknown,
    StoreError,
    Unavailable,
)
from ledger.events import Document, Draft, Receipt, Schemas, receipt_of, request_hash
from ledger.store import Store
from ledger.writers import Writer

MAX_BATCH = 500
STALL_LIMIT_S = 5.0
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0

log = logging.getLogger("tollgate.ledger")


@dataclass(slots=True, eq=False)
class _Pending:
    draft: Draft
    version: int
    req_hash: str
    receipt: asyncio.Future[Receipt]


class Place:
    """Room for one event to come, counted as if it were waiting already."""

    __slots__ = ("_appender", "_open")

    def __init__(self, appender: "Appender") -> None:
        self._appender = appender
        self._open = True

    def release(self) -> None:
        """Give the room back; harmless when it was used or given back before."""
        if self._open:
            self._open = False
            self._appender.places -= 1


class Appender:
    """Appends events of one writer. `on_landed` is called with stored events, in order."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        schemas: Schemas,
        writer: Writer,
        *,
        max_pending: int,
        on_landed: Callable[[list[Document]], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._schemas = schemas
        self._writer = writer
        self._max_pending = max_pending
        self._on_landed = on_landed
        self._queue: deque[_Pending] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._stalled_since_s: float | None = None
        self._closed = False
        self.places = 0
        self.fenced: asyncio.Event = asyncio.Event()

    @property
    def pending(self) -> int:
        """How many events wait or were promised room."""
        return len(self._queue) + self.places

    def check(self) -> None:
        """Raise BooksUnavailable (Fenced, BooksBusy) when no new work may be admitted."""
        if self.fenced.is_set():
            raise Fenced("another process took over this writer; this process is stopping")
        if self._closed:
            raise BooksUnavailable("the books are being closed")
        if self.pending >= self._max_pending:
            raise BooksBusy(f"{self.pending} events are waiting to be recorded; try again soon")
        stalled = self._stalled_since_s
        if stalled is not None and self._clock.monotonic_s() - stalled > STALL_LIMIT_S:
            raise BooksUnavailable("the database does not answer", retry_after_s=5)

    def place(self) -> Place:
        """Reserve room for one event. Raises BooksUnavailable when there is none."""
        self.check()
        self.places += 1
        return Place(self)

    async def append(self, draft: Draft, place: Place | None = None) -> Receipt:
        """Record an event and return when it is durable.

        With a `place` it is never refused for lack of room. Cancelling the caller does not undo
        the event. Raises InvalidEvent, KeyReused, BooksUnavailable.
        """
        version = self._schemas.check(draft)
        pending = _Pending(
            draft, version, request_hash(draft), asyncio.get_running_loop().create_future()
        )
        if place is None:
            self.check()
        else:
            place.release()
        if self.fenced.is_set() or self._closed:
            self.check()
        self._queue.append(pending)
        if self._pump is None:
            self._pump = asyncio.create_task(self._run(), name="ledger appender")
        return await pending.receipt

    async def close(self) -> None:
        """Record everything that waits, then refuse all that follows."""
        while self._pump is not None:
            await asyncio.wait([self._pump])
        self._closed = True

    async def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(MAX_BATCH, len(self._queue)))]
                await self._land(batch)
        except Fenced as error:
            self._give_up(batch, error)
        except Exception as error:  # a bug must not leave callers waiting for ever
            log.exception("the appender stopped")
            self._give_up(batch, BooksUnavailable(f"the appender stopped: {error}"))
        finally:
            self._pump = None

    def _give_up(self, batch: list[_Pending], error: BooksUnavailable) -> None:
        self.fenced.set()
        for pending in [*batch, *self._queue]:
            _fail(pending, error)
        self._queue.clear()

    async def _land(self, batch: list[_Pending]) -> None:
        """Make a batch durable, whatever happens on the way."""
        events = self._number(batch)
        retry_s = FIRST_RETRY_S
        while batch:
            try:
                await self._store.insert_events(events)
            except BatchStopped as stop:
                batch, events = self._landed(batch, events, stop.position)
                batch, events = await self._step_over(batch, events, stop.cause)
            except (OutcomeUnknown, Unavailable) as error:
                retry_s = await self._wait_out(error, retry_s)
                batch, events = self._landed(batch, events, await self._landed_prefix(events))
            else:
                batch, events = self._landed(batch, events, len(events))
        self._stalled_since_s = None

    def _number(self, batch: list[_Pending]) -> list[Document]:
        now_us, number = self._clock.now_us(), self._writer.number
        return [number(p.draft, p.version, p.req_hash, now_us) for p in batch]

    def _landed(
        self, batch: list[_Pending], events: list[Document], count: int
    ) -> tuple[list[_Pending], list[Document]]:
        """Hand out receipts for the first `count` events and return what is left."""
        if count:
            self._on_landed(events[:count])
        for pending, event in zip(batch[:count], events, strict=False):
            if not pending.receipt.done():
                pending.receipt.set_result(receipt_of(event))
        return batch[count:], events[count:]

    async def _step_over(
        self, batch: list[_Pending], events: list[Document], cause: StoreError
    ) -> tuple[list[_Pending], list[Document]]:
        """Deal with the first event, which the database did not take.

        Nothing from it on has landed, so all that follow may be numbered again.
        """
        if isinstance(cause, OutcomeUnknown | Unavailable):
            await self._wait_out(cause, FIRST_RETRY_S)
            return self._landed(batch, events, await self._landed_prefix(events))
        pending, event = batch[0], events[0]
        if isinstance(cause, Duplicate):
            stored = await self._read_again({"_id": event["_id"]})
            if stored is None:
                self._check_not_ours(event, cause)
            elif _same(stored, event):
                return self._landed(batch, events, 1)
            elif stored["req_hash"] == event["req_hash"]:
                if not pending.receipt.done():
                    pending.receipt.set_result(receipt_of(stored, replayed=True))
            else:
                _fail(pending, KeyReused(event["_id"], stored))
        else:
            _fail(pending, cause)
        self._writer.rewind(event)
        return batch[1:], self._number(batch[1:])

    def _check_not_ours(self, event: Document, cause: Duplicate) -> None:
        """The id is free, so it is the number that is taken: by whoever fenced this writer off."""
        raise Fenced(
            f"number {event['seq']} of writer {self._writer.slot} is taken ({cause.index}): "
            "another process owns this slot now"
        )

    async def _landed_prefix(self, events: list[Document]) -> int:
        """Count how many of the events are stored, byte for byte, after an unknown outcome."""
        first = {"writer": self._writer.slot, "seq": {"$gte": events[0]["seq"]}}
        stored = await self._read_again_list(first, len(events))
        for mine, theirs in zip(events, stored, strict=False):
            if not _same(theirs, mine):
                raise Fenced(f"another process owns writer slot {self._writer.slot} now")
        return len(stored)

    async def _read_again(self, wanted: Document) -> Document | None:
        found = await self._read_again_list(wanted, 1)
        return found[0] if found else None

    async def _read_again_list(self, wanted: Document, limit: int) -> list[Document]:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                return await self._store.find_list("events", wanted, sort=[("seq", 1)], limit=limit)
            except (Unavailable, OutcomeUnknown) as error:
                retry_s = await self._wait_out(error, retry_s)

    async def _wait_out(self, error: StoreError, retry_s: float) -> float:
        if self._stalled_since_s is None:
            self._stalled_since_s = self._clock.monotonic_s()
            log.warning("the database does not take events: %s; trying again", error)
        await asyncio.sleep(retry_s)
        return min(LAST_RETRY_S, retry_s * 2)


def _same(stored: Document, sent: Document) -> bool:
    return bool(
        stored["writer"] == sent["writer"]
        and stored["seq"] == sent["seq"]
        and stored["hash"] == sent["hash"]
    )


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.receipt.done():
        pending.receipt.set_exception(error)
