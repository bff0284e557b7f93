"""Bundles: the books up to a seal, in files that prove themselves.

Owns what is in a bundle and how it is written: the events up to the heads of one seal, all seals up
to that one, and the accounts as they are projected, taken back to that seal. Promises constant
memory and that a bundle is whole when it has its name. Works beside running servers. Refuses to
write over anything. Checking is for ledger/bundle_check.py.

    manifest.json      what is in it: format, version, counts, files with their SHA-256
    seals.jsonl.gz     the events of all seals, by number
    accounts.jsonl.gz  {_id, columns, consumed_by}, a line each
    w0001-….jsonl.gz   segments, as ledger/segments.py writes them
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import orjson

from ledger.accounts import balance_nano
from ledger.archive_source import everything
from ledger.archived import ArchiveChanged, Archives
from ledger.bundle_accounts import Accounts
from ledger.bundle_files import MANIFEST, BundleWriter, Lines, LinesWriter
from ledger.bundle_manifest import ACCOUNTS, FORMAT, SEALS, VERSION
from ledger.check_chain import Bound
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.seal_body import Head, Seal
from ledger.segments import SUFFIX, Segment, SegmentWriter
from ledger.store import Store
from ledger.verify_read import bounds, seals

#: A segment ends at the first seal's head behind so many events, so that it can be checked alone.
SEGMENT_EVENTS = 25_000

Progress = Callable[[int, int], None]


async def export_bundle(
    store: Store,
    path: Path,
    seal: Seal,
    *,
    made_by: str,
    now_us: int,
    archives_dir: Path | None = None,
    progress: Progress | None = None,
) -> Document:
    """Write the books up to a seal and return the manifest.

    `path` becomes a directory, or a tar when it ends in .tar; `archives_dir` holds the archives of
    events that are no longer in the database. Raises LedgerError when something is missing,
    OSError when it can't be written.
    """
    archives = await Archives.load(store)
    with BundleWriter(path) as bundle:
        made = Export(store, seal, archives, archives_dir, bundle, progress)
        manifest = await made.run() | {"made_by": made_by, "made_us": now_us}
        write_manifest(bundle, manifest)
        if not await archives.still(store):
            raise ArchiveChanged("events went to archives while they were exported; try again")
        await asyncio.to_thread(bundle.close)
    return manifest


def write_manifest(bundle: BundleWriter, manifest: Document) -> str:
    """Add the manifest, the last file of a bundle, and return its SHA-256."""
    data = orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"
    with (bundle.work / MANIFEST).open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    bundle.add(MANIFEST)
    return hashlib.sha256(data).hexdigest()


class Export:
    """One bundle on its way into files; a backup is one with more (ledger/backup.py)."""

    def __init__(
        self,
        store: Store,
        seal: Seal,
        archives: Archives,
        archives_dir: Path | None,
        bundle: BundleWriter,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._seal = seal
        self._archives = archives
        self._archives_dir = archives_dir
        self._bundle = bundle
        self._progress = progress
        self._done = 0
        self._total = sum(head.seq for head in seal.heads.values())
        self._segments: list[Segment] = []

    async def run(self) -> Document:
        """Write all files but the manifest, and return what is to be in that."""
        accounts = Accounts(self._store, self._seal)
        await accounts.begin()
        sealed = await self._write_seals()
        for writer in sorted(self._seal.heads):
            await self._write_events(self._seal.heads[writer])
        described, balances_nano = await self._write_accounts(accounts)
        return {
            "format": FORMAT,
            "version": VERSION,
            "seal": {
                "number": self._seal.number,
                "digest": self._seal.digest,
                "public_key": self._seal.public_key,
            },
            "events": self._total,
            "writers": len(self._seal.heads),
            "balances_nano": balances_nano,
            "seals": sealed.to_json(),
            "accounts": described.to_json(),
            "segments": [segment.to_json() for segment in self._segments],
        }

    async def _write_seals(self) -> Lines:
        file = LinesWriter(self._bundle.work / SEALS)
        async with aclosing(seals(self._store, 1, self._seal.number)) as found:
            async for event in found:
                file.add(event)
        described = file.close()
        self._bundle.add(SEALS)
        return described

    async def _write_accounts(self, accounts: Accounts) -> tuple[Lines, int]:
        file, balances_nano = LinesWriter(self._bundle.work / ACCOUNTS), 0
        async with aclosing(accounts.read()) as found:
            async for account in found:
                file.add(account)
                if account["_id"].startswith("user:"):
                    balances_nano += balance_nano(account["columns"])
        described = file.close()
        self._bundle.add(ACCOUNTS)
        return described, balances_nano

    async def _write_events(self, head: Head) -> None:
        """Write a writer's events up to its head, in files that end where seals end."""
        ends = bounds(self._store, head.writer, 0, self._seal.number)
        events = everything(
            self._store, self._archives, self._archives_dir, head.writer, 1, head.seq
        )
        cutting = _Cutting(self._bundle, head.writer)
        try:
            async with aclosing(ends), aclosing(events) as found:
                end: Bound | None = await anext(ends, None)
                async for page in found:
                    cuts = set()
                    while end is not None and end.seq <= page[-1]["seq"]:
                        cuts.add(end.seq)
                        end = await anext(ends, None)
                    await asyncio.to_thread(cutting.write, page, cuts)
                    self._done += len(page)
                    if self._progress is not None:
                        self._progress(self._done, self._total)
            self._segments += cutting.close(head)
        finally:
            cutting.discard()


class _Cutting:
    """Writes one writer's events into segments."""

    def __init__(self, bundle: BundleWriter, writer: int) -> None:
        self._bundle = bundle
        self._writer = writer
        self._file: SegmentWriter | None = None
        self._count = 0
        self._segments: list[Segment] = []
        self._last: Document | None = None

    def write(self, page: list[Document], cuts: set[int]) -> None:
        """Add events, and end a file at one of `cuts` when it is long enough."""
        for event in page:
            if self._file is None:
                name = f"w{self._writer:04}-{event['seq']:012}{SUFFIX}"
                self._file = SegmentWriter(self._bundle.work / name)
            self._file.add(event)
            self._last = event
            self._count += 1
            if self._count >= SEGMENT_EVENTS and event["seq"] in cuts:
                self._end()

    def close(self, head: Head) -> list[Segment]:
        """End the last file. Raises LedgerError unless the events ended at the head."""
        last = self._last
        if last is None or (last["seq"], last["hash"]) != (head.seq, head.hash):
            raise LedgerError(
                f"writer {head.writer} does not end with number {head.seq}, which was sealed:"
                " the books are damaged; verify says where"
            )
        self._end()
        return self._segments

    def discard(self) -> None:
        """Leave no half file behind; harmless after `close`."""
        if self._file is not None:
            self._file.discard()

    def _end(self) -> None:
        if self._file is not None:
            segment = self._file.close()
            self._segments.append(segment)
            self._bundle.add(segment.file)
        self._file, self._count = None, 0
