"""Archiving: from closed periods in the database to verified files.

Owns the making of archives, in steps each of which may be interrupted anywhere and done again:
plan, write segments, read them back, keep what they add up to, record the manifest's digest as an
event, prune. Promises that nothing is deleted before every byte of every file was read back and
hashed and the digest is durable in the books, and that only events of PRUNED_TYPES are deleted that
are in those files. Refuses to archive what is not sealed, not projected, or does not form a chain.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger import archive_files, seals
from ledger.archive_files import Contents, check, directory_name, segment_name
from ledger.archive_plan import Plan, Run, make_plan
from ledger.archived import (
    PRUNED_TYPES,
    WRITING,
    WRITTEN,
    Range,
    archive_event_id,
    digest,
    ranges_of,
)
from ledger.books import Books
from ledger.chains import chain
from ledger.errors import Duplicate, LedgerError
from ledger.events import Document, Draft
from ledger.segments import BrokenSegment, Segment, SegmentWriter, sync_directory
from ledger.segments import check as check_segment
from ledger.store import Store
from ledger.writers import SYSTEM_ACTOR

SEGMENT_EVENTS = 50_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Archived:
    """One archive that is written, verified and recorded."""

    number: int
    directory: Path
    events: int
    pruned: int
    digest: str

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"Archive {self.number}: {self.events} events are in {self.directory} and verified;"
            f" {self.pruned} of them may leave the database. Digest {self.digest}"
        )


async def archive(
    books: Books, to: Path, before_us: int, *, progress: Progress | None = None
) -> list[Archived]:
    """Write all sealed events recorded before a time to archives in the directory `to`.

    Finishes first what an interrupted call began. Nothing is pruned: see ledger/prune.py. Raises
    LedgerError when the events can't be archived, OSError when files can't be written.
    """
    done: list[Archived] = []
    if await seals.latest(books.store) is None:
        await seals.seal(books)
    while True:
        document = await books.store.find_one("archives", {"state": WRITING})
        if document is None:
            plan = await make_plan(books.store, before_us)
            if plan is None:
                break
            document = await _begin(books.store, plan)
        done.append(await _finish(books, to, Plan.from_json(document), progress))
    for document in await books.store.find_list("archives", {"state": WRITTEN}):
        await _record(books, document)
    return done


async def _begin(store: Store, plan: Plan) -> Document:
    """Decide what goes into the next archive; from here on every attempt writes the same files."""
    document = {**plan.to_json(), "state": WRITING}
    try:
        await store.insert_one("archives", document)
    except Duplicate:
        raise LedgerError("another process is archiving; run this again to join it") from None
    return document


async def _finish(books: Books, to: Path, plan: Plan, progress: Progress | None) -> Archived:
    directory = to / directory_name(plan.number)
    directory.mkdir(parents=True, exist_ok=True)
    sync_directory(to)
    segments = await _write_segments(books.store, directory, plan, progress)
    manifest, contents = await asyncio.to_thread(_read_back, directory, plan, segments)
    data = archive_files.write_manifest(directory, manifest)
    await keep(books.store, manifest, contents)
    written: Document = {"state": WRITTEN, "manifest": manifest, "digest": digest(data)}
    written["id_digits"] = contents.id_digits
    await books.store.update_one(
        "archives", {"_id": plan.number, "state": WRITING}, {"$set": written}
    )
    await _record(books, {"_id": plan.number, **written})
    pruned = sum(contents.pruned.values())
    return Archived(plan.number, directory, plan.events, pruned, digest(data))


async def _write_segments(
    store: Store, directory: Path, plan: Plan, progress: Progress | None
) -> list[Segment]:
    segments: list[Segment] = []
    done = 0
    for run in plan.runs:
        await _check_ends(store, run)
        for first in range(run.first_seq, run.last_seq + 1, SEGMENT_EVENTS):
            last = min(run.last_seq, first + SEGMENT_EVENTS - 1)
            path = directory / segment_name(run.writer, first, last)
            segment = await _kept(store, path, first, last)
            if segment is None:
                segment = await _write(store, path, run.writer, first, last)
            segments.append(segment)
            done += segment.events
            if progress is not None:
                progress(done, plan.events)
    return segments


async def _check_ends(store: Store, run: Run) -> None:
    """The chain that goes into files must be the one that the books go on with."""
    before = await store.find_one("events", {"writer": run.writer, "seq": run.first_seq - 1})
    last = await store.find_one("events", {"writer": run.writer, "seq": run.last_seq})
    linked = archive_files.hash_before(run.first_seq, before) == run.first_prev
    if not linked or last is None or last["hash"] != run.last_hash:
        raise LedgerError(
            f"writer {run.writer}, numbers {run.first_seq} to {run.last_seq}: not the events that"
            " were to be archived; run verify"
        )


async def _kept(store: Store, path: Path, first: int, last: int) -> Segment | None:
    """Return a segment that an earlier attempt wrote, if it holds the very events of the books."""
    try:
        segment = await asyncio.to_thread(check_segment, path)
    except BrokenSegment:
        return None
    end = await store.find_one("events", {"writer": segment.writer, "seq": last})
    if (segment.first_seq, segment.last_seq) != (first, last) or end is None:
        return None
    return segment if end["hash"] == segment.last_hash else None


async def _write(store: Store, path: Path, writer: int, first: int, last: int) -> Segment:
    with SegmentWriter(path) as segment:
        async with aclosing(chain(store, writer, first - 1)) as pages:
            async for page in pages:
                wanted = [event for event in page if event["seq"] <= last]
                await asyncio.to_thread(_add_all, segment, wanted)
                if page[-1]["seq"] >= last:
                    break
        written = segment.close()
    if (written.first_seq, written.last_seq) != (first, last):
        raise LedgerError(
            f"writer {writer} has no numbers {first} to {last} without a gap; run verify"
        )
    return written


def _add_all(segment: SegmentWriter, events: list[Document]) -> None:
    for event in events:
        segment.add(event)


def _read_back(directory: Path, plan: Plan, segments: list[Segment]) -> tuple[Document, Contents]:
    """Read every file again, event by event, and describe what is really in them."""
    manifest: Document = {
        "format": archive_files.FORMAT,
        "number": plan.number,
        "before_us": plan.before_us,
        "seal": plan.seal,
        "types": sorted(PRUNED_TYPES),
        "ranges": [{**run.to_json(), "pruned": 0} for run in plan.runs],
        "segments": [segment.to_json() for segment in segments],
    }
    counted = _PerRun(manifest)
    contents = archive_files.read_segments(directory, manifest, counted.see)
    counted.fill()
    manifest["totals"] = contents.totals
    manifest["sums"] = archive_files.write_sums(directory, contents.sums)
    check_sums = archive_files.read_sums(directory, manifest)
    if check_sums != contents.sums:
        raise archive_files.BrokenArchive(f"{directory}: the sums were not written as they are")
    return manifest, contents


class _PerRun:
    """Counts the events of each range that leave."""

    def __init__(self, manifest: Document) -> None:
        self._ranges = manifest["ranges"]
        self._runs = ranges_of(0, manifest)
        self._counts = [0] * len(self._runs)
        self._at = 0

    def see(self, event: Document) -> None:
        """Count one event; they come in the order of the ranges."""
        while not self._holds(self._runs[self._at], event):
            self._at += 1
        last_seq = self._runs[self._at].last_seq
        self._counts[self._at] += archive_files.is_pruned(event, last_seq)

    def _holds(self, run: Range, event: Document) -> bool:
        return bool(run.writer == event["writer"] and run.first_seq <= event["seq"] <= run.last_seq)

    def fill(self) -> None:
        """Put the counts into the manifest."""
        for entry, count in zip(self._ranges, self._counts, strict=True):
            entry["pruned"] = count


async def keep(store: Store, manifest: Document, contents: Contents) -> None:
    """Write what an archive's events add up to, and their ids, into the database.

    Nothing looks at it before the archive is pruned, so that it may be written more than once.
    """
    number = manifest["number"]
    await forget(store, number)
    carried = (
        {
            "_id": f"{number}:{account}",
            "columns": sums.columns,
            "consumed_by": sums.consumed_by,
            "applied": sums.applied,
        }
        for account, sums in contents.sums.items()
    )
    buckets = ({"_id": f"{number}:{name}", "ids": ids} for name, ids in contents.buckets())
    await _insert(store, "carried", carried, 500)
    await _insert(store, "archived_ids", buckets, 50)


async def _insert(
    store: Store, collection: str, documents: Iterator[Document], at_once: int
) -> None:
    while some := list(islice(documents, at_once)):
        await store.insert_many(collection, some)


async def forget(store: Store, number: int) -> None:
    """Delete what `keep` wrote."""
    for collection in ("carried", "archived_ids"):
        await store.delete_many(collection, {"_id": {"$gte": f"{number}:", "$lt": f"{number};"}})


async def _record(books: Books, document: Document) -> None:
    """Bind the manifest into the books; a replay of the same is harmless."""
    manifest, number = document["manifest"], int(document["_id"])
    body = {
        "number": number,
        "digest": document["digest"],
        "before_us": int(manifest["before_us"]),
        "seal": int(manifest["seal"]),
        "writers": len({r["writer"] for r in manifest["ranges"]}),
        "events": sum(int(s["events"]) for s in manifest["segments"]),
        "pruned": sum(int(r["pruned"]) for r in manifest["ranges"]),
    }
    event_id = archive_event_id(number)
    await books.record(Draft(event_id, "ledger.archived", "ledger", 0, SYSTEM_ACTOR, body))


async def recorded_manifest(store: Store, directory: Path, number: int) -> Document:
    """Return the manifest in a directory if it is the one that these books recorded.

    Raises BrokenArchive, or LedgerError for foreign books.
    """
    manifest, data = await asyncio.to_thread(archive_files.load, directory)
    event = await store.find_one("events", {"_id": archive_event_id(number)})
    if event is None or manifest["number"] != number or event["body"]["digest"] != digest(data):
        raise LedgerError(f"{directory} is not archive {number} of these books")
    return manifest


async def checked_files(store: Store, directory: Path, number: int) -> Document:
    """Return the manifest of an archive whose files are whole and are the ones recorded.

    Every file is read. Raises BrokenArchive, BrokenSegment, or LedgerError for foreign books.
    """
    manifest = await recorded_manifest(store, directory, number)
    await asyncio.to_thread(check, directory, manifest)
    return manifest
