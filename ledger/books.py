"""The books of one process, open.

Owns the life of a writer: taking a slot, recovering what its former owner left, appending,
projecting, holding credit, watching the database and the disk, and giving everything back at the
end. Promises that `record` returns only when the event is durable and every process sees its
effect. Refuses new requests when their charge could not be kept safe, and all work once the slot
was taken over (`fenced` is set then).
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import writers
from ledger.appender import Appender, Place
from ledger.archived import archived_at
from ledger.budgets import Budgets
from ledger.chores import Chores
from ledger.clock import Clock
from ledger.credit import Credit, Hold
from ledger.disk import Disk
from ledger.errors import (
    DatabaseAway,
    DiskFull,
    Fenced,
    InsufficientCredit,
    KeyReused,
    LedgerError,
    Unavailable,
)
from ledger.events import Document, Draft, Receipt, Schemas
from ledger.lots import Lots
from ledger.outage import Outage
from ledger.prices import PriceBook
from ledger.projector import Projector, elsewhere_settled
from ledger.recovery import begin_rollups, late_spills, recover, recover_abandoned
from ledger.rollups import ROLLUP_INTERVAL_S, ROLLUPS
from ledger.slices import free_slices
from ledger.spill import MAX_BYTES, Spilled, SpillFile, file_of, identity, orphans
from ledger.store import Store
from ledger.writers import Writer

MAX_PENDING = 10_000
FLUSH_INTERVAL_S = 0.2
PRICE_REFRESH_S = 1.0
LOTS_REFRESH_S = 10.0
IDLE_CHECK_S = 5.0
RECOVERY_S = 10.0
RECALL_POLL_S = 0.2
PING_S = 1.0
DISK_CHECK_S = 1.0
SETTLED_S = 2.0

log = logging.getLogger("tollgate.ledger")


@dataclass(frozen=True, slots=True)
class Options:
    """How the books of a process are kept.

    `spill_dir` is where charges wait on disk while the database is away (None: they wait in
    memory); requests are refused while the disk there has less than `min_free_disk_bytes` left.
    """

    max_pending: int = MAX_PENDING
    flush_interval_s: float = FLUSH_INTERVAL_S
    rollup_interval_s: float = ROLLUP_INTERVAL_S
    spill_dir: Path | None = None
    spill_max_bytes: int = MAX_BYTES
    min_free_disk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class BooksState:
    """How the books are doing, for readiness and metrics. Amounts in nano-dollars."""

    fenced: bool
    reachable: bool
    stalled_s: float
    pending: int
    spilled: int
    spill_bytes: int
    disk_free_bytes: int | None
    disk_low: bool
    lag: int
    slices: int
    slice_nano: int


class Books:
    """Everything a process needs to keep books; made by `open`, ended by `close`."""

    def __init__(
        self, store: Store, clock: Clock, writer: Writer, prices: PriceBook, options: Options
    ) -> None:
        self.store = store
        self.clock = clock
        self.writer = writer
        self.prices = prices
        self.options = options
        #: Called with the events that this process has made durable, in order; must not raise.
        self.observers: list[Callable[[list[Document]], None]] = []
        self.projector = Projector(
            store, writer.slot, writer.next_seq - 1, interval_s=options.flush_interval_s
        )
        self.rollups = Projector(
            store,
            writer.slot,
            writer.next_seq - 1,
            interval_s=options.rollup_interval_s,
            view=ROLLUPS,
        )
        self.appender = Appender(
            store,
            clock,
            Schemas(),
            writer,
            max_pending=options.max_pending,
            on_landed=self._landed,
            spill=_spill_file(options, writer),
        )
        self._outage = Outage(store, clock, lambda: self.appender.stalled_s)
        self._disk = Disk(options.spill_dir, options.min_free_disk_bytes)
        self._leased_until_s = clock.monotonic_s() + writers.LEASE_S
        self.credit = Credit(
            store,
            clock,
            writer.slot,
            writer.epoch,
            reachable=self._may_take_credit,
            asking=self._outage.asking,
        )
        self.budgets = Budgets(store, clock, self.credit)
        self.lots = Lots(store, clock, self.credit)
        self._chores = Chores()
        self._company = True

    @classmethod
    async def open(cls, store: Store, clock: Clock, **given: Any) -> "Books":
        """Take a writer slot, recover it, load the prices and start.

        What is given by name goes into `Options`. Raises Fenced or StoreError when the books can't
        be opened, OSError when the spill can't be used.
        """
        options = Options(**given)
        spill = None if options.spill_dir is None else identity(options.spill_dir)
        await recover_abandoned(store, clock, options.spill_dir, trust_leases=False)
        await begin_rollups(store)
        writer = await writers.acquire(store, clock, spill=spill, trust_leases=False)
        if writer is None:
            raise Unavailable("no writer slot could be taken")
        with orphans(options.spill_dir) as spills:
            mine = [s for s in spills if (s.slot, s.epoch) == (writer.slot, writer.epoch - 1)]
            await recover(store, clock, writer, mine)
        prices = PriceBook(clock)
        await prices.load(store)
        books = cls(store, clock, writer, prices, options)
        books._start()
        await books._record_late_spills()
        return books

    @property
    def fenced(self) -> asyncio.Event:
        """Set once another process owns this writer's slot; the process must stop then."""
        return self.appender.fenced

    def check_reachable(self) -> None:
        """Raise DatabaseAway when asking the database would only keep the caller waiting."""
        if not self._outage.reachable():
            raise DatabaseAway("the database does not answer", retry_after_s=2)

    def state(self) -> BooksState:
        """Return how the books are doing."""
        spilled, spill_bytes = self.appender.spilled
        slices = [piece for piece in self.credit.slices if piece.granted > piece.charged]
        return BooksState(
            fenced=self.fenced.is_set(),
            reachable=self._outage.reachable(),
            stalled_s=self.appender.stalled_s,
            pending=self.appender.pending,
            spilled=spilled,
            spill_bytes=spill_bytes,
            disk_free_bytes=self._disk.free_bytes,
            disk_low=self._disk.low,
            lag=self.projector.lag,
            slices=len(slices),
            slice_nano=sum(piece.granted - piece.charged for piece in slices),
        )

    def check(self) -> None:
        """Raise BooksUnavailable (Fenced, BooksBusy, …) when no new request may be admitted."""
        if self._disk.low:
            raise DiskFull("the disk is almost full", retry_after_s=30)
        self.appender.check()

    def place(self) -> Place:
        """Reserve room for one event to come. Raises BooksUnavailable when there is none."""
        if self._disk.low:
            self.check()
        return self.appender.place()

    async def append(self, draft: Draft, place: Place | None = None) -> Receipt:
        """Record an event; durable on return, in the accounts a moment later.

        With a place, durable may mean: on this machine's disk, while the database is away.
        """
        return await self.appender.append(draft, place)

    async def charge(self, draft: Draft, place: Place, *holds: tuple[Hold, int]) -> Receipt:
        """Record a charge like `append`, and settle the holds that cover it, each with its part.

        The holds are resolved whatever happens: when the caller is cancelled, the event is on its
        way all the same, and what it takes stays taken.
        """
        return await self._resolving(draft, place, *holds)

    async def record(self, draft: Draft) -> Receipt:
        """Record an event; durable and in the accounts, for every process, on return."""
        receipt = await self.appender.append(draft)
        if receipt.writer == self.writer.slot:
            await self.projector.until(receipt.seq)
        return receipt

    async def debit(self, draft: Draft, *, wait_s: float = 2.0) -> Receipt:
        """Record an event that takes credit away, after holding that credit first.

        Raises InsufficientCredit when the account does not have it.
        """
        held = await self.credit.hold([draft.account], -draft.amount_nano, wait_s=wait_s)
        receipt = await self._resolving(draft, None, (held, -draft.amount_nano))
        if receipt.writer == self.writer.slot:
            await self.projector.until(receipt.seq)
        return receipt

    async def _resolving(
        self, draft: Draft, place: Place | None, *holds: tuple[Hold, int]
    ) -> Receipt:
        taken = True
        try:
            receipt = await self.appender.append(draft, place)
            taken = not receipt.replayed
        except LedgerError:
            taken = False
            raise
        finally:
            for held, amount_nano in holds:
                held.settle(amount_nano if taken else 0)
        return receipt

    async def settled(self) -> None:
        """Return once all that is durable by now, here or in other processes, is in the accounts.

        For exact reading. Waits no longer than SETTLED_S, so that a slow database slows readers
        and no more. Raises StoreError.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_S):
                await self.projector.until(self.projector.fed)
                if self._company:
                    await elsewhere_settled(self.store, self.writer.slot)

    async def close(self) -> None:
        """Record and project what waits, give slices and slot back.

        What is spilled and can't be recorded now stays on disk, and the slot with it, for whoever
        opens the books here next.
        """
        await self._chores.end()
        await self.appender.close()
        await self.credit.close()
        away = self.appender.spilled[0] > 0
        await self.projector.close(give_up=away)
        await self.rollups.close(give_up=away)
        if self.fenced.is_set() or away:
            return
        await free_slices(self.store, self.writer.slot, self.writer.epoch)
        await writers.release(self.store, self.writer)

    def _landed(self, events: list[Document]) -> None:
        self.projector.feed(events)
        self.rollups.feed(events)
        for observe in self.observers:
            observe(events)

    def _start(self) -> None:
        self.projector.start()
        self.rollups.start()
        start = self._chores.start
        start("lease", writers.RENEW_S, self._renew_lease)
        start("idle credit", IDLE_CHECK_S, self._return_idle)
        start("recalled credit", RECALL_POLL_S, self._heed_recalls)
        start("prices", PRICE_REFRESH_S, self.prices.refresh)
        start("balance lots", LOTS_REFRESH_S, self.lots.refresh)
        start("recovery", RECOVERY_S, self._recover_others)
        start("database watch", PING_S, self._outage.look)
        start("disk watch", DISK_CHECK_S, self._disk.look)

    def _may_take_credit(self) -> bool:
        """Whether the database answers and nobody can have taken this writer's slot over yet."""
        leased = self.clock.monotonic_s() < self._leased_until_s
        return leased and self._outage.reachable()

    async def _renew_lease(self) -> None:
        asked_s = self.clock.monotonic_s()
        try:
            await writers.renew(self.store, self.writer)
            self._leased_until_s = asked_s + writers.LEASE_S
        except Fenced as error:
            log.error("%s; this process stops", error)
            self.fenced.set()
        self._company = await writers.others(self.store, self.writer.slot)

    async def _return_idle(self) -> None:
        await self.credit.return_idle(settled=self._all_projected)

    def _all_projected(self) -> bool:
        """Whether every event that was accepted here is in the accounts."""
        return self.appender.idle and not self.projector.lag

    async def _heed_recalls(self) -> None:
        if self._company:
            await self.credit.heed_recalls()

    async def _recover_others(self) -> None:
        steady = self._outage.steady_s >= writers.LEASE_S
        spill_dir, own = self.options.spill_dir, self.writer.slot
        await recover_abandoned(self.store, self.clock, spill_dir, besides=own, trust_leases=steady)

    async def _record_late_spills(self) -> None:
        """Record what was spilled by a writer whose credit others have freed since.

        Nothing is held for it any more: what the accounts do not cover goes into the shortfall.
        """
        with orphans(self.options.spill_dir) as spills:
            for orphan in await late_spills(self.store, spills):
                for entry in orphan.read():
                    await self._record_late(entry)
                orphan.remove()

    async def _record_late(self, entry: Spilled) -> None:
        draft = entry.draft
        if await self.store.find_one("events", {"_id": draft.id}) is not None:
            return
        if await archived_at(self.store, draft.id) is not None:
            return
        accounts, due = draft.body["hold"]["accounts"], -draft.amount_nano
        held = None
        if due and accounts:
            with suppress(InsufficientCredit):
                held = await self.credit.hold(accounts, due, floor_nano=1, wait_s=0)
        covered = due if not accounts else held.amount_nano if held is not None else 0
        body = draft.body
        if covered < due:
            body = {**body, "shortfall_nano": body["shortfall_nano"] + due - covered}
        body = {name: value for name, value in body.items() if name != "lots"}  # freed as well
        cut = Draft(draft.id, draft.type, draft.account, -covered, draft.actor, body, draft.at_us)
        with suppress(KeyReused):
            await self.appender.replay(cut, entry.accepted_us)
        if held is not None:
            held.settle(covered)


def _spill_file(options: Options, writer: Writer) -> SpillFile | None:
    if options.spill_dir is None:
        return None
    path = file_of(options.spill_dir, writer.slot, writer.epoch)
    return SpillFile(path, options.spill_max_bytes)
