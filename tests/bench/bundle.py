"""Proof at scale: `python -m tests.bench.bundle [EVENTS]` (1,000,000 by default).

Makes books with so many charges in an embedded database, seals and exports them, checks the
database and the bundle, and then plants each kind of tampering in the bundle and says whether it
was caught and how long that took. By hand only: a million events take several minutes.
"""

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger import seals
from ledger.books import Books
from ledger.bundle import export_bundle
from ledger.bundle_check import check_bundle
from ledger.clock import Clock
from ledger.embedded import EmbeddedDatabase
from ledger.events import Document, Schemas, request_hash
from ledger.indexes import INDEXES
from ledger.projector import catch_up
from ledger.rollups import ROLLUPS
from ledger.signing import Signer
from ledger.store import Store
from ledger.verify import verify
from ledger.views import ACCOUNTS
from tests.ledger.drafts import charge, recharge
from tests.ledger.tampering import TAMPERINGS, Tampered

BATCH = 1_000
USERS = 50


async def fill(books: Books, events: int, seed: int) -> None:
    """Record charges of 50 users in batches; they are projected afterwards, all at once."""
    rng, schemas = random.Random(seed), Schemas()
    for user in range(1, USERS + 1):
        await books.record(recharge(f"u{user}", f"user:{user}", 10**15))
    await books.settled()
    writer, store, now_us = books.writer, books.store, books.clock.now_us
    for start in range(0, events, BATCH):
        page: list[Document] = []
        for n in range(start, min(start + BATCH, events)):
            user = rng.randint(1, USERS)
            draft = charge(f"{n:032x}", rng.randint(0, 5_000), user=user, key=user, held=())
            version = schemas.check(draft)
            page.append(writer.number(draft, version, request_hash(draft), now_us()))
        await store.insert_events(page)


def said(what: str, count: int, began: "Began") -> None:
    """Print how long something took, and what one core could do if it had nothing else to do."""
    took, busy = time.perf_counter() - began[0], time.process_time() - began[1]
    rates = f"{count / took:10,.0f} events/s   {count / busy:10,.0f} per second of our own CPU"
    print(f"{what:<44} {took:8.1f} s   {rates}", flush=True)


Began = tuple[float, float]


def now() -> Began:
    """Return the clock and the CPU time of this process."""
    return time.perf_counter(), time.process_time()


async def make(directory: Path, events: int, signer: Signer) -> Path:
    """Make the books, check them where they are, and export them."""
    database = EmbeddedDatabase(directory / "data")
    store = await Store.connect(await database.start(), "tollgate", "pymongo")
    try:
        await store.ensure_indexes(INDEXES)
        books = await Books.open(store, Clock())
        began = now()
        await fill(books, events, seed=1)
        said("recorded", events, began)
        began = now()
        for view in (ACCOUNTS, ROLLUPS):
            await catch_up(store, books.writer.slot, view)
        said("projected", events, began)
        began = now()
        await seals.seal(books, signer)
        said("sealed", events, began)
        await books.close()
        began = now()
        report = await verify(store)
        said("verified in the database", report.events, began)
        assert report.ok, report.lines
        began = now()
        report = await verify(store, new=True)
        assert report.ok, report.lines
        print(f"{'verified what is new (nothing)':<44} {time.perf_counter() - began[0]:8.1f} s")
        seal = await seals.latest(store)
        assert seal is not None
        began = now()
        made: dict[str, Any] = {"made_by": "bench", "now_us": Clock().now_us()}
        await export_bundle(store, directory / "bundle", seal, **made)
        said("exported", events, began)
    finally:
        await store.close()
        await database.stop()
    return directory / "bundle"


def check(bundle: Path, key: str, processes: int) -> None:
    """Check the bundle as it was written."""
    began = now()
    report = check_bundle(bundle, keys=[key], processes=processes)
    assert report.ok, report.lines
    said(f"bundle verified by {processes} process(es)", report.events, began)


def tamper(bundle: Path, key: str, name: str, plant: Callable[[Tampered], str]) -> bool:
    """Plant one tampering, look whether it is caught, and put the files back."""
    copy = bundle.with_name("tampered")
    shutil.copytree(bundle, copy)
    done = plant(Tampered(copy, random.Random(name)))
    began = time.perf_counter()
    report = check_bundle(copy, keys=[key], processes=2)
    took = time.perf_counter() - began
    shutil.rmtree(copy)
    result = "MISSED" if report.ok else f"caught: {report.faults[0]}"
    print(f"{name:<44} {took:8.1f} s   {done} — {result:.120}", flush=True)
    return not report.ok


def main() -> int:
    """Run everything; 1 when a tampering was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bundle")
    parser.add_argument("events", nargs="?", type=int, default=1_000_000)
    args = parser.parse_args()
    signer = Signer.make()
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        bundle = asyncio.run(make(Path(name), args.events, signer))
        size = sum(file.stat().st_size for file in bundle.iterdir())
        print(f"the bundle has {size / 1e6:,.0f} MB in {len(list(bundle.iterdir()))} files")
        for processes in (1, 2):
            check(bundle, signer.public_key, processes)
        caught = [tamper(bundle, signer.public_key, *each) for each in TAMPERINGS.items()]
    print(f"{sum(caught)} of {len(caught)} kinds of tampering caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    raise SystemExit(main())
