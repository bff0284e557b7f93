"""A writer's whole chain, read from archives and the database together.

Owns the order "by number" over both. Promises the same events as chains.chain would give if nothing
had been archived, in constant memory. Refuses to skip an archive that is not at hand.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path

from ledger import chains
from ledger.archive_files import MANIFEST, directory_name, segments_of, unchanged
from ledger.archive_read import ArchiveMissing
from ledger.archived import ArchiveChanged, Archives, Range
from ledger.events import Document
from ledger.segments import read
from ledger.store import Store

Read = Callable[[Store, int, int], AsyncGenerator[list[Document], None]]


def at_hand(directory: Path, archives: Archives) -> bool:
    """Tell whether all these archives are in a directory."""
    names = [directory / directory_name(number) / MANIFEST for number in archives.numbers]
    return all(name.exists() for name in names)


def whole_chain(directory: Path, archives: Archives) -> Read:
    """Return a reader like chains.chain that also finds what is in archives in a directory.

    It raises ArchiveMissing where a file is not there, BrokenSegment where one was changed, and
    ArchiveChanged when events were pruned or restored since `archives` was loaded.
    """

    async def pages(
        store: Store, writer: int, after_seq: int = 0
    ) -> AsyncGenerator[list[Document], None]:
        for run in archives.by_writer.get(writer, ()):
            if run.last_seq <= after_seq:
                continue
            here = chains.chain(store, writer, after_seq, run.first_seq - 1)
            async with aclosing(here) as before:
                async for page in before:
                    yield page
            async with aclosing(_in_files(store, directory, run, after_seq)) as inside:
                async for page in inside:
                    yield page
            after_seq = run.last_seq
        async with aclosing(chains.chain(store, writer, after_seq)) as rest:
            async for page in rest:
                yield page
        if not await archives.still(store):
            raise ArchiveChanged("events went to an archive, or came back, meanwhile; try again")

    return pages


async def _in_files(
    store: Store, directory: Path, run: Range, after_seq: int
) -> AsyncGenerator[list[Document], None]:
    document = await store.find_one("archives", {"_id": run.archive}, projection={"manifest": 1})
    for segment in segments_of(document["manifest"]) if document else ():
        if segment.writer != run.writer or not run.first_seq <= segment.first_seq <= run.last_seq:
            continue
        if segment.last_seq <= after_seq:
            continue
        path = directory / directory_name(run.archive) / segment.file
        if not await asyncio.to_thread(path.exists):
            raise ArchiveMissing(f"{path} is not there; say where archives are (ARCHIVE_DIR)")
        await asyncio.to_thread(unchanged, path, segment)
        events = read(path)
        while page := await asyncio.to_thread(_some, events, after_seq):
            yield page


def _some(events: Iterator[Document], after_seq: int) -> list[Document]:
    return list(islice((event for event in events if event["seq"] > after_seq), chains.PAGE))
