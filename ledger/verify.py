"""Verification: are the books right?

Owns the check of a whole database. Promises to read every event once and to name each fault it
finds: a changed, missing, inserted or reordered event, a seal that binds something else, an amount
that its own factors do not give, an account that does not say what its events add up to. Works
beside running servers: an account is compared with exactly the events that it says are in it. May
go on from what an earlier run knows, which is a cache. Memory grows with the accounts, not with the
events. Refuses to mend anything.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any

from ledger import chains, verified
from ledger.archived import ArchiveChanged, Archives
from ledger.check_chain import Bound, ChainCheck, Mark
from ledger.check_events import EventCheck, is_event
from ledger.check_reversals import ReversalCheck
from ledger.check_seals import SealCheck
from ledger.check_slices import SliceCheck
from ledger.check_sums import Totals, check_parts, compare
from ledger.events import Document
from ledger.projector import batches
from ledger.report import Fault, Report
from ledger.scan import total
from ledger.seals import by_number, highest
from ledger.store import Store
from ledger.verified import RUNNING, WHOLE, Known
from ledger.verify_read import bounds, odd_numbers, odd_writers, seals
from ledger.verify_rollups import RollupFeed

__all__ = ["Fault", "Report", "verify"]

TRIES = 3
ROUNDS, SMALL_ROUND = 5, 5_000
SAVE_EVERY_S = 20.0
IDS = 500
BREATH = 100  # how many events are checked before other tasks get a turn

Progress = Callable[[int, int], None]
Fold = Callable[[Document], None]


async def verify(
    store: Store,
    *,
    progress: Progress | None = None,
    new: bool = False,
    resume: bool = False,
    keys: Collection[str] = (),
    expected: Collection[str] = (),
) -> Report:
    """Check the whole ledger. `progress(done, total)` is called now and then.

    `new` checks only what was recorded since the last check that found no fault; `resume` goes on
    where a check was broken off. `keys` are public keys of which one must have signed the last
    seal; `expected` are digests of seals that must be there. Raises StoreError, and ArchiveChanged
    when events keep going to archives meanwhile.
    """
    for _ in range(TRIES):
        archives = await Archives.load(store)
        checking = _Verification(store, archives, progress, keys, expected)
        report = await checking.run(new=new, resume=resume)
        if await archives.still(store):
            return report
    raise ArchiveChanged("events went to archives while they were checked; try again")


class _Verification:
    """One run over one database."""

    def __init__(
        self,
        store: Store,
        archives: Archives,
        progress: Progress | None,
        keys: Collection[str],
        expected: Collection[str],
    ) -> None:
        self.report = Report()
        self._store = store
        self._archives = archives
        self._progress = progress
        self._trust = (keys, expected)
        self._events = EventCheck(self.report)
        self._reversals = ReversalCheck(self.report)
        self._slices = SliceCheck(store, self.report)
        self._chains: dict[int, ChainCheck] = {}
        self._bounds: dict[int, AsyncGenerator[Bound, None]] = {}
        self._rollups: dict[int, RollupFeed] = {}
        self._known = Known()
        self._total = 0
        self._saved_s = time.monotonic()

    async def run(self, *, new: bool, resume: bool) -> Report:
        """Do all of it."""
        await self._begin(new, resume)
        if self._progress is not None:
            self._total = await total(self._store) - self.report.before
        seal_check = await self._check_seals()
        try:
            await self._read()
            await self._check_reversals()
        finally:
            for generator in self._bounds.values():
                await generator.aclose()
            for feed in self._rollups.values():
                await feed.cancel()
        seal_check.end()
        if self.report.ok:
            await verified.save(self._store, WHOLE, self._known)
            await verified.drop(self._store, RUNNING)
        return self.report

    # -- where to begin -------------------------------------------------------------------------

    async def _begin(self, new: bool, resume: bool) -> None:
        found = await verified.going_on(self._store, self._archives, new=new, resume=resume)
        if found is not None:
            self._known = found
            self.report.before = found.events
        else:
            for archive, wrong in await self._archives.faults(self._store):
                self.report.add("archive broken", archive, wrong)
        self._totals = Totals(self.report, self._known.sums)
        self.report.archived = self._archives.pruned
        if found is None:
            async for account, sums in self._archives.sums(self._store):
                self._totals.carry(account, sums)

    async def _check_seals(self) -> SealCheck:
        """Read the seals, and make a chain for each writer that they or others name."""
        keys, expected = self._trust
        number = self._known.seal_number
        former = await by_number(self._store, number) if number else None
        check = SealCheck(self.report, keys=keys, expected=expected, last=former)
        last = await highest(self._store)
        async with aclosing(seals(self._store, number + 1, last)) as found:
            async for event in found:
                check.check(event)
        if check.last is not None:
            self._known.seal_number = check.last.number
            self._known.seal_digest = check.last.digest
        slots = await self._store.find_list("writers", {}, projection={"_id": 1})
        sealed = check.last.heads if check.last else {}
        positions = await self._positions()
        writers = {int(d["_id"]) for d in slots} | sealed.keys() | positions.keys()
        for writer in sorted(writers | self._known.marks.keys()):
            self._follow(writer, sealed[writer].seq if writer in sealed else 0)
        return check

    def _follow(self, writer: int, sealed_to: int) -> ChainCheck:
        mark = self._known.marks.setdefault(writer, Mark())
        chain = ChainCheck(writer, self.report, mark, archives=self._archives, sealed_to=sealed_to)
        self._chains[writer] = chain
        self._bounds[writer] = bounds(
            self._store, writer, mark.seq, self._known.seal_number if sealed_to else 0
        )
        return chain

    async def _positions(self) -> dict[int, int]:
        """Return, by writer, up to which number everything is in all accounts."""
        wanted = {"_id": {"$gte": "accounts:", "$lt": "accounts;"}}
        documents = await self._store.find_list("positions", wanted)
        return {int(d["_id"].removeprefix("accounts:")): int(d["seq"]) for d in documents}

    # -- reading --------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read what is in all accounts, then the rest, which may be in some; then the accounts."""
        projected: dict[int, int] = {}
        if not self.report.before:
            self._rollups = {writer: RollupFeed(self._store, writer) for writer in self._chains}
        for _ in range(ROUNDS):
            projected = await self._positions()
            before = self.report.events
            for writer in sorted(self._chains.keys() & projected.keys()):
                await self._walk(writer, projected[writer], self._totals.fold, save=True)
            if self.report.events - before < SMALL_ROUND:
                break
        for feed in self._rollups.values():
            for fault in await feed.end():
                self.report.add(*fault)
        self._keep_marks()
        slots = await self._slices.begin()
        for writer in sorted(self._chains.keys() | slots):
            await self._walk(writer, None, self._totals.fold_late)
        await self._check_hidden()
        self._check_ends(projected)
        await self._check_accounts()

    def _keep_marks(self) -> None:
        """Let the chains go on without moving the marks up to where the kept sums go."""
        for writer, chain in self._chains.items():
            chain.mark = Mark.from_json(self._known.marks[writer].to_json())

    async def _walk(self, writer: int, to: int | None, fold: Fold, *, save: bool = False) -> None:
        """Check a writer's events from where its chain stands up to number `to`."""
        chain = self._chains.get(writer) or self._follow(writer, 0)
        if to is not None and to <= chain.mark.seq:
            return
        async with aclosing(chains.chain(self._store, writer, chain.mark.seq, to)) as found:
            async for page in found:
                await self._fill_bounds(chain, page)
                if save and writer in self._rollups:
                    await self._rollups[writer].put(page)
                for some in batches(page, BREATH):
                    self._check_some(chain, some, fold)
                    await asyncio.sleep(0)  # a server goes on serving
                if self._progress is not None:
                    self._progress(self.report.events, max(self._total, self.report.events))
                if save and self.report.ok and time.monotonic() > self._saved_s + SAVE_EVERY_S:
                    await verified.save(self._store, RUNNING, self._known)
                    self._saved_s = time.monotonic()

    async def _fill_bounds(self, chain: ChainCheck, page: list[Document]) -> None:
        last: Any = page[-1]["seq"]
        while not chain.bounds or chain.bounds[-1].seq < last:
            bound = await anext(self._bounds[chain.writer], None)
            if bound is None:
                return
            chain.bounds.append(bound)

    def _check_some(self, chain: ChainCheck, events: Sequence[Document], fold: Fold) -> None:
        for event in events:
            self.report.events += 1
            if not is_event(event):
                self.report.add("event invalid", str(event["_id"]), "it is not an event")
                continue
            chain.check(event)
            self._events.check(event)
            self._reversals.see(event)
            if not self._archives.carry(event):
                fold(event)

    async def _check_hidden(self) -> None:
        """Find events that no reading by number finds: with odd numbers, or of unknown writers."""
        for writer in sorted(self._chains):
            async for event in odd_numbers(self._store, writer):
                message = f"{event['seq']!r} is no possible number"
                self.report.add("event inserted", f"writer {writer}", message)
        async for event in odd_writers(self._store, sorted(self._chains)):
            writer = event["writer"]
            if isinstance(writer, int) and writer not in self._chains:
                await self._walk(int(writer), None, self._totals.fold_late)
            if await self._store.find_one("writers", {"_id": writer}) is None:
                message = f"there is no writer {writer!r}"
                self.report.add("event inserted", str(event["_id"]), message)

    def _check_ends(self, projected: dict[int, int]) -> None:
        """A chain that ends before what was projected or sealed has lost its tail."""
        for writer, chain in self._chains.items():
            chain.end()
            self.report.writers += chain.mark.seq > 0
            if projected.get(writer, 0) > chain.mark.seq:
                self.report.add(
                    "event missing",
                    f"writer {writer}",
                    f"its last event is {chain.mark.seq}, but {projected[writer]} were projected",
                )

    # -- comparing ------------------------------------------------------------------------------

    async def _check_accounts(self) -> None:
        unseen, waiting = set(self._totals.sums), self._totals.late_accounts()
        async with aclosing(self._store.find("accounts", {})) as found:
            async for document in found:
                account = str(document["_id"])
                unseen.discard(account)
                waiting.discard(account)
                await self._catch_up(document.get("applied", {}))
                sums = self._totals.of(account, document.get("applied", {}))
                compare(account, document, sums, self.report)
                check_parts(account, document, self.report)
                self._slices.see(account, document)
        for account in waiting:
            self._totals.of(account, {})  # counts what waits for the account's first document
        for account in sorted(unseen):
            message = "it does not exist, and events were projected into it"
            self.report.add("account changed", account, message)
        await self._slices.end()

    async def _catch_up(self, applied: Document) -> None:
        """Read what an account has and was not recorded yet when its writer was read."""
        for writer, seq in applied.items():
            chain = self._chains.get(int(writer))
            if chain is not None and seq > chain.mark.seq:
                await self._walk(chain.writer, int(seq), self._totals.fold_late)

    async def _check_reversals(self) -> None:
        targets, archived = self._reversals.targets, set()
        for start in range(0, len(targets), IDS):
            for event in await self._store.find_ids("events", targets[start : start + IDS]):
                if is_event(event):
                    self._reversals.check(event)
        for target in self._reversals.targets:
            if await self._archives.find(self._store, target) is not None:
                archived.add(target)
        self._reversals.end(archived.__contains__)
