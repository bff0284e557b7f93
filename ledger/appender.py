"""The appender: the one way into the books.

Owns the order of this process's events. Promises each caller its own receipt or its own error: a
receipt only for an event that is durable, the first receipt again for a replay, KeyReused for an id
that says something else; gapless numbers; and that an event once accepted is recorded even if its
caller goes away. Batches form by chaining: while one is in flight callers queue, its completion
sends the next, so an idle system adds no delay and a busy one batches by itself. While a batch is
in the database's hands, a full one that waits is numbered already, so that the database need not
wait for it; when the first does not land at once, the numbers of the second are taken back.

With a spill, an event that was given a place is promised on disk when the database keeps it
waiting: its caller gets a receipt that says so, and it is recorded when the database is back.

Refuses new work when too many events wait, when the database has been silent for a while and
nothing can be spilled, and for good once another process has taken over the writer's slot.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice

from ledger.clock import Clock
from ledger.errors import (
    BatchStopped,
    BooksBusy,
    BooksUnavailable,
    DatabaseAway,
    Duplicate,
    Fenced,
    KeyReused,
    OutcomeUnknown,
    SpillFull,
    StoreError,
    Unavailable,
)
from ledger.events import Document, Draft, Receipt, Schemas, receipt_of, request_hash
from ledger.spill import SpillLog
from ledger.spiller import Pending, Spiller
from ledger.store import Store
from ledger.writers import Writer

MAX_BATCH = 1_000
STALL_LIMIT_S = 5.0
# How long a batch may be under way before its events go to the spill.
LATE_S = 1.0
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0
CLOSE_CHECK_S = 0.2

log = logging.getLogger("tollgate.ledger")


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
        spill: SpillLog | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._schemas = schemas
        self._writer = writer
        self._max_pending = max_pending
        self._on_landed = on_landed
        self._queue: deque[Pending] = deque()
        self._batch: list[Pending] = []
        self._ahead: tuple[list[Pending], list[Document]] | None = None
        self._may_number_ahead = False
        self._spiller = (
            None if spill is None else Spiller(spill, writer.slot, writer.epoch, self._waiting)
        )
        self._pump: asyncio.Task[None] | None = None
        self._stalled_since_s: float | None = None
        self._closed = False
        self.places = 0
        self.fenced: asyncio.Event = asyncio.Event()

    @property
    def pending(self) -> int:
        """How many events wait or were promised room."""
        return len(self._queue) + len(self._numbered_ahead()) + self.places

    @property
    def idle(self) -> bool:
        """True while every event that was accepted is in the books."""
        return not self._queue and not self._batch and self._ahead is None

    def check(self) -> None:
        """Raise BooksUnavailable (Fenced, BooksBusy) when no new work may be admitted."""
        if self.fenced.is_set():
            raise Fenced("another process took over this writer; this process is stopping")
        if self._closed:
            raise BooksUnavailable("the books are being closed")
        if self.pending >= self._max_pending:
            raise BooksBusy(f"{self.pending} events are waiting to be recorded; try again soon")
        if self.stalled_s <= STALL_LIMIT_S:
            return
        if self._spiller is None:
            raise DatabaseAway("the database does not answer", retry_after_s=5)
        if not self._spiller.ready:
            raise SpillFull("the database does not answer, and the spill is full", retry_after_s=5)

    @property
    def stalled_s(self) -> float:
        """For how many seconds the database has taken no events; 0 when all is well."""
        if self._stalled_since_s is None:
            return 0.0
        return max(self._clock.monotonic_s() - self._stalled_since_s, 1e-6)

    @property
    def spilled(self) -> tuple[int, int]:
        """How many events are promised on disk and not recorded yet, and the file's size."""
        return (self._spiller.outstanding, self._spiller.bytes) if self._spiller else (0, 0)

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
        pending = Pending(
            draft,
            version,
            request_hash(draft),
            asyncio.get_running_loop().create_future(),
            self._clock.now_us(),
            place is not None,
        )
        if place is None:
            self.check()
        else:
            place.release()
        if self.fenced.is_set() or self._closed:
            self.check()
        self._enqueue(pending)
        return await pending.receipt

    async def replay(self, draft: Draft, accepted_us: int) -> Receipt:
        """Record an event that was accepted before, by a process that is gone."""
        version = self._schemas.check(draft)
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._enqueue(Pending(draft, version, request_hash(draft), receipt, accepted_us, False))
        return await receipt

    async def close(self) -> None:
        """Record everything that waits, then refuse all that follows.

        What is safe on disk is not waited for while the database is away.
        """
        while self._pump is not None:
            if self._stalled_since_s is not None and self._all_kept():
                self._pump.cancel()
            await asyncio.wait([self._pump], timeout=CLOSE_CHECK_S)
        self._closed = True
        if self._spiller is not None:
            await self._spiller.close()

    def _enqueue(self, pending: Pending) -> None:
        self._queue.append(pending)
        if self._pump is None:
            self._pump = asyncio.create_task(self._run(), name="ledger appender")
        elif self._stalled_since_s is not None:
            self._spill_what_waits()
        self._number_ahead()

    def _number_ahead(self) -> None:
        """Number the batch after the one under way, if there is a full one."""
        if self._may_number_ahead and self._ahead is None and len(self._queue) >= MAX_BATCH:
            self._ahead = self._next()

    def _next(self) -> tuple[list[Pending], list[Document]]:
        """Return the next batch and its events: the one numbered ahead, or else what waits."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            return ahead
        batch = list(islice(self._queue, MAX_BATCH))
        events = self._number(batch)
        for _ in batch:
            self._queue.popleft()
        return batch, events

    def _withdraw(self) -> None:
        """Take back numbers given ahead, since those of the batch before may change."""
        self._may_number_ahead = False
        if self._ahead is not None:
            (batch, events), self._ahead = self._ahead, None
            self._writer.rewind(events[0])
            self._queue.extendleft(reversed(batch))

    def _numbered_ahead(self) -> list[Pending]:
        return self._ahead[0] if self._ahead is not None else []

    def _waiting(self) -> Iterator[Pending]:
        """What is not recorded yet, in order; may hold what has just been recorded, too."""
        return chain(self._batch, self._numbered_ahead(), self._queue)

    def _all_kept(self) -> bool:
        return all(pending.kept for pending in self._waiting())

    def _spill_what_waits(self) -> None:
        if self._spiller is not None:
            self._spiller.start()

    def _late(self) -> None:
        """The batch under way takes long: call it a stall, and promise on disk what can be."""
        if self._stalled_since_s is None:
            self._stalled_since_s = self._clock.monotonic_s()
            log.warning("the database takes long to record events")
        self._spill_what_waits()

    async def _run(self) -> None:
        try:
            while not self.idle:
                self._batch, events = self._next()
                late = asyncio.get_running_loop().call_later(LATE_S, self._late)
                try:
                    await self._land(self._batch, events)
                finally:
                    late.cancel()
                self._batch = []
                await self._recovered()
        except Fenced as error:
            self._give_up(error)
        except Exception as error:  # a bug must not leave callers waiting for ever
            log.exception("the appender stopped")
            self._give_up(BooksUnavailable(f"the appender stopped: {error}"))
        finally:
            self._pump = None

    async def _recovered(self) -> None:
        if self._stalled_since_s is not None:
            log.warning("the database records events again after %.1f s", self.stalled_s)
            self._stalled_since_s = None
        if self._spiller is not None and self._spiller.bytes:
            await self._spiller.tidy()

    def _give_up(self, error: BooksUnavailable) -> None:
        self.fenced.set()
        for pending in self._waiting():
            _fail(pending, error)
        self._batch, self._ahead = [], None
        self._queue.clear()

    async def _land(self, batch: list[Pending], events: list[Document]) -> None:
        """Make a batch durable, whatever happens on the way."""
        retry_s = FIRST_RETRY_S
        self._may_number_ahead = True
        asyncio.get_running_loop().call_soon(self._number_ahead)  # when this batch was sent
        while batch:
            try:
                await self._store.insert_events(events)
            except BatchStopped as stop:
                self._withdraw()
                batch, events = self._landed(batch, events, stop.position)
                batch, events = await self._step_over(batch, events, stop.cause)
            except (OutcomeUnknown, Unavailable) as error:
                self._withdraw()
                retry_s = await self._wait_out(error, retry_s)
                batch, events = self._landed(batch, events, await self._landed_prefix(events))
            else:
                batch, events = self._landed(batch, events, len(events))

    def _number(self, batch: list[Pending]) -> list[Document]:
        now_us, number = self._clock.now_us(), self._writer.number
        return [number(p.draft, p.version, p.req_hash, now_us, p.accepted_us) for p in batch]

    def _landed(
        self, batch: list[Pending], events: list[Document], count: int
    ) -> tuple[list[Pending], list[Document]]:
        """Hand out receipts for the first `count` events and return what is left."""
        if count:
            self._on_landed(events[:count])
        for pending, event in zip(batch[:count], events, strict=False):
            self._answer(pending, receipt_of(event))
        return batch[count:], events[count:]

    async def _step_over(
        self, batch: list[Pending], events: list[Document], cause: StoreError
    ) -> tuple[list[Pending], list[Document]]:
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
                return await self._ask_whose(batch, events, cause)
            if _same(stored, event):
                return self._landed(batch, events, 1)
            elif stored["req_hash"] == event["req_hash"]:
                self._answer(pending, receipt_of(stored, replayed=True))
            else:
                _fail(pending, KeyReused(event["_id"], stored))
        else:
            _fail(pending, cause)
        self._writer.rewind(event)
        return batch[1:], self._number(batch[1:])

    def _answer(self, pending: Pending, receipt: Receipt) -> None:
        """The event is in the books."""
        if self._spiller is not None:
            self._spiller.recorded(pending)
        if not pending.receipt.done():
            pending.receipt.set_result(receipt)

    async def _ask_whose(
        self, batch: list[Pending], events: list[Document], cause: Duplicate
    ) -> tuple[list[Pending], list[Document]]:
        """The id is free, so it is the number that is taken: by whoever fenced this writer off.

        Nothing there yet means an earlier insert of our own that is just landing: some databases
        refuse what collides with a document before they show it. Raises Fenced.
        """
        landed = await self._landed_prefix(events)
        if not landed:
            await self._wait_out(cause, FIRST_RETRY_S)
        return self._landed(batch, events, landed)

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
        self._spill_what_waits()
        await asyncio.sleep(retry_s)
        return min(LAST_RETRY_S, retry_s * 2)


def _same(stored: Document, sent: Document) -> bool:
    return bool(
        stored["writer"] == sent["writer"]
        and stored["seq"] == sent["seq"]
        and stored["hash"] == sent["hash"]
    )


def _fail(pending: Pending, error: Exception) -> None:
    if pending.kept:  # stays in the spill: it was promised, and is tried again at the next start
        log.error("%s was promised and could not be recorded: %s", pending.draft.id, error)
    if not pending.receipt.done():
        pending.receipt.set_exception(error)
