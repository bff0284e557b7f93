"""Bugs on purpose: each one breaks a promise of the ledger, and the simulation must notice.

A mutation is a list of (owner, name, replacement) that stays planted for as long as a run lasts.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from inspect import signature
from typing import Any
from unittest.mock import patch

from ledger import appender, projector, recovery, slices, spill, writers
from ledger.appender import Appender
from ledger.books import Books
from ledger.credit import Hold
from ledger.errors import OutcomeUnknown, Unavailable
from ledger.projector import catch_up
from ledger.slices import Slices
from ledger.spill import Orphan
from ledger.writers import Writer
from tests.sim.undone import UNDONE, Plant


async def _take_blindly(self: Any, piece: Any, grant: int) -> bool:
    return bool(await self._change(piece, {"_id": piece.account}, grant))


async def _no_fence(store: Any, clock: Any, slot: Any) -> Writer:
    last = await writers.last_event(store, slot["_id"])
    writer = Writer(slot["_id"], slot["epoch"], 1, writers.GENESIS, 0)
    if last is not None:
        writer.next_seq, writer.head, writer.last_ts_us = last["seq"] + 1, last["hash"], last["ts"]
    return writer


async def _land_anew(self: Any, batch: Any, events: Any) -> None:
    while batch:
        try:
            await self._store.insert_events(events)
        except appender.BatchStopped as stop:
            batch, events = self._landed(batch, events, stop.position)
            batch, events = await self._step_over(batch, events, stop.cause)
        except (OutcomeUnknown, Unavailable):
            await asyncio.sleep(0.05)
            events = self._number(batch)
        else:
            batch, events = self._landed(batch, events, len(events))


_append = Appender.append


async def _append_or_drop(self: Any, draft: Any, place: Any = None) -> Any:
    try:
        return await _append(self, draft, place)
    except asyncio.CancelledError:
        for pending in [p for p in self._queue if p.receipt.cancelled()]:
            self._queue.remove(pending)
        raise


async def _free(store: Any, slot: int, epoch: int) -> None:
    wanted = len(signature(recovery.free_slices).parameters)
    await recovery.free_slices(*(store, slot, epoch)[:wanted])


async def _free_first(store: Any, clock: Any, writer: Any, spilled: Any) -> None:
    await _free(store, writer.slot, writer.epoch)
    for orphan in spilled:
        await recovery._replay(store, clock, writer, orphan)
    await catch_up(store, writer.slot)
    for orphan in spilled:
        orphan.remove()


async def _free_living(store: Any, clock: Any, spill_dir: Any = None) -> int:
    found = await writers.abandoned(store, None)
    for slot in found:
        await _free(store, slot, 1 << 30)
    return await _recover_abandoned(store, clock, spill_dir)


_recover_abandoned = recovery.recover_abandoned
_guarded = projector._guarded


def _unguarded(*args: Any) -> Any:
    (wanted, update, _upsert), after = _guarded(*args)
    return ({"_id": wanted["_id"]}, update, True), after


def _settle_again(self: Any) -> None:
    self.open = True
    self.settle(0)


async def _give_back_held(self: Any, piece: Any) -> None:
    async with piece.lock:
        amount = piece.granted - piece.charged
        if amount > 0 and piece.known:
            piece.granted -= amount
            await self._change(piece, {"_id": piece.account}, -amount)


async def _change_without_rev(self: Any, piece: Any, guard: Any, by_nano: int) -> bool:
    w = self._writer
    change = {"$inc": {"granted": by_nano, f"granted_by.{w}": by_nano, f"slice_rev.{w}": 1}}
    try:
        account = await self._store.find_one_and_update("accounts", guard, change)
    except BaseException:
        piece.known = False
        raise
    if account is None:
        return False
    self._learn(piece, account)
    return True


async def _all_landed(self: Any, events: Any) -> int:
    return len(events)


async def _whatever_landed(self: Any, events: Any) -> int:
    wanted = {"writer": self._writer.slot, "seq": {"$gte": events[0]["seq"]}}
    return min(len(events), len(await self._read_again_list(wanted, len(events))))


_read = Orphan.read


def _read_as_new(self: Any) -> Iterator[Any]:
    for entry in _read(self):
        yield replace(entry, draft=replace(entry.draft, id=f"{entry.draft.id}:again"))


def _append_unsynced(self: Any, text: bytes) -> None:
    self.bytes += spill.os.write(self._file, text)


async def _debit_carelessly(self: Any, draft: Any, *, wait_s: float = 2.0) -> Any:
    held = await self.credit.hold([draft.account], -draft.amount_nano, wait_s=wait_s)
    try:
        receipt = await self.append(draft)
    except BaseException:
        held.release()
        raise
    held.settle(0 if receipt.replayed else -draft.amount_nano)
    return receipt


_number = Writer.number


def _number_by_clock(
    self: Any, draft: Any, version: int, req_hash: str, now_us: int, *a: Any
) -> Any:
    self.last_ts_us = now_us - 1
    return _number(self, draft, version, req_hash, now_us, *a)


MUTATIONS: dict[str, list[Plant]] = {
    "a slice is taken without looking whether there is enough": [(Slices, "_take", _take_blindly)],
    "a slot is taken over without a fence": [(writers, "_fence", _no_fence)],
    "an unknown outcome is answered by new numbers": [(Appender, "_land", _land_anew)],
    "numbers given ahead are kept when the batch before is numbered again": [
        (Appender, "_withdraw", lambda self: None)
    ],
    "an unknown outcome is taken for success": [(Appender, "_landed_prefix", _all_landed)],
    "what landed is not compared": [(Appender, "_landed_prefix", _whatever_landed)],
    "an event is dropped when its caller goes away": [(Appender, "append", _append_or_drop)],
    "content is not compared with what an id stands for": [
        (appender, "request_hash", lambda draft: "0" * 32)
    ],
    "credit is freed before events are projected": [(recovery, "recover", _free_first)],
    "credit is freed before the writer is fenced off": [
        (Books, "_recover_others", lambda self: _free_living(
            self.store, self.clock, self.options.spill_dir
        )),
    ],
    "an account is updated whatever its mark is": [(projector, "_guarded", _unguarded)],
    "a hold is resolved twice": [(Hold, "release", _settle_again)],
    "credit is given back while it is held": [(Slices, "give_back", _give_back_held)],
    "late changes of a slice are not made harmless": [(Slices, "_change", _change_without_rev)],
    "the spill is replayed under new ids": [(Orphan, "read", _read_as_new)],
    "the spill is removed unread": [(Orphan, "read", lambda self: iter(()))],
    "the spill is not synced": [(spill.SpillFile, "_append", _append_unsynced)],
    "a cancelled debit releases its hold": [(Books, "debit", _debit_carelessly)],
    "times follow the wall clock": [(Writer, "number", _number_by_clock)],
    **UNDONE,
}  # fmt: skip


# In which trouble a bug shows itself; all others show in any.
PROFILE_OF = {
    "a slot is taken over without a fence": "zombies",
    "what landed is not compared": "zombies",
    "credit is freed before the writer is fenced off": "zombies",
    "an account is updated whatever its mark is": "late",
    "the spill is replayed under new ids": "outages",
    "the spill is removed unread": "outages",
    "the spill is not synced": "outages",
    "more is asked for than an unanswered grant left to ask": "late",
    "a process that closes frees the slices of its slot's next owner": "heirs",
    "a process that comes back to life gives back what its heir has": "heirs",
    "a slice is forgotten while somebody waits for it": "crowd",
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plant a mutation."""
    assert slices  # what is patched by class lives there
    with ExitStack() as stack:
        for owner, attribute, replacement in MUTATIONS[name]:
            stack.enter_context(patch.object(owner, attribute, replacement))
        yield
