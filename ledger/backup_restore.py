"""Restoring a backup: books that were lost go on from where the backup was taken.

Owns the way from a backup into an empty database. Promises that nothing is written before every
file was read and checked as `verify --bundle` does, that a database with half of the books is never
used (ledger/half.py), and that the accounts are counted anew from the events. Refuses a database
that has anything in it, and bundles that are no backups.

The books that were lost went on after the backup, and their numbers are known elsewhere: in
receipts, in seals that were published, in charges spilled to a disk. The restored books give the
next sequence numbers to other events, but in epochs that start from the second of restoring, which
the lost books never reached: writer, epoch and number together name one event, for ever. A spill
that is left of the lost books carries one of their epochs, so it is recorded as what came too late:
once, and as far as the credit goes. Ids from sequences leave a gap for those that were given out
after the backup.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger.archived import RESTORED, WRITING
from ledger.backup import DERIVED, SEQUENCES
from ledger.bundle import Progress
from ledger.bundle_check import check_bundle
from ledger.bundle_files import MANIFEST, Bundle
from ledger.bundle_manifest import FORMAT, SEALS, Backup, Manifest
from ledger.check_events import is_event
from ledger.clock import Clock
from ledger.drivers import from_json
from ledger.errors import LedgerError
from ledger.events import GENESIS, Document, chain_hash
from ledger.half import mark_half_restored, whole_again
from ledger.indexes import INDEXES
from ledger.rebuild import rebuild
from ledger.recount_rollups import rebuild_rollups
from ledger.seal_body import Seal
from ledger.store import Store
from ledger.verify import verify
from ledger.writers import RESTORED as FIRST_EPOCH

PAGE = 1_000
#: How many ids of each sequence are passed over: more than were given out since the backup.
GAP = 1_000


class NotRestored(LedgerError):
    """A backup that was refused; `lines` say more."""

    def __init__(self, message: str, lines: Collection[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a restore brought back. `balances_nano` is what all users have together, `seal` and
    `digest` are those of the seal that the backup ends with."""

    events: int
    documents: int
    accounts: int
    balances_nano: int
    seal: int
    digest: str


def is_backup(path: Path) -> bool:
    """Tell whether there is a bundle, or something that is to be one, and no archive."""
    if not path.is_dir():
        return path.exists()
    try:
        return Bundle(path).manifest().get("format") == FORMAT
    except LedgerError:
        return False


