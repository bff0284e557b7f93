"""Pruning: deleting from the database what is safe in an archive.

Owns the only deletion of events that there is. Promises to read every file of an archive again, to
the last byte, before its first event goes; to delete nothing but events of PRUNED_TYPES inside its
ranges, never a range's last one; and to be done again harmlessly after an interruption anywhere.
Refuses while a projection of an event that would go may still be under way.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ledger.archive import checked_files
from ledger.archive_files import directory_name
from ledger.archived import PRUNED, PRUNED_TYPES, PRUNING, WRITTEN, Range, ranges_of
from ledger.errors import LedgerError
from ledger.store import Store

CHUNK = 1_000
WAIT_S = 30.0
LOOK_AGAIN_S = 0.25

Progress = Callable[[int, int], None]


async def prune(
    store: Store,
    to: Path,
    before_us: int,
    *,
    wait_s: float = WAIT_S,
    progress: Progress | None = None,
) -> int:
    """Delete the events of all archives in the directory `to` that end before a time.

    Returns how many events left the database. Raises BrokenSegment or BrokenArchive, before
    anything of that archive is deleted, when a file is not what it must be.
    """
    documents = await store.find_list("archives", {}, projection={"state": 1, "before_us": 1})
    gone = 0
    for document in sorted(documents, key=lambda d: int(d["_id"])):
        if document["state"] in (WRITTEN, PRUNING) and document["before_us"] <= before_us:
            gone += await _prune_one(store, to, int(document["_id"]), wait_s, progress)
    return gone


async def _prune_one(
    store: Store, to: Path, number: int, wait_s: float, progress: Progress | None
) -> int:
    manifest = await checked_files(store, to / directory_name(number), number)
    runs = ranges_of(number, manifest)
    await _projected(store, runs, wait_s)
    # From here on the sums that the archive carries stand for its events.
    ready = {"_id": number, "state": {"$in": [WRITTEN, PRUNING]}}
    if not await store.update_one("archives", ready, {"$set": {"state": PRUNING}}):
        raise LedgerError(f"archive {number} is being restored by another process")
    total, gone = sum(run.pruned for run in runs), 0
    for run in runs:
        for first in range(run.first_seq, run.last_seq, CHUNK):
            gone += await _delete(store, run, first, min(first + CHUNK, run.last_seq))
            if progress is not None:
                progress(min(gone, total), total)
    done = {"_id": number, "state": PRUNING}
    await store.update_one("archives", done, {"$set": {"state": PRUNED}})
    return gone


async def _delete(store: Store, run: Range, first: int, end: int) -> int:
    """Delete what leaves of the numbers from `first` on, before `end`."""
    gone = 0
    for kind in sorted(PRUNED_TYPES):
        leaving = {"writer": run.writer, "seq": {"$gte": first, "$lt": end}, "type": kind}
        gone += await store.delete_many("events", leaving)
    return gone


async def _projected(store: Store, runs: list[Range], wait_s: float) -> None:
    """Return once every projection has all events of the ranges.

    Watermarks are written a moment after the fact, so a running server gets some time.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + wait_s
    while behind := await _behind(store, runs):
        if loop.time() >= deadline_s:
            raise LedgerError(f"nothing is pruned: {behind}")
        await asyncio.sleep(LOOK_AGAIN_S)


async def _behind(store: Store, runs: list[Range]) -> str | None:
    """Name a projection that has not seen all events of the ranges."""
    needed: dict[int, int] = {}
    for run in runs:
        needed[run.writer] = max(needed.get(run.writer, 0), run.last_seq)
    views: dict[str, dict[int, int]] = {"accounts": {}}
    for document in await store.find_list("positions", {}):
        view, _, slot = str(document["_id"]).partition(":")
        if slot.isdigit() and "seq" in document:
            views.setdefault(view, {})[int(slot)] = int(document["seq"])
    for view, reached in sorted(views.items()):
        for writer, seq in sorted(needed.items()):
            if reached.get(writer, 0) < seq:
                return f"{view} of writer {writer} are at {reached.get(writer, 0)}, not at {seq}"
    return None
