"""Corrections of charges that went to an archive: read where they are, never left out silently."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger import reversal_runs, reversals
from ledger.accounts import balance_nano, read
from ledger.archive import archive
from ledger.archive_read import ArchiveMissing
from ledger.books import Books
from ledger.clock import Clock
from ledger.cohort import InvalidFilter
from ledger.history import History
from ledger.price_rows import checked_row
from ledger.price_table import PriceTable
from ledger.prune import prune
from ledger.reconcile import Wanted, reconcile
from ledger.reprice import reprice
from ledger.restore import bring_back
from ledger.reversals import Request, propose
from ledger.store import Store
from ledger.verify import verify
from tests.ledger.archive_books import EVER
from tests.ledger.drafts import charge, recharge

USD = 10**9
TABLE = PriceTable(1, {"test-model": checked_row({"model": "test-model", "input": "2"})}, {})


@pytest.fixture
async def books(store: Store, tmp_path: Path) -> AsyncIterator[Books]:
    """Three charges in an archive, one that is not."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.record(recharge("a", "user:1", USD))
    for n in range(3):
        await books.append(charge(f"old{n}", 1_000, held=()))
    await books.record(recharge("b", "user:2", USD))  # the last of a writer stays
    await archive(books, tmp_path, EVER)
    await prune(store, tmp_path, EVER)
    assert not await store.count("events", {"type": "usage.charged"})
    await books.append(charge("new", 1_000, held=()))
    await books.settled()
    yield books
    await books.close()


async def test_re_pricing_reads_archives_or_refuses(books: Books, tmp_path: Path) -> None:
    history = await History.open(books.store, tmp_path)
    result = await reprice(history, TABLE, {})
    assert (result.whole.count, result.whole.would_nano) == (4, 8_000_000)
    with pytest.raises(ArchiveMissing):
        await reprice(await History.open(books.store), TABLE, {})


async def test_reconciling_reads_archives(books: Books, tmp_path: Path) -> None:
    wanted = Wanted(3, {"request_id": "id", "model": "model"}, 0, 2 * 10**15)
    history = await History.open(books.store, tmp_path)
    with await reconcile(history, ["id,model\n", "x,y\n"], wanted) as result:
        assert result.totals()["missing_there"]["count"] == 4


async def test_a_cohort_that_would_leave_archived_charges_out_is_refused(books: Books) -> None:
    everything = Request("user:9", "why", filter={"model": "test-model"})
    with pytest.raises(InvalidFilter, match="archived"):
        await reversals.dry_run(books.store, everything)
    new = await books.store.find_one("events", {"_id": "usage:new"})
    assert new is not None
    later = Request("user:9", "why", filter={"model": "test-model", "from_us": new["ts"]})
    assert (await reversals.dry_run(books.store, later))["count"] == 1


async def test_one_archived_charge_is_brought_back_and_reversed(
    books: Books, tmp_path: Path
) -> None:
    request = Request("user:9", "why", event="usage:old1")
    assert await bring_back(books.store, tmp_path, "usage:old1")
    document, _ = await propose(books, request, USD)
    assert (await reversal_runs.run(books, document["_id"]))["state"] == "done"
    await books.settled()
    assert balance_nano(await read(books.store, "user:1")) == USD - 3_000_000
    report = await verify(books.store)
    assert report.ok, report.lines