async def restore_backup(
    store: Store,
    clock: Clock,
    path: Path,
    *,
    keys: Collection[str] = (),
    expected: Collection[str] = (),
    manifest_digest: str | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Recovered:
    """Put the books of a backup into an empty database, and verify them.

    `keys`, `expected` and `processes` as in `check_bundle`; `manifest_digest` is what was printed
    when the backup was taken. Raises NotRestored, StoreError. When it fails after it began to
    write, the database must be dropped.
    """
    await _refuse_unless_empty(store)
    bundle, manifest, backup = await asyncio.to_thread(_read, path, manifest_digest)
    report = await asyncio.to_thread(
        check_bundle, path, keys=keys, expected=expected, processes=processes
    )
    if not report.ok:
        raise NotRestored(f"nothing was restored. {report.headline}", report.lines)
    tail = await asyncio.to_thread(_tail, bundle, backup)
    await mark_half_restored(store, clock.now_us())
    await store.ensure_indexes(INDEXES)
    restoring = _Restoring(store, bundle, manifest, backup, progress)
    await restoring.events(tail)
    await restoring.collections()
    await restoring.writers(clock.now_us() // 1_000_000)
    counted = await rebuild(store)
    await rebuild_rollups(store)
    found = await verify(store, keys=keys, expected=expected)
    if not found.ok:
        raise NotRestored(f"the restored books are not right. {found.headline}", found.lines)
    await whole_again(store)
    return Recovered(
        restoring.done,
        restoring.documents,
        counted.accounts,
        found.balances_nano,
        manifest.number,
        manifest.digest,
    )


async def _refuse_unless_empty(store: Store) -> None:
    for name in sorted(await store.collection_names()):
        if await store.find_one(name, {}) is not None:
            raise NotRestored(
                f"the database {store.name} is not empty (there is something in {name}); a backup"
                " is restored into an empty one only"
            )


def _read(path: Path, digest: str | None) -> tuple[Bundle, Manifest, Backup]:
    try:
        bundle = Bundle(path)
        manifest = Manifest.read(bundle)
        with bundle.open(MANIFEST) as file:
            found = hashlib.sha256(file.read()).hexdigest()
    except LedgerError as error:
        raise NotRestored(f"nothing was restored: {error}") from None
    if manifest.backup is None:
        raise NotRestored(f"{path} is a bundle for checking only; `ledger backup` makes backups")
    if digest is not None and found != digest:
        raise NotRestored(f"nothing was restored: the manifest has the SHA-256 {found}")
    return bundle, manifest, manifest.backup


def _tail(bundle: Bundle, backup: Backup) -> list[Document]:
    """Return the events from the head of the last seal to the seal. Raises NotRestored."""
    found = [event for _, event in bundle.documents(backup.tail.file)]
    last = deque(bundle.documents(SEALS), maxlen=1).pop()[1]
    head = Seal.of(last["body"]).heads.get(last["writer"])
    at = (head.seq, head.hash) if head is not None else (0, GENESIS)
    for event in found:
        joins = is_event(event) and (event["seq"] - 1, event["prev"]) == at
        if not joins or chain_hash(event["prev"], event) != event["hash"]:
            break
        at = (event["seq"], event["hash"])
    if at != (last["seq"], last["hash"]):
        raise NotRestored(f"nothing was restored: {backup.tail.file} does not lead to the seal")
    return found


class _Restoring:
    """One restore, when all was checked."""

    def __init__(
        self,
        store: Store,
        bundle: Bundle,
        manifest: Manifest,
        backup: Backup,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._bundle = bundle
        self._manifest = manifest
        self._backup = backup
        self._progress = progress
        self._writers: set[int] = set()
        self.done = 0
        self.documents = 0

    async def events(self, tail: list[Document]) -> None:
        """Insert all events, in the order of their numbers."""
        for segment in self._manifest.segments:
            self._writers.add(segment.writer)
            lines = (event for _, event in self._bundle.documents(segment.file))
            while page := await asyncio.to_thread(_page, lines):
                await self._insert(page)
        for start in range(0, len(tail), PAGE):
            await self._insert(tail[start : start + PAGE])
        self._writers |= {int(event["writer"]) for event in tail}

    async def _insert(self, page: list[Document]) -> None:
        await self._store.insert_events(page)
        self.done += len(page)
        if self._progress is not None:
            self._progress(self.done, self._manifest.events)

    async def collections(self) -> None:
        """Insert all other documents."""
        for name, described in self._backup.collections.items():
            if name in DERIVED:
                raise NotRestored(f"{described.file} is no part of a backup")
            documents = (_own(name, each) for _, each in self._bundle.documents(described.file))
            kept = (each for each in documents if each is not None)
            while page := await asyncio.to_thread(_page, kept):
                await self._store.insert_many(name, page)
                self.documents += len(page)

    async def writers(self, now_s: int) -> None:
        """Register the writers, all of them free, with epochs of their own."""
        free = {"owner": "", "host": "", "pid": 0, "expires_us": 0, "released": True, "spill": None}
        epoch = max(now_s, FIRST_EPOCH)
        slots = [{"_id": writer, "epoch": epoch, **free} for writer in sorted(self._writers)]
        await self._store.insert_many("writers", slots)


def _own(name: str, document: Document) -> Document | None:
    """Return a stored document as it is to be now; None for what is left out."""
    found: Document = from_json(document)
    if name == SEQUENCES:
        found["value"] = int(found.get("value", 0)) + GAP
    if name == "archives":
        # Their events came back with all others; of one that was being written nothing is left.
        return None if found.get("state") == WRITING else {**found, "state": RESTORED}
    return found


def _page(documents: Iterator[Document]) -> list[Document]:
    return list(islice(documents, PAGE))
