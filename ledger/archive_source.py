"""A writer's events one after another, wherever they are: in the database or in an archive.

Owns the joining of the two for whoever needs every event of a range, as stored. Promises constant
memory and pages in the order of numbers. Refuses archives that are not those of the books, and to
go on without one that is needed.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from ledger.archive_files import directory_name, load, segments_of
from ledger.archive_read import ArchiveMissing
from ledger.archived import Archives, Range, digest
from ledger.chains import PAGE, chain
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.segments import read
from ledger.store import Store


async def everything(
    store: Store,
    archives: Archives,
    directory: Path | None,
    writer: int,
    first: int,
    last: int,
) -> AsyncGenerator[list[Document], None]:
    """Yield a writer's events from number `first` to number `last`, in pages.

    `directory` is where archives are kept. Raises ArchiveMissing when one is needed that is not
    there, LedgerError when it is damaged.
    """
    at = first - 1
    for found in archives.by_writer.get(writer, ()):
        if found.last_seq <= at or found.first_seq > last:
            continue
        async with aclosing(chain(store, writer, at, found.first_seq - 1)) as before:
            async for page in before:
                yield page
        archived = _archived(archives, directory, found)
        while page := await asyncio.to_thread(next, archived, []):
            inside = [event for event in page if at < event["seq"] <= last]
            if inside:
                yield inside
        at = max(at, min(found.last_seq, last))
    if at < last:
        async with aclosing(chain(store, writer, at, last)) as after:
            async for page in after:
                yield page


def _archived(archives: Archives, directory: Path | None, found: Range) -> Iterator[list[Document]]:
    name = directory_name(found.archive)
    if directory is None or not (directory / name).exists():
        where = f" in {directory}" if directory is not None else ""
        raise ArchiveMissing(
            f"events {found.first_seq} to {found.last_seq} of writer {found.writer} are in {name},"
            f" which is not{where}; say where archives are kept (ARCHIVE_DIR), or restore it"
        )
    manifest, data = load(directory / name)
    if digest(data) != dict(archives.stamp)[found.archive]:
        raise LedgerError(f"{directory / name} is not the archive {found.archive} of these books")
    page: list[Document] = []
    for segment in segments_of(manifest):
        inside = found.first_seq <= segment.first_seq <= found.last_seq
        if segment.writer != found.writer or not inside:
            continue
        for event in read(directory / name / segment.file):
            page.append(event)
            if len(page) == PAGE:
                yield page
                page = []
    if page:
        yield page
