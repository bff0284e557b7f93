"""Recovery: taking over from processes that are gone.

Owns the order of it: fence the writer off, replay what it had spilled to disk, project all of its
events, and only then free the credit that it held. Promises that nothing is freed that a charge may
still come for. Refuses to recover a writer whose spill directory is on another machine until that
machine has had SPILL_GRACE_S to come back (ledger/writers.py).
"""

import asyncio
import logging
from itertools import islice
from pathlib import Path

from ledger import writers
from ledger.appender import MAX_BATCH, Appender
from ledger.archived import Archives
from ledger.clock import Clock
from ledger.errors import KeyReused
from ledger.events import Schemas
from ledger.projector import catch_up
from ledger.rollups import ROLLUPS
from ledger.slices import free_slices
from ledger.spill import Orphan, identity, orphans
from ledger.store import Store
from ledger.writers import Writer

log = logging.getLogger("tollgate.ledger")


async def recover_abandoned(
    store: Store,
    clock: Clock,
    spill_dir: Path | None = None,
    *,
    besides: int | None = None,
    trust_leases: bool = True,
) -> int:
    """Recover every writer whose process is gone, `besides` one; return how many there were.

    `trust_leases` as in `writers.abandoned`. Raises Fenced or StoreError; what was done until then
    stays done.
    """
    mine = None if spill_dir is None else identity(spill_dir)
    recovered = 0
    for slot in await writers.abandoned(store, mine, trust_leases=trust_leases):
        if slot == besides:
            continue
        with orphans(spill_dir) as spills:
            writer = await writers.acquire(
                store, clock, only_slot=slot, spill=mine, trust_leases=trust_leases
            )
            if writer is None:
                continue
            spilled = [s for s in spills if (s.slot, s.epoch) == (slot, writer.epoch - 1)]
            await recover(store, clock, writer, spilled)
            await writers.release(store, writer)
            recovered += 1
    return recovered


async def recover(store: Store, clock: Clock, writer: Writer, spilled: list[Orphan]) -> None:
    """Bring a fenced writer's books up to date and free its credit. Raises StoreError."""
    for orphan in spilled:
        await _replay(store, clock, writer, orphan)
    await catch_up(store, writer.slot)
    await catch_up(store, writer.slot, ROLLUPS)
    await free_slices(store, writer.slot, writer.epoch)
    for orphan in spilled:
        orphan.remove()


async def _replay(store: Store, clock: Clock, writer: Writer, orphan: Orphan) -> None:
    """Record what the writer's process had promised. Its slices still cover every charge."""
    appender = Appender(
        store, clock, Schemas(), writer, max_pending=1, on_landed=lambda events: None
    )
    entries = orphan.read()
    archives = await Archives.load(store)  # an old spill may hold what was archived since
    replayed = 0
    while batch := list(islice(entries, MAX_BATCH)):
        jobs = [
            appender.replay(entry.draft, entry.accepted_us)
            for entry in batch
            if await archives.find(store, entry.draft.id) is None
        ]
        for outcome in await asyncio.gather(*jobs, return_exceptions=True):
            if isinstance(outcome, KeyReused):
                log.error("a spilled event was not replayed: %s", outcome)
            elif isinstance(outcome, BaseException):
                raise outcome
        replayed += len(batch)
    await appender.close()
    if replayed:
        log.warning("recorded %d events that writer %d had spilled", replayed, writer.slot)


async def begin_rollups(store: Store) -> None:
    """Roll up the events of released writers that never had rollups: books of an older version.

    Raises StoreError. Until it is done, sums read all of these events each time.
    """
    released = await store.find_list("writers", {"released": True}, projection={"_id": 1})
    slots = {ROLLUPS.position_id(writer["_id"]): int(writer["_id"]) for writer in released}
    for position in await store.find_ids("positions", slots):
        slots.pop(position["_id"], None)
    for slot in slots.values():
        log.info("rolling up the events of writer %d for the first time", slot)
        await catch_up(store, slot, ROLLUPS)


async def late_spills(store: Store, found: list[Orphan]) -> list[Orphan]:
    """Return of these the spills whose writer was recovered without them: too late to be first."""
    late = []
    for orphan in found:
        slot = await store.find_one("writers", {"_id": orphan.slot})
        if slot is None or slot["released"] or int(slot["epoch"]) > orphan.epoch:
            late.append(orphan)
    return late
