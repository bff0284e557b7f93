"""The spiller: promises kept on disk while the database keeps callers waiting.

Owns the decision what of an appender's waiting events goes to the spill log, and when the log may
be cleared. Promises a caller a receipt that says `spilled` only for what is synced, and that the
log is cleared only when everything in it has been recorded. Refuses to spill what needs an answer
from the database first: only events that were given a place are spilled.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.events import Draft, Receipt
from ledger.spill import Spilled, SpillLog

log = logging.getLogger("tollgate.ledger")


@dataclass(slots=True, eq=False)
class Pending:
    """An accepted event on its way into the books. `kept` means: safe, whatever happens here."""

    draft: Draft
    version: int
    req_hash: str
    receipt: asyncio.Future[Receipt]
    accepted_us: int
    may_spill: bool
    kept: bool = False
    recorded: bool = False


class Spiller:
    """Spills the events of one writer epoch. `waiting` yields what is not recorded yet."""

    def __init__(
        self, spill: SpillLog, slot: int, epoch: int, waiting: Callable[[], Iterable[Pending]]
    ) -> None:
        self._spill = spill
        self._writer = (slot, epoch)
        self._waiting = waiting
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._broken = False
        self.outstanding = 0

    @property
    def ready(self) -> bool:
        """True while more can be promised."""
        return not self._broken and not self._spill.full

    @property
    def bytes(self) -> int:
        """How much is in the log."""
        return self._spill.bytes

    def start(self) -> None:
        """Spill what waits, and go on while more of it comes."""
        if self._task is None and not self._broken:
            self._task = asyncio.create_task(self._run(), name="ledger spiller")

    def recorded(self, pending: Pending) -> None:
        """Note that an event is in the books."""
        pending.recorded = True
        if pending.kept:
            self.outstanding -= 1

    async def tidy(self) -> None:
        """Clear the log if everything in it has been recorded."""
        self._broken = False
        if not self._spill.bytes or self.outstanding:
            return
        async with self._lock:
            if not self.outstanding:
                try:
                    await self._spill.clear()
                except OSError as error:
                    log.warning("the spill file was not cleared: %s", error)

    async def close(self) -> None:
        """Let go of the log. What is in it is replayed by whoever recovers this writer."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self.tidy()
        self._spill.close()

    async def _run(self) -> None:
        try:
            while batch := [p for p in self._waiting() if _must_spill(p)]:
                if self._spill.full:
                    log.error("the spill file is full; answers wait for the database")
                    return
                async with self._lock:
                    await self._keep(batch)
        except OSError as error:
            self._broken = True
            log.error("cannot spill: %s; answers wait for the database", error)
        finally:
            self._task = None

    async def _keep(self, batch: list[Pending]) -> None:
        await self._spill.write([Spilled(p.draft, p.accepted_us) for p in batch])
        slot, epoch = self._writer
        for pending in batch:
            pending.kept = True
            if not pending.recorded:
                self.outstanding += 1
            if not pending.receipt.done():
                draft = pending.draft
                pending.receipt.set_result(
                    Receipt(draft.id, slot, epoch, 0, pending.accepted_us, "", spilled=True)
                )


def _must_spill(pending: Pending) -> bool:
    return pending.may_spill and not pending.kept and not pending.recorded
