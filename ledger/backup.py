"""Backups: a bundle (ledger/bundle.py) with everything else that is needed to go on with the books.

Owns what is in a backup, and its cut. Promises, taken beside running servers:

- Every event up to one seal is in it, and that seal; what was durable when the seal began is.
- Collections that are not events (the directory) were read before the seal. So what an event did
  may be missing in a document, where it is made good, since every such event has an id of its own
  (a code whose redemption is in the books can't be redeemed again); the other way round, a
  document whose event is missing, does not happen.
- Sequences were read after the seal, so no number that an event names is given out again.

What follows from events (accounts, rollups, audits) is not in it, nor what lives for a moment
(slots, leases, sessions). Secrets are in it as they are stored: encrypted, without their key.
Refuses to write over anything. Reading it back is for ledger/backup_restore.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing
from pathlib import Path

from ledger.archived import ArchiveChanged, Archives
from ledger.bundle import Export, Progress, write_manifest
from ledger.bundle_files import BundleWriter, Lines, LinesWriter
from ledger.chains import chain
from ledger.drivers import as_json
from ledger.errors import LedgerError
from ledger.seal_body import Seal
from ledger.seals import seal_id
from ledger.segments import SUFFIX
from ledger.store import Store

SEQUENCES = "sequences"
TAIL = f"tail{SUFFIX}"
#: Follows from the events, or is of use to running processes only.
DERIVED = frozenset(
    (
        *("events", "accounts", "rollups", "positions", "checkpoints", "verified", "audits"),
        *("writers", "leases", "recalls", "carried", "archived_ids"),
    )
)


async def take_backup(
    store: Store,
    path: Path,
    seal: Callable[[], Awaitable[Seal]],
    *,
    besides: Collection[str],
    made_by: str,
    now_us: int,
    archives_dir: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Write a backup and return the SHA-256 of its manifest.

    `seal` makes the seal that it ends with; `besides` are collections that need not be kept. As
    with bundles, `path` becomes a directory, or a tar when it ends in .tar, and `archives_dir`
    holds the archives. Raises LedgerError when something is missing, OSError when it can't be
    written.
    """
    archives = await Archives.load(store)
    with BundleWriter(path) as bundle:
        collections = await _collections(store, bundle, DERIVED | set(besides) | {SEQUENCES})
        last = await seal()
        tail = await _tail(store, bundle, last)
        collections[SEQUENCES] = await _collection(store, bundle, SEQUENCES)
        manifest = await Export(store, last, archives, archives_dir, bundle, progress).run()
        manifest |= {"made_by": made_by, "made_us": now_us}
        manifest["backup"] = {
            "tail": tail.to_json(),
            "collections": {name: lines.to_json() for name, lines in collections.items()},
        }
        digest = write_manifest(bundle, manifest)
        if not await archives.still(store):
            raise ArchiveChanged("events went to archives while they were exported; try again")
        await asyncio.to_thread(bundle.close)
    return digest


async def _collections(
    store: Store, bundle: BundleWriter, left_out: Collection[str]
) -> dict[str, Lines]:
    """Write all collections but those left out: what is new in a version is kept unasked."""
    names = sorted(await store.collection_names())
    return {
        name: await _collection(store, bundle, name)
        for name in names
        if name not in left_out and not name.startswith("system.")
    }


async def _collection(store: Store, bundle: BundleWriter, name: str) -> Lines:
    file = LinesWriter(bundle.work / f"c-{name}{SUFFIX}")
    async with aclosing(store.find(name, {})) as found:
        async for document in found:
            file.add(as_json(document))
    return _added(bundle, file)


async def _tail(store: Store, bundle: BundleWriter, seal: Seal) -> Lines:
    """Write the events behind the head of the seal's own writer, up to the seal: they hang
    together by their hashes, so that the seal, whose digest is known, proves them."""
    event = await store.find_one("events", {"_id": seal_id(seal.number)})
    if event is None:
        raise LedgerError(f"{seal_id(seal.number)} is not in the database: verify says why")
    head = seal.heads.get(event["writer"])
    file = LinesWriter(bundle.work / TAIL)
    first = head.seq if head is not None else 0
    async with aclosing(chain(store, event["writer"], first, event["seq"])) as pages:
        async for page in pages:
            for each in page:
                file.add(each)
    return _added(bundle, file)


def _added(bundle: BundleWriter, file: LinesWriter) -> Lines:
    described = file.close()
    bundle.add(described.file)
    return described
