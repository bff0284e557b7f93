"""Restoring: archived events come back into the database.

Owns the way back from an archive. Promises that afterwards every event is there with the very bytes
that its hash covers, as if it had never left; that an interruption anywhere is gone on from by
doing it again; and that nothing is written before all files were read and hashed. Refuses archives
of other books: their digest must be recorded here and both ends of every range must join the chain.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger.archive import forget, keep
from ledger.archive_files import (
    MANIFEST,
    BrokenArchive,
    Contents,
    check,
    hash_before,
    load,
    segments_of,
)
from ledger.archive_read import find_event
from ledger.archived import PRUNED, RESTORED, RESTORING, archive_event_id, digest, ranges_of
from ledger.errors import BatchStopped, Duplicate, LedgerError
from ledger.events import Document, chain_hash
from ledger.segments import read
from ledger.store import Store

PAGE = 1_000
TRIES = 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back of one archive."""

    number: int
    events: int
    inserted: int

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"Archive {self.number} is restored: {self.inserted} events were put back,"
            f" {self.events - self.inserted} were here."
        )


def archives_in(directory: Path) -> list[Path]:
    """Return the archives in a directory, newest first; the directory itself may be one."""
    if (directory / MANIFEST).exists():
        return [directory]
    found = sorted(path.parent for path in directory.glob(f"archive-*/{MANIFEST}"))
    if not found:
        raise LedgerError(f"there is no archive in {directory}")
    return found[::-1]


async def restore(store: Store, directory: Path, *, progress: Progress | None = None) -> Restored:
    """Put the events of the archive in a directory back. May be repeated.

    Raises BrokenSegment or BrokenArchive when a file is damaged, LedgerError when it is an archive
    of other books; nothing was written then.
    """
    manifest, data = load(directory)
    number = int(manifest["number"])
    await _check_ours(store, directory, manifest, digest(data))
    contents = await asyncio.to_thread(check, directory, manifest)
    await _adopt(store, manifest, digest(data), contents)
    # Until all are back the carried sums stand for the events, those that are here already too.
    await store.update_one(
        "archives", {"_id": number, "state": {"$ne": RESTORED}}, {"$set": {"state": RESTORING}}
    )
    events, inserted = 0, 0
    total = sum(segment.events for segment in segments_of(manifest))
    for segment in segments_of(manifest):
        lines = read(directory / segment.file)
        while page := await asyncio.to_thread(_page, lines):
            inserted += await _put_back(store, segment.writer, page)
            events += len(page)
            if progress is not None:
                progress(events, total)
    await store.update_one(
        "archives", {"_id": number, "state": RESTORING}, {"$set": {"state": RESTORED}}
    )
    await forget(store, number)
    return Restored(number, events, inserted)


async def bring_back(store: Store, directory: Path | None, event_id: str) -> bool:
    """Put a single archived event back, for whoever must work on it; False if it was not archived.

    The archive goes on carrying its sums, so nothing counts twice. Raises ArchiveMissing.
    """
    if await store.find_one("events", {"_id": event_id}, projection={"_id": 1}) is not None:
        return False
    event = await find_event(store, directory, event_id)
    if event is None:
        return False
    if chain_hash(event["prev"], event) != event["hash"]:
        raise BrokenArchive(f"{event_id} does not match its own hash in its archive")
    try:
        await store.insert_events([event])
    except BatchStopped as stop:
        if not isinstance(stop.cause, Duplicate):
            raise
    return True


def _page(lines: Iterator[Document]) -> list[Document]:
    return list(islice(lines, PAGE))


async def _check_ours(store: Store, directory: Path, manifest: Document, digest: str) -> None:
    event = await store.find_one("events", {"_id": archive_event_id(int(manifest["number"]))})
    foreign = f"{directory} is an archive of other books"
    if event is None or event["body"]["digest"] != digest:
        raise LedgerError(f"{foreign}: its digest is not recorded here")
    for run in ranges_of(0, manifest):
        last = await store.find_one("events", {"writer": run.writer, "seq": run.last_seq})
        before = await store.find_one("events", {"writer": run.writer, "seq": run.first_seq - 1})
        joins = hash_before(run.first_seq, before) == run.first_prev
        if not joins or last is None or last["hash"] != run.last_hash:
            raise LedgerError(f"{foreign}: it does not join the chain of writer {run.writer}")


async def _adopt(store: Store, manifest: Document, digest: str, contents: Contents) -> None:
    """Learn of an archive again whose document was lost; its event has proved it."""
    number = int(manifest["number"])
    if await store.find_one("archives", {"_id": number}, projection={"_id": 1}) is not None:
        return
    await keep(store, manifest, contents)
    document = {
        "_id": number,
        "state": PRUNED,
        "before_us": manifest["before_us"],
        "seal": manifest["seal"],
        "runs": [{k: v for k, v in r.items() if k != "pruned"} for r in manifest["ranges"]],
        "pruned": sum(int(r["pruned"]) for r in manifest["ranges"]),
        "manifest": manifest,
        "digest": digest,
        "id_digits": contents.id_digits,
    }
    await store.insert_one("archives", document)


async def _put_back(store: Store, writer: int, page: list[Document]) -> int:
    """Insert those events of a page that are not there. Returns how many they were."""
    inserted = 0
    for _ in range(TRIES):
        numbers = {"$gte": page[0]["seq"], "$lte": page[-1]["seq"]}
        wanted = {"writer": writer, "seq": numbers}
        fields = {"seq": 1, "hash": 1}
        found = await store.find_list("events", wanted, projection=fields)
        there = {int(event["seq"]): event["hash"] for event in found}
        missing = []
        for event in page:
            stored = there.get(event["seq"])
            if stored is None:
                missing.append(event)
            elif stored != event["hash"]:
                raise LedgerError(
                    f"number {event['seq']} of writer {writer} here is not {event['_id']};"
                    " run verify"
                )
        if not missing:
            return inserted
        try:
            await store.insert_events(missing)
        except BatchStopped as stop:
            if not isinstance(stop.cause, Duplicate):
                raise
            inserted += stop.position  # another process puts the same ones back
        else:
            inserted += len(missing)
    raise LedgerError(f"numbers {page[0]['seq']} to {page[-1]['seq']} could not be put back")
